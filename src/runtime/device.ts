import type { DType, Precision, TypedArray } from '../base/dtype.ts';
import type { Kernel, Launch } from '../kernel/ir.ts';

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
}

/** A command list made ready; running it is one submission. */
export interface BoundProgram {
  run(): Promise<void>;
}

/**
 * Something that runs kernels. Every call that reaches the device is asynchronous, the interpreter's too, so that code
 * written against it holds for a GPU.
 */
export interface Device {
  readonly name: DeviceName;
  readonly precision: Precision;
  /** Zeroed memory. @throws FROND-R001 when the device has not that much, naming the bytes */
  allocate(words: number): Promise<Memory>;
  free(memory: Memory): void;
  write(location: Location, data: ArrayLike<number>): Promise<void>;
  /** A copy of the elements. */
  read(location: Location): Promise<TypedArray>;
  /** Compiles the kernels, so that `bind` only has to look them up. */
  prepare(kernels: Iterable<Kernel>): Promise<void>;
  bind(commands: readonly Command[]): BoundProgram;
  /** Gives everything back; the device is not usable afterwards. */
  close(): Promise<void>;
}
