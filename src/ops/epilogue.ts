import type { Epilogue, EpilogueOperand } from '../../kernels/epilogue.ts';
import { loadedType } from '../../kernels/pointwise.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { LowerContext, OpRegistry } from '../ir/record.ts';
import {
  addressedTypes,
  emitExpression,
  keyOfExpression,
  readFused,
  scalarsOfExpression,
  typesOfExpression,
} from './expression.ts';
import { expectShape, expectType } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * What ops with an attribute `epilogue` share: steps over 0 = the op's own first result, 1 … = the inputs behind the op's own.
 * Results of the steps, named by attribute `results`, take the place of that first result and follow the op's others.
 */

/** Types of the epilogue's results, all of the shape of `type`, which is the first result of the op without it. */
export function epilogueTypes(
  op: string,
  rows: OpRegistry,
  { inputs, attributes }: { readonly inputs: readonly TensorType[]; readonly attributes: Attributes },
  own: number,
  type: TensorType,
): readonly TensorType[] {
  if (attributes.epilogue === undefined) return [type];
  const extras = inputs.slice(own);
  const fused = readFused(attributes, 'epilogue', 1 + extras.length);
  const results = typesOfExpression(rows, fused, [type, ...extras]);
  for (const result of results) {
    expectShape(op, 'the result of the epilogue', result.shape, type.shape);
    expectType(op, 'the result of the epilogue', result, 'f32');
  }
  return results;
}

/** The epilogue as the kernel applies it; `strides` addresses input `index`, whose type is given. */
export function epilogueOf(
  rows: OpRegistry,
  { inputs, attributes, outputs }: LowerContext,
  own: number,
  strides: (type: TensorType, index: number) => Omit<EpilogueOperand, 'slot' | 'dtype'>,
): Epilogue | undefined {
  if (attributes.epilogue === undefined) return undefined;
  const [first] = outputs;
  const extras = inputs.slice(own);
  const fused = readFused(attributes, 'epilogue', 1 + extras.length);
  const addressed = addressedTypes(rows, fused.steps, [
    first ?? { dtype: 'f32', shape: [] },
    ...extras,
  ]).slice(1);
  const before = outputs.length - fused.results.length;
  return {
    key: `${keyOfExpression(rows, fused)} of ${addressed.map(({ dtype }) => dtype).join(',')}`,
    operands: addressed.map((type, i) => ({
      slot: input(own + i),
      dtype: loadedType(type.dtype),
      ...strides(type, own + i),
    })),
    others: fused.results.slice(1).map((_, i) => output(before + 1 + i)),
    scalars: scalarsOfExpression(rows, fused.steps),
    apply: (k, accumulator, values, context) => {
      const typed = values.map((value, i) =>
        addressed[i]?.dtype === 'bool' ? k.map('ne', value, 0) : value,
      );
      return emitExpression(k, rows, fused, [accumulator, ...typed], {
        ...context,
        // operand 0 of the steps is the op's own result
        element: (number, at) => context.element(number - 1, at),
      });
    },
  };
}
