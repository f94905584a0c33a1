import { type ByOp, byOp, isWhole } from '../../kernel/flow.ts';
import type { Axis, Kernel, Store, Term, Value } from '../../kernel/ir.ts';
import { type Analysis, type Load, unitSpans } from './analysis.ts';
import { limitError, type WgslBinding, type WgslLimits } from './interface.ts';

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

/**
 * Threads of a workgroup: what the schedule says; else for products blocks of up to 8 × 8 elements each; else as many
 * as the tiles can use with four elements each, or one where tiles are small.
 */
function threadsFor(
  kernel: Kernel,
  { placement: { dimensionOf, spread }, dots }: Analysis,
  { invocations }: WgslLimits,
): { readonly x: number; readonly y: number } {
  const { workgroup } = kernel.schedule;
  if (workgroup) {
    const [x, y] = workgroup;
    if (x * y <= invocations) return { x, y };
    throw limitError(
      kernel,
      'FROND-K203',
      `a workgroup of ${x} × ${y} threads is over the limit of ${invocations}`,
      'give the schedule a smaller workgroup',
    );
  }
  const axes = new Set([...spread].flatMap((value) => value.axes));
  const along = (dimension: 'x' | 'y'): number[] =>
    [...axes].filter((axis) => dimensionOf.get(axis) === dimension).map(({ size }) => size);
  if (dots.length > 0) {
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
function divisibility({ loops }: Analysis, parameters: readonly string[]): (value: Value) => boolean {
  const isMultiple = ({ value }: { readonly value: number }): boolean => value % 4 === 0;
  const table: Partial<ByOp<boolean>> = {
    constant: isMultiple,
    fill: isMultiple,
    parameter: ({ name }) => parameters.includes(name),
    cast: ({ arg }) => arg.dtype !== 'f32' && divides(arg),
    induction: (value) =>
      loops.some(({ induction, from, step }) => induction === value && divides(from) && divides(step)),
    elementwise({ fn, args }) {
      if (fn === 'mul') return args.some(divides);
      return ['add', 'sub', 'min', 'max'].includes(fn) && args.every(divides);
    },
  };
  const divides = (value: Value): boolean => byOp(table, value) ?? false;
  return divides;
}

/** The axis along which four neighbours, from a multiple of 4 on, are four aligned neighbours in memory. */
function vectorAxis(terms: readonly Term[], divides: (value: Value) => boolean): Axis | undefined {
  const [span, ...others] = unitSpans(terms);
  if (!span || others.length > 0 || !divides(span.start)) return undefined;
  if (!isWhole(span) && !divides(span.limit)) return undefined;
  const aligned = terms.every(({ index, stride }) => {
    if (index === span) return true;
    if (index.kind === 'span') return index.axis !== span.axis && divides(stride);
    const isAligned = divides(stride) || (index.axes.length === 0 && divides(index));
    return isAligned && !index.axes.includes(span.axis);
  });
  return aligned ? span.axis : undefined;
}

/**
 * Which elements of an axis a thread owns: `quads` times `lanes` neighbours, those of one thread `threads · lanes` elements apart.
 * So the threads of a dimension together touch memory without gaps, and a thread's four neighbours, a quad, are one vec4: one register,
 * one access. Where elements are alone, each counts as a quad of one lane.
 *
 *   element = (thread + quad · threads) · lanes + lane
 */
function layAxis({ size }: Axis, dimension: 'x' | 'y', threads: number, inQuads: boolean) {
  const lanes: 1 | 4 = inQuads && size % (4 * threads) === 0 ? 4 : 1;
  const quads = Math.ceil(size / (threads * lanes));
  /** the thread's number along the dimension, in text */
  const thread = threads === 1 ? '0' : `t${dimension}`;
  return { dimension, thread, threads, lanes, quads, owned: quads * lanes };
}

/** How a workgroup shares out the elements of tiles, and which memory it accesses four elements at a time. */
export function layOut(
  kernel: Kernel,
  analysis: Analysis,
  limits: WgslLimits,
  bindings: readonly WgslBinding[],
  parameters: readonly string[],
) {
  const { accesses, placement, dots } = analysis;
  const threads = threadsFor(kernel, analysis, limits);
  const divides = divisibility(analysis, parameters);
  // a binding that several buffers share has elements of its own
  const alone = new Set(bindings.flatMap(({ buffers }) => (buffers.length === 1 ? buffers : [])));
  /** loads and stores that could be of four neighbours, and the axis of those */
  const vectorAxes = new Map<Load | Store, Axis>();
  for (const access of accesses) {
    const axis = alone.has(access.buffer.name) ? vectorAxis(access.terms, divides) : undefined;
    if (axis) vectorAxes.set(access, axis);
  }
  const dimensionOf = (axis: Axis): 'x' | 'y' => placement.dimensionOf.get(axis) ?? 'x';
  // axes of one size on one dimension are laid out alike, so that a rename between them moves nothing
  const kindOf = (axis: Axis): string => `${dimensionOf(axis)} ${axis.size}`;
  const spread = [...vectorAxes].filter(
    ([access]) => access.kind === 'store' || placement.spread.has(access),
  );
  const quartered = new Set(
    [...dots.flatMap(({ row, column }) => [row, column]), ...spread.map(([, axis]) => axis)].map(kindOf),
  );
  const layouts = new Map(
    kernel.axes.map((axis) => {
      const dimension = dimensionOf(axis);
      return [axis, layAxis(axis, dimension, threads[dimension], quartered.has(kindOf(axis)))];
    }),
  );
  const isVector = (access: Load | Store): boolean => {
    const axis = vectorAxes.get(access);
    if (axis === undefined) return false;
    const inLanes = layouts.get(axis)?.lanes === 4;
    if (access.kind === 'store') return inLanes && axis === access.value.axes.at(-1);
    return inLanes || (!placement.spread.has(access) && dots.some(({ over }) => over === axis));
  };
  /** one component may not be written beside another by another thread (WGSL, "vector component reference") */
  const written = accesses.filter((access) => access.kind === 'store' && !isVector(access));
  const single = new Set(written.map(({ buffer }) => buffer));
  /** buffers to declare as arrays of vec4 */
  const vectors = new Set(
    accesses
      .filter((access) => isVector(access) && !single.has(access.buffer))
      .map(({ buffer }) => buffer.name),
  );
  return { threads, layouts, vectorAxes, vectors };
}
