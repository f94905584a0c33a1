import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { freshStream, randomKeyOf } from './dropout.ts';
import { less } from './elementwise.ts';
import { emit, handleOf } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';

/*
 * Random numbers inside a graph: functions of the fed key, the scope and the element, so that every device draws the same and a resumed
 * run draws what the uninterrupted one would have. They act in every graph, training or not: each run needs `random.key`, u32 [seed, step].
 */

function drawn<S extends Shape>(op: 'uniform' | 'normal', x: Tensor<DType, S>): Tensor<'f32', S> {
  const { state } = handleOf(`${op}Like`, 'operand 1', x);
  return emit(op, [x, randomKeyOf(state)], { stream: freshStream(op, state) });
}

/** Uniform random numbers between 0 and 1, neither included, in the shape of x, whose elements do not matter. */
export const uniformLike = <S extends Shape>(x: Tensor<DType, S>): Tensor<'f32', S> => drawn('uniform', x);

/** Standard normal random numbers in the shape of x, whose elements do not matter (Box and Muller 1958). */
export const normalLike = <S extends Shape>(x: Tensor<DType, S>): Tensor<'f32', S> => drawn('normal', x);

/** True with the given probability, in the shape of x, whose elements do not matter. @throws FROND-S045 for one outside 0 … 1 */
export function bernoulliLike<S extends Shape>(x: Tensor<DType, S>, probability: number): Tensor<'bool', S> {
  checkArguments('bernoulliLike', { x: is.unchecked, probability: probabilityKind }, [x, probability]);
  return less(uniformLike(x), probability) as Tensor<'bool', S>;
}

const probabilityKind = is.kind<number>(
  'a number from 0 to 1',
  (value) => typeof value === 'number' && value >= 0 && value <= 1,
);
