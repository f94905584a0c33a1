import { FrondError } from '../base/errors.ts';
import {
  type BoundProgram,
  type Command,
  type Device,
  deviceClosed,
  type Location,
  type Memory,
} from './device.ts';

const memoryFreed = (): FrondError =>
  new FrondError('FROND-R033', 'memory is used that was given back', {
    hint: 'free a state or a block of memory after its last use',
  });

/**
 * The device with an end: after `close` every call rejects with FROND-R026, and what uses memory that was freed with FROND-R033.
 * A device that can be lost refuses calls itself, as a loss is told apart from its end.
 */
export function withLifetime<D extends Device>(inner: D): D {
  const freed = new WeakSet<Memory>();
  let closed = false;
  const check = (memories: Iterable<Memory> = []): void => {
    if (closed && inner.reopen === undefined) throw deviceClosed(inner.name);
    for (const memory of memories) if (freed.has(memory)) throw memoryFreed();
  };
  const bind = async (commands: readonly Command[]): Promise<BoundProgram> => {
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
      check();
      return inner.allocate(words);
    },
    /** once: what is free already stays so */
    free(memory: Memory) {
      if (closed || freed.has(memory)) return;
      freed.add(memory);
      inner.free(memory);
    },
    async write(location: Location, data: ArrayLike<number>) {
      check([location.memory]);
      return inner.write(location, data);
    },
    async read(location: Location) {
      check([location.memory]);
      return inner.read(location);
    },
    async prepare(...given: Parameters<Device['prepare']>) {
      check();
      return inner.prepare(...given);
    },
    async close() {
      closed = true;
      return inner.close();
    },
  };
}
