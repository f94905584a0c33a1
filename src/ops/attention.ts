import { planAttention, planAttentionGradient } from '../../kernels/attention.ts';
import type { AttentionDims } from '../../kernels/attentionBlock.ts';
import { type Dim, product, times } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import type { ByName } from '../ir/operands.ts';
import type { Slot } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { expectFloat, expectTypes, f32, fail, threeDims } from './rules.ts';

/*
 * softmax(q kᵀ / √width) v for each head. q [batch, time, heads·width], k and v [batch, keys, heads·width]; where attribute `masked`
 * says so, a mask bool [batch, keys] (true = may be attended to); and, where there is an attribute `rate`, the key of its dropout,
 * u32 [2], of which attribute `stream` is the stream.
 */

/** Attributes of attention and of its gradient. */
const settings = {
  heads: is.count,
  causal: is.optional(is.flag),
  window: is.optional(is.count),
  alibi: is.optional(is.flag),
  masked: is.optional(is.flag),
  rate: is.optional(is.fraction),
  stream: is.optional(is.integer),
};
type Settings = is.OptionsOf<typeof settings>;

/** Which of the optional operands are there. */
const given = {
  mask: ({ masked }: Settings) => masked === true,
  key: ({ rate }: Settings) => rate !== undefined,
};

type Operands<T> = ByName<'q' | 'k' | 'v' | 'mask?' | 'key?', T>;

function sizesOf(what: string, { shape }: TensorType) {
  const [batch, time, width] = threeDims('attention', what, shape);
  return { batch, time, width };
}

function expectEqual(what: string, x: Dim, y: Dim): void {
  if (x !== y) fail('FROND-S014', `attention: ${what} differ: ${x} and ${y}`);
}

function headWidth(width: Dim, heads: number): number {
  if (typeof width !== 'number') {
    return fail('FROND-S026', `attention: the width must be a number, not ${width}`);
  }
  return Number.isInteger(width / heads) && width > 0
    ? width / heads
    : fail('FROND-S014', `attention: ${width} is not divisible by ${heads} heads`);
}

/** Checks the operands. @returns the type of the levels */
function checkAttention({ q, k, v, mask, key }: Operands<TensorType>, attributes: Settings): TensorType {
  const { heads, rate, stream } = attributes;
  expectFloat('attention', q, k, v);
  const [query, keys, values] = [sizesOf('query', q), sizesOf('key', k), sizesOf('value', v)];
  const { batch, time, width } = query;
  expectEqual('query and key batches', batch, keys.batch);
  expectEqual('query and key widths', width, keys.width);
  expectEqual('query and value batches', batch, values.batch);
  expectEqual('query and value widths', width, values.width);
  expectEqual('key and value lengths', keys.time, values.time);
  headWidth(width, heads);
  if (rate !== undefined && stream === undefined) {
    fail('FROND-S019', 'attention: attribute stream must be a number, not absent');
  }
  expectTypes('attention', {
    ...(mask && { 'the mask': [mask, 'bool', [batch, keys.time]] }),
    ...(key && { 'the key': [key, 'u32', [2]] }),
  });
  return f32([batch, heads, 2, time]);
}

function dimsOf(
  { q, k }: Pick<Operands<TensorType>, 'q' | 'k'>,
  { mask, key }: Pick<Operands<Slot>, 'mask' | 'key'>,
  { heads, causal = false, window, alibi, rate = 0, stream = 0 }: Settings,
): AttentionDims {
  const { batch, time: queryTime, width: all } = sizesOf('query', q);
  const keyTime = sizesOf('key', k).time;
  const width = headWidth(all, heads);
  const dropout = key && { rate, key, stream };
  const near = { causal, window, alibi };
  return { batch, heads, queryTime, keyTime, width, scale: 1 / Math.sqrt(width), ...near, mask, dropout };
}

/** Products of this many [time, width] × [width, keys] matrices per head. */
const flopsOf =
  (products: number) =>
  ({ q, k }: Pick<Operands<TensorType>, 'q' | 'k'>): Dim =>
    times(product([...q.shape, k.shape[1] ?? 1]), 2 * products);

/** The output as q, and of each row the largest score and the logarithm of its sum, f32 [batch, heads, 2, time], for the gradient. */
export const attention = defineOp({
  name: 'attention',
  doc: 'multi-head scaled dot-product attention (Vaswani et al. 2017) without anything of size time × keys in memory',
  operands: ['q', 'k', 'v', 'mask?', 'key?'],
  results: ['out', 'levels'],
  saved: 'the row sums',
  attributes: settings,
  given,
  shape: (operands, attributes) => [f32(operands.q.shape), checkAttention(operands, attributes)],
  vjp: (b, { needs: _, ...refs }, attributes) => b.op('attentionGradient', refs, attributes),
  lower: (types, { slots, attributes, schedules }) =>
    planAttention({ ...slots, ...dimsOf(types, slots, attributes), schedules }),
  flops: flopsOf(2),
});

/** Gradients of q, k and v; probabilities are computed again from the levels. */
export const attentionGradient = defineOp({
  name: 'attentionGradient',
  doc: 'gradients of attention with respect to query, key and value; probabilities are computed again',
  operands: ['q', 'k', 'v', 'out', 'levels', 'dout', 'mask?', 'key?'],
  results: ['dq', 'dk', 'dv'],
  attributes: settings,
  given,
  shape(operands, attributes) {
    const { q, k, v, out, levels, dout } = operands;
    const wanted = checkAttention(operands, attributes);
    expectTypes('attentionGradient', {
      out: [out, 'f32', q.shape],
      levels: [levels, 'f32', wanted.shape],
      dout: [dout, 'f32', q.shape],
    });
    return [q, k, v];
  },
  lower: (types, { slots, attributes, schedules }) =>
    planAttentionGradient({ ...slots, ...dimsOf(types, slots, attributes), schedules }),
  flops: flopsOf(5),
});
