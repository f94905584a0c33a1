import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Command, type Device, deviceClosed, type Location, type Memory } from './device.ts';

const memoryFreed = (): FrondError =>
  new FrondError('FROND-R033', 'memory is used that was given back, or is of another device', {
    hint: 'free a state or a block of memory after its last use',
  });

const size = is.kind('a whole number from 0 on', (value) => Number.isInteger(value) && Number(value) >= 0);
const block = is.having('memory that this device gave', 'words');
const place = is.having('a place: memory, offset, length and dtype', 'memory', 'offset', 'length', 'dtype');
const written = { location: place, data: is.elements };
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
  const used = (location: Location, count = 0): Location => {
    check([location.memory]);
    requireInside(location, count);
    return location;
  };
  /** A method that looks at what it is given first. */
  const guarded =
    <A extends readonly unknown[], R>(name: string, kinds: is.Kinds, work: (...given: A) => R) =>
    async (...given: A): Promise<Awaited<R>> => {
      checkArguments(`device.${name}`, kinds, given);
      check();
      return await work(...given);
    };
  return {
    ...inner,
    bind: guarded('bind', { commands: commandList }, async (commands: readonly Command[]) => {
      const places = commands.flatMap(({ buffers }) => Object.values(buffers));
      const memories = new Set(places.map(({ memory }) => memory));
      check(memories);
      const program = await inner.bind(commands);
      const checked =
        <R>(work: () => R) =>
        async (): Promise<Awaited<R>> => {
          check(memories);
          return await work();
        };
      const { profile } = program;
      return { ...program, run: checked(() => program.run()), ...(profile && { profile: checked(profile) }) };
    }),
    allocate: guarded('allocate', { words: size }, async (words: number) => {
      const memory = await inner.allocate(words);
      alive.add(memory);
      return memory;
    }),
    /** once: what is free already stays so */
    free(memory: Memory) {
      checkArguments('device.free', { memory: block }, [memory]);
      if (!closed && alive.delete(memory)) inner.free(memory);
    },
    write: guarded('write', written, (location: Location, data: ArrayLike<number>) =>
      inner.write(used(location, data.length), data),
    ),
    read: guarded('read', { location: place }, (location: Location) => inner.read(used(location))),
    prepare: guarded('prepare', { launches }, (...given: Parameters<Device['prepare']>) =>
      inner.prepare(...given),
    ),
    async close() {
      closed = true;
      return inner.close();
    },
  };
}
