import { afterAll, describe, expect, it } from 'vitest';
import { rmsNorm } from '../../examples/kernels/rmsNorm.ts';
import * as frond from '../../src/index.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';

const softsign: <S extends frond.Shape>(x: frond.Tensor<'f32', S>) => frond.Tensor<'f32', S> = frond.defineOp(
  {
    name: 'softsign',
    operands: ['x'],
    emit: (k, { x }) => k.div(x, k.add(k.map('abs', x), 1)),
    vjp(b, { x, dout }) {
      const whole = b.add(b.one('abs', [x]), 1);
      return [b.div(dout, b.mul(whole, whole))];
    },
  },
);
afterAll(() => frond.forgetOp('softsign'));

const declared = { x: frond.declare('f32', ['batch', 'time', 12]), gain: frond.declare('f32', [12]) };
const model = frond.graph(
  'model',
  (_, { x, gain }) => {
    const y = softsign(frond.add(rmsNorm(x, gain, { epsilon: 0.01 }), 1));
    return { y, loss: frond.sum(frond.mul(y, frond.add(y, 2)), [0, 1, 2]) };
  },
  { inputs: declared },
);

const [batch, time, width] = [3, 5, 12];
const wave = (length: number, phase: number): number[] =>
  Array.from({ length }, (_, i) => Math.fround(Math.sin(i * 0.7 + phase)));
const x = wave(batch * time * width, 0.3);
const gain = wave(width, 2);
const feeds = (from: readonly number[], scales: readonly number[]) => ({
  x: { dtype: 'f32', shape: [batch, time, width], data: from } as const,
  gain: { dtype: 'f32', shape: [width], data: scales } as const,
});

/** The model in plain numbers. */
function expected(from: readonly number[], scales: readonly number[]): number[] {
  return from.flatMap((_, i) => {
    const row = from.slice(i - (i % width), i - (i % width) + width);
    const rms = Math.sqrt(row.reduce((sum, each) => sum + each ** 2, 0) / width + 0.01);
    const z = ((scales[i % width] ?? 0) * (from[i] ?? 0)) / rms + 1;
    return z / (1 + Math.abs(z));
  });
}
const lossOf = (from: readonly number[], scales: readonly number[]): number =>
  expected(from, scales).reduce((sum, y) => sum + y * (y + 2), 0);

onEveryDevice((device) => {
  it('runs in a graph with its gradients', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const { graph, gradients } = frond.differentiate(model.ir, frond.ops, {
      loss: 'loss',
      wrt: model.ir.inputs,
    });
    const [dx, dgain] = model.ir.inputs.map((id) => gradients[id] ?? '');
    const outputs = { ...graph.outputs, dx: dx ?? '', dgain: dgain ?? '' };
    const { executable } = await frond.compile({ ...graph, outputs }, { device: opened });
    const results = await executable.run(feeds(x, gain));
    for (const [i, y] of expected(x, gain).entries()) expect(results.y?.data[i]).toBeCloseTo(y, 5);
    for (const [name, at] of [
      ['dx', [0, 17, 100]],
      ['dgain', [0, 5, 11]],
    ] as const) {
      for (const i of at) {
        const moved = (by: number): number => {
          const [from, scales] = [[...x], [...gain]];
          const target = name === 'dx' ? from : scales;
          target[i] = (target[i] ?? 0) + by;
          return lossOf(from, scales);
        };
        const difference = (moved(1e-4) - moved(-1e-4)) / 2e-4;
        expect(results[name]?.data[i], `${name}[${i}]`).toBeCloseTo(difference, 4);
      }
    }
  });
});

describe('an op of one’s own', () => {
  it('fuses with its neighbours where it is element-wise', async () => {
    const { executable } = await frond.compile(model, { device: frond.interpreterDevice() });
    const names = Object.values(executable.graph.nodes).map(({ op }) => op);
    expect(names).not.toContain('softsign');
    expect(names).toContain('rmsNorm');
  });

  it('agrees between devices, and is printed, parsed and checked as any other', async () => {
    const devices = [frond.interpreterDevice(), frond.wasmDevice()] as const;
    const { first, nodes } = await frond.compareDevices(model.ir, devices, { sizes: { batch, time } });
    expect(first).toBeUndefined();
    expect(nodes).toBeGreaterThan(3);
    const text = frond.printGraph(model.ir);
    expect(frond.printGraph(frond.parseGraph(text))).toBe(text);
  });

  it('gives all results where none is kept for the gradient alone', () => {
    const both = frond.defineOp({
      name: 'sumAndDifference',
      operands: ['x', 'y'],
      results: ['sum', 'difference'],
      shape: ({ x }) => [x, x],
      lower: () => [],
    });
    try {
      frond.graph('two', (g) => {
        const [sum, difference] = both(g.input('x', 'f32', [3]), g.input('y', 'f32', [3]));
        expect([sum.shape, difference.dtype]).toEqual([[3], 'f32']);
        return { sum };
      });
    } finally {
      frond.forgetOp('sumAndDifference');
    }
  });

  it('is told apart from one that had its name before', async () => {
    const scaled = async (factor: number): Promise<number | undefined> => {
      const scale = frond.defineOp({
        name: 'scaled',
        operands: ['x'],
        emit: (k, { x: value }) => k.mul(value, factor),
      });
      const doubled = frond.graph('g', (g) => ({ y: scale(g.input('x', 'f32', [1])) }));
      const { executable } = await frond.compile(doubled, { device: frond.interpreterDevice() });
      frond.forgetOp('scaled');
      const { y } = await executable.run({ x: { dtype: 'f32', shape: [1], data: [3] } });
      return y?.data[0];
    };
    expect([await scaled(2), await scaled(5)]).toEqual([6, 15]);
  });
});

describe('errors name', () => {
  const define = (definition: object): unknown => frond.defineOp(definition as never);
  it.each([
    [
      'a name that is taken',
      () => define({ name: 'exp', operands: ['x'], emit: () => 0 }),
      'there is an op exp already',
    ],
    [
      'an op that is defined twice',
      () => define({ name: 'softsign', operands: ['x'], emit: () => 0 }),
      "forgetOp('softsign')",
    ],
    [
      'an op without kernels',
      () => define({ name: 'odd', operands: ['x'], shape: () => 0 }),
      'op odd has no kernels',
    ],
    [
      'an op without a shape',
      () => define({ name: 'odd', operands: ['x'], lower: () => 0 }),
      'op odd has no shape',
    ],
    ['a field that there is not', () => define({ name: 'odd', operands: ['x'], kernels: [] }), 'kernels'],
    [
      'an operand that cannot be named',
      () => define({ name: 'odd', operands: ['x?'], emit: () => 0 }),
      'cannot be called x?',
    ],
    ['an op that nobody defined', () => frond.forgetOp('exp'), 'no op called exp was defined'],
  ])('%s', async (_, wrong, words) => {
    expect(await messageOf(wrong)).toContain(words);
  });

  it('what its shape rule says, at the line of the call', async () => {
    const message = await messageOf(() =>
      frond.graph('g', (g) => ({ y: rmsNorm(g.input('x', 'f32', [2, 8]), g.input('gain', 'f32', [4])) })),
    );
    expect(message).toContain('[FROND-S031] rmsNorm: the gain is [4], the rows of x have 8 elements');
    expect(message).toContain('test/dsl/defineOp.test.ts');
  });

  it('an attribute of another kind', async () => {
    const message = await messageOf(() =>
      frond.graph('g', (g) => ({
        y: rmsNorm(g.input('x', 'f32', [2, 8]), g.input('gain', 'f32', [8]), { epsilon: 'small' as never }),
      })),
    );
    expect(message).toContain('rmsNorm: attribute epsilon must be a finite number, not "small"');
  });

  it('the op that a parsed graph needs', async () => {
    const text = frond.printGraph(model.ir);
    const without = new Map([...frond.ops].filter(([name]) => name !== 'rmsNorm'));
    expect(await messageOf(() => frond.checkGraph(frond.parseGraph(text), without))).toContain('rmsNorm');
  });
});
