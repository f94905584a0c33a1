import { planPointwise } from '../../kernels/pointwise.ts';
import { product, times } from '../base/dim.ts';
import { readExpression } from '../ir/expression.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { emitSteps, keyOfSteps, typeOfSteps } from './expression.ts';
import { bytesOf } from './rules.ts';
import { input, output } from './slots.ts';

/**
 * A group of element-wise ops as one kernel: what the fusion pass makes. Attribute `expression`, its steps in order.
 * It has no gradient rule: fusion comes after differentiation.
 */
export const pointwise = (rows: OpRegistry): OpRecord => ({
  name: 'pointwise',
  doc: 'a chain of element-wise ops as one kernel',
  kind: 'kernel',
  arity: [0, 64],
  shape: (inputs, attributes) => [
    typeOfSteps(rows, readExpression(attributes.expression, inputs.length), inputs),
  ],
  lower({ inputs, outputs, attributes }) {
    const steps = readExpression(attributes.expression, inputs.length);
    return outputs.flatMap((type) =>
      planPointwise({
        key: keyOfSteps(steps),
        inputs: inputs.map((operand, index) => ({ slot: input(index), ...operand })),
        output: { slot: output(), ...type },
        apply: (k, values) => emitSteps(k, rows, steps, values),
      }),
    );
  },
  cost(context) {
    const steps = readExpression(context.attributes.expression, context.inputs.length);
    const elements = product(context.outputs[0]?.shape ?? []);
    return { flops: times(elements, steps.length), bytes: bytesOf(context) };
  },
});
