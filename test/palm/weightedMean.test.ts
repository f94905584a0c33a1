import { expect, test } from 'vitest';
import { f32, graph } from '../../src/dsl/index.ts';
import { weightedMean } from '../../src/palm/heads/index.ts';
import { runGraph } from '../support/run.ts';

const { ir } = graph('mean', (g) => ({
  mean: weightedMean(g.input('losses', f32, ['batch']), g.input('weights', f32, ['batch'])),
}));

test.each([
  [[2, 4], [0.5, 0], 2],
  [[2, 4], [0.1, 0.2], 10 / 3],
  [[2, 4], [3, 1], 2.5],
  [[2, 4], [0, 0], 0],
  [[2, Number.POSITIVE_INFINITY], [1, 0], 2],
])('the mean of %j weighted by %j is Σ w·loss / Σ w', async (losses, weights, expected) => {
  const tensor = (data: readonly number[]) => ({ dtype: f32, shape: [data.length], data });
  const { mean } = await runGraph(ir, { losses: tensor(losses), weights: tensor(weights) });
  expect(Number(mean?.data[0])).toBeCloseTo(expected, 6);
});
