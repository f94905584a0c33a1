import { product, times } from '../base/dim.ts';
import { FUSED } from '../ir/expression.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { expression } from './attributes.ts';
import { planExpression, readFused, typesOfExpression } from './expression.ts';
import { bytesOf } from './rules.ts';

/**
 * A group of element-wise ops as one kernel: what the fusion pass makes. Attribute `expression`, its steps in order.
 * It has no gradient rule: fusion comes after differentiation.
 */
export const pointwise = (rows: OpRegistry): OpRecord => ({
  name: FUSED,
  doc: 'a chain of element-wise ops as one kernel',
  kind: 'kernel',
  arity: [0, 64],
  attributes: expression,
  shape: (inputs, attributes) =>
    typesOfExpression(rows, readFused(attributes, 'expression', inputs.length), inputs),
  lower: (context) =>
    planExpression(rows, readFused(context.attributes, 'expression', context.inputs.length), context),
  cost(context) {
    const { steps } = readFused(context.attributes, 'expression', context.inputs.length);
    const elements = product(context.outputs[0]?.shape ?? []);
    return { flops: times(elements, steps.length), bytes: bytesOf(context) };
  },
});
