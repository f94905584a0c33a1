// A block as in Llama (Touvron et al. 2023): RMS norm, rotary positions, causal attention, SwiGLU. It learns to copy what stood
// a few places before, for which it has to know where things are.
import * as f from 'frond';
import { learn, rows } from './training.ts';

const [time, width, symbols, lag] = [16, 32, 12, 3] as const;
type States = f.Tensor<'f32', ['batch', 16, 32]>;

/** x / √(mean x² + ε) · gain (Zhang and Sennrich 2019) */
const rmsNorm = (g: f.GraphContext, x: States, name: string): States => {
  const gain = g.parameter(`${name}/gain`, 'f32', [width], f.ones());
  const scale = f.rsqrt(f.add(f.mean(f.mul(x, x), -1, { keepDims: true }), 1e-6));
  return f.mul(f.mul(x, scale), gain);
};

/** Turns the pairs (x_i, x_{i+4}) of each head of 8 by the angle place · 100^(−i/4) (Su et al. 2021). */
const rotary = (g: f.GraphContext, x: States): States => {
  const heads = f.reshape(x, ['batch', time, 4, 8]);
  const [first, second] = f.split(heads, -1, [4, 4]);
  const speed = g.constant(
    [0, 1, 2, 3].map((i) => 100 ** (-i / 4)),
    'f32',
    [4],
  );
  const angle = f.mul(f.cast(f.positions(first, 1), 'f32'), speed);
  const [sine, cosine] = [f.sin(angle), f.cos(angle)];
  const left = f.sub(f.mul(first, cosine), f.mul(second, sine));
  const right = f.add(f.mul(first, sine), f.mul(second, cosine));
  return f.reshape(f.concat([left, right], -1), ['batch', time, width]);
};

const project = (x: States, name: string) => f.linear(x, width, { name, bias: false });

const ids = f.declare('i32', ['batch', time]);
export const model = f.graph(
  'llama',
  (g, { symbol, wanted }) => {
    const x = f.embedding(symbol, symbols, width, { initializer: f.normal(0.5) });
    const normed = rmsNorm(g, x, 'attention');
    const [q, k] = [rotary(g, project(normed, 'q')), rotary(g, project(normed, 'k'))];
    const seen = f.attention(q, k, project(normed, 'v'), { heads: 4, causal: true });
    const attended = f.add(x, project(seen, 'o'));
    const inner = rmsNorm(g, attended, 'feedForward');
    const gated = f.mul(f.silu(f.linear(inner, 64, { name: 'gate' })), f.linear(inner, 64, { name: 'up' }));
    const last = f.add(attended, f.linear(gated, width, { name: 'down' }));
    const logits = f.linear(rmsNorm(g, last, 'norm'), symbols, { name: 'out' });
    return { logits, loss: f.mean(f.crossEntropy(logits, wanted), [0, 1]) };
  },
  { inputs: { symbol: ids, wanted: ids }, training: true },
);

function batch(step: number) {
  const row = (i: number) =>
    Array.from({ length: time }, (_, t) => Math.floor(5.5 * (1 + Math.sin(7.7 * t * t + 3.1 * i))));
  const symbol = Array.from({ length: 16 }, (_, i) => row(i + 16 * step));
  const wanted = symbol.map((some) => some.map((_, t) => some[t - lag] ?? 0));
  return { symbol: rows('i32', symbol), wanted: rows('i32', wanted) };
}

export const train = (device: f.Device) =>
  learn(model, { device, optimizer: f.adamW({ rate: 5e-3 }), steps: 250 }, batch);
