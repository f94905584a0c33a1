import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import {
  constantInstruction,
  type Expression,
  expressionAttribute,
  type Instruction,
} from '../../src/ir/expression.ts';
import { ops } from '../../src/ops/index.ts';
import { evaluateExpression } from '../support/evaluate.ts';
import type { Tensor } from '../support/tensor.ts';
import { build, feedsOf, forward } from './run.ts';
import { references } from './samples/all.ts';
import { bool, f32, i32, type Sample, type SampleInput, u32 } from './samples/sample.ts';

async function check(sample: Sample, wanted: (operands: readonly Tensor[]) => Tensor): Promise<void> {
  const feeds = feedsOf(sample, 5);
  const operands = sample.inputs.map((_, i) => feeds[`x${i}`] as Tensor);
  for (const naming of ['none', 'all'] as const) {
    const [result] = await forward(sample, feeds, naming);
    const { shape, data } = wanted(operands);
    expect([...(result?.shape ?? [])]).toEqual([...shape]);
    Array.from(data).forEach((value, i) => {
      expect(Math.abs((result?.data[i] as number) - value)).toBeLessThan(1e-12 * (1 + Math.abs(value)));
    });
  }
}

const product = (inputs: readonly SampleInput[], epilogue: Expression, attributes = {}): Sample => ({
  op: 'matmul',
  inputs,
  attributes: { ...attributes, epilogue: expressionAttribute(epilogue) },
});

/** gelu(z + bias), then a residual where there is a second operand */
const biasGelu: Expression = [
  { op: 'add', args: [0, 1] },
  { op: 'gelu', args: [2] },
];
const biasResidual: Expression = [
  { op: 'add', args: [0, 1] },
  constantInstruction(0.5, 'f32'),
  { op: 'mul', args: [3, 4] },
  { op: 'add', args: [5, 2] },
];
const masked: Expression = [constantInstruction(-7, 'f32'), { op: 'where', args: [1, 0, 2] }];

const cases: [string, Sample][] = [
  ['bias and gelu', product([f32(3, 4), f32(4, 5), f32(5)], biasGelu)],
  ['bias under joined outer dims', product([f32(2, 3, 4), f32(4, 5), f32(5)], biasGelu)],
  ['bias and residual', product([f32(2, 3, 4), f32(4, 5), f32(5), f32(2, 3, 5)], biasResidual)],
  ['a column', product([f32(2, 3, 4), f32(4, 5), f32(2, 3, 1)], biasGelu)],
  ['a scalar', product([f32(6, 4), f32(4, 5), f32()], biasGelu)],
  [
    'a mask per batch and column',
    product([f32(2, 3, 4), f32(2, 4, 6), bool([1, 0, 1, 1, 0], 2, 1, 6)], masked),
  ],
  [
    'an operand that keeps rows apart from outer dims',
    product([f32(2, 3, 4), f32(4, 5), f32(2, 1, 5)], biasGelu),
  ],
  [
    'two outer dims that x and y share in part',
    product([f32(2, 3, 2, 4), f32(2, 1, 4, 5), f32(3, 2, 1)], biasGelu),
  ],
  ['rows of outer dims alone', product([f32(6, 1, 4), f32(4, 5), f32(6, 1, 5)], biasGelu)],
  [
    'transposed operands',
    product([f32(2, 4, 3), f32(2, 5, 4), f32(5)], biasGelu, { transposeX: true, transposeY: true }),
  ],
];

const drop = (x: number, key: number, stream = 7): Instruction => ({
  op: 'dropout',
  args: [x, key],
  attributes: { rate: 0.4, stream },
});
const key = u32([12345, 678], 2);
cases.push(
  [
    'dropout between bias and residual',
    product(
      [f32(2, 3, 4), f32(4, 5), f32(5), key, f32(2, 3, 5)],
      [{ op: 'add', args: [0, 1] }, drop(4, 2), { op: 'add', args: [5, 3] }],
    ),
  ],
  [
    'two dropouts under batches, ragged tiles',
    product([f32(2, 70, 4), f32(2, 4, 67), key], [drop(0, 1), drop(2, 1, 8)]),
  ],
);

describe('epilogues of matmul', () => {
  test.each(cases)('%s', async (_, sample) => {
    const { epilogue, ...attributes } = sample.attributes ?? {};
    await check(sample, ([x, y, ...extra]) => {
      const [z] = references.get('matmul')?.([x as Tensor, y as Tensor], attributes) ?? [];
      return evaluateExpression(epilogue as unknown as Expression, [z as Tensor, ...extra])[0] as Tensor;
    });
  });

  test('an operand wider than the product is refused', () => {
    expect(() => build(product([f32(3, 4), f32(4, 5), f32(2, 3, 5)], biasGelu))).toThrow(
      '[FROND-S014] matmul: the result of the epilogue must be [3, 5], not [2, 3, 5]',
    );
  });

  test('it has no gradient, as fusion comes after differentiation', () => {
    const builder = new GraphBuilder('g', ops);
    const matmul = ops.get('matmul');
    const context = { inputs: ['x', 'y'], outputs: ['z'], gradients: ['dz'], needs: [true, true] };
    const attributes = { epilogue: expressionAttribute(biasGelu) };
    expect(() => matmul?.vjp?.(builder, { ...context, attributes })).toThrow(FrondError);
  });
});

const group = (inputs: readonly SampleInput[], steps: Expression): Sample => ({
  op: 'pointwise',
  inputs,
  attributes: { expression: expressionAttribute(steps) },
});

const groups: readonly (readonly [string, Sample])[] = [
  [
    'dropout before and behind a sum that broadcasts',
    group(
      [f32(3, 2, 5), key, f32(2, 1)],
      [drop(0, 1), { op: 'add', args: [3, 2] }, { op: 'tanh', args: [4] }, drop(5, 1, 8)],
    ),
  ],
  [
    'a chain with a literal',
    group(
      [f32(3, 5), f32(5)],
      [
        { op: 'mul', args: [0, 1] },
        constantInstruction(2, 'f32'),
        { op: 'add', args: [2, 3] },
        { op: 'tanh', args: [4] },
      ],
    ),
  ],
  [
    'comparisons, bools and casts',
    group(
      [i32([3, 1, 2], 3, 1), f32(3, 4), bool([1, 0, 0, 1], 4)],
      [
        { op: 'cast', args: [0], attributes: { dtype: 'f32' } },
        { op: 'less', args: [1, 3] },
        { op: 'and', args: [4, 2] },
        { op: 'where', args: [5, 1, 3] },
      ],
    ),
  ],
  [
    'a bool result',
    group(
      [f32(7), f32(7)],
      [
        { op: 'lessEqual', args: [0, 1] },
        { op: 'not', args: [2] },
      ],
    ),
  ],
];

describe('groups of element-wise ops', () => {
  test.each(groups)('%s', async (_, sample) => {
    await check(
      sample,
      (operands) =>
        evaluateExpression(sample.attributes?.expression as unknown as Expression, operands)[0] as Tensor,
    );
  });

  test.each([
    ['an op that is not element-wise', [{ op: 'softmax', args: [0] }], 'softmax is not an element-wise op'],
    [
      'dropout of a part',
      [
        { op: 'dropout', args: [1, 2], attributes: { rate: 0.4, stream: 7 } },
        { op: 'add', args: [0, 3] },
      ],
      'pointwise: what random numbers are drawn for must be [3], not []',
    ],
    ['types that do not fit', [{ op: 'and', args: [0, 0] }], 'and: cannot take f32 operands'],
  ] as const)('%s is refused', (_, steps, message) => {
    expect(() => build(group([f32(3), f32(), key], steps))).toThrow(message);
  });
});
