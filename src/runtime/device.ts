import { checkArguments } from '../base/arguments.ts';
import type { DType, Precision, TypedArray } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Launch } from '../kernel/ir.ts';
import { type ScheduleTable, tableKind } from '../kernel/schedule.ts';

export type DeviceName = 'interpreter' | 'wasm' | 'webgpu';

/** A block of device memory, counted in 4-byte words (8-byte words on a device of precision f64). */
export interface Memory {
  readonly words: number;
}

/** A tensor's place on a device: `length` elements from word `offset` of `memory`. */
export interface Location {
  readonly memory: Memory;
  readonly offset: number;
  readonly length: number;
  readonly dtype: DType;
}

/** A launch with its memory: one entry of a step's command list. */
export interface Command extends Launch {
  /** by buffer name of the kernel */
  readonly buffers: Readonly<Record<string, Location>>;
  /** id of the node that it computes, for those who read the list */
  readonly node?: string;
  /** parameters that are multiples of 4 whatever the sizes are (`ir/multiples.ts`): a device may print another text for them */
  readonly multiplesOf4?: readonly string[];
}

/** Where a launch's buffer will lie: in which memory, and which tensor of it. Equal keys mean the same. */
export interface Place {
  readonly memory: unknown;
  readonly tensor: unknown;
}

/** A launch before sizes are known. */
export interface LaunchShape extends Pick<Command, 'kernel' | 'multiplesOf4'> {
  /** by buffer name of the kernel */
  readonly places: Readonly<Record<string, Place>>;
}

/** Milliseconds of one launch, in the order of the command list. */
export interface LaunchTime {
  readonly kernel: string;
  readonly variant: string;
  readonly milliseconds: number;
}

/** A command list made ready; running it is one submission. */
export interface BoundProgram {
  /** Settles when the submission is made, which may be long before its end: a read waits for that. */
  run(): Promise<void>;
  /** Runs once, with a clock at each launch; undefined where the device has no such clock. */
  profile?(): Promise<readonly LaunchTime[] | undefined>;
  /** Gives back what the list itself takes; it does not run any more. */
  free?(): void;
}

/**
 * Something that runs kernels. Every call that reaches the device is asynchronous, the interpreter's too, so that code
 * written against it holds for a GPU. Calls take effect in the order in which they are made, also where the one before has
 * not settled: what `read` gives is what the calls before it have made, whatever is asked for while it is under way.
 * On a lost device every call under way and every later one rejects with FROND-R030 (`deviceLost`); none gives numbers.
 */
export interface Device {
  readonly name: DeviceName;
  readonly precision: Precision;
  /** what does the work, as its maker calls it; absent: the processor */
  readonly adapter?: { readonly name: string };
  /** laid over the built-in schedules of this kind of device, for every graph compiled for it; see `withSchedules` */
  readonly schedules?: ScheduleTable;
  /** Zeroed memory. @throws FROND-R001 when the device has not that much, naming the bytes */
  allocate(words: number): Promise<Memory>;
  /** What uses it later rejects with FROND-R033. */
  free(memory: Memory): void;
  write(location: Location, data: ArrayLike<number>): Promise<void>;
  /** A copy of the elements. */
  read(location: Location): Promise<TypedArray>;
  /**
   * A tensor must not cross a multiple of so many words of its memory: beyond it the device begins another buffer. Absent: none does.
   */
  readonly chunkWords?: number;
  /** Compiles the kernels, so that `bind` only has to look them up. `onProgress`: kernels compiled so far, and to compile. */
  prepare(launches: Iterable<LaunchShape>, onProgress?: (done: number, total: number) => void): Promise<void>;
  bind(commands: readonly Command[]): BoundProgram | Promise<BoundProgram>;
  /** Gives everything back; every later call rejects with FROND-R026. */
  close(): Promise<void>;
  /** Opens another device of the same kind. Only devices that can be lost have it. @throws when there is none any more */
  reopen?(): Promise<Device>;
}

/** What is given as a device; people give its name, or the function that makes one. */
export const deviceKind: is.Kind<Device> = {
  ...is.having<Device>('a device, such as wasmDevice()', 'allocate', 'bind', 'close'),
  advise: (value) => {
    if (typeof value === 'string') return `open it: wasmDevice(), or (await chooseDevice('${value}')).device`;
    if (typeof value === 'function') return `call it: ${value.name}()`;
    const chosen = typeof value === 'object' && value !== null && 'device' in value;
    return chosen ? 'give the field device of what chooseDevice gives' : undefined;
  },
};

/** The same device, for which graphs are compiled with `schedules`, such as tuning found, laid over the built-in ones. */
export function withSchedules(device: Device, schedules: ScheduleTable): Device {
  checkArguments('withSchedules', { device: deviceKind, schedules: tableKind }, [device, schedules]);
  const { reopen } = device;
  return {
    ...device,
    schedules,
    ...(reopen && { reopen: async () => withSchedules(await reopen(), schedules) }),
  };
}

/** What a closed device answers with. */
export const deviceClosed = (device: DeviceName): FrondError =>
  new FrondError('FROND-R026', `the device ${device} was closed`, {
    hint: `open another one: ${device}Device()`,
  });

/** What a lost device answers with. */
export const deviceLost = (device: DeviceName, reason: string): FrondError =>
  new FrondError('FROND-R030', `the ${device} device was lost: ${reason}`, {
    hint: 'what was on it is gone; open a new device, training does so by itself',
  });

export const isDeviceLost = (error: unknown): boolean =>
  error instanceof FrondError && error.code === 'FROND-R030';
