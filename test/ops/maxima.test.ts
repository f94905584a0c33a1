import { expect, it } from 'vitest';
import type { Dim } from '../../src/base/dim.ts';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Attributes } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { Device } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { outcomesOn } from '../runtime/agreement/agree.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';

const { NaN: nan, NEGATIVE_INFINITY: low, POSITIVE_INFINITY: high } = Number;
const LOWEST = -3.4028234663852886e38;

/** Rows, the index of their first largest element, and the shares of its gradient. */
const ROWS: readonly (readonly [row: readonly number[], first: number, shares: readonly number[]])[] = [
  [[low, low], 0, [0.5, 0.5]],
  [[low, low, LOWEST], 2, [0, 0, 1]],
  [[LOWEST, low, LOWEST], 0, [0.5, 0, 0.5]],
  [[1, 9, nan, 3, 2], 2, [0, 0, 1, 0, 0]],
  [[nan, high, nan, low], 0, [0.5, 0, 0.5, 0]],
  [[high, 1, high], 0, [0.5, 0, 0.5]],
  [[-1, 3, 3, 3, 0], 1, [0, 1 / 3, 1 / 3, 1 / 3, 0]],
  [[-0, 0], 0, [0.5, 0.5]],
];

/** The row among others that are lower, long enough for several tiles. */
const lengthened = (row: readonly number[]): readonly number[] => [
  ...row,
  ...new Array<number>(300).fill(low),
];

/** max, argmax and the gradient of max along an axis of x [2, n], or [n, 2] for axis 0; the other row holds ones. */
async function largest(device: Device, row: readonly number[], axis: 0 | 1) {
  const b = new GraphBuilder('largest', ops);
  const shape = (n: Dim): readonly Dim[] => (axis === 1 ? [2, n] : [n, 2]);
  const x = b.input('x', { dtype: 'f32', shape: shape('n') });
  const most = b.one('max', [x], { axes: [axis] });
  b.output('max', most);
  b.output('argmax', b.one('argmax', [x], { axis }));
  b.output('loss', b.sum(most, [0]));
  const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt: [x] });
  const outputs = { ...graph.outputs, dx: defined(gradients[x], 'gradient') };
  const [n, at] = [row.length, (i: number) => (axis === 1 ? i : 2 * i)];
  const data = new Array<number>(2 * n).fill(1);
  row.forEach((value, i) => {
    data[at(i)] = value;
  });
  const feeds = { x: { dtype: 'f32', shape: shape(n).map(Number), data } } as const;
  const [got] = await outcomesOn(device, { ...graph, outputs }, [feeds]);
  if (got === undefined || typeof got === 'string') return expect.fail(String(got));
  return {
    max: got.max?.data[0],
    argmax: got.argmax?.data[0],
    shares: row.map((_, i) => got.dx?.data[at(i)]),
  };
}

async function expectLargest(device: Device, round = Math.fround): Promise<void> {
  for (const [short, first, shares] of ROWS) {
    for (const row of [short, lengthened(short)]) {
      const ties = row.filter((x) => Object.is(x, row[first]) || x === row[first]).length;
      const wanted = row.map((x, i) => shares[i] ?? (x === row[first] ? 1 / ties : 0));
      const share = (x: number) => (x > 0 ? round(1 / ties) : 0);
      for (const axis of [0, 1] as const) {
        const got = await largest(device, row, axis);
        expect({ row: row.slice(0, 6), axis, ...got, max: Number(got.max) + 0 }).toEqual({
          row: row.slice(0, 6),
          axis,
          max: Number(row[first]) + 0,
          argmax: first,
          shares: wanted.map(share),
        });
      }
    }
  }
}

const NOTHING: readonly (readonly [op: string, shape: readonly Dim[], attributes: Attributes])[] = [
  ['max', ['n'], { axes: [0] }],
  ['max', [3, 'n'], { axes: [1] }],
  ['max', ['n', 3], { axes: [0, 1] }],
  ['argmax', ['n'], { axis: 0 }],
  ['argmax', [3, 'n', 2], { axis: 1 }],
];

onEveryDevice((device) => {
  it('largest elements: infinities, NaN, ties, and their gradient', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    await expectLargest(opened);
  });

  it('the largest of no elements is refused as its size is bound', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    for (const [op, shape, attributes] of NOTHING) {
      const b = new GraphBuilder('nothing', ops);
      b.output('y', b.one(op, [b.input('x', { dtype: 'f32', shape })], attributes));
      const fed = shape.map((dim) => (dim === 'n' ? 0 : Number(dim)));
      const [got] = await outcomesOn(opened, b.finish(), [{ x: { dtype: 'f32', shape: fed, data: [] } }]);
      expect({ op, shape, got }).toEqual({ op, shape, got: 'FROND-S028' });
      const literal = () => ops.get(op)?.shape([{ dtype: 'f32', shape: fed }], attributes);
      expect(literal).toThrow(/FROND-S028.*0 elements/);
    }
  });

  it('logSoftmax and softmax of nothing are nothing', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const b = new GraphBuilder('nothing', ops);
    const x = b.input('x', { dtype: 'f32', shape: [3, 'n'] });
    for (const op of ['softmax', 'logSoftmax']) b.output(op, b.one(op, [x]));
    const [got] = await outcomesOn(opened, b.finish(), [{ x: { dtype: 'f32', shape: [3, 0], data: [] } }]);
    expect(got).toMatchObject({ softmax: { shape: [3, 0] }, logSoftmax: { shape: [3, 0] } });
  });
});

it('the largest elements of f64, which f32 does not reach', async () => {
  const device = interpreterDevice({ precision: 'f64' });
  await expectLargest(device, (x) => x);
  for (const axis of [0, 1] as const) {
    expect(await largest(device, [-1e300, -1e301, -1e300], axis)).toEqual({
      max: -1e300,
      argmax: 0,
      shares: [0.5, 0, 0.5],
    });
  }
  await device.close();
});
