import { defined } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, StorageType, Value, ValueType } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import type { StoragePlace } from './bindings.ts';
import type { Helper } from './functions.ts';
import type { AxisLayout, Threads, VectorAccesses } from './layout.ts';
import { SharedMemory } from './memory.ts';
import type { WgslOptions } from './options.ts';
import { Writer } from './writer.ts';

/** Everything that is decided before the first line is written. */
export interface Decisions {
  readonly kernel: Kernel;
  readonly options: WgslOptions;
  readonly analysis: Analysis;
  readonly threads: Threads;
  /** names of bindings and parameters in the text */
  readonly globals: ReadonlyMap<string, string>;
  /** which binding holds each buffer */
  readonly storage: ReadonlyMap<string, StoragePlace>;
  readonly layouts: ReadonlyMap<Axis, AxisLayout>;
  /** accesses that may take four neighbours at a time, and the buffers that are arrays of vec4 */
  readonly accesses: VectorAccesses;
  readonly vectors: ReadonlySet<Buffer>;
  /** deepest chunk of a contraction in workgroup memory */
  readonly stage: number;
  /** bytes of a reduction's parts above which results are reduced one after the other, in the same memory */
  readonly partBytes: number;
  /** names for scalars that are the ends of spans */
  readonly spanNames: ReadonlyMap<Value, string>;
}

/** What is decided, and what is written so far, while one kernel is printed. */
export interface Printer extends Decisions {
  readonly writer: Writer;
  readonly memory: SharedMemory;
  /** private arrays of tiles, and names of scalars */
  readonly variables: Map<Value, string>;
  readonly helpers: Set<Helper>;
  /** whether threads exchange numbers inside subgroups so far */
  usesSubgroups: boolean;
}

export function makePrinter(decisions: Decisions): Printer {
  const writer = new Writer();
  for (const name of decisions.globals.values()) writer.innermost.names.add(name);
  return {
    ...decisions,
    writer,
    memory: new SharedMemory(writer),
    variables: new Map(),
    helpers: new Set(),
    usesSubgroups: false,
  };
}

export const layoutOf = ({ layouts }: Decisions, axis: Axis): AxisLayout =>
  defined(layouts.get(axis), `layout of axis ${axis.name}`);

/** Registers that a thread keeps of a tile, each a number, or four along the last axis. */
export function registersOf(p: Printer, axes: readonly Axis[]) {
  const layouts = axes.map((axis) => layoutOf(p, axis));
  const lanes = layouts.at(-1)?.lanes ?? 1;
  return { count: layouts.reduce((count, { owned }) => count * owned, 1) / lanes, lanes };
}

export const typeOf = (dtype: ValueType | StorageType, lanes: 1 | 4): string =>
  lanes === 4 ? `vec4<${dtype}>` : dtype;

/** `text` in every lane. */
export const splat = (dtype: ValueType | StorageType, lanes: 1 | 4, text: string): string =>
  lanes === 4 ? `${typeOf(dtype, 4)}(${text})` : text;

/** Conditions under which one thread alone acts where several have the same elements of a tile with these axes. */
export function aloneIn(p: Printer, axes: readonly Axis[]): string[] {
  const used = new Set(axes.map((axis) => layoutOf(p, axis).dimension));
  return (['x', 'y'] as const)
    .filter((dimension) => p.threads[dimension] > 1 && !used.has(dimension))
    .map((dimension) => `t${dimension} == 0`);
}
