import type { DType } from '../base/dtype.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, LaunchPlan, LowerContext, OpRecord, VjpContext } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { planExpression } from './expression.ts';
import { broadcastShapes, fail, operand, perElement } from './rules.ts';

/**
 * One element-wise op. Results broadcast as NumPy does; a gradient is summed back over what was broadcast, by `vjp`'s caller.
 */
export interface Row extends Pick<OpRecord, 'neutral' | 'involution'> {
  readonly arity: 1 | 2;
  readonly doc: string;
  /** types it takes: all operands have the same one */
  readonly takes: 'float' | 'number' | 'bool';
  /** 'bool' for comparisons; else the operands' type */
  readonly gives?: 'bool';
  /** floating-point operations per element, as a roofline counts them */
  readonly flops: number;
  emit(k: KernelBuilder, args: readonly Value[], attributes: Attributes): Value;
  /** Gradients in the result's shape. */
  vjp?(b: Build, args: readonly Ref[], y: Ref, dy: Ref): readonly (Ref | undefined)[];
}

/** Types that a row takes. */
const TAKEN: Readonly<Record<Row['takes'], readonly DType[]>> = {
  float: ['f32', 'f16'],
  number: ['f32', 'f16', 'i32', 'u32'],
  bool: ['bool'],
};

/** One launch of the op's `emit` over all elements. */
export function lowerElementwise(record: OpRecord, context: LowerContext): readonly LaunchPlan[] {
  const { name } = record;
  const args = context.inputs.map((_, i) => i);
  const steps = [{ op: name, args, attributes: context.attributes }];
  return planExpression(new Map([[name, record]]), { steps, results: [0] }, context, name);
}

function shapeOf(name: string, row: Row, inputs: readonly TensorType[]): readonly TensorType[] {
  const first = operand(name, inputs, 0);
  for (const input of inputs) {
    if (!TAKEN[row.takes].includes(input.dtype)) {
      fail(
        'FROND-S010',
        `${name}: cannot take ${input.dtype} operands`,
        `it takes ${TAKEN[row.takes].join(', ')}`,
      );
    }
    if (input.dtype !== first.dtype) differ(name, first.dtype, input.dtype);
  }
  const shape = inputs.map((input) => input.shape).reduce((x, y) => broadcastShapes(name, x, y));
  return [{ dtype: row.gives ?? first.dtype, shape }];
}

export const differ = (name: string, x: DType, y: DType): never =>
  fail('FROND-S010', `${name}: operands are ${x} and ${y}`, 'convert one of them with cast');

/** The record that a row stands for. */
export function elementwiseRecord(name: string, row: Row): OpRecord {
  const { emit, vjp, neutral, involution } = row;
  const record: OpRecord = {
    name,
    doc: row.doc,
    kind: 'elementwise',
    arity: row.arity,
    attributes: {},
    shape: (inputs) => shapeOf(name, row, inputs),
    emit,
    lower: (context) => lowerElementwise(record, context),
    cost: perElement(row.flops),
    ...(neutral && { neutral }),
    ...(involution && { involution }),
  };
  return vjp === undefined ? record : { ...record, vjp: (b, context) => unbroadcast(b, context, vjp) };
}

/** Runs a row's gradient rule and sums each result back to its operand's shape. */
export function unbroadcast(
  b: Build,
  { inputs, outputs, gradients, needs }: VjpContext,
  rule: NonNullable<Row['vjp']>,
): readonly (Ref | undefined)[] {
  const [y, dy] = [outputs[0], gradients[0]];
  if (y === undefined || dy === undefined) return inputs.map(() => undefined);
  return rule(b, inputs, y, dy).map((gradient, i) => {
    const input = inputs[i];
    if (gradient === undefined || input === undefined || !needs[i]) return undefined;
    return b.unbroadcast(gradient, b.typeOf(input).shape);
  });
}
