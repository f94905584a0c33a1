// A small GPT over characters, trained on one sentence, which it then says by itself.
import * as f from 'frond';
import { learn, rows } from './training.ts';

const text = 'the quick brown fox jumps over the lazy dog. ';
const letters = [...new Set(text)].sort();
const [time, width] = [24, 32] as const;

const block = (name: string, x: f.Tensor<'f32', ['batch', 24, 32]>) =>
  f.scope(name, () => {
    const project = (part: string) =>
      f.linear(f.layerNorm(x, { name: `${part}.norm` }), width, { name: part });
    const seen = f.attention(project('q'), project('k'), project('v'), { heads: 4, causal: true });
    const attended = f.add(x, f.linear(seen, width, { name: 'o' }));
    const inner = f.gelu(f.linear(f.layerNorm(attended, { name: 'norm' }), 128, { name: 'up' }));
    return f.add(attended, f.linear(inner, width, { name: 'down' }));
  });

const ids = f.declare('i32', ['batch', time]);
export const model = f.graph(
  'characters',
  (_, { letter, place, next }) => {
    const first = f.add(
      f.embedding(letter, letters.length, width),
      f.embedding(place, time, width, { name: 'at' }),
    );
    const last = block('layer.1', block('layer.0', first));
    const logits = f.linear(f.layerNorm(last, { name: 'norm' }), letters.length, { name: 'out' });
    return { logits, loss: f.mean(f.crossEntropy(logits, next), [0, 1]) };
  },
  { inputs: { letter: ids, place: ids, next: ids }, training: true },
);

const idsOf = (some: string) => [...some].map((letter) => letters.indexOf(letter));
const places = Array.from({ length: time }, (_, i) => i);

function batch(step: number) {
  const starts = [0, 1, 2, 3].map((i) => (11 * step + 13 * i) % text.length);
  const window = (at: number) => idsOf((text + text).slice(at, at + time));
  const [now, next] = [starts.map(window), starts.map((at) => window(at + 1))];
  const place = now.map(() => places);
  return { letter: rows('i32', now), next: rows('i32', next), place: rows('i32', place) };
}

export async function train(device: f.Device) {
  const optimizer = f.adamW({ rate: 3e-3 });
  const { run, losses } = await learn(model, { device, optimizer, steps: 120 }, batch);
  const { executable } = await f.compile(model, { state: run.state });
  let said = text.slice(0, time);
  while (said.length < text.length) {
    // the next letters are not known, and the logits do not need them
    const feeds = { letter: rows('i32', [idsOf(said.slice(-time))]), place: rows('i32', [places]) };
    const { logits } = await executable.run(feeds, { read: ['logits'] });
    const last = logits.data.slice(-letters.length);
    said += letters[last.indexOf(Math.max(...last))];
  }
  return { run, losses, said };
}
