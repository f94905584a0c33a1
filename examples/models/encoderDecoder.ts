// An encoder and a decoder with cross-attention learn to turn a row of digits around.
import * as f from 'frond';
import { learn, rows } from './training.ts';

const [time, width, symbols] = [6, 32, 11] as const;
type States = f.Tensor<'f32', ['batch', 6, 32]>;

/** Attention of `x` to `to`, then a feed-forward layer, both with a way around them. */
const layer = (name: string, x: States, to: States, causal: boolean): States =>
  f.scope(name, () => {
    const project = (of: States, part: string) => f.linear(of, width, { name: part });
    const [q, k, v] = [project(f.layerNorm(x, { name: 'norm1' }), 'q'), project(to, 'k'), project(to, 'v')];
    const attended = f.add(x, project(f.attention(q, k, v, { heads: 4, causal }), 'o'));
    const inner = f.gelu(f.linear(f.layerNorm(attended, { name: 'norm2' }), 64, { name: 'up' }));
    return f.add(attended, f.linear(inner, width, { name: 'down' }));
  });

const ids = f.declare('i32', ['batch', time]);
export const model = f.graph(
  'reverse',
  (_, { digits, before, places, wanted }) => {
    const embed = (of: f.Tensor<'i32', ['batch', 6]>, name: string): States =>
      f.add(
        f.embedding(of, symbols, width, { name }),
        f.embedding(places, time, width, { name: `${name}.at` }),
      );
    const source = embed(digits, 'source');
    const read = layer('encoder', source, source, false);
    const said = embed(before, 'target');
    const written = layer('cross', layer('decoder', said, said, true), read, false);
    const logits = f.linear(f.layerNorm(written, { name: 'norm' }), symbols, { name: 'out' });
    return { logits, loss: f.mean(f.crossEntropy(logits, wanted), [0, 1]) };
  },
  { inputs: { digits: ids, before: ids, places: ids, wanted: ids }, training: true },
);

function batch(step: number) {
  const places = Array.from({ length: time }, (_, j) => j);
  const digits = Array.from({ length: 16 }, (_, i) =>
    places.map((j) => ((i + 16 * step + 1) * (7 + 3 * j * j) + j) % 10),
  );
  const wanted = digits.map((row) => [...row].reverse());
  // what was said before each place: a mark of the beginning, then the row without its end
  const before = wanted.map((row) => [10, ...row.slice(0, -1)]);
  const tensor = (data: number[][]) => rows('i32', data);
  return {
    digits: tensor(digits),
    before: tensor(before),
    places: tensor(digits.map(() => places)),
    wanted: tensor(wanted),
  };
}

export const train = (device: f.Device) =>
  learn(model, { device, optimizer: f.adamW({ rate: 3e-3 }), steps: 200 }, batch);
