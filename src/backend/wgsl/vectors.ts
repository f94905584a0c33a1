import type { Axis, Buffer, Loop, Store, Term, Value } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import type { AxisLayout } from './layout.ts';
import type { StoragePlace } from './storage.ts';

type Load = Value & { readonly op: 'load' };
/** A load or store, and the axis whose neighbours it takes four at a time. */
export type VectorAccesses = ReadonlyMap<Value | Store, Axis>;

/**
 * Whether a scalar is provably a multiple of 4, given which parameters are. Programs start at multiples of tile extents,
 * which are multiples of 4 themselves.
 */
function divisibility(loops: readonly Loop[], parameters: ReadonlySet<string>): (value: Value) => boolean {
  const inductions = new Map(loops.map((loop) => [loop.induction, loop]));
  const divides = (value: Value): boolean => {
    switch (value.op) {
      case 'constant':
      case 'fill':
        return value.value % 4 === 0;
      case 'parameter':
        return parameters.has(value.name);
      case 'cast':
        return value.arg.dtype !== 'f32' && divides(value.arg);
      case 'induction': {
        const loop = inductions.get(value);
        return loop !== undefined && divides(loop.from) && divides(loop.step);
      }
      case 'elementwise':
        if (value.fn === 'mul') return value.args.some(divides);
        return ['add', 'sub', 'min', 'max'].includes(value.fn) && value.args.every(divides);
      default:
        return false;
    }
  };
  return divides;
}

const isConstant = (value: Value, number: number): boolean =>
  value.op === 'constant' && value.value === number;

/** The axis along which four neighbours, from a multiple of 4 on, are four aligned neighbours in memory. */
function vectorAxis(terms: readonly Term[], divides: (value: Value) => boolean): Axis | undefined {
  const unit = terms.filter(({ index, stride }) => index.kind === 'span' && isConstant(stride, 1));
  const span = unit[0]?.index;
  if (unit.length !== 1 || span?.kind !== 'span') return undefined;
  const { axis, start, limit } = span;
  const whole = isConstant(start, 0) && limit.op === 'constant' && limit.value >= axis.size;
  if (!divides(start) || !(whole || divides(limit))) return undefined;
  const aligned = terms.every(({ index, stride }) => {
    if (index === span) return true;
    if (index.kind === 'span') return index.axis !== axis && divides(stride);
    return !index.axes.includes(axis) && (divides(stride) || (index.axes.length === 0 && divides(index)));
  });
  return aligned ? axis : undefined;
}

/** Every access that could be of four neighbours, as far as addresses tell. */
export function findVectorAccesses(
  { steps, live }: Analysis,
  parameters: readonly string[],
  storage: ReadonlyMap<string, StoragePlace>,
): VectorAccesses {
  const loops = steps.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const divides = divisibility(loops, new Set(parameters));
  const found = new Map<Value | Store, Axis>();
  for (const { statement } of steps) {
    const access =
      statement.kind === 'store'
        ? statement
        : statement.kind === 'let' && statement.value.op === 'load' && live.has(statement.value)
          ? statement.value
          : undefined;
    // a binding that several buffers share has elements of its own
    if (!access || storage.get(access.buffer.name)?.arena !== false) continue;
    const axis = vectorAxis(access.terms, divides);
    if (axis) found.set(access, axis);
  }
  return found;
}

/** Axes that spread tiles are loaded or stored along, four elements at a time. */
export const spreadAxes = ({ placement }: Analysis, accesses: VectorAccesses): Axis[] =>
  [...accesses].flatMap(([access, axis]) =>
    access.kind === 'store' || placement.spread.has(access) ? [axis] : [],
  );

/**
 * Buffers to declare as arrays of vec4: those of which some access takes four elements; of those that are written, the ones of which every store does, since one component may not be written beside another by
 * another thread (WGSL, "vector component reference").
 */
export function vectorBuffers(
  { steps, placement }: Analysis,
  accesses: VectorAccesses,
  layouts: ReadonlyMap<Axis, AxisLayout>,
): ReadonlySet<Buffer> {
  const overs = new Set<Axis>();
  const stores: Store[] = [];
  for (const { statement } of steps) {
    if (statement.kind === 'store') stores.push(statement);
    if (statement.kind === 'let' && statement.value.op === 'dot') overs.add(statement.value.over);
  }
  const inLanes = (axis: Axis): boolean => layouts.get(axis)?.lanes === 4;
  const used = (load: Load, axis: Axis): boolean =>
    inLanes(axis) || (!placement.spread.has(load) && overs.has(axis));
  const chosen = new Set<Buffer>();
  for (const [access, axis] of accesses) {
    const { buffer } = access as Load | Store;
    if (access.kind === 'store' ? inLanes(axis) : used(access as Load, axis)) chosen.add(buffer);
  }
  for (const store of stores) {
    const axis = accesses.get(store);
    const last = store.value.axes.at(-1);
    if (axis === undefined || axis !== last || !inLanes(axis)) chosen.delete(store.buffer);
  }
  return chosen;
}
