import { FrondError } from '../../base/errors.ts';
import { dependenciesOf, type Step } from '../../kernel/checkWalk.ts';
import type { Axis, Kernel, StorageType, Value } from '../../kernel/ir.ts';
import { type Analysis, elementsPerThread } from './analysis.ts';
import { SharedMemory } from './memory.ts';
import type { WgslBinding, WgslOptions } from './options.ts';
import { Writer } from './writer.ts';

export type Helper = 'exp' | 'log' | 'tanh' | 'erf' | 'isFinite' | 'threefry';

/** Where a buffer's elements are: in a binding of its own, or from a base on in an arena. */
export interface StoragePlace {
  readonly binding: string;
  readonly arena: boolean;
  readonly dtype: StorageType;
  readonly access: 'read' | 'read_write';
}

export const storagePlaces = (bindings: readonly WgslBinding[]): Map<string, StoragePlace> =>
  new Map(
    bindings.flatMap(({ name, buffers, dtype, access }) =>
      buffers.map((buffer) => [buffer, { binding: name, arena: buffers.length > 1, dtype, access }] as const),
    ),
  );

/** What decides how often loops run and which conditions hold. */
export function findControlling(steps: readonly Step[]): Set<Value> {
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
  /** which binding holds each buffer */
  readonly storage: ReadonlyMap<string, StoragePlace>;
  /** values that loop bounds and conditions are computed from */
  readonly controlling: ReadonlySet<Value>;
  /** names for scalars that are the ends of spans */
  readonly spanNames: ReadonlyMap<Value, string>;
}

export const makePrinter = (
  parts: Pick<
    Printer,
    'kernel' | 'options' | 'analysis' | 'threads' | 'globals' | 'spanNames' | 'storage' | 'controlling'
  >,
  overlay: boolean,
): Printer => {
  const writer = new Writer();
  for (const name of parts.globals.values()) writer.innermost.names.add(name);
  return {
    ...parts,
    writer,
    memory: new SharedMemory(writer, overlay),
    variables: new Map(),
    helpers: new Set(),
  };
};

export const dimensionOf = (p: Printer, axis: Axis): 'x' | 'y' =>
  p.analysis.placement.dimensionOf.get(axis) ?? 'x';
export const threadsAlong = (p: Printer, axis: Axis): number => p.threads[dimensionOf(p, axis)];
export const perThread = (p: Printer, axis: Axis): number => elementsPerThread(axis, threadsAlong(p, axis));
/** Elements of a tile that one thread keeps. */
export const registersOf = (p: Printer, axes: readonly Axis[]): number =>
  axes.reduce((count, axis) => count * perThread(p, axis), 1);

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
