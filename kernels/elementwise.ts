import { defined } from '../src/base/errors.ts';
import type { TensorType } from '../src/ir/graph.ts';
import type { ElementContext, LaunchPlan, LaunchScalars, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Span, Value } from '../src/kernel/ir.ts';
import { type JoinedDims, joinDims, launchOver } from './dims.ts';
import type { Bindings } from './kernel.ts';
import { extentsOf, indices, padded, paddedExtent, storage } from './plan.ts';

/** A tensor that a generated kernel reads or writes. */
export interface StridedTensor extends TensorType {
  readonly slot: Slot;
}

export interface ElementwiseRequest {
  /** 'fused' where it is left out */
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

/** Elements of a tile of a flat kernel. */
const FLAT = 1024;

const operandName = (i: number): string => `x${i}`;
const resultName = (i: number): string => (i === 0 ? 'y' : `y${i}`);

/**
 * One launch for out = f(inputs) per element, with NumPy broadcasting at any rank.
 *
 * Neighbouring dimensions that all operands share are joined: equal shapes give one flat vector, a bias gives rows × columns.
 * The last two joined dims are tile axes, what remains is walked by the first grid dimension. All sizes are run-time scalars,
 * so the kernel's text depends only on which operand is broadcast where.
 * Traffic: each operand is read once per element that it has in a tile's row or column; the result is written once.
 */
export function planElementwise(request: ElementwiseRequest): readonly LaunchPlan[] {
  const { name = 'fused', key, inputs, results, scalars = {}, apply } = request;
  const { shape } = defined(results[0], 'result');
  const found = joinDims(shape, (axis) =>
    inputs.map((input) => (input.shape[axis - shape.length + input.shape.length] ?? 1) !== 1),
  );
  const dims = found.length > 0 ? found : [{ size: 1, has: inputs.map(() => false) }];
  const tiles = tilesOf(dims);
  const dtypes = [...inputs, ...results].map(({ dtype }) => dtype).join(',');
  const pattern = dims.map(({ has }) => has.map(Number).join('')).join('.');
  const launch = launchOver(
    dims.map(({ size }) => size),
    {
      name,
      doc: `${key} per element of ${dims.length} joined dimension(s): each operand is read, each result written once`,
      variant: [key, dtypes, pattern, extentsOf(tiles)],
      tiles,
    },
    (k, { at, sizes, axes }) => {
      const buffers = inputs.map(({ dtype }, i) => k.read(operandName(i), storage(dtype)));
      const outs = results.map(({ dtype }, i) => k.write(resultName(i), storage(dtype)));
      const values = inputs.map(({ dtype }, i) => {
        const terms = address(k, at, sizes, (dim) => dims[dim]?.has[i] === true);
        const value = k.load(defined(buffers[i], 'buffer'), terms);
        return dtype === 'bool' ? k.map('ne', value, 0) : value;
      });
      const everywhere = address(k, at, sizes, () => true);
      const context = elementContext(k, everywhere, buffers, scalars);
      [apply(k, values, context)].flat().forEach((value, i) => {
        k.store(defined(outs[i], 'buffer of a result'), everywhere, widen(k, value, axes));
      });
    },
    {
      slots: Object.fromEntries([
        ...results.map(({ slot }, i) => [resultName(i), slot] as const),
        ...inputs.map(({ slot }, i) => [operandName(i), slot] as const),
      ]),
      scalars: valuesOf(scalars),
    },
  );
  return [launch];
}

/** About a thousand elements, columns as wide as a short literal row. */
function tilesOf(dims: readonly JoinedDims[]): Readonly<Record<string, number>> {
  const columns = dims.at(-1)?.size ?? 1;
  if (dims.length === 1) return { c: typeof columns === 'number' && columns <= 256 ? padded(columns) : FLAT };
  const c = typeof columns === 'number' ? paddedExtent(columns, 128) : 64;
  return { r: Math.max(4, FLAT / 2 / c), c };
}

/** Terms of a contiguous tensor that has the joined dims for which `has` holds; [[0, 1]] for a scalar. */
function address(
  k: KernelBuilder,
  positions: readonly (Span | Value)[],
  sizes: readonly Value[],
  has: (dim: number) => boolean,
): TermInput[] {
  const terms: TermInput[] = [];
  let stride: Value | undefined;
  for (let dim = sizes.length - 1; dim >= 0; dim--) {
    if (!has(dim)) continue;
    terms.unshift([defined(positions[dim], 'position'), stride ?? 1]);
    const size = defined(sizes[dim], 'size');
    if (dim > 0) stride = stride === undefined ? size : k.mul(stride, size);
  }
  return terms.length > 0 ? terms : [[0, 1]];
}

/** What a launch is given for them. */
export const valuesOf = (scalars: LaunchScalars): Bindings['scalars'] =>
  Object.fromEntries(Object.entries(scalars).map(([name, [, value]]) => [name, value]));

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
    const at = typeof index !== 'number' && index.kind === 'span' ? indices(k, index) : index;
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
