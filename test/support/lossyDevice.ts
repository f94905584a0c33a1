import type { TypedArray } from '../../src/base/dtype.ts';
import { type Command, type Device, deviceLost, type Memory } from '../../src/runtime/device.ts';

/** Calls that reach a device. */
export type CallKind = 'allocate' | 'write' | 'read' | 'prepare' | 'bind' | 'run' | 'reopen';

export interface LossyDevice extends Device {
  /** what was called, over all devices that were opened */
  readonly calls: readonly CallKind[];
  /** devices opened so far */
  readonly opened: number;
  /** runs submitted and not yet begun, at most */
  readonly deepest: number;
  /** loses the device at hand now, as from outside */
  lose(): void;
}

interface Shared {
  readonly open: () => Device;
  readonly loseAt: (call: number, kind: CallKind) => boolean;
  readonly reopens: number;
  readonly calls: CallKind[];
  opened: number;
  deepest: number;
  lose: () => void;
}

/**
 * A device that works as a GPU does: writes and runs settle at once and are done later, in order, so that only a read waits. It is
 * lost at the calls for which `loseAt` holds, counted from 0 over all devices; then whatever is under way rejects, and
 * everything after it. `reopens`: how often another one can be had.
 */
export function lossyDevice(
  open: () => Device,
  loseAt: (call: number, kind: CallKind) => boolean = () => false,
  reopens = Number.POSITIVE_INFINITY,
): LossyDevice {
  return wrap({ open, loseAt, reopens, calls: [], opened: 0, deepest: 0, lose: () => undefined });
}

function wrap(shared: Shared): LossyDevice {
  const inner = shared.open();
  shared.opened++;
  let lost: string | undefined;
  let queued = 0;
  let last: Promise<unknown> = Promise.resolve();
  const error = () => deviceLost(inner.name, lost ?? 'not at all');
  shared.lose = () => {
    lost ??= 'taken away';
  };
  /** Queues work behind all calls so far; gives what it gives. */
  const enqueue = <T>(kind: CallKind, work: () => T | Promise<T>): Promise<T> => {
    const call = shared.calls.length;
    shared.calls.push(kind);
    if (shared.loseAt(call, kind)) lost ??= `${kind} ${call}`;
    const done = last.then(async () => {
      // a turn of the event loop, in which the caller may go on
      await new Promise((resolve) => setImmediate(resolve));
      if (lost !== undefined) throw error();
      const result = await work();
      if (lost !== undefined) throw error();
      return result;
    });
    last = done.catch(() => undefined);
    return done;
  };
  /** The same, without waiting for it. */
  const submit = async (kind: CallKind, work: () => unknown): Promise<void> => {
    enqueue(kind, work).catch(() => undefined);
    if (lost !== undefined) throw error();
  };
  return {
    name: inner.name,
    precision: inner.precision,
    ...(inner.chunkWords === undefined ? {} : { chunkWords: inner.chunkWords }),
    get calls() {
      return shared.calls;
    },
    get opened() {
      return shared.opened;
    },
    get deepest() {
      return shared.deepest;
    },
    lose: () => shared.lose(),
    allocate: (words) => enqueue('allocate', () => inner.allocate(words)),
    free(memory: Memory) {
      last = last.then(() => inner.free(memory));
    },
    write(location, data) {
      const copy = Array.from(data);
      return submit('write', () => inner.write(location, copy));
    },
    read: (location): Promise<TypedArray> => enqueue('read', () => inner.read(location)),
    prepare: (launches, onProgress) => enqueue('prepare', () => inner.prepare(launches, onProgress)),
    bind: async (commands: readonly Command[]) => {
      const program = await enqueue('bind', () => inner.bind(commands));
      return {
        run: () => {
          shared.deepest = Math.max(shared.deepest, ++queued);
          return submit('run', () => {
            queued--;
            return program.run();
          });
        },
      };
    },
    close: () => inner.close(),
    async reopen() {
      shared.calls.push('reopen');
      if (shared.opened > shared.reopens) throw new Error('no adapter');
      return wrap(shared);
    },
  };
}
