import { checkArguments, show } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { errorAtCall } from '../base/source.ts';
import { axisKind, checkDims, emit, handleOf, isTensor, shapeKind, typed } from './handle.ts';
import type { Dim, DType, Shape, Tensor } from './tensor.ts';
import type { ReplaceAt } from './types/axis.ts';
import type { BroadcastTo } from './types/broadcast.ts';
import type { Reshape } from './types/reshape.ts';
import type { Operand, ShapeOf } from './types/result.ts';
import type { Concat, Slice, Split, Transpose } from './types/view.ts';

/** The same elements in row-major order seen as another shape; one dim may be -1, which stands for what is left. */
export function reshape<D extends DType, S extends Shape, const T extends Shape, Late = never>(
  x: Tensor<D, S>,
  shape: Operand<Reshape<S, T, Late>, readonly [...T]>,
): Tensor<D, ShapeOf<Reshape<S, T, Late>>> {
  return emit('reshape', [x], { shape: dimsOf('reshape', shape, -1) });
}

const TRANSPOSE = { x: is.unchecked, permutation: is.listOf(is.integer, 'axes') };

/** Axes in another order: result axis i is axis `permutation[i]` of x. */
export function transpose<D extends DType, S extends Shape, const P extends readonly number[], Late = never>(
  x: Tensor<D, S>,
  permutation: Operand<Transpose<S, P, Late>, readonly [...P]>,
): Tensor<D, ShapeOf<Transpose<S, P, Late>>> {
  checkArguments('transpose', TRANSPOSE, [x, permutation]);
  return emit('transpose', [x], { permutation: [...typed<readonly number[]>(permutation)] });
}

/** x repeated along dims of size 1 and along new leading dims. */
export function broadcastTo<D extends DType, S extends Shape, const T extends Shape, Late = never>(
  x: Tensor<D, S>,
  shape: Operand<BroadcastTo<S, T, Late>, readonly [...T]>,
): Tensor<D, ShapeOf<BroadcastTo<S, T, Late>>> {
  return emit('broadcast', [x], { shape: dimsOf('broadcastTo', shape) });
}

const tensorsKind: is.Kind = {
  ...is.listOf(is.anything, 'tensors'),
  advise: (value) => (isTensor(value) ? 'give a list of tensors: concat([a, b], axis)' : undefined),
};

/** Tensors that agree in all other dims, joined along `axis`. */
export function concat<const Ts extends readonly Tensor[], A extends number, Late = never>(
  tensors: Operand<Concat<Ts, A, Late>, readonly [...Ts]>,
  axis: A,
): Tensor<Ts[number]['dtype'], ShapeOf<Concat<Ts, A, Late>>> {
  checkArguments('concat', { tensors: tensorsKind, axis: axisKind }, [tensors, axis]);
  return emit('concat', tensors as readonly unknown[], { axis });
}

const SLICE = {
  x: is.unchecked,
  axis: axisKind,
  from: is.integer,
  to: is.optional(is.either(is.integer, is.oneOf('end'))),
};

/**
 * Elements `from` to `to` (without `to`) along `axis`; negative positions count from the end, 'end' is the end.
 * @throws FROND-S019 for a position that is absent or not whole, FROND-S017 for one outside of the dimension
 */
export function slice<
  D extends DType,
  S extends Shape,
  A extends number,
  From extends number,
  To extends number | 'end' = 'end',
  Late = never,
>(
  x: Tensor<D, S>,
  axis: Operand<Slice<S, A, From, To, Late>, A>,
  from: From,
  to?: To,
): Tensor<D, ShapeOf<Slice<S, A, From, To, Late>>> {
  checkArguments('slice', SLICE, [x, axis, 0, to]);
  if (typeof from !== 'number') {
    throw errorAtCall(
      'FROND-S019',
      `slice: a bound must be a position, not ${show(from)}`,
      'say where it begins: slice(x, axis, from, to)',
    );
  }
  return emit('slice', [x], { axis: Number(axis), from, to: to ?? 'end' });
}

const SPLIT = { x: is.unchecked, axis: axisKind, sizes: is.listOf(is.natural, 'sizes') };

/** Parts of the given sizes along `axis`, one after the other; literal sizes that add up to the whole. */
export function split<
  D extends DType,
  S extends Shape,
  A extends number,
  const N extends readonly number[],
  Late = never,
>(
  x: Tensor<D, S>,
  axis: A,
  sizes: Operand<Split<S, A, N, Late>, readonly [...N]>,
): { -readonly [K in keyof N]: Tensor<D, ReplaceAt<S, A, N[K], Late>> } {
  checkArguments('split', SPLIT, [x, axis, sizes]);
  const { shape } = handleOf('split', 'operand 1', x);
  let total = 0;
  const ranges = typed<readonly number[]>(sizes).map((size) => {
    const from = total;
    total += size;
    return { from, to: total };
  });
  const dim = shape.at(axis);
  if (dim === undefined)
    throw errorAtCall('FROND-S012', `split: axis ${axis} is out of range for shape ${printShape(shape)}`);
  if (dim !== total) throw errorAtCall('FROND-S014', `split: sizes add up to ${total}, dimension is ${dim}`);
  return typed(ranges.map((range) => emit('slice', [x], { axis, ...range })));
}

/**
 * States a shape that the types cannot prove; checked when the graph is built.
 * @throws FROND-S014 when x has another shape
 */
export function assertShape<D extends DType, const T extends Shape>(
  x: Tensor<D, Shape>,
  shape: T,
): Tensor<D, [...T]> {
  checkArguments('assertShape', { x: is.unchecked, shape: shapeKind }, [x, shape]);
  checkDims('assertShape', shape);
  const handle = handleOf('assertShape', 'operand 1', x);
  const [found, wanted] = [printShape(handle.shape), printShape(shape)];
  if (found !== wanted) throw errorAtCall('FROND-S014', `assertShape: the shape is ${found}, not ${wanted}`);
  return typed(handle);
}

const isDims = (value: unknown): value is readonly Dim[] =>
  Array.isArray(value) && value.every((dim) => typeof dim === 'number' || typeof dim === 'string');

/** Shapes reach the operations typed as themselves or as an error's text; here it is a list, or a wrong call. */
function dimsOf(op: string, value: unknown, or?: number): readonly Dim[] {
  if (!isDims(value)) throw errorAtCall('FROND-S019', `a list of dimensions is expected, not ${show(value)}`);
  checkDims(op, value, or);
  return [...value];
}
