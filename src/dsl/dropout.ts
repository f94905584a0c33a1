import { show } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { hashName } from '../base/random.ts';
import { errorAtCall } from '../base/source.ts';
import type { Attributes } from '../ir/graph.ts';
import { emit, type GraphState, handleOf, typed, wrap } from './handle.ts';
import type { DType, Shape, Tensor } from './tensor.ts';
import type { TakesFloat } from './types/dtype.ts';
import type { Operand } from './types/result.ts';

/** Name of the u32[2] input that every draw of a training graph depends on; the trainer feeds a fresh one each step. */
export const RANDOM_KEY = 'random.key';

/** What a dropout of `rate` needs, or undefined where it is the identity: outside training graphs and for rate 0. */
export function dropoutOf(
  op: string,
  state: GraphState,
  rate: number,
): { readonly key: Tensor; readonly attributes: Attributes } | undefined {
  if (!is.fraction.holds(rate)) {
    throw errorAtCall(
      'FROND-S024',
      `${op}: the dropout rate is ${show(rate)}`,
      'it is a fraction, 0 ≤ rate < 1',
    );
  }
  if (!state.training || rate === 0) return undefined;
  return { key: randomKeyOf(state), attributes: { rate, stream: freshStream(op, state) } };
}

/** The key of the graph's random numbers, an input from the first call on. */
export function randomKeyOf(state: GraphState): Tensor<'u32', [2]> {
  state.randomKey ??= state.builder.input(RANDOM_KEY, { dtype: 'u32', shape: [2] });
  return wrap(state, state.randomKey);
}

/** A stream that belongs to the scope: layers that come and go elsewhere change no mask here. */
export function freshStream(op: string, { builder, streams }: GraphState): number {
  for (let count = 0; ; count++) {
    const stream = hashName(`${builder.scope}/${op}.${count}`);
    if (streams.has(stream)) continue;
    streams.add(stream);
    return stream;
  }
}

/**
 * In a graph built with `training: true`: zeroes each element with probability `rate` and scales the others by
 * 1 / (1 − rate) (Srivastava et al. 2014). In any other graph: x itself.
 */
export function dropout<D extends DType, S extends Shape, Late = never>(
  x: Operand<TakesFloat<'dropout', D, Late>, Tensor<D, S>>,
  rate: number,
): Tensor<D, S> {
  const handle = handleOf('dropout', 'operand 1', x);
  const drop = dropoutOf('dropout', handle.state, rate);
  if (drop === undefined) return typed(handle);
  return emit('dropout', [x, drop.key], drop.attributes);
}
