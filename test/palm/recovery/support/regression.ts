import { type Device, declare, f32, mean, mul, normal, palm, sub, sum } from '../../../../src/index.ts';

/** Four numbers and what is to be made of them. */
interface Point {
  readonly features: readonly number[];
  readonly target: number;
}

/** A point of the plane that is to be learnt; `at` tells points apart. */
const pointAt = (at: number): Point => {
  const features = [at % 3, at % 5, (at * 7) % 4, 1].map((value) => value / 2 - 0.5);
  const weights = [0.5, -0.25, 0.75, 0.1];
  return { features, target: features.reduce((total, value, i) => total + value * (weights[i] ?? 0), 0) };
};

const POINTS = Array.from({ length: 24 }, (_, i) => pointAt(i));

/** The tensors of a batch; a feature that is not a number makes the loss one that is none. */
export const reader = (train: readonly Point[] = POINTS) =>
  palm.defineReader({
    name: 'points',
    gives: { features: declare(f32, ['batch', 4]), targets: declare(f32, ['batch']) },
    parts: { train, valid: POINTS.slice(0, 8), test: POINTS.slice(8, 16) },
    length: () => 1,
    pack(examples: readonly Point[], { batch }) {
      const features = new Float32Array(4 * batch);
      const targets = new Float32Array(batch);
      examples.forEach((example, i) => {
        features.set(example.features, 4 * i);
        targets[i] = example.target;
      });
      return {
        features: { dtype: 'f32', shape: [batch, 4], data: features },
        targets: { dtype: 'f32', shape: [batch], data: targets },
      };
    },
  });

/** The points with one among them of which nothing can be learnt. */
export const poisoned = (at: number): readonly Point[] =>
  POINTS.map((point, i) => (i === at ? { ...point, features: [Number.NaN, 0, 0, 0] } : point));

/** Steps of an epoch, and of a run. */
export const PER_EPOCH = 6;
export const STEPS = 12;

/** Linear regression: two tensors of weights, and as few kernels as a training step can have. */
export function regression(
  device: Device,
  options: { rate?: number; train?: readonly Point[]; reader?: palm.Reader } = {},
) {
  const backbone = palm.defineBackbone({
    name: 'weighted',
    needs: { features: declare(f32, ['batch', 4]) },
    gives: { point: declare(f32, ['batch', 4]) },
    build: (g, { features }) => ({ point: mul(features, g.parameter('weights', f32, [4], normal(0.5))) }),
  });
  const head = palm.defineHead({
    name: 'plane',
    needs: { backbone: { point: declare(f32, ['batch', 4]) }, labels: { targets: declare(f32, ['batch']) } },
    build: (_, { point }) => ({ height: sum(point, 1) }),
    loss: (_, { height, targets }) => {
      const off = sub(height, targets);
      return mean(mul(off, off), 0);
    },
    decode: ({ height }): readonly number[] => Array.from(height.data),
    score: () =>
      palm.metrics.mean({ squaredError: (height: number, { target }: Point) => (height - target) ** 2 }),
  });
  const trainer = palm.trainer('plane', { device });
  trainer.buildForward(backbone, head);
  trainer.buildBackward({ optimizer: palm.adamW({ rate: options.rate ?? 0.05 }) });
  const own = options.reader ?? (reader(options.train) as unknown as palm.Reader);
  trainer.fitReader(own, { epochs: 2, batchSize: 4, seed: 3 });
  return trainer;
}
