import type { Precision } from '../../src/base/dtype.ts';
import type { Command, Device, Location, Memory } from '../../src/runtime/device.ts';
import type { TensorValue } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';

/** What a strict device has seen. */
export interface Usage {
  /** words of memory that were not given back */
  live: number;
  binds: number;
  runs: number;
  /** command lists that ran at the same time, at most */
  overlapping: number;
}

/**
 * The interpreter with the manners of a GPU: memory that was given back must not be touched again (and is spoilt), and a
 * submission takes a while.
 */
export function strictDevice(precision: Precision = 'f32'): {
  readonly device: Device;
  readonly usage: Usage;
} {
  const inner = interpreterDevice({ precision });
  const usage: Usage = { live: 0, binds: 0, runs: 0, overlapping: 0 };
  const alive = new Set<Memory>();
  let running = 0;
  const check = (memory: Memory): void => {
    if (!alive.has(memory)) throw new Error('memory is used that was given back');
  };
  const device: Device = {
    ...inner,
    async allocate(words) {
      const memory = await inner.allocate(words);
      alive.add(memory);
      usage.live += words;
      await later();
      return memory;
    },
    free(memory) {
      check(memory);
      const all: Location = { memory, offset: 0, length: memory.words, dtype: 'f32' };
      void inner.write(all, new Array<number>(memory.words).fill(Number.NaN));
      alive.delete(memory);
      usage.live -= memory.words;
    },
    async write(location, data) {
      check(location.memory);
      if (data.length !== location.length)
        throw new Error(`${data.length} values for ${location.length} elements`);
      await inner.write(location, data);
    },
    async read(location) {
      await later();
      check(location.memory);
      return inner.read(location);
    },
    async bind(commands: readonly Command[]) {
      usage.binds++;
      const memories = commands.flatMap(({ buffers }) => Object.values(buffers).map(({ memory }) => memory));
      memories.forEach(check);
      const program = await inner.bind(commands);
      return {
        async run() {
          running++;
          usage.runs++;
          usage.overlapping = Math.max(usage.overlapping, running);
          await later();
          memories.forEach(check);
          await program.run();
          running--;
        },
      };
    },
  };
  return { device, usage };
}

const later = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

export const f32Value = (shape: readonly number[], data: ArrayLike<number>): TensorValue => ({
  dtype: 'f32',
  shape,
  data: Float32Array.from(data),
});

export const i32Value = (shape: readonly number[], data: ArrayLike<number>): TensorValue => ({
  dtype: 'i32',
  shape,
  data: Int32Array.from(data),
});

/** Numbers 0, 1, … scaled, with both signs. */
export const wave = (count: number, phase = 0): number[] =>
  Array.from({ length: count }, (_, i) => Math.sin(1.7 * i + phase));

export const numbers = (value: TensorValue | undefined): number[] => Array.from(value?.data ?? []);

/** The bytes of an array, to compare them whole. */
export const bytes = (values: ArrayLike<number> | undefined): string =>
  Buffer.from(Float32Array.from(values ?? []).buffer).toString('hex');
