import { type Dim, product, type Shape } from '../src/base/dim.ts';
import type { DType } from '../src/base/dtype.ts';
import { defined } from '../src/base/errors.ts';
import type {
  ElementContext,
  GridExpression,
  LaunchPlan,
  LaunchScalars,
  ScalarExpression,
  Slot,
} from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Span, StorageType, Value } from '../src/kernel/ir.ts';
import { kernelOnce } from './plan.ts';

/** A tensor that a generated kernel reads or writes. */
export interface StridedTensor {
  readonly slot: Slot;
  readonly shape: Shape;
  readonly dtype: DType;
}

export interface PointwiseRequest {
  readonly name?: string;
  /** tells this function from others of the same operands */
  readonly key: string;
  /** an operand that is read whole is given the shape [] */
  readonly inputs: readonly StridedTensor[];
  /** all of one shape */
  readonly results: readonly StridedTensor[];
  /** numbers given at launch, so that they are no part of the text */
  readonly scalars?: LaunchScalars;
  /** one value for each result, or the only one */
  apply(k: KernelBuilder, values: readonly Value[], context: ElementContext): Value | readonly Value[];
}

/** Bool tensors are u32 in memory. */
export const storage = (dtype: DType): StorageType => (dtype === 'bool' ? 'u32' : dtype);

/** What a load gives: f16 is widened, bools stay words until they are compared with 0. */
export const loadedType = (dtype: DType): 'f32' | 'i32' | 'u32' =>
  dtype === 'i32' ? 'i32' : dtype === 'u32' || dtype === 'bool' ? 'u32' : 'f32';

/** Dimensions of the result that every operand runs through together or not at all. */
interface Group {
  readonly size: Dim;
  /** by operand: whether it has these dimensions or is broadcast over them */
  readonly has: readonly boolean[];
}

/** Elements of a tile of a flat kernel. */
const FLAT = 1024;

/**
 * One launch for out = f(inputs) per element, with NumPy broadcasting at any rank.
 *
 * Neighbouring dimensions that all operands share are joined: equal shapes give one flat vector, a bias gives rows × columns.
 * The last two groups are tile axes, what remains is walked by the first grid dimension. All sizes are run-time scalars,
 * so the kernel's text depends only on which operand is broadcast where.
 * Traffic: each operand is read once per element that it has in a tile's row or column; the result is written once.
 */
export function planPointwise(request: PointwiseRequest): readonly LaunchPlan[] {
  const groups = joinDims(defined(request.results[0], 'result').shape, request.inputs);
  const tiles = tileSizes(groups);
  const dtypes = [...request.inputs, ...request.results].map(({ dtype }) => dtype).join(',');
  const pattern = groups.map(({ has }) => has.map(Number).join('')).join('.');
  const name = request.name ?? 'pointwise';
  const variant = `${request.key} ${dtypes} ${pattern} ${Object.values(tiles).join('x')}`;
  const doc = `${request.key} per element of ${groups.length} joined dimension(s): each operand is read, each result written once`;
  const kernel = kernelOnce({ name, variant, doc, schedule: { tiles } }, (k) =>
    author(k, request, groups, tiles),
  );
  const slots: Record<string, Slot> = {};
  request.results.forEach(({ slot }, i) => {
    slots[resultName(i)] = slot;
  });
  request.inputs.forEach(({ slot }, i) => {
    slots[`x${i}`] = slot;
  });
  const scalars = scalarsOf(groups);
  for (const [own, [, value]] of Object.entries(request.scalars ?? {})) scalars[own] = value;
  return [{ kernel, grid: gridOf(groups, tiles), scalars, slots }];
}

const resultName = (i: number): string => (i === 0 ? 'y' : `y${i}`);

/** Merges dims from the right while every operand treats them alike; dims of size 1 vanish. */
export function joinDims(shape: Shape, inputs: readonly { readonly shape: Shape }[]): readonly Group[] {
  const groups: Group[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const has = inputs.map((input) => {
      const own = input.shape[axis - shape.length + input.shape.length] ?? 1;
      return own !== 1;
    });
    const last = groups.at(-1);
    if (last?.has.every((flag, i) => flag === has[i])) {
      groups[groups.length - 1] = { size: product([last.size, size]), has };
    } else groups.push({ size, has });
  });
  return groups.length > 0 ? groups : [{ size: 1, has: inputs.map(() => false) }];
}

/** Tile extents: about a thousand elements, columns as wide as a short literal row. */
function tileSizes(groups: readonly Group[]): Readonly<Record<string, number>> {
  const columns = groups.at(-1)?.size ?? 1;
  if (groups.length === 1)
    return { c: typeof columns === 'number' && columns <= 256 ? padded(columns) : FLAT };
  const c = typeof columns === 'number' ? Math.min(padded(columns), 128) : 64;
  return { r: Math.max(4, FLAT / 2 / c), c };
}

/** The power of two, 4 or more, that holds `size`. */
export const padded = (size: number): number => Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))));

const sizeName = (group: number, count: number): string =>
  group === count - 1 ? 'columns' : group === count - 2 ? 'rows' : `outer${group}`;

function scalarsOf(groups: readonly Group[]): Record<string, ScalarExpression> {
  return Object.fromEntries(groups.map(({ size }, i) => [sizeName(i, groups.length), size]));
}

function gridOf(groups: readonly Group[], tiles: Readonly<Record<string, number>>): GridExpression[] {
  const columns = { size: groups.at(-1)?.size ?? 1, per: tiles.c ?? FLAT };
  if (groups.length === 1) return [columns];
  const rows = { size: groups.at(-2)?.size ?? 1, per: tiles.r ?? 4 };
  if (groups.length === 2) return [rows, columns];
  return [{ size: product(groups.slice(0, -2).map(({ size }) => size)), per: 1 }, rows, columns];
}

/** Position along a group: a span for tile axes, a uniform scalar for outer groups. */
type Position = Span | Value;

function author(
  k: KernelBuilder,
  request: PointwiseRequest,
  groups: readonly Group[],
  tiles: Readonly<Record<string, number>>,
): void {
  const buffers = request.inputs.map(({ dtype }, i) => k.read(`x${i}`, storage(dtype)));
  const outs = request.results.map(({ dtype }, i) => k.write(resultName(i), storage(dtype)));
  const sizes = groups.map((_, i) => k.parameter(sizeName(i, groups.length)));
  const axes = groups.length > 1 ? [k.axis('r', tiles.r ?? 4)] : [];
  axes.push(k.axis('c', tiles.c ?? FLAT));
  const positions = walk(k, sizes, axes);
  const values = request.inputs.map(({ dtype }, i) => {
    const terms = address(k, positions, sizes, (group) => groups[group]?.has[i] === true);
    const value = k.load(defined(buffers[i], 'buffer'), terms);
    return dtype === 'bool' ? k.map('ne', value, 0) : value;
  });
  const everywhere = address(k, positions, sizes, () => true);
  const context = elementContext(k, everywhere, buffers, request.scalars);
  [request.apply(k, values, context)].flat().forEach((value, i) => {
    k.store(defined(outs[i], 'buffer of a result'), everywhere, widen(k, value, axes));
  });
}

/** Where a program stands: tile axes take the last grid dimensions, outer groups share the first one. */
function walk(k: KernelBuilder, sizes: readonly Value[], axes: readonly Axis[]): Position[] {
  const outer = sizes.length - axes.length;
  const spans = axes.map((axis, i): Position => {
    const dimension = (outer > 0 ? i + 1 : i) as 0 | 1 | 2;
    return k.span(axis, k.mul(k.program(dimension), axis.size), defined(sizes[outer + i], 'size'));
  });
  return [...unravel(k, sizes.slice(0, outer)), ...spans];
}

/** Splits the program index along grid dimension 0 into one index per size, the last running fastest. */
export function unravel(k: KernelBuilder, sizes: readonly Value[]): Value[] {
  if (sizes.length === 0) return [];
  let rest = k.program(0);
  const indices: Value[] = [];
  for (let i = sizes.length - 1; i > 0; i--) {
    const size = defined(sizes[i], 'size');
    indices.unshift(k.rem(rest, size));
    rest = k.div(rest, size);
  }
  return [rest, ...indices];
}

/** Terms of a contiguous tensor that has the groups for which `has` holds; [[0, 1]] for a scalar. */
function address(
  k: KernelBuilder,
  positions: readonly Position[],
  sizes: readonly Value[],
  has: (group: number) => boolean,
): TermInput[] {
  const terms: TermInput[] = [];
  let stride: Value | undefined;
  for (let group = sizes.length - 1; group >= 0; group--) {
    if (!has(group)) continue;
    terms.unshift([defined(positions[group], 'position'), stride ?? 1]);
    const size = defined(sizes[group], 'size');
    if (group > 0) stride = stride === undefined ? size : k.mul(stride, size);
  }
  return terms.length > 0 ? terms : [[0, 1]];
}

/** `terms` address the element in the result; `buffers` are the operands by number. */
export function elementContext(
  k: KernelBuilder,
  terms: readonly TermInput[],
  buffers: readonly (Buffer | undefined)[],
  scalars: LaunchScalars = {},
): ElementContext {
  const declared = new Map(
    Object.entries(scalars).map(([name, [type]]) => [name, k.parameter(name, type)] as const),
  );
  return {
    index: () => k.cast(indexOf(k, terms), 'u32'),
    element: (operand, at) => k.load(defined(buffers[operand], `buffer ${operand}`), [[at, 1]]),
    scalar: (name) => defined(declared.get(name), `scalar ${name}`),
  };
}

function indexOf(k: KernelBuilder, terms: readonly TermInput[]): Value {
  const parts = terms.map(([index, stride]) => {
    const at =
      typeof index !== 'number' && index.kind === 'span' ? k.add(k.arange(index.axis), index.start) : index;
    return stride === 1 ? at : k.mul(at, stride);
  });
  return parts.reduce<Value>((total, part) => k.add(total, part), k.constant(0, 'i32'));
}

/** Gives a value the axes that it lacks, so that it can be stored. */
export function widen(k: KernelBuilder, value: Value, axes: readonly Axis[]): Value {
  if (value.axes.length === axes.length) return value;
  return value.dtype === 'bool'
    ? k.or(value, k.fill(axes, 0, 'bool'))
    : // x + −0 is x, also where x is −0
      k.add(value, k.fill(axes, value.dtype === 'f32' ? -0 : 0, value.dtype));
}
