import { beforeAll, describe, expect, it } from 'vitest';
import { namesOf } from '../../src/base/dim.ts';
import { compile, FrondError, interpreterDevice, palm, parseGraph, printGraph } from '../../src/index.ts';
import { exampleFeeds } from '../../src/runtime/exampleFeeds.ts';
import { tinyTrainer } from '../palm/support/tiny.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { dice } from '../store/support/files.ts';
import { runs } from '../support/counts.ts';

/** Compiles and runs a graph text; the code of the error that refuses it, `ran` where it is a graph. */
async function outcome(text: string): Promise<string> {
  try {
    const { executable } = await compile(parseGraph(text), { device: interpreterDevice() });
    await executable.state.initialize(1);
    const { program } = executable;
    const shapes = program.graph.inputs.flatMap((id) => program.graph.nodes[id]?.types[0]?.shape ?? []);
    const sizes = Object.fromEntries(shapes.flatMap(namesOf).map((name) => [name, name === 'batch' ? 2 : 3]));
    await executable.run(exampleFeeds(program, sizes));
    return 'ran';
  } catch (cause) {
    return cause instanceof FrondError
      ? cause.code
      : `raw ${(cause as Error).stack?.split('\n').slice(0, 4).join(' | ')}`;
  }
}

type Mutation = (text: string, next: (below: number) => number) => string;

const PIECES = [
  '%',
  '0',
  '9',
  '-1',
  '1e300',
  'f16',
  'i32',
  'bool',
  'u32',
  '[',
  ']',
  '{',
  '}',
  ',',
  'NaN',
  'batch',
  'time',
  '#1',
  '__proto__',
  'constructor',
  'null',
  '"',
  '@update',
  'true',
  '5',
];
const WORD = /[\w.#%/-]+/g;

const mutations: readonly Mutation[] = [
  // a character less, or another piece in its place
  (text, next) => {
    const at = next(text.length);
    return text.slice(0, at) + text.slice(at + 1);
  },
  (text, next) => {
    const at = next(text.length);
    return text.slice(0, at) + (PIECES[next(PIECES.length)] ?? '') + text.slice(at + next(2));
  },
  // a line twice, or missing
  (text, next) => {
    const lines = text.split('\n');
    const at = next(lines.length);
    lines.splice(at, next(2), ...(next(2) === 0 ? [] : [lines[next(lines.length)] ?? '']));
    return lines.join('\n');
  },
  // one word for another
  (text, next) => {
    const words = [...text.matchAll(WORD)];
    const [from, to] = [words[next(words.length)], words[next(words.length)]];
    if (from === undefined || to === undefined) return text;
    return text.slice(0, from.index) + to[0] + text.slice(from.index + from[0].length);
  },
  // a word for a piece
  (text, next) => {
    const words = [...text.matchAll(WORD)];
    const from = words[next(words.length)];
    return from === undefined
      ? text
      : text.slice(0, from.index) +
          (PIECES[next(PIECES.length)] ?? '') +
          text.slice(from.index + from[0].length);
  },
];

const SMALL = `graph small(x: f32[batch, 4], ids: i32[batch]) {
  %x = input() {name: "x"} : f32[batch, 4]
  %ids = input() {name: "ids"} : i32[batch]
  %w = parameter() {name: "w", initializer: {kind: "normal", deviation: 0.02}, trainable: true} : f32[4, 5]  // layer · model.ts:3
  %constant = constant() {value: [1, 2, 3, 4, 5]} : f32[5]
  %matmul = matmul(%x, %w) : f32[batch, 5]
  %add = add(%matmul, %constant) : f32[batch, 5]
  %layerNorm = layerNorm(%add, %constant, %constant) {epsilon: 0.00001} : f32[batch, 5], f32[batch], f32[batch]
  %slice = slice(%layerNorm) {axis: 1, from: 1, to: "end"} : f32[batch, 4]
  %concat = concat(%slice, %x) {axis: 1} : f32[batch, 8]
  %reshape = reshape(%concat) {shape: [2, 4, "batch"]} : f32[2, 4, batch]
  %transpose = transpose(%reshape) {permutation: [2, 0, 1]} : f32[batch, 2, 4]
  %sum = sum(%transpose) {axes: [2], keepDims: true} : f32[batch, 2, 1]
  %softmax = softmax(%transpose) {axis: -1} : f32[batch, 2, 4]
  %gather = gather(%w, %ids) : f32[batch, 5]
  %cast = cast(%ids) {dtype: "f32"} : f32[batch]
  output sums = %sum
  output rows = %softmax
  output ids = %cast
  output picked = %gather
}
`;

let graphs: string[] = [];
beforeAll(async () => {
  const folder = temporaryFolder();
  const trainer = tinyTrainer();
  await trainer.save(folder.path);
  const { step, prediction } = await palm.loadModelRecord(folder.path);
  await trainer.close();
  folder.remove();
  graphs = [SMALL, printGraph(prediction), printGraph(step)];
});

/** One change to the small graph, and what it is refused with. */
const ILLEGAL: readonly (readonly [from: string, to: string, code: string])[] = [
  ['(x: f32[batch, 4]', '(x: f32[batch, 5]', 'FROND-I020'],
  ['x: f32[batch, 4], ids', 'x: f32[batch, 4], x: f32[batch, 4], ids', 'FROND-I002'],
  ['%x = input() {name: "x"}', '%x = input() {name: "y"}', 'FROND-I007'],
  ['%add = add(%matmul, %constant) : f32[batch, 5]', '%add = add(%matmul, %constant) : f32[5]', 'FROND-I006'],
  ['matmul(%x, %w) :', 'matmul(%x, %w) {transposeY: "yes"} :', 'FROND-S019'],
  ['matmul(%x, %w) :', 'matmul(%x, %w) {transposeZ: true} :', 'FROND-S019'],
  ['matmul(%x, %w) :', 'matmul(%x, %w) {__proto__: true} :', 'FROND-S019'],
  ['matmul(%x, %w) :', `matmul(%x, %w) {epilogue: ${'['.repeat(5000)}} :`, 'FROND-I020'],
  ['matmul(%x, %w) :', 'matmul(%x, %w) {epilogue: [{op: "neg", args: [7]}]} :', 'FROND-I007'],
  ['value: [1, 2, 3, 4, 5]', 'value: [1, 2, 3, 4, 5, 6]', 'FROND-I006'],
  ['value: [1, 2, 3, 4, 5]', 'value: [1, 2, 3, 4, "5"]', 'FROND-I007'],
  ['value: [1, 2, 3, 4, 5]', 'value: null', 'FROND-I007'],
  ['kind: "normal"', 'kind: "norml"', 'FROND-S019'],
  ['deviation: 0.02', 'deviation: -1', 'FROND-S019'],
  ['trainable: true', 'trainable: 1', 'FROND-I007'],
  ['trainable: true', 'trainable: true, decays: 1', 'FROND-I007'],
  ['epsilon: 0.00001', 'epsilon: NaN', 'FROND-S019'],
  ['axis: 1, from: 1, to: "end"', 'axis: 1, from: 1.5', 'FROND-S019'],
  ['axis: 1, from: 1, to: "end"', 'axis: 1, from: 2, length: 4', 'FROND-S017'],
  ['axis: 1, from: 1, to: "end"', 'axis: 1, axis: 1', 'FROND-I002'],
  ['shape: [2, 4, "batch"]', 'shape: [2, 4, "batch)"]', 'FROND-S019'],
  ['shape: [2, 4, "batch"]', 'shape: [2, 5, "batch"]', 'FROND-S018'],
  ['f32[2, 4, batch]', 'f32[2, 4, batch++]', 'FROND-I006'],
  ['f32[2, 4, batch]', 'f32[2, 4, 12345678901234567890]', 'FROND-I006'],
  ['permutation: [2, 0, 1]', 'permutation: [2, 0, 0]', 'FROND-S016'],
  ['axes: [2], keepDims: true', 'axes: [2], keepDims: "no"', 'FROND-S019'],
  ['softmax(%transpose) {axis: -1}', 'softmax(%transpose) {axis: "last"}', 'FROND-S019'],
  ['softmax(%transpose)', 'softmax(%cast)', 'FROND-I006'],
  ['gather(%w, %ids)', 'gather(%w, %cast)', 'FROND-S010'],
  ['matmul(%x, %w)', 'matmul(%concat, %w)', 'FROND-I003'],
  ['cast(%ids) {dtype: "f32"}', 'cast(%ids) {dtype: "f64"}', 'FROND-S019'],
  ['%w = parameter()', '%w = parameter(%x)', 'FROND-I005'],
  ['trainable: true} : f32[4, 5]', 'trainable: true} : f16[4, 5]', 'FROND-I006'],
  ['output ids = %cast', 'output __proto__ = %cast', 'FROND-I011'],
  ['output ids = %cast', 'output ids = %constructor', 'FROND-I010'],
  ['output ids = %cast', 'effect %toString', 'FROND-I010'],
];

describe('a graph text', () => {
  it('that is as printed runs', async () => {
    for (const text of graphs) expect(await outcome(text)).toBe('ran');
  });

  it('that is no legal graph is refused with what is wrong', async () => {
    for (const [from, to, code] of ILLEGAL) {
      const text = SMALL.replace(from, () => to);
      expect(text).not.toBe(SMALL);
      expect(await outcome(text), `${from} → ${to.slice(0, 80)}`).toBe(code);
    }
  });

  it('that was changed anywhere is a graph still, or is refused with what is wrong', async () => {
    const next = dice('graph texts');
    for (let i = 0; i < runs(4000, 80); i++) {
      const original = graphs[i % graphs.length] ?? '';
      const changed = mutations[i % mutations.length]?.(original, next) ?? '';
      expect(await outcome(changed), firstChange(original, changed)).toMatch(/^(ran|FROND-[^X]\d+)$/);
    }
  });
});

function firstChange(original: string, changed: string): string {
  const [before, after] = [original.split('\n'), changed.split('\n')];
  const at = before.findIndex((line, i) => line !== after[i]);
  return `${before[at]} → ${after[at]}`;
}
