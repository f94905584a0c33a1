import { checkArguments } from '../base/arguments.ts';
import { type Dim, isDim, plus, printShape, product, type Shape, sameShape, times } from '../base/dim.ts';
import { type DType, isFloating } from '../base/dtype.ts';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Attribute, Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, LowerContext } from '../ir/record.ts';

/*
 * What the shape rules of all ops share. Their errors use the words of the type-level messages:
 *
 *   S010 a dtype that does not fit      S011 shapes that do not broadcast    S012 an axis out of range
 *   S013 rank too small or too large    S014 two dimensions that must agree  S015 inner dimensions of a matmul
 *   S016 a permutation                  S017 a range of a slice              S018 element counts of a reshape
 *   S019 an attribute that is missing or not what the op takes               S026 a size that must be a number
 */

/** Raises what a rule found wrong; the builder adds the node and the user's line. */
export function fail(code: ErrorCode, summary: string, hint?: string): never {
  throw new FrondError(code, summary, { hint });
}

// ---- attributes: those that several ops take, and the check that nodes have no others

/** A size: a natural number, a name, or an expression over names. */
export const dim = is.kind<Dim>('a dimension', isDim);
export const dims = is.listOf(dim, 'dimensions');

/** Negative ones count from the right; the last one where it is left out. */
export const axis = { axis: is.optional(is.integer) };

/** Negative axes count from the right; they are dropped unless they are kept with size 1. */
export const reduced = { axes: is.listOf(is.integer, 'integers'), keepDims: is.optional(is.flag) };
export type Reduced = is.OptionsOf<typeof reduced>;

export function reducedType(op: string, { dtype, shape }: TensorType, { axes, keepDims = false }: Reduced) {
  if (dtype === 'bool') fail('FROND-S010', `${op}: cannot take bool operands`, 'convert it with cast');
  return { dtype, shape: reducedShape(shape, axesOf(op, axes, shape), keepDims) };
}

/** Of expressions: `readFused` says what is wrong with one. */
export const instructions = is.listOf(
  is.kind<Attribute>('an instruction', (value) => typeof value === 'object'),
  'instructions',
);
export const results = is.optional(is.listOf(is.integer, 'numbers of instructions'));
export const epilogue = { epilogue: is.optional(instructions), results };

/**
 * Refuses attributes that an op does not take, that are missing or of another kind, as those of a file may be.
 * @throws FROND-S019
 */
export function checkAttributes(op: string, kinds: is.Kinds, attributes: Attributes): void {
  const stranger = Object.keys(attributes).find((name) => !Object.hasOwn(kinds, name));
  if (stranger !== undefined) {
    const taken = Object.keys(kinds).join(', ');
    fail('FROND-S019', `${op}: there is no attribute ${stranger}`, `it takes ${taken || 'none'}`);
  }
  for (const [name, { what, holds, optional: may }] of Object.entries(kinds)) {
    const value = attributes[name];
    if (value === undefined ? may !== true : !holds(value))
      fail(
        'FROND-S019',
        `${op}: attribute ${name} must be ${what}, not ${JSON.stringify(value) ?? 'absent'}`,
      );
  }
}

// ---- types of operands

export function expectFloat(op: string, ...types: readonly TensorType[]): void {
  const other = types.find(({ dtype }) => !isFloating(dtype));
  if (other) {
    fail('FROND-S010', `${op}: cannot take ${other.dtype} operands`, 'convert it to f32 with cast');
  }
}

export function expectSame(op: string, x: TensorType, y: TensorType): void {
  if (x.dtype !== y.dtype)
    fail('FROND-S010', `${op}: operands are ${x.dtype} and ${y.dtype}`, 'convert one of them with cast');
}

export const f32 = (shape: Shape): TensorType => ({ dtype: 'f32', shape });

/** Throws unless `shape` is `wanted`. */
export function expectShape(op: string, what: string, shape: Shape, wanted: Shape): void {
  if (!sameShape(shape, wanted))
    fail('FROND-S014', `${op}: ${what} must be ${printShape(wanted)}, not ${printShape(shape)}`);
}

/** Throws unless each operand, called as the table does, is of that dtype and shape. */
export function expectTypes(
  op: string,
  operands: Readonly<Record<string, readonly [given: TensorType, dtype: DType, shape?: Shape]>>,
): void {
  for (const [name, [given, dtype, shape = given.shape]] of Object.entries(operands)) {
    if (given.dtype !== dtype) fail('FROND-S010', `${op}: ${name} must be ${dtype}, not ${given.dtype}`);
    expectShape(op, name, given.shape, shape);
  }
}

// ---- shapes

/**
 * NumPy broadcasting, right-aligned; named dimensions match only themselves and 1. Of several misfits the rightmost is
 * reported, as the types do.
 */
export function broadcastShapes(op: string, x: Shape, y: Shape): Shape {
  const rank = Math.max(x.length, y.length);
  const fromRight = Array.from({ length: rank }, (_, i): Dim => {
    const a = x[x.length - 1 - i] ?? 1;
    const b = y[y.length - 1 - i] ?? 1;
    if (a === b || b === 1) return a;
    if (a === 1) return b;
    const shapes = `the shapes are ${printShape(x)} and ${printShape(y)}, aligned at the right`;
    return fail(
      'FROND-S011',
      `${op}: cannot broadcast ${a} with ${b}`,
      `${shapes}; dimensions must be equal or 1`,
    );
  });
  return fromRight.reverse();
}

/** `axis` counted from the left; negative axes count from the right. */
export function axisOf(op: string, axis: number, shape: Shape): number {
  const rank = shape.length;
  if (!Number.isInteger(axis) || axis < -rank || axis >= rank) {
    const range = rank === 0 ? 'a scalar has no axes' : `axes run ${-rank}..${rank - 1}`;
    fail('FROND-S012', `${op}: axis ${axis} is out of range for shape ${printShape(shape)}`, range);
  }
  return axis < 0 ? axis + rank : axis;
}

/** Axes of a reduction, counted from the left, ascending. @throws FROND-S019 for one that is named twice */
export function axesOf(op: string, given: readonly number[], shape: Shape): readonly number[] {
  const axes = given.map((axis) => axisOf(op, axis, shape));
  const twice = axes.find((axis, i) => axes.indexOf(axis) !== i);
  if (twice !== undefined) fail('FROND-S019', `${op}: axis ${twice} is named twice`);
  return axes.sort((a, b) => a - b);
}

export const reducedShape = (shape: Shape, axes: readonly number[], keepDims: boolean): Shape =>
  shape.flatMap((dim, i) => (axes.includes(i) ? (keepDims ? [1] : []) : [dim]));

/** The dimensions of a tensor that has three. */
export function threeDims(op: string, what: string, shape: Shape): readonly [Dim, Dim, Dim] {
  const [x, y, z] = shape;
  if (shape.length !== 3 || x === undefined || y === undefined || z === undefined)
    return fail('FROND-S013', `${op}: ${what} needs 3 dimensions, has ${printShape(shape)}`);
  return [x, y, z];
}

/** The last dimension; scalars have none. */
export function lastDim(op: string, what: string, shape: Shape): Dim {
  return shape.at(-1) ?? fail('FROND-S013', `${op}: ${what} is a scalar`);
}

/** A tensor as a matrix, whose rows run along the last dimension. @throws FROND-S013 for a scalar */
export function rowsOf(op: string, type: TensorType) {
  checkArguments(
    'rowsOf',
    { op: is.text, type: is.withFields('a type: { dtype, shape }', { shape: dims }) },
    [op, type],
  );
  const { shape } = type;
  return { rows: product(shape.slice(0, -1)), columns: lastDim(op, 'the input', shape) };
}

// ---- cost

/** Bytes of all operands and results, each once. */
export function bytesOf({ inputs, outputs }: LowerContext): Dim {
  const sizes = [...inputs, ...outputs].map(({ shape, dtype }) =>
    times(product(shape), dtype === 'f16' ? 2 : 4),
  );
  return sizes.reduce<Dim>(plus, 0);
}

// ---- f16, which is storage: what sums or multiplies many elements does so in f32

/** The tensor in f32 where it is f16. */
export const widen = (b: Build, x: Ref): Ref =>
  b.typeOf(x).dtype === 'f16' ? b.one('cast', [x], { dtype: 'f32' }) : x;

// ---- gradients

/** Throws when something depends on a result that is only meant for the op's own gradient. */
export function refuse(op: string, what: string, gradients: readonly unknown[]): void {
  if (gradients.some((gradient) => gradient !== undefined)) {
    fail('FROND-P001', `${op}: ${what} have no gradient, and the loss depends on them`);
  }
}
