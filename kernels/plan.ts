import type { Dim, Shape } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { remembered } from '../src/base/own.ts';
import type { GridExpression, Slot } from '../src/ir/record.ts';
import {
  type KernelBuilder,
  type KernelOptions,
  type TermInput,
  traceKernel,
  type ValueLike,
} from '../src/kernel/build.ts';
import type { Axis, Kernel, Span, StorageType, Value } from '../src/kernel/ir.ts';
import { scheduleKey } from '../src/kernel/schedule.ts';

/** How a kernel is traced. */
interface Tracing extends KernelOptions {
  /** whose kernels may share this text; frond's own where it is left out */
  readonly owner?: object | undefined;
}

const FROND = {};
/** by owner, then by what names the text */
const traced = new WeakMap<object, Map<string, Kernel>>();
/** how to trace each of them again */
const authors = new WeakMap<
  Kernel,
  { readonly options: Tracing; readonly author: (k: KernelBuilder) => void }
>();

/**
 * The kernel of that name, variant and schedule, traced once, so that one text is one `Kernel` object and compiles once.
 * These three together name everything that shapes the text, among those of one owner.
 */
export function kernelOnce(options: Tracing, author: (k: KernelBuilder) => void): Kernel {
  const { owner = FROND, ...described } = options;
  const key = `${options.name} ${options.variant ?? ''} ${scheduleKey(options.schedule)}`;
  const kernels = remembered(traced, owner, () => new Map<string, Kernel>());
  return remembered(kernels, key, () => {
    const kernel = traceKernel(described, author);
    authors.set(kernel, { options, author });
    return kernel;
  });
}

/**
 * The same kernel with buffers of f16 where it declares f32, by name; what it computes stays f32. So every kernel takes
 * tensors of f16, and plan functions need not know.
 */
export function withStorage(kernel: Kernel, storage: Readonly<Record<string, 'f16'>>): Kernel {
  const known = authors.get(kernel);
  const names = Object.keys(storage).sort();
  if (known === undefined || names.length === 0) return kernel;
  const { options, author } = known;
  const variant = [options.variant ?? '', ...names.map((name) => `${name}:f16`)].filter(Boolean).join(' ');
  return kernelOnce({ ...options, variant, storage }, author);
}

/** Score of what does not exist or is ruled out: e^ABSENT is 0, and nothing is lower. */
export const ABSENT = Number.NEGATIVE_INFINITY;

/** Bool tensors are u32 in memory. */
export const storage = (dtype: DType): StorageType => (dtype === 'bool' ? 'u32' : dtype);

/** What a load gives: f16 is widened, bools stay words until they are compared with 0. */
export const loadedType = (dtype: DType): 'f32' | 'i32' | 'u32' =>
  dtype === 'i32' ? 'i32' : dtype === 'u32' || dtype === 'bool' ? 'u32' : 'f32';

export const roundUp = (size: number, unit: number): number => Math.ceil(size / unit) * unit;

/** One grid dimension of ceil(size / per) programs. */
export const blocksOf = (size: Dim, per: number): GridExpression => ({ size, per });

/**
 * Extent of a tile axis for a logical size: `largest` where the size is only known at run time; else the size spread
 * evenly over the fewest tiles and rounded up to `unit`, so that 130 becomes three tiles of 48 and not two of 64
 * with a third that is nearly empty.
 */
export function tileExtent(size: Dim, largest: number, unit: number): number {
  if (typeof size !== 'number') return largest;
  const tiles = Math.max(1, Math.ceil(size / largest));
  return Math.min(largest, Math.max(unit, roundUp(Math.ceil(size / tiles), unit)));
}

/** The power of two, 4 or more, that holds `size`. */
export const padded = (size: number): number => Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))));

/** That power of two, or `largest` where the size is larger or known at run time alone. */
export const paddedExtent = (size: Dim, largest: number): number =>
  typeof size === 'number' ? Math.min(padded(size), largest) : largest;

/** Extents as they stand in variants: `32x256`. */
export const extentsOf = (tiles: Readonly<Record<string, number>>): string => Object.values(tiles).join('x');

/** What a launch of dropout is given: an element is kept iff its random word is below `threshold`, (1 − rate)·2³². */
export const dropoutScalars = ({ rate, stream }: { readonly rate: number; readonly stream: number }) => ({
  stream: stream >>> 0,
  threshold: Math.min(0xffffffff, Math.floor((1 - rate) * 0x100000000)),
  inverseKeep: 1 / (1 - rate),
});

/** Arenas or tables (`ir/record.ts`), each under its own name. */
export const shared = <N extends string>(kind: 'arena' | 'table', ...names: readonly N[]) =>
  Object.fromEntries<Slot>(names.map((name) => [name, { kind, name }])) as Readonly<Record<N, Slot>>;

/** Memory that lives through the launches of one node. */
export const temporary = (name: string, dtype: DType, shape: Shape): Slot => ({
  kind: 'temporary',
  name,
  type: { dtype, shape },
});

/** The same of one type under several names. */
export const temporaries = <N extends string>(dtype: DType, shape: Shape, ...names: readonly N[]) =>
  Object.fromEntries(names.map((name) => [name, temporary(name, dtype, shape)])) as Readonly<Record<N, Slot>>;

// ---- addresses

/** What this program takes along `axis`, one tile for each index of a grid dimension. */
export const tileOf = (k: KernelBuilder, axis: Axis, dimension: 0 | 1 | 2 | 3, limit: ValueLike): Span =>
  k.span(axis, k.mul(k.program(dimension), axis.size), limit);

/** The logical indices that a span stands for. */
export const indices = (k: KernelBuilder, { axis, start }: Span): Value => k.add(k.arange(axis), start);

/** Runs `body` for its stores from `from` up to `to`. */
export function forEach(
  k: KernelBuilder,
  from: ValueLike,
  to: ValueLike,
  step: number,
  body: (i: Value) => void,
): void {
  k.loop(from, to, step, [], (i) => {
    body(i);
    return [];
  });
}

/** Address in a row-major matrix of so many columns. */
export const matrix = (
  row: TermInput[0],
  column: TermInput[0],
  columns: ValueLike,
): readonly [TermInput, TermInput] => [
  [row, columns],
  [column, 1],
];

/** Address of elements that stand at computed places: they count only where `within` does. */
export const among = (place: Value, within: Span): readonly [TermInput, TermInput] => [
  [place, 1],
  [within, 0],
];
