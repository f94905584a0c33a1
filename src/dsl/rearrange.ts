import { checkArguments } from '../base/arguments.ts';
import { sameShape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { checkDims, emit, handleOf, typed } from './handle.ts';
import { bindPattern, type Item, labelsOf } from './pattern.ts';
import type { Dim, DType, Shape, Tensor } from './tensor.ts';
import type { Labels, Rearrange } from './types/pattern.ts';
import type { Operand, ShapeOf } from './types/result.ts';

/** Sizes of labels; by default none. */
type NoSizes = Record<never, never>;

/**
 * Reshapes and transposes by names of axes: `rearrange(x, 'b t (h d) -> b h t d', { h: 4 })`.
 *
 * A word names an axis, `(h d)` one that is the product of two, `...` any number of axes, `1` an axis of size 1. Composites on
 * the left need a size for all but one of their labels. Runs as reshape, transpose, reshape, leaving out what does nothing.
 */
export function rearrange<
  D extends DType,
  S extends Shape,
  const P extends string,
  const Z extends { readonly [label: string]: Dim } = NoSizes,
  Late = never,
>(
  x: Tensor<D, S>,
  pattern: Operand<Rearrange<P, S, Z, Late>, P>,
  sizes?: Z & { readonly [K in Labels<P>]?: Dim },
): Tensor<D, ShapeOf<Rearrange<P, S, Z, Late>>> {
  const kinds = { x: is.unchecked, pattern: is.text, sizes: is.optional(is.object) };
  checkArguments('rearrange', kinds, [x, pattern, sizes]);
  checkDims('rearrange', Object.values<Dim>(sizes ?? {}));
  const { shape } = handleOf('rearrange', 'operand 1', x);
  const { operands, result, sizeOf } = bindPattern('rearrange', String(pattern), [shape], { ...sizes });
  const labels = labelsOf('rearrange', operands.flat());
  const dims = (items: readonly Item[]): Dim[] => items.map((item) => sizeOf([item]));
  const divided = { tensor: reshapeTo(x, dims(labels)), labels };
  return typed(reshapeTo(inOrder(divided, labelsOf('rearrange', result)), dims(result)));
}

/** A tensor whose axes are called by labels. */
export interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

/** The axes in the order of `wanted`. */
export function inOrder({ tensor, labels }: Labelled, wanted: readonly string[]): Tensor {
  const permutation = wanted.map((label) => labels.indexOf(label));
  return permutation.every((axis, i) => axis === i) ? tensor : emit('transpose', [tensor], { permutation });
}

/** x under another shape, or x itself where it has that shape. */
export const reshapeTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : emit('reshape', [x], { shape: [...shape] });
