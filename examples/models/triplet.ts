// A siamese network: one encoder, applied to three points, learns to put points of one kind close together.
import {
  adamW,
  add,
  type Device,
  declare,
  graph,
  linear,
  maximum,
  mean,
  mul,
  scope,
  sub,
  sum,
  type Tensor,
  tanh,
} from 'frond';
import { learn, rows } from './training.ts';

/** The same layers each time: behind the first call their parameters are given again. */
const encode = (x: Tensor<'f32', ['batch', 2]>, reuse: boolean) =>
  scope('encoder', () => linear(tanh(linear(x, 16, { name: 'hidden' })), 4, { name: 'out' }), { reuse });

const distance = (a: Tensor<'f32', ['batch', 4]>, b: Tensor<'f32', ['batch', 4]>) => {
  const difference = sub(a, b);
  return sum(mul(difference, difference), 1);
};

const point = declare('f32', ['batch', 2]);
export const model = graph(
  'triplet',
  (_, { anchor, same, other }) => {
    const code = encode(anchor, false);
    const [near, far] = [distance(code, encode(same, true)), distance(code, encode(other, true))];
    // the other kind is to be farther away by a margin of 1
    return { code, loss: mean(maximum(add(sub(near, far), 1), 0), 0) };
  },
  { inputs: { anchor: point, same: point, other: point }, training: true },
);

/** Points on two rings about one centre, which no line tells apart. */
function batch(step: number) {
  const angles = Array.from({ length: 32 }, (_, i) => 2.4 * (i + 32 * step));
  const ring = (radius: number, phase: number) =>
    rows(
      'f32',
      angles.map((angle) => [radius * Math.cos(angle + phase), radius * Math.sin(angle + phase)]),
    );
  return { anchor: ring(1, 0), same: ring(1, 2), other: ring(2, 4) };
}

export const train = (device: Device) =>
  learn(model, { device, optimizer: adamW({ rate: 0.02 }), steps: 80 }, batch);
