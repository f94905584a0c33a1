import { type DType, emit, refuseSwapped, type Shape, type Tensor } from './tensor.ts';
import type { MustBe, TakesFloat } from './types/dtype.ts';
import type { CrossEntropy } from './types/layer.ts';
import type { Both, Operand, ShapeOf } from './types/result.ts';

/**
 * −log softmax(logits)[label] for each row: logits [..., classes], labels i32 [...], result [...].
 * Rows labelled −1 are ignored: their loss and gradient are 0.
 */
export function crossEntropy<
  D extends DType,
  L extends Shape,
  I extends DType,
  S extends Shape,
  Late = never,
>(
  logits: Operand<TakesFloat<'crossEntropy', D, Late>, Tensor<D, L>>,
  labels: Operand<
    Both<MustBe<'crossEntropy', 'labels', 'i32', I, Late>, CrossEntropy<L, S, Late>>,
    Tensor<I, S>
  >,
): Tensor<'f32', ShapeOf<CrossEntropy<L, S, Late>>> {
  refuseSwapped('crossEntropy', ['logits', logits], ['labels', labels]);
  return emit('crossEntropy', [logits, labels]);
}
