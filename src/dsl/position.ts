import { checkArguments } from '../base/arguments.ts';
import { printShape, product } from '../base/dim.ts';
import { errorAtCall } from '../base/source.ts';
import { axisKind, emit, handleOf, tensorKind } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';

/**
 * The index of each element along an axis of x, 0 to size − 1, in the shape of x, whose elements do not matter. It costs no memory: masks are
 * made where they are read, over named sizes too.
 *
 *     const mask = lessEqual(positions(scores, -1), positions(scores, -2)); // keys j ≤ i
 *
 * @throws FROND-S012 for an axis that x does not have
 */
export function positions<S extends Shape>(x: Tensor<DType, S>, axis: number): Tensor<'i32', S> {
  checkArguments('positions', { x: tensorKind, axis: axisKind }, [x, axis]);
  const { shape } = handleOf('positions', 'operand 1', x);
  const at = axis < 0 ? axis + shape.length : axis;
  const size = shape[at];
  if (size === undefined) {
    const where = `axis ${axis} is out of range for shape ${printShape(shape)}`;
    throw errorAtCall('FROND-S012', `positions: ${where}`);
  }
  return emit('position', [x], { size, inner: product(shape.slice(at + 1)) });
}
