// Logistic regression: whether a point lies above a line.
import { adamW, type Device, declare, graph, linear, mean, mul, softplus, sub } from 'frond';
import { learn, rows } from './training.ts';

export const model = graph(
  'logistic',
  (_, { x, y }) => {
    const logits = linear(x, 1, { name: 'line' });
    // −y log σ(z) − (1 − y) log σ(−z) = softplus(z) − y z
    return { logits, loss: mean(sub(softplus(logits), mul(y, logits)), [0, 1]) };
  },
  { inputs: { x: declare('f32', ['batch', 2]), y: declare('f32', ['batch', 1]) }, training: true },
);

/** Points by their number, the same in every run. */
function batch(step: number) {
  const numbers = Array.from({ length: 64 }, (_, i) => i + 64 * step);
  const points = numbers.map((i) => [Math.sin(7.1 * i), Math.cos(3.3 * i)]);
  return {
    x: rows('f32', points),
    y: rows(
      'f32',
      points.map(([a = 0, b = 0]) => [Number(b > 0.5 * a)]),
    ),
  };
}

export const train = (device: Device) =>
  learn(model, { device, optimizer: adamW({ rate: 0.1 }), steps: 80 }, batch);
