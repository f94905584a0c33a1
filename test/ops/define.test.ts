import { describe, expect, test } from 'vitest';
import * as is from '../../src/base/kinds.ts';
import { differentiate } from '../../src/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { TensorType } from '../../src/ir/graph.ts';
import type { OpRecord } from '../../src/ir/record.ts';
import { defineOp } from '../../src/ops/define.ts';
import { ops } from '../../src/ops/index.ts';

const vector: TensorType = { dtype: 'f32', shape: [4] };
const scalar: TensorType = { dtype: 'f32', shape: [] };

const affine = defineOp({
  name: 'affine',
  doc: 'a test',
  operands: ['x', 'scale?', 'shift?', '...others'],
  results: ['out', 'level'],
  saved: 'levels',
  attributes: { scaled: is.optional(is.flag), shifted: is.optional(is.flag) },
  given: { scale: ({ scaled = false }) => scaled, shift: ({ shifted = false }) => shifted },
  shape: ({ x }) => [x, scalar],
  vjp: (b, { dout, scale, others, needs }) => [
    needs.x ? b.neg(dout) : undefined,
    ...(scale === undefined ? [] : [b.exp(dout)]),
    ...others.map(() => dout),
  ],
  lower: (_types, { slots: { x, shift, level } }) => [
    { slots: { x, level, ...(shift && { shift }) }, scalars: {}, grid: [], kernel: undefined as never },
  ],
});

const registry = new Map<string, OpRecord>([...ops, ['affine', affine]]);

function build(): GraphBuilder {
  const b = new GraphBuilder('g', registry);
  for (const name of ['x', 'y', 'z']) b.input(name, vector);
  return b;
}

describe('an op with named operands', () => {
  test('is built by name in any order, without what is absent', () => {
    const b = build();
    const ref = b.op('affine', { others: ['y', 'z'], shift: undefined, x: 'x' })[0] ?? '';
    expect(b.nodeOf(ref)?.inputs).toEqual(['x', 'y', 'z']);
    expect(b.nodeOf(b.one('sub', ['x', 'y']))?.inputs).toEqual(['x', 'y']);
  });

  test('refuses names that are missing or unknown, and lists that are too short', () => {
    const b = build();
    expect(() => b.op('affine', { shift: 'y' })).toThrow('[FROND-I005] affine: operand x is missing');
    expect(() => b.op('affine', { x: 'x', gain: 'y' })).toThrow(
      '[FROND-I005] affine: there is no operand gain',
    );
    expect(() => b.op('affine', [])).toThrow('FROND-I005');
    expect(() => b.op('matmul', { x: 'x' })).toThrow('[FROND-I005] matmul: operand y is missing');
  });

  test('tells by attributes which optional operand is there, and refuses what contradicts them', () => {
    const context = { inputs: [vector, scalar], outputs: [vector, scalar], attributes: { shifted: true } };
    expect(affine.lower?.(context)[0]?.slots).toEqual({
      x: { kind: 'input', index: 0 },
      shift: { kind: 'input', index: 1 },
      level: { kind: 'output', index: 1 },
    });
    const short = { ...context, inputs: [vector] };
    expect(() => affine.lower?.(short)).toThrow('[FROND-I005] affine: operand shift is missing');
  });

  test('gives the gradient of the first result, and none of those that are saved for it', () => {
    const b = build();
    const [out = '', level = ''] = b.op('affine', { x: 'x', scale: 'y' }, { scaled: true });
    b.output('loss', b.sum(out, [0]));
    b.output('level', level);
    const graph = b.finish();
    const { gradients } = differentiate(graph, registry, { loss: 'loss', wrt: ['x', 'y'] });
    expect(gradients).toEqual({ x: 'neg', y: 'exp' });
    expect(() => differentiate(graph, registry, { loss: 'level', wrt: ['x'] })).toThrow(
      '[FROND-P001] affine: levels have no gradient, and the loss depends on them',
    );
  });
});
