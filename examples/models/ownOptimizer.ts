// An optimizer of one's own: sign descent with a memory of signs, its maths in the kernel language, on every device.
import { type Device, declare, defineOptimizer, graph, linear, mean, mul, sub } from 'frond';
import { learn, rows } from './training.ts';

/** Steps by the sign of the gradient, less where it has turned: s ← βs + (1 − β) sign g, w ← w − rate · s. */
const signs = defineOptimizer({
  name: 'signs',
  moments: 1,
  settings: { beta: 0.8 },
  apply(k, { parameter, gradient, moment1, rate, settings: { beta } }) {
    const sign = k.select(k.lt(0, gradient), 1, k.select(k.lt(gradient, 0), -1, 0));
    const memory = k.add(k.mul(beta, moment1), k.mul(k.sub(1, beta), sign));
    return { moment1: memory, parameter: k.sub(parameter, k.mul(rate, memory)) };
  },
});

export const model = graph(
  'plane',
  (_, { x, y }) => {
    const error = sub(linear(x, 1, { name: 'plane' }), y);
    return { loss: mean(mul(error, error), [0, 1]) };
  },
  { inputs: { x: declare('f32', ['batch', 3]), y: declare('f32', ['batch', 1]) }, training: true },
);

function batch(step: number) {
  const x = Array.from({ length: 16 }, (_, i) => [0, 1, 2].map((j) => Math.sin(5 * (i + 16 * step) + 2 * j)));
  return {
    x: rows('f32', x),
    y: rows(
      'f32',
      x.map(([a = 0, b = 0, c = 0]) => [2 * a - b + 0.5 * c + 1]),
    ),
  };
}

export const train = (device: Device) =>
  learn(model, { device, optimizer: signs({ rate: 0.03 }), steps: 150 }, batch);
