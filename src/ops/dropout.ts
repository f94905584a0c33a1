import { defined } from '../base/errors.ts';
import { fraction, integer } from '../base/kinds.ts';
import type { Attributes } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import type { Value } from '../kernel/ir.ts';
import { lowerElementwise } from './elementwiseRecord.ts';
import { expectFloat, expectShape, expectType, fail, numberOf, operand, perElement } from './rules.ts';

function rateOf(attributes: Attributes): number {
  const rate = numberOf('dropout', attributes, 'rate');
  return rate >= 0 && rate < 1
    ? rate
    : fail('FROND-S019', `dropout: rate ${rate} is not a probability below 1`, 'rates run from 0 to below 1');
}

/**
 * Operands x and key u32 [2]; attributes `rate`, and `stream`, which tells the dropouts of a graph apart.
 * An element is kept iff the Threefry word of (key, its logical index) is below (1 − rate)·2³², and scaled by 1 / (1 − rate)
 * then (Srivastava et al. 2014). Backward is the same op on dy: nothing is stored, the same mask is drawn again.
 */
export const dropout: OpRecord = {
  name: 'dropout',
  doc: 'zeroes elements with probability rate and scales the others by 1 / (1 − rate)',
  kind: 'elementwise',
  arity: 2,
  attributes: { rate: fraction, stream: integer },
  whole: [1],
  shape(inputs, attributes) {
    const [x, key] = [operand('dropout', inputs, 0), operand('dropout', inputs, 1)];
    expectFloat('dropout', x);
    expectType('dropout', 'the key', key, 'u32');
    expectShape('dropout', 'the key', key.shape, [2]);
    rateOf(attributes);
    numberOf('dropout', attributes, 'stream');
    return [x];
  },
  vjp(b, { inputs: [, key], gradients: [dy], attributes }) {
    return key === undefined || dy === undefined ? [] : [b.one('dropout', [dy, key], attributes)];
  },
  scalars(attributes) {
    const keep = 1 - rateOf(attributes);
    return {
      threshold: ['u32', { value: Math.min(0xffffffff, Math.floor(keep * 0x100000000)) }],
      inverseKeep: ['f32', { value: 1 / keep }],
      stream: ['u32', { value: numberOf('dropout', attributes, 'stream') >>> 0 }],
    };
  },
  emit(k, [x, key], _attributes, context) {
    const { index, element, scalar } = defined(context, 'context of dropout');
    const key0 = k.map('bitXor', key as Value, scalar('stream'));
    const draw = k.random([key0, element(1, 1)], [index(), 0], 0);
    return k.select(k.lt(draw, scalar('threshold')), k.mul(x as Value, scalar('inverseKeep')), 0);
  },
  lower: (context) => lowerElementwise(dropout, context),
  cost: perElement(60),
};
