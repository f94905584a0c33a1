// A variational autoencoder (Kingma and Welling 2014) of pictures of one bar, 4 × 4 pixels, with a code of 2 numbers.
import * as f from 'frond';
import { learn, rows } from './training.ts';

export const model = f.graph(
  'vae',
  (_, { pixels }) => {
    const hidden = f.tanh(f.linear(pixels, 32, { name: 'encoder' }));
    const [centre, logVariance] = [
      f.linear(hidden, 2, { name: 'mean' }),
      f.linear(hidden, 2, { name: 'spread' }),
    ];
    const code = f.add(centre, f.mul(f.exp(f.mul(logVariance, 0.5)), f.normalLike(centre)));
    const logits = f.linear(f.tanh(f.linear(code, 32, { name: 'decoder' })), 16, { name: 'pixels' });
    // −log p(x | z), a sum over pixels, and KL(q(z | x) ‖ N(0, 1)) = ½ Σ (μ² + σ² − log σ² − 1)
    const reconstruction = f.sum(f.sub(f.softplus(logits), f.mul(pixels, logits)), 1);
    const spread = f.sub(f.sub(f.add(f.mul(centre, centre), f.exp(logVariance)), logVariance), 1);
    return { logits, loss: f.mean(f.add(reconstruction, f.mul(f.sum(spread, 1), 0.5)), 0) };
  },
  { inputs: { pixels: f.declare('f32', ['batch', 16]) }, training: true },
);

/** A picture of one row or one column. */
const bar = (n: number) => Array.from({ length: 16 }, (_, i) => Number((n < 4 ? i >> 2 : i & 3) === n % 4));
const pictures = Array.from({ length: 32 }, (_, i) => bar(i % 8));

export const train = (device: f.Device) =>
  learn(model, { device, optimizer: f.adamW({ rate: 0.01 }), steps: 250 }, () => ({
    pixels: rows('f32', pictures),
  }));
