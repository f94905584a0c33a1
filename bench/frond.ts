import { compile, type Device, type Feeds, type Graph, interpreterDevice, wasmDevice } from 'frond';
import { normal } from '../src/base/random.ts';
import type { BoundProgram } from '../src/runtime/device.ts';
import { registerCeiling } from './ceiling.ts';
import { serve, type Work } from './contender.ts';
import { chain, classes, crfGradient, type StepCase, trainingStep, updateFeeds } from './models.ts';

/** frond as a contender: `options.device` and `options.threads` say on what. */

interface On {
  readonly device: 'wasm' | 'interpreter';
  readonly threads: number;
}

/** Bytes that no cache of a core holds. */
const COPIED = 64 * 2 ** 20;

/** @throws where the device asked for has another number of threads than asked for: no figure goes by a false name */
async function open({ device, threads }: On): Promise<Device> {
  if (device === 'interpreter') return interpreterDevice();
  const made = await wasmDevice({ threads });
  if (made.threads !== threads) throw new Error(`the device has ${made.threads} threads`);
  return made;
}

const draw = (name: string, length: number, scale = 1): Float32Array =>
  Float32Array.from({ length }, (_, i) => scale * normal(1, name, i));

/** A device whose latest command list can be run by itself: feeding and reading are no part of a launch. */
function listening(device: Device): { readonly device: Device; readonly bound: () => BoundProgram } {
  let latest: BoundProgram | undefined;
  const heard = new Proxy(device, {
    get(target, key) {
      const value: unknown = Reflect.get(target, key);
      if (typeof value !== 'function') return value;
      if (key !== 'bind') return value.bind(target);
      return async (...args: Parameters<Device['bind']>) => {
        latest = await target.bind(...args);
        return latest;
      };
    },
  });
  const bound = (): BoundProgram => {
    if (latest === undefined) throw new Error('nothing was bound');
    return latest;
  };
  return { device: heard, bound };
}

const tensor = (data: Float32Array, ...shape: number[]) => ({ dtype: 'f32', shape, data }) as const;
const indices = (length: number, below: number) => Int32Array.from({ length }, (_, i) => (i * 37) % below);

async function submission(graph: Graph, on: On, feeds: Feeds, times = 1): Promise<Work> {
  const { device, bound } = listening(await open(on));
  const { executable } = await compile(graph, { device });
  await executable.run(feeds);
  const program = bound();
  return { run: () => program.run(), times, close: () => device.close() };
}

const contender = {
  /** `count` products after each other in one submission */
  matmul: async ({ rows, inner, count, ...on }: On & { rows: number; inner: number; count: number }) => {
    const feeds = {
      x: tensor(draw('x', rows * inner), rows, inner),
      w: tensor(draw('w', inner * inner, inner ** -0.5), inner, inner),
    };
    return submission(chain(rows, inner, count), on, feeds, count);
  },

  /** feeds, forward, backward and update */
  step: async ({ at, ...on }: On & { at: StepCase }): Promise<Work> => {
    const device = await open(on);
    const step = trainingStep(at);
    const { executable } = await compile(step, { device });
    await executable.state.initialize(1);
    const { batch, time, width } = at;
    const feeds: Feeds = {
      x: tensor(draw('x', batch * time * width), batch, time, width),
      labels: { dtype: 'i32', shape: [batch, time], data: indices(batch * time, classes) },
      ...updateFeeds(step),
    };
    const { loss } = await executable.run(feeds);
    return {
      run: () => executable.run(feeds, { read: [] }),
      note: `first loss ${loss?.data[0]?.toFixed(3)}`,
      close: () => device.close(),
    };
  },

  crf: async ({ batch, time, labels, ...on }: On & { batch: number; time: number; labels: number }) => {
    const feeds: Feeds = {
      emissions: tensor(draw('emissions', batch * time * labels), batch, time, labels),
      transitions: tensor(draw('transitions', labels * labels), labels, labels),
      start: tensor(draw('start', labels), labels),
      stop: tensor(draw('stop', labels), labels),
      tags: { dtype: 'i32', shape: [batch, time], data: indices(batch * time, labels) },
      lengths: { dtype: 'i32', shape: [batch], data: new Int32Array(batch).fill(time) },
    };
    return submission(crfGradient(labels), on, feeds);
  },

  /** large arrays copied: what memory gives and takes */
  copy: (): Work => {
    const from = new Float32Array(COPIED / 4).fill(1);
    const to = new Float32Array(COPIED / 4);
    return { run: () => to.set(from), note: String(2 * COPIED) };
  },

  ceiling: (): Work => {
    const { run, operations } = registerCeiling();
    return { run, note: String(operations) };
  },
};

await serve(contender);
