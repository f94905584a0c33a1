import { type Dim, product, type Shape, times } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Span, Value } from '../src/kernel/ir.ts';
import { type Bindings, type Declaration, kernel, type None } from './kernel.ts';
import { blocksOf, tileOf } from './plan.ts';

/* Kernels over any number of dimensions: how these are joined, walked and addressed by strides. */

/** Neighbouring dimensions joined into one, as tensors have or lack all of them. */
export interface JoinedDims {
  readonly size: Dim;
  /** by tensor: whether it has these dimensions */
  readonly has: readonly boolean[];
}

/** Joins the dimensions of `shape` that the same tensors have, as `has` says of an axis; dimensions of size 1 vanish. */
export function joinDims(shape: Shape, has: (axis: number) => readonly boolean[]): readonly JoinedDims[] {
  const joined: JoinedDims[] = [];
  shape.forEach((size, axis) => {
    if (size === 1) return;
    const own = has(axis);
    const last = joined.at(-1);
    if (last?.has.every((flag, i) => flag === own[i]))
      joined[joined.length - 1] = { size: times(last.size, size), has: own };
    else joined.push({ size, has: own });
  });
  return joined;
}

// ---- the last dimensions are tile axes, what stands outside of them is walked by the first dimension of the grid

/** Where a program stands. */
interface Place {
  /** along each of the sizes: an index, or a span of a tile axis */
  readonly at: readonly (Span | Value)[];
  readonly sizes: readonly Value[];
  readonly axes: readonly Axis[];
}

type Tiles = Readonly<Record<string, number>>;

/** One launch over `sizes`, of which the last ones are in `tiles`. All of them are run-time scalars. */
export function launchOver(
  sizes: readonly Dim[],
  declaration: Pick<Declaration<Tiles, None, None, None, None>, 'name' | 'doc' | 'variant' | 'tiles'>,
  program: (k: KernelBuilder, place: Place) => void,
  { slots, scalars }: Bindings,
): LaunchPlan {
  const extents = Object.values(declaration.tiles);
  const names = sizes.map((_, i) => ['columns', 'rows'][sizes.length - 1 - i] ?? `outer${i}`);
  const count = sizes.length - extents.length;
  const launch = kernel(declaration, (k, symbols) => {
    const axes = Object.values(symbols);
    const values = names.map((name) => k.parameter(name));
    const spans = axes.map((axis, i) =>
      tileOf(k, axis, (count > 0 ? i + 1 : i) as 0 | 1 | 2, defined(values[count + i], 'size')),
    );
    program(k, { at: [...unravel(k, values.slice(0, count)), ...spans], sizes: values, axes });
  });
  const grid = extents.map((extent, i) => blocksOf(sizes[count + i] ?? 1, extent));
  const given = Object.fromEntries(names.map((name, i) => [name, sizes[i] ?? 1]));
  return launch
    .over(...(count > 0 ? [product(sizes.slice(0, count))] : []), ...grid)
    .with({}, { slots, scalars: { ...given, ...scalars } });
}

/** Splits the program index along grid dimension 0 into one index per size, the last running fastest. */
function unravel(k: KernelBuilder, sizes: readonly Value[]): Value[] {
  if (sizes.length === 0) return [];
  let rest = k.program(0);
  const indices: Value[] = [];
  for (const size of sizes.slice(1).toReversed()) {
    indices.unshift(k.rem(rest, size));
    rest = k.div(rest, size);
  }
  return [rest, ...indices];
}

// ---- strides

/** Row-major strides, in elements, of a contiguous tensor of those sizes that it has, which are all by default; 0 for the others. */
export function contiguousStrides(sizes: Shape, has: readonly boolean[] = []): readonly Dim[] {
  const strides: Dim[] = [];
  let stride: Dim = 1;
  for (let dim = sizes.length - 1; dim >= 0; dim--) {
    const own = has[dim] ?? true;
    strides.unshift(own ? stride : 0);
    if (own) stride = times(sizes[dim] ?? 1, stride);
  }
  return strides;
}

/** A stride as an address term needs it: 0 drops the term, 1 stays in the text, anything else is a parameter. */
export type StrideKind = 'none' | 'unit' | 'parameter';
export const strideKind = (stride: Dim): StrideKind =>
  stride === 0 ? 'none' : stride === 1 ? 'unit' : 'parameter';

const strideName = (name: string, i: number): string => `${name}Stride${i}`;

/** Address terms index·stride of an operand of that name, without those whose stride is 0; what strides are not 1 are parameters. */
export const strided = (
  k: KernelBuilder,
  name: string,
  indices: readonly TermInput[0][],
  strides: readonly Dim[],
): TermInput[] =>
  indices.flatMap((index, i) => {
    const kind = strideKind(strides[i] ?? 0);
    return kind === 'none' ? [] : [[index, kind === 'unit' ? 1 : k.parameter(strideName(name, i))] as const];
  });

/** What a launch gives for those of its strides that are parameters. */
export const strideScalars = (name: string, strides: readonly Dim[]): (readonly [string, Dim])[] =>
  strides.flatMap((stride, i) => (strideKind(stride) === 'parameter' ? [[strideName(name, i), stride]] : []));
