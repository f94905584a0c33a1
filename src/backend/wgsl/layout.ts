import type { Axis, Buffer, Kernel, Loop, Store, Term, Value } from '../../kernel/ir.ts';
import { type Analysis, isConstant, isWhole, type Load } from './analysis.ts';
import type { StoragePlace } from './bindings.ts';
import { limitError, type WgslLimits } from './options.ts';

export type Threads = Readonly<Record<'x' | 'y', number>>;

/** A load or store, and the axis whose neighbours it takes four at a time. */
export type VectorAccesses = ReadonlyMap<Load | Store, Axis>;

/**
 * Which elements of an axis a thread owns: `quads` times `lanes` neighbours, those of one thread `threads · lanes` elements apart.
 * So the threads of a dimension together touch memory without gaps, and a thread's four neighbours, a quad, are one vec4: one register,
 * one access. Where elements are alone, each counts as a quad of one lane.
 *
 *   element = (thread + quad · threads) · lanes + lane
 */
export interface AxisLayout {
  readonly dimension: 'x' | 'y';
  /** the thread's number along the dimension, in text */
  readonly thread: 'tx' | 'ty' | '0';
  readonly threads: number;
  readonly lanes: 1 | 4;
  readonly quads: number;
  /** elements that one thread owns */
  readonly owned: number;
}

const powerAtMost = (limit: number, size: number): number =>
  2 ** Math.floor(Math.log2(Math.max(1, Math.min(limit, size))));

const divisorOfBoth = (x: number, y: number): number => (y === 0 ? x : divisorOfBoth(y, x % y));

/**
 * Threads along a dimension of products: as many as give each at most eight elements of the longest axis, in quads;
 * eight threads at least, sixteen at most, as far as they divide the axes.
 */
function productThreads(sizes: readonly number[]): number | undefined {
  const quarters = sizes.map((size) => size / 4).reduce(divisorOfBoth, 0);
  const longest = Math.max(...sizes);
  const fits = Array.from({ length: 16 }, (_, i) => i + 1).filter((threads) => quarters % threads === 0);
  const best = fits.find((threads) => threads >= 8 && longest / threads <= 8) ?? fits.at(-1);
  return best !== undefined && best >= 4 ? best : undefined;
}

export const hasProduct = ({ values }: Analysis): boolean => values.some(({ op }) => op === 'dot');

/**
 * Threads of a workgroup: what the schedule says; else for products blocks of up to 8 × 8 elements each; else as many
 * as the tiles can use with four elements each, or one where tiles are small.
 */
export function threadsFor(kernel: Kernel, analysis: Analysis, { invocations }: WgslLimits): Threads {
  const [givenX, givenY] = kernel.schedule.workgroup ?? [];
  if (givenX !== undefined && givenY !== undefined) {
    if (givenX * givenY <= invocations) return { x: givenX, y: givenY };
    throw limitError(
      kernel,
      'FROND-K203',
      `a workgroup of ${givenX} × ${givenY} threads is over the limit of ${invocations}`,
      'give the schedule a smaller workgroup',
    );
  }
  const { dimensionOf, spread } = analysis.placement;
  const axes = new Set([...spread].flatMap((value) => value.axes));
  const along = (dimension: 'x' | 'y'): number[] =>
    [...axes].filter((axis) => dimensionOf.get(axis) === dimension).map(({ size }) => size);
  if (hasProduct(analysis)) {
    const [x, y] = [productThreads(along('x')), productThreads(along('y'))];
    if (x !== undefined && y !== undefined && x * y <= invocations) return { x, y };
  }
  const [longestX, longestY] = [Math.max(1, ...along('x')), Math.max(1, ...along('y'))];
  const rows = powerAtMost(16, longestY);
  const columns = Math.max(longestX / 4, Math.min(longestX, 64 / rows));
  return { x: powerAtMost(invocations / rows, columns), y: rows };
}

/**
 * Whether a scalar is provably a multiple of 4, given which parameters are. Programs start at multiples of tile extents,
 * which are multiples of 4 themselves.
 */
function divisibility(loops: readonly Loop[], parameters: readonly string[]): (value: Value) => boolean {
  const divides = (value: Value): boolean => {
    switch (value.op) {
      case 'constant':
      case 'fill':
        return value.value % 4 === 0;
      case 'parameter':
        return parameters.includes(value.name);
      case 'cast':
        return value.arg.dtype !== 'f32' && divides(value.arg);
      case 'induction':
        return loops.some(
          ({ induction, from, step }) => induction === value && divides(from) && divides(step),
        );
      case 'elementwise':
        if (value.fn === 'mul') return value.args.some(divides);
        return ['add', 'sub', 'min', 'max'].includes(value.fn) && value.args.every(divides);
      default:
        return false;
    }
  };
  return divides;
}

/** The axis along which four neighbours, from a multiple of 4 on, are four aligned neighbours in memory. */
function vectorAxis(terms: readonly Term[], divides: (value: Value) => boolean): Axis | undefined {
  const unit = terms.filter(({ index, stride }) => index.kind === 'span' && isConstant(stride, 1));
  const span = unit[0]?.index;
  if (unit.length !== 1 || span?.kind !== 'span') return undefined;
  if (!divides(span.start) || !(isWhole(span) || divides(span.limit))) return undefined;
  const aligned = terms.every(({ index, stride }) => {
    if (index === span) return true;
    if (index.kind === 'span') return index.axis !== span.axis && divides(stride);
    return (
      !index.axes.includes(span.axis) && (divides(stride) || (index.axes.length === 0 && divides(index)))
    );
  });
  return aligned ? span.axis : undefined;
}

/** Every access that could be of four neighbours, as far as addresses tell. */
export function findVectorAccesses(
  { statements, accesses }: Analysis,
  parameters: readonly string[],
  storage: ReadonlyMap<string, StoragePlace>,
): VectorAccesses {
  const loops = statements.flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []));
  const divides = divisibility(loops, parameters);
  const found = new Map<Load | Store, Axis>();
  for (const access of accesses) {
    // a binding that several buffers share has elements of its own
    if (storage.get(access.buffer.name)?.arena !== false) continue;
    const axis = vectorAxis(access.terms, divides);
    if (axis) found.set(access, axis);
  }
  return found;
}

/** Axes that profit from vec4: rows and columns of products, and what spread tiles are loaded or stored along, four at a time. */
const wantedAxes = ({ values, placement }: Analysis, accesses: VectorAccesses): Axis[] => [
  ...values.flatMap((value) => (value.op === 'dot' ? [value.row, value.column] : [])),
  ...[...accesses].flatMap(([access, axis]) =>
    access.kind === 'store' || placement.spread.has(access) ? [axis] : [],
  ),
];

/** Axes of one size on one dimension are laid out alike, so that a rename between them moves nothing. */
export function layOut(
  { axes }: Kernel,
  analysis: Analysis,
  threads: Threads,
  accesses: VectorAccesses,
): ReadonlyMap<Axis, AxisLayout> {
  const dimensionOf = (axis: Axis): 'x' | 'y' => analysis.placement.dimensionOf.get(axis) ?? 'x';
  const kindOf = (axis: Axis): string => `${dimensionOf(axis)} ${axis.size}`;
  const wanted = new Set(wantedAxes(analysis, accesses).map(kindOf));
  return new Map(
    axes.map((axis) => {
      const dimension = dimensionOf(axis);
      const count = threads[dimension];
      const lanes = wanted.has(kindOf(axis)) && axis.size % (4 * count) === 0 ? 4 : 1;
      const quads = Math.ceil(axis.size / (count * lanes));
      const thread = count === 1 ? '0' : (`t${dimension}` as const);
      return [axis, { dimension, thread, threads: count, lanes, quads, owned: quads * lanes }];
    }),
  );
}

/**
 * Buffers to declare as arrays of vec4: those of which some access takes four elements; of those that are written, the ones of which
 * every store does, since one component may not be written beside another by another thread (WGSL, "vector component reference").
 */
export function vectorBuffers(
  { values, accesses, placement }: Analysis,
  vectorAccesses: VectorAccesses,
  layouts: ReadonlyMap<Axis, AxisLayout>,
): ReadonlySet<Buffer> {
  const overs = values.flatMap((value) => (value.op === 'dot' ? [value.over] : []));
  const isVector = (access: Load | Store): boolean => {
    const axis = vectorAccesses.get(access);
    if (axis === undefined) return false;
    const inLanes = layouts.get(axis)?.lanes === 4;
    if (access.kind === 'store') return inLanes && axis === access.value.axes.at(-1);
    return inLanes || (!placement.spread.has(access) && overs.includes(axis));
  };
  const chosen = new Set(accesses.filter(isVector).map(({ buffer }) => buffer));
  for (const access of accesses) {
    if (access.kind === 'store' && !isVector(access)) chosen.delete(access.buffer);
  }
  return chosen;
}
