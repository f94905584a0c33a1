import type { Epilogue } from '../../kernels/epilogue.ts';
import { loadedType } from '../../kernels/plan.ts';
import type { Dim } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import type * as is from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import type { Slot } from '../ir/record.ts';
import { elementwise } from './elementwiseOps.ts';
import { compileExpression, readFused, typesOfExpression } from './expression.ts';
import type { epilogue as epilogueKinds } from './rules.ts';
import { expectTypes } from './rules.ts';

/*
 * What ops with an attribute `epilogue` share: instructions over 0 = the op's own first result, 1 … = its operands `extras`.
 * Results of the instructions, named by attribute `results`, take the place of that first result and follow the op's own as `others`.
 */

type EpilogueAttributes = is.OptionsOf<typeof epilogueKinds>;
/** Of the op's own first result and the extra operands. */
type Types = readonly [TensorType, ...(readonly TensorType[])];

const fusedOf = ({ epilogue, results }: EpilogueAttributes, types: Types) =>
  epilogue && readFused({ expression: epilogue, ...(results && { results }) }, types.length);

/** Types of the epilogue's results, all of the shape of the first of `types`, which is the first result of the op without it. */
export function epilogueTypes(
  op: string,
  attributes: EpilogueAttributes,
  types: Types,
): readonly TensorType[] {
  const [first] = types;
  const fused = fusedOf(attributes, types);
  if (fused === undefined) return [first];
  const results = typesOfExpression(elementwise, fused, types);
  for (const result of results)
    expectTypes(op, { 'the result of the epilogue': [result, 'f32', first.shape] });
  return results;
}

/** The epilogue as the kernel applies it to `types`; `strides` addresses the extra operand of that type and number. */
export function epilogueOf(
  attributes: EpilogueAttributes,
  types: Types,
  { extras, others }: { readonly extras: readonly Slot[]; readonly others: readonly Slot[] },
  strides: (type: TensorType, index: number) => readonly Dim[],
): Epilogue | undefined {
  const fused = fusedOf(attributes, types);
  if (fused === undefined) return undefined;
  const compiled = compileExpression(elementwise, fused, types);
  const operands = compiled.operands.slice(1);
  return {
    key: `${compiled.key} of ${operands.map(({ dtype }) => dtype).join(',')}`,
    operands: operands.map((type, i) => ({
      slot: defined(extras[i], 'operand of the epilogue'),
      dtype: loadedType(type.dtype),
      strides: strides(type, i),
    })),
    others,
    scalars: compiled.scalars,
    apply(k, result, values, context) {
      const typed = values.map((value, i) => (operands[i]?.dtype === 'bool' ? k.map('ne', value, 0) : value));
      // operand 0 of the instructions is the op's own result
      const element = (operand: number, at: number) => context.element(operand - 1, at);
      return compiled.emit(k, [result, ...typed], { ...context, element });
    },
  };
}
