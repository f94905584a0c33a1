// A one-dimensional convolution tells two kinds of bump apart in noisy rows of numbers, wherever they stand.
import * as f from 'frond';
import { learn, rows } from './training.ts';

const time = 32;

export const model = f.graph(
  'bumps',
  (_, { signal, kind }) => {
    const x = f.reshape(signal, ['batch', time, 1]);
    const near = f.relu(f.conv1d(x, 8, { size: 5, name: 'near' })); // Tensor<'f32', ['batch', 32, 8]>
    const wide = f.relu(f.conv1d(f.maxPool1d(near, { size: 2 }), 8, { size: 3, dilation: 2, name: 'wide' }));
    const logits = f.linear(f.max(wide, 1), 2, { name: 'kinds' });
    return { logits, loss: f.mean(f.crossEntropy(logits, kind), 0) };
  },
  {
    inputs: { signal: f.declare('f32', ['batch', time]), kind: f.declare('i32', ['batch']) },
    training: true,
  },
);

/** One rises before it falls, the other falls before it rises. */
const bump = [1, 2, 0, -2, -1];

function batch(step: number) {
  const kinds = Array.from({ length: 32 }, (_, i) => (i * 7 + step) % 2);
  const signals = kinds.map((kind, i) => {
    const at = (11 * i + 5 * step) % (time - bump.length);
    const noise = Array.from({ length: time }, (_, t) => 0.5 * Math.sin(37.7 * (t + time * (i + 32 * step))));
    return noise.map((value, t) => value + (bump[t - at] ?? 0) * (kind === 0 ? 1 : -1));
  });
  return { signal: rows('f32', signals), kind: { dtype: 'i32', shape: [32], data: kinds } } as const;
}

export const train = (device: f.Device) =>
  learn(model, { device, optimizer: f.adamW({ rate: 0.01 }), steps: 120 }, batch);
