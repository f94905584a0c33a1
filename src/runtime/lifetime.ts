import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import {
  type BoundProgram,
  type Command,
  type Device,
  deviceClosed,
  type Location,
  type Memory,
} from './device.ts';

const memoryFreed = (): FrondError =>
  new FrondError('FROND-R033', 'memory is used that was given back, or is of another device', {
    hint: 'free a state or a block of memory after its last use',
  });

const size = is.kind('a whole number from 0 on', (value) => Number.isInteger(value) && Number(value) >= 0);
const block = is.having('memory that this device gave', 'words');
const place = is.having('a place: memory, offset, length and dtype', 'memory', 'offset', 'length', 'dtype');
const commandList = is.listOf(is.having('a command', 'kernel', 'buffers'), 'commands');
const launches = is.kind(
  'a list of launches',
  (value) => Array.isArray(value) || Object(value) instanceof Set,
);

/** @throws FROND-R036 for a place that is not within its memory, or data that is not within the place */
function requireInside({ memory, offset, length }: Location, count = 0): void {
  const isInside = offset >= 0 && length >= 0 && offset + length <= memory.words && count <= length;
  if (isInside) return;
  const what = `${length} elements from ${offset} on, in a memory of ${memory.words}`;
  throw new FrondError('FROND-R036', count > length ? `${count} numbers for ${length} elements` : what, {
    hint: 'count in elements of 4 bytes, from the beginning of the memory',
  });
}

/**
 * The device with an end: after `close` every call rejects with FROND-R026, and what uses memory that was freed, or is another
 * device's, with FROND-R033. Arguments are checked here for all devices.
 * A device that can be lost refuses calls itself, as a loss is told apart from its end.
 */
export function withLifetime<D extends Device>(inner: D): D {
  const alive = new WeakSet<Memory>();
  let closed = false;
  const check = (memories: Iterable<Memory> = []): void => {
    if (closed && inner.reopen === undefined) throw deviceClosed(inner.name);
    for (const memory of memories) if (!alive.has(memory)) throw memoryFreed();
  };
  /** A method that looks at what it is given first. */
  const guarded =
    <A extends readonly unknown[], R>(name: string, kinds: is.Kinds, work: (...given: A) => R) =>
    async (...given: A): Promise<Awaited<R>> => {
      checkArguments(`device.${name}`, kinds, given);
      return await work(...given);
    };
  const bind = async (commands: readonly Command[]): Promise<BoundProgram> => {
    const used = new Set(
      commands.flatMap(({ buffers }) => Object.values(buffers).map(({ memory }) => memory)),
    );
    check(used);
    const program = await inner.bind(commands);
    const { profile } = program;
    const checked =
      <R>(work: () => R) =>
      async (): Promise<Awaited<R>> => {
        check(used);
        return await work();
      };
    return { ...program, run: checked(() => program.run()), ...(profile && { profile: checked(profile) }) };
  };
  return {
    ...inner,
    bind: guarded('bind', { commands: commandList }, bind),
    allocate: guarded('allocate', { words: size }, async (words: number) => {
      check();
      const memory = await inner.allocate(words);
      alive.add(memory);
      return memory;
    }),
    /** once: what is free already stays so */
    free(memory: Memory) {
      checkArguments('device.free', { memory: block }, [memory]);
      if (!closed && alive.delete(memory)) inner.free(memory);
    },
    write: guarded(
      'write',
      { location: place, data: is.elements },
      (location: Location, data: ArrayLike<number>) => {
        check([location.memory]);
        requireInside(location, data.length);
        return inner.write(location, data);
      },
    ),
    read: guarded('read', { location: place }, (location: Location) => {
      check([location.memory]);
      requireInside(location);
      return inner.read(location);
    }),
    prepare: guarded('prepare', { launches }, (...given: Parameters<Device['prepare']>) => {
      check();
      return inner.prepare(...given);
    }),
    async close() {
      closed = true;
      return inner.close();
    },
  };
}
