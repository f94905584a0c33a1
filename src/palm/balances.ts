import type * as is from '../base/kinds.ts';
import * as d from '../dsl/index.ts';
import {
  type Balance,
  dynamicOptions,
  gradNormOptions,
  type Matrix,
  type Vector,
  vector,
} from './balance.ts';
import { checkSettings } from './settings.ts';

export { type Balance, type Balanced, type BalanceInputs, defineBalance as define } from './balance.ts';

// Ways to balance tasks, each from its paper.

/**
 * Weights by learnt uncertainty (Kendall, Gal and Cipolla, "Multi-task learning using uncertainty to weigh losses", 2018, eq. 10 for
 * classification): the loss is Σ exp(−s) · L + s, with a learnt s for each task, the parameter `balance/TASK`, from 0.
 */
export const uncertainty = (): Balance => ({
  name: 'uncertainty',
  settings: {},
  separate: true,
  build(g, { tasks }) {
    const scales = vector(tasks.map((task) => g.parameter(task, 'f32', [], d.zeros())));
    return { weights: d.exp(d.neg(scales)), added: scales };
  },
});

/**
 * Dynamic weight average (Liu, Johns and Davison, "End-to-end multi-task learning with attention", 2019): n · softmax(r / temperature)
 * over the n tasks, where r is the mean loss of the last epoch over that of the epoch before; 1 in the first two epochs.
 * @throws FROND-T002 for a temperature that is not above 0
 */
export function dynamicAverage(options: is.OptionsOf<typeof dynamicOptions> = {}): Balance {
  checkSettings('dynamicAverage', options, dynamicOptions);
  const { temperature = 2 } = options;
  return {
    name: 'dynamicAverage',
    settings: { temperature },
    build(_, { tasks, means: { before, last } }) {
      const known = d.notEqual(before, 0);
      const ratio = d.div(d.where(known, last, 1), d.where(known, before, 1));
      return { weights: d.mul(d.softmax(d.div(ratio, temperature), -1), tasks.length) };
    },
  };
}

/**
 * GradNorm (Chen et al., "GradNorm: gradient normalization for adaptive loss balancing in deep multitask networks", 2018): learns
 * weights w from Σ |w G − mean(w G) · r^α|, with the norm G of a task's gradient over what is shared, and r its loss relative to
 * the mean loss of its first epoch, over the mean of that ratio among tasks. The weights are n · softmax of the parameter
 * `balance/scores`, so that they stay positive and add up to the n tasks; in the first epoch all are 1. The scores learn by the
 * optimizer of the run: `groups: [{ match: 'balance/*', rate: 10 }]` lets them learn faster.
 * @throws FROND-T002 for a negative alpha
 */
export function gradNorm(options: is.OptionsOf<typeof gradNormOptions> = {}): Balance {
  checkSettings('gradNorm', options, gradNormOptions);
  const { alpha = 1.5, over = '*' } = options;
  return {
    name: 'gradNorm',
    settings: { alpha, over },
    over,
    gradients: true,
    build(g, { tasks, losses, means: { first }, gram }) {
      const scores = g.parameter('scores', 'f32', [tasks.length], d.zeros());
      const weights = d.mul(d.softmax(scores, -1), tasks.length);
      const norms = d.mul(weights, d.sqrt(diagonal(gram)));
      const known = d.notEqual(first, 0);
      const ratio = d.div(d.where(known, losses, 1), d.where(known, first, 1));
      const relative = d.div(ratio, d.mean(ratio, 0));
      const target = d.mul(d.mean(norms, 0), d.exp(d.mul(d.log(relative), alpha)));
      // the target is a constant to the gradient, as a comparison has none
      const distance = d.where(d.greater(norms, target), norms, d.neg(norms));
      return { weights, added: d.where(known, distance, 0) };
    },
  };
}

/**
 * PCGrad (Yu et al., "Gradient surgery for multi-task learning", 2020): where the gradient g of a task conflicts with that of another
 * one, h · g < 0, it is projected onto the plane that is normal to h; the others come in random order. What is left is a linear
 * combination of the gradients, so that their dot products say all of it.
 */
export const pcGrad = (): Balance => ({
  name: 'pcGrad',
  settings: {},
  gradients: true,
  build(g, { tasks, gram, order }) {
    const count = tasks.length;
    const one = identity(g, count);
    const others = d.add(d.neg(one), 1);
    const squares = d.reshape(diagonal(gram), [count, 1]);
    const numbers = g.constant(
      tasks.map((_, i) => i),
      'f32',
      [count],
    );
    // row i: the gradient of task i as a combination of the given ones
    let combined: Matrix = one;
    for (let turn = 0; turn < count; turn++) {
      const drawn = d.slice(order, 1, turn, turn + 1);
      const chosen: Matrix = d.mul(d.cast(d.equal(drawn, numbers), 'f32'), others);
      const dots = d.sum(d.mul(d.matmul(combined, gram), chosen), 1, { keepDims: true });
      const square = d.matmul(chosen, squares);
      const share = d.div(d.minimum(dots, 0), d.where(d.greater(square, 0), square, 1));
      combined = d.assertShape(d.sub(combined, d.mul(chosen, share)), [count, count]);
    }
    return { weights: d.broadcastTo(g.constant(1), [count]), shared: d.sum(combined, 0) };
  },
});

const identity = (g: d.GraphContext, count: number): Matrix =>
  g.constant(
    Array.from({ length: count * count }, (_, i) => (i % (count + 1) === 0 ? 1 : 0)),
    'f32',
    [count, count],
  );

/** The diagonal of a matrix that is no product of a large one: few enough elements to be picked out by a sum. */
function diagonal(x: Matrix): Vector {
  const [count] = x.shape;
  return vector(
    Array.from({ length: count }, (_, i) => d.reshape(d.slice(d.slice(x, 0, i, i + 1), 1, i, i + 1), [])),
  );
}
