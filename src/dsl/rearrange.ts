import { checkArguments } from '../base/arguments.ts';
import { sameShape } from '../base/dim.ts';
import { object, optional, text, unchecked } from '../base/kinds.ts';
import { checkDims } from './dims.ts';
import { bindLabels, dimOf, dimOfItem, labelsOf, readPattern } from './pattern.ts';
import { type Dim, type DType, emit, handleOf, type Shape, type Tensor } from './tensor.ts';
import type { Labels, Rearrange } from './types/pattern.ts';
import type { Operand, ShapeOf } from './types/result.ts';

/** Sizes of labels; by default none. */
type NoSizes = Record<never, never>;

/**
 * Reshapes and transposes by names of axes: `rearrange(x, 'b t (h d) -> b h t d', { h: 4 })`.
 *
 * A word names an axis, `(h d)` one that is the product of two, `...` any number of axes, `1` an axis of size 1. Groups on
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
  const kinds = { x: unchecked, pattern: text, sizes: optional(object) };
  checkArguments('rearrange', kinds, [x, pattern, sizes]);
  checkDims('rearrange', Object.values<Dim>(sizes ?? {}));
  const { shape } = handleOf('rearrange', 'operand 1', x);
  const { left, right } = readPattern(String(pattern), shape.length);
  const bound = bindLabels(left, shape, { ...sizes });
  const { before, after } = labelsOf({ left, right });
  const divided = reshapeTo(
    x,
    before.map((label) => dimOf(label, bound)),
  );
  const order = after.map((label) => before.indexOf(label));
  const sorted = order.every((axis, i) => axis === i);
  const ordered = sorted ? divided : emit<Tensor>('transpose', [divided], { permutation: order });
  return reshapeTo(
    ordered,
    right.map((item) => dimOfItem(item, bound)),
  ) as Tensor<D, never>;
}

/** x under another shape, or x itself where it has that shape. */
export const reshapeTo = (x: Tensor, shape: Shape): Tensor =>
  sameShape(x.shape, shape) ? x : emit('reshape', [x], { shape: [...shape] });
