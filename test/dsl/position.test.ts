import { expect, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';

onEveryDevice((device) => {
  it('makes masks over named sizes, fused with what reads them', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const model = frond.graph(
      'masked',
      (_, { scores, bias }) => {
        const causal = frond.lessEqual(frond.positions(scores, -1), frond.positions(scores, -2));
        const masked = frond.where(causal, frond.add(scores, bias), -1);
        return { masked, steps: frond.add(frond.cast(frond.positions(bias, 0), 'f32'), frond.mul(bias, 0)) };
      },
      {
        inputs: {
          scores: frond.declare('f32', ['batch', 'time', 'time']),
          bias: frond.declare('f32', ['time']),
        },
      },
    );
    const { executable } = await frond.compile(model, { device: opened });
    const scores = { dtype: 'f32', shape: [2, 3, 3], data: Array.from({ length: 18 }, (_, i) => i) } as const;
    const bias = { dtype: 'f32', shape: [3], data: [10, 20, 30] } as const;
    const { masked, steps } = await executable.run({ scores, bias });
    const wanted = scores.data.map((value, i) =>
      i % 3 <= Math.floor(i / 3) % 3 ? value + 10 * ((i % 3) + 1) : -1,
    );
    expect(Array.from(masked.data)).toEqual(wanted);
    expect(Array.from(steps.data)).toEqual([0, 1, 2]);
  });
});

it('has the index of its own tensor, however what reads it is broadcast', async () => {
  const model = frond.graph('wide', (g) => {
    const [row, table] = [g.input('row', 'f32', ['n']), g.input('table', 'f32', ['m', 'n'])];
    return { y: frond.add(table, frond.cast(frond.positions(row, 0), 'f32')) };
  });
  const { executable } = await frond.compile(model, { device: frond.interpreterDevice() });
  const { y } = await executable.run({
    row: { dtype: 'f32', shape: [3], data: [7, 7, 7] },
    table: { dtype: 'f32', shape: [2, 3], data: [0, 0, 0, 10, 10, 10] },
  });
  expect(Array.from(y.data)).toEqual([0, 1, 2, 10, 11, 12]);
});

it('says which axes there are', async () => {
  const wrong = () => frond.graph('g', (g) => ({ y: frond.positions(g.input('x', 'f32', ['n', 2]), 2) }));
  expect(await messageOf(wrong)).toContain('positions: axis 2 is out of range for shape [n, 2]');
});
