import { FrondError } from '../../base/errors.ts';
import { dependenciesOf, type PlacedStatement } from '../../kernel/flow.ts';
import type { Axis, Buffer, Kernel, StorageType, Value, ValueType } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import type { AxisLayout } from './layout.ts';
import { SharedMemory } from './memory.ts';
import type { WgslOptions } from './options.ts';
import type { StoragePlace } from './storage.ts';
import type { VectorAccesses } from './vectors.ts';
import { Writer } from './writer.ts';

/** Functions of a module, whose texts are in `functions.ts`. */
export type Helper =
  | 'isNan'
  | 'exp'
  | 'log'
  | 'tanh'
  | 'erf'
  | 'erfcx'
  | 'isFinite'
  | 'fromBits'
  | `${'min' | 'max'}${'' | '4'}`
  | 'order'
  | 'divideI32'
  | 'divideU32'
  | 'toI32'
  | 'toU32'
  | 'threefry';

/** What decides how often loops run and which conditions hold. */
export function findControlling(steps: readonly PlacedStatement[]): Set<Value> {
  const loops = steps.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const found = new Set<Value>();
  for (const { statement } of steps) {
    const roots =
      statement.kind === 'loop'
        ? [statement.from, statement.to, statement.step]
        : statement.kind === 'when'
          ? [statement.condition]
          : [];
    for (const root of roots) dependenciesOf(root, loops, found);
  }
  return found;
}

/** Everything that the rooms of the printer share while one kernel is written. */
export interface Printer {
  readonly kernel: Kernel;
  readonly options: WgslOptions;
  readonly analysis: Analysis;
  readonly threads: Readonly<Record<'x' | 'y', number>>;
  readonly writer: Writer;
  readonly memory: SharedMemory;
  /** private arrays of tiles, and names of scalars */
  readonly variables: Map<Value, string>;
  /** names of buffers and parameters in the text */
  readonly globals: ReadonlyMap<string, string>;
  readonly helpers: Set<Helper>;
  /** 'shuffle' once threads exchange numbers inside subgroups */
  readonly subgroupsUsed: Set<'shuffle'>;
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
  /** values that loop bounds and conditions are computed from */
  readonly controlling: ReadonlySet<Value>;
  /** names for scalars that are the ends of spans */
  readonly spanNames: ReadonlyMap<Value, string>;
}

export const makePrinter = (
  parts: Pick<
    Printer,
    | 'kernel'
    | 'options'
    | 'analysis'
    | 'threads'
    | 'globals'
    | 'spanNames'
    | 'storage'
    | 'controlling'
    | 'layouts'
    | 'accesses'
    | 'vectors'
    | 'stage'
    | 'partBytes'
  >,
): Printer => {
  const writer = new Writer();
  for (const name of parts.globals.values()) writer.innermost.names.add(name);
  return {
    ...parts,
    writer,
    memory: new SharedMemory(writer),
    variables: new Map(),
    helpers: new Set(),
    subgroupsUsed: new Set(),
  };
};

export const dimensionOf = (p: Printer, axis: Axis): 'x' | 'y' =>
  p.analysis.placement.dimensionOf.get(axis) ?? 'x';
export const threadsAlong = (p: Printer, axis: Axis): number => p.threads[dimensionOf(p, axis)];
export const lanesOf = (p: Printer, axis: Axis): 1 | 4 => p.layouts.get(axis)?.lanes ?? 1;
export const groupsOf = (p: Printer, axis: Axis): number => p.layouts.get(axis)?.groups ?? 1;
/** Elements of `axis` that one thread owns. */
export const perThread = (p: Printer, axis: Axis): number => lanesOf(p, axis) * groupsOf(p, axis);
/** Registers that a thread keeps of a tile: scalars, or vec4 along the last axis. */
export const registersOf = (p: Printer, axes: readonly Axis[]): number => {
  const last = axes.at(-1);
  return axes.reduce((count, axis) => count * perThread(p, axis), 1) / (last ? lanesOf(p, last) : 1);
};
/** The type of such a register. */
export const registerType = (p: Printer, axes: readonly Axis[], dtype: ValueType): string => {
  const last = axes.at(-1);
  return typeOf(dtype, last ? lanesOf(p, last) : 1);
};
export const typeOf = (dtype: ValueType | StorageType, lanes: 1 | 4): string =>
  lanes === 4 ? `vec4<${dtype}>` : dtype;

/** Thread dimensions, with more than one thread, over which a tile with these axes is repeated. */
export function repeatedOver(p: Printer, axes: readonly Axis[]): ('x' | 'y')[] {
  const used = new Set(axes.map((axis) => dimensionOf(p, axis)));
  return (['x', 'y'] as const).filter((dimension) => p.threads[dimension] > 1 && !used.has(dimension));
}

export const unprintable = (p: Printer, value: Value, what: string): FrondError =>
  new FrondError('FROND-X003', `kernel ${p.kernel.name}: ${what} cannot be printed as WGSL`, {
    node: `${p.kernel.name}/%${value.id}`,
    hint: 'run checkKernel on it; if that finds nothing, this is a defect of frond',
  });
