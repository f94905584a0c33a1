import {
  attention,
  compile,
  type Device,
  differentiate,
  edit,
  type Feeds,
  f32,
  type Graph,
  graph,
  type ModelState,
  ops,
  palm,
  type ScheduleTable,
} from 'frond';
import { normal } from '../../src/base/random.ts';
import type { BoundProgram, Location } from '../../src/runtime/device.ts';
import { initialValues } from '../../src/runtime/parameters.ts';
import { jointModel } from '../joint.ts';
import { bertStep, chain, classes, updateFeeds } from '../models.ts';

/** What is measured on a GPU: graphs with their feeds. */
export interface Subject {
  readonly graph: Graph;
  readonly feeds: Feeds;
  /** weights are drawn before the first run */
  readonly weights?: boolean;
}

/** Normal numbers drawn once; a prime many, so that rows of usual lengths differ. */
const DRAWN = Float32Array.from({ length: 65_537 }, (_, i) => normal(1, 'drawn', i));

/** Numbers that look drawn, in no time: a card's tensors have hundreds of millions of elements. */
function draw(name: string, length: number, scale = 1): Float32Array {
  const first = (name.length + name.charCodeAt(0)) * 7919;
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = scale * (DRAWN[(first + i) % 65_537] ?? 0);
  return values;
}

/** First weights; those of large tensors are not drawn one by one. */
async function giveWeights(state: ModelState): Promise<void> {
  for (const entry of state.layout.entries.values()) {
    const { name, length } = entry;
    const values = length <= 65_536 ? initialValues(entry, 1) : draw(name, length, 0.02);
    await state.write(name, values);
  }
}

const tensor = (data: Float32Array, ...shape: number[]) => ({ dtype: 'f32', shape, data }) as const;
const below = (length: number, limit: number) => Int32Array.from({ length }, (_, i) => (i * 37) % limit);
const ids = (rows: number, columns: number, limit: number) =>
  ({ dtype: 'i32', shape: [rows, columns], data: below(rows * columns, limit) }) as const;
const random = { 'random.key': { dtype: 'u32', shape: [2], data: [1, 0] } } as const;

export function matmulSubject(size: number, count: number, dtype: 'f32' | 'f16' = 'f32'): Subject {
  const square = (name: string, scale: number) =>
    ({ dtype, shape: [size, size], data: draw(name, size * size, scale) }) as const;
  return {
    graph: chain(size, size, count, dtype),
    feeds: { x: square('x', 1), w: square('w', size ** -0.5) },
  };
}

export interface AttentionSize {
  readonly batch: number;
  readonly time: number;
  readonly heads: number;
  readonly width: number;
}

/** Attention of a sequence to itself from ready query, key and value; with `backward`, their gradients too. */
export function attentionSubject({ batch, time, heads, width }: AttentionSize, backward: boolean): Subject {
  const names = ['q', 'k', 'v'] as const;
  const shape = [batch, time, width] as const;
  const { ir } = graph('attention', (g) => {
    const [q, k, v] = [g.input('q', f32, shape), g.input('k', f32, shape), g.input('v', f32, shape)];
    // the gradient that arrives is fed, so that nothing but attention is measured
    if (backward) g.input('upstream', f32, shape);
    return { out: attention(q, k, v, { heads }) };
  });
  const feed = (name: string) => [name, tensor(draw(name, batch * time * width), ...shape)] as const;
  const feeds = Object.fromEntries([...names, ...(backward ? ['upstream'] : [])].map(feed));
  if (!backward) return { graph: ir, feeds };
  const options = { loss: 'out', wrt: [...names], upstream: 'upstream' };
  const { graph: both, gradients } = differentiate(ir, ops, options);
  const named = Object.fromEntries(Object.entries(gradients).map(([ref, value]) => [`d.${ref}`, value]));
  return { graph: edit(both, (draft) => void Object.assign(draft.outputs, named), ops).graph, feeds };
}

export function bertSubject(layers: number, width: number, batch: number, time: number): Subject {
  const positions = Int32Array.from({ length: batch * time }, (_, i) => i % time);
  const graph = bertStep({ layers, width });
  return {
    graph,
    feeds: {
      tokens: ids(batch, time, 30_522),
      labels: ids(batch, time, classes),
      positions: { dtype: 'i32', shape: [batch, time], data: positions },
      ...updateFeeds(graph),
      ...random,
    },
    weights: true,
  };
}

/** The joint model on sentences of ATIS's sizes: 700 words, 21 intents, 120 tags. */
export function jointSubject(device: Device, batch: number, time: number): Subject {
  const name = (kind: string, i: number, limit: number) => `${kind}${(i * 37) % limit}`;
  const tag = (i: number) => (i % 121 === 0 ? 'O' : `${i % 2 === 0 ? 'B' : 'I'}-slot${(i >> 1) % 60}`);
  const example = (row: number): palm.JointExample => ({
    words: Array.from({ length: time }, (_, i) => name('word', row * time + i, 700)),
    tags: Array.from({ length: time }, (_, i) => tag(row * time + i)),
    intent: name('intent', row, 21),
  });
  const examples = Array.from({ length: Math.max(batch, 64) }, (_, row) => example(row));
  const reader = palm.reader.jointReaderOf({ train: examples }, { minimumCount: 1, maximumLength: time });
  const { step } = jointModel(reader, { device, epochs: 1, seed: 1 });
  const feeds: Feeds = {
    ...reader.pack(examples.slice(0, batch), { batch, time }),
    ...updateFeeds(step),
    ...random,
  };
  const used = new Set(step.inputs.map((ref) => String(step.nodes[ref]?.attributes.name)));
  return {
    graph: step,
    feeds: Object.fromEntries(Object.entries(feeds).filter(([key]) => used.has(key))),
    weights: true,
  };
}

/** A subject on a device: submissions by themselves, and a way to wait for what was submitted. */
export interface Prepared {
  readonly submit: () => Promise<void>;
  readonly settle: () => Promise<unknown>;
  readonly executable: Awaited<ReturnType<typeof compile<Graph>>>['executable'];
  readonly feeds: Feeds;
  readonly compileMilliseconds: number;
  readonly free: () => Promise<void>;
}

export async function prepare(
  device: Device,
  { graph: given, feeds, weights = false }: Subject,
  schedules?: ScheduleTable,
): Promise<Prepared> {
  let program: BoundProgram | undefined;
  let place: Location | undefined;
  const heard = new Proxy(device, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key !== 'bind') return value.bind(target);
      return async (...args: Parameters<Device['bind']>) => {
        program = await target.bind(...args);
        const last = args[0].at(-1);
        const written = last === undefined ? undefined : Object.values(last.buffers).at(-1);
        place = written === undefined ? undefined : { ...written, length: Math.min(1, written.length) };
        return program;
      };
    },
  });
  const start = performance.now();
  const { executable } = await compile(given, { device: heard, schedules });
  const compileMilliseconds = performance.now() - start;
  if (weights) await giveWeights(executable.state);
  await executable.run(feeds, { read: [] });
  const [ready, at] = [program, place];
  if (ready === undefined || at === undefined) throw new Error('nothing was bound');
  return {
    executable,
    feeds,
    compileMilliseconds,
    submit: () => ready.run(),
    settle: () => device.read(at),
    free: async () => {
      await executable.free();
      executable.state.free();
    },
  };
}

/** Milliseconds of one submission where many follow each other, and of one that is waited for. */
export async function timeOf(
  { submit, settle }: Prepared,
  milliseconds: number,
): Promise<{ each: number; alone: number }> {
  const turn = async (count: number): Promise<number> => {
    const start = performance.now();
    for (let i = 0; i < count; i++) await submit();
    await settle();
    return performance.now() - start;
  };
  await turn(2);
  let alone = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 5 && (i === 0 || alone < milliseconds); i++) alone = Math.min(alone, await turn(1));
  const count = Math.max(1, Math.min(1000, Math.round(milliseconds / alone)));
  if (count === 1) return { each: alone, alone };
  let each = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 3; i++) each = Math.min(each, (await turn(count)) / count);
  return { each, alone };
}
