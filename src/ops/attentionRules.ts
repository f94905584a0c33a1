import type { AttentionDims } from '../../kernels/attentionBlock.ts';
import { type Dim, printShape, product, times } from '../base/dim.ts';
import { count, flag, fraction, integer, optional } from '../base/kinds.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { Cost, LowerContext } from '../ir/record.ts';
import { bytesOf, expectFloat, expectShape, expectType, fail, numberOf, operand } from './rules.ts';
import { input } from './slots.ts';

/*
 * softmax(q kᵀ / √width) v for each head. Operands q [batch, time, heads·width], k and v [batch, keys, heads·width], then, where
 * attribute `masked` says so, a mask bool [batch, keys] (true = may be attended to), then, where there is an attribute `rate`,
 * the key of its dropout, u32 [2]. Attributes `heads`, `causal`, `masked`, `rate`, `stream`.
 */

/** Attributes of attention and of its gradient. */
export const settings = {
  heads: count,
  causal: optional(flag),
  masked: optional(flag),
  rate: optional(fraction),
  stream: optional(integer),
};

type Matrix = readonly [batch: Dim, time: Dim, width: Dim];

function matrixOf(what: string, { shape }: TensorType): Matrix {
  const [batch, time, width] = shape;
  if (shape.length !== 3 || batch === undefined || time === undefined || width === undefined) {
    return fail('FROND-S013', `attention: ${what} needs 3 dimensions, has ${printShape(shape)}`);
  }
  return [batch, time, width];
}

/** Checks k or v beside q. */
function besideQuery(what: string, query: Matrix, type: TensorType): Matrix {
  const other = matrixOf(what, type);
  if (other[0] !== query[0]) {
    fail('FROND-S014', `attention: query and ${what} batches differ: ${query[0]} and ${other[0]}`);
  }
  if (other[2] !== query[2]) {
    fail('FROND-S014', `attention: query and ${what} widths differ: ${query[2]} and ${other[2]}`);
  }
  return other;
}

/** Positions of the optional operands, counted from the first one after q, k, v. */
function extras(attributes: Attributes, first: number): { readonly mask?: number; readonly key?: number } {
  const masked = attributes.masked === true;
  return {
    ...(masked ? { mask: first } : {}),
    ...(attributes.rate === undefined ? {} : { key: masked ? first + 1 : first }),
  };
}

function headWidth(width: Dim, attributes: Attributes): number {
  const heads = numberOf('attention', attributes, 'heads');
  if (typeof width !== 'number') {
    return fail('FROND-S026', `attention: the width must be a number, not ${width}`);
  }
  return Number.isInteger(width / heads) && width > 0
    ? width / heads
    : fail('FROND-S014', `attention: ${width} is not divisible by ${heads} heads`);
}

export function checkAttention(inputs: readonly TensorType[], attributes: Attributes): void {
  const [q, k, v] = [0, 1, 2].map((i) => operand('attention', inputs, i)) as [
    TensorType,
    TensorType,
    TensorType,
  ];
  expectFloat('attention', q, k, v);
  const query = matrixOf('query', q);
  const key = besideQuery('key', query, k);
  const value = besideQuery('value', query, v);
  if (key[1] !== value[1]) {
    fail('FROND-S014', `attention: key and value lengths differ: ${key[1]} and ${value[1]}`);
  }
  headWidth(query[2], attributes);
  if (attributes.rate !== undefined) numberOf('attention', attributes, 'stream');
  const places = extras(attributes, 3);
  if (places.mask !== undefined) {
    const mask = operand('attention', inputs, places.mask);
    expectType('attention', 'the mask', mask, 'bool');
    expectShape('attention', 'the mask', mask.shape, [key[0], key[1]]);
  }
  if (places.key !== undefined) {
    const random = operand('attention', inputs, places.key);
    expectType('attention', 'the key', random, 'u32');
    expectShape('attention', 'the key', random.shape, [2]);
  }
}

export function dimsOf({ inputs, attributes, schedules }: LowerContext, firstExtra: number): AttentionDims {
  const [batch, queryTime, all] = matrixOf('query', operand('attention', inputs, 0));
  const [, keyTime] = matrixOf('key', operand('attention', inputs, 1));
  const width = headWidth(all, attributes);
  const { mask, key } = extras(attributes, firstExtra);
  return {
    batch,
    heads: numberOf('attention', attributes, 'heads'),
    queryTime,
    keyTime,
    width,
    scale: 1 / Math.sqrt(width),
    causal: attributes.causal === true,
    schedules,
    mask: mask === undefined ? undefined : input(mask),
    dropout:
      key === undefined
        ? undefined
        : {
            rate: numberOf('attention', attributes, 'rate'),
            key: input(key),
            stream: numberOf('attention', attributes, 'stream'),
          },
  };
}

/** Products of this many [time, width] × [width, keys] matrices per head. */
export const costOf =
  (products: number) =>
  (context: LowerContext): Cost => {
    const q = operand('attention', context.inputs, 0).shape;
    const keys = operand('attention', context.inputs, 1).shape[1] ?? 1;
    return { flops: times(product([...q, keys]), 2 * products), bytes: bytesOf(context) };
  };
