import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { elements, having, kind, listOf } from '../base/kinds.ts';
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

const size = kind('a whole number from 0 on', (value) => Number.isInteger(value) && Number(value) >= 0);
const block = having('memory that this device gave', 'words');
const place = having('a place: memory, offset, length and dtype', 'memory', 'offset', 'length', 'dtype');
const commandList = listOf(having('a command', 'kernel', 'buffers'), 'commands');
const launches = kind('a list of launches', (value) => Array.isArray(value) || Object(value) instanceof Set);

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
  const bind = async (commands: readonly Command[]): Promise<BoundProgram> => {
    checkArguments('device.bind', { commands: commandList }, [commands]);
    const used = new Set(
      commands.flatMap(({ buffers }) => Object.values(buffers).map(({ memory }) => memory)),
    );
    check(used);
    const program = await inner.bind(commands);
    const { profile } = program;
    return {
      ...program,
      async run() {
        check(used);
        return program.run();
      },
      ...(profile && {
        async profile() {
          check(used);
          return profile();
        },
      }),
    };
  };
  return {
    ...inner,
    bind,
    async allocate(words: number) {
      checkArguments('device.allocate', { words: size }, [words]);
      check();
      const memory = await inner.allocate(words);
      alive.add(memory);
      return memory;
    },
    /** once: what is free already stays so */
    free(memory: Memory) {
      checkArguments('device.free', { memory: block }, [memory]);
      if (closed || !alive.delete(memory)) return;
      inner.free(memory);
    },
    async write(location: Location, data: ArrayLike<number>) {
      checkArguments('device.write', { location: place, data: elements }, [location, data]);
      check([location.memory]);
      requireInside(location, data.length);
      return inner.write(location, data);
    },
    async read(location: Location) {
      checkArguments('device.read', { location: place }, [location]);
      check([location.memory]);
      requireInside(location);
      return inner.read(location);
    },
    async prepare(...given: Parameters<Device['prepare']>) {
      checkArguments('device.prepare', { launches }, given);
      check();
      return inner.prepare(...given);
    },
    async close() {
      closed = true;
      return inner.close();
    },
  };
}
