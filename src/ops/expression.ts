import { planPointwise } from '../../kernels/pointwise.ts';
import { type Expression, FUSED, type Instruction, readExpression, readResults } from '../ir/expression.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { printAttribute } from '../ir/print.ts';
import type { ElementContext, LaunchPlan, LaunchScalars, LowerContext, OpRegistry } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { expectShape, fail, operand } from './rules.ts';
import { input, output } from './slots.ts';

/** Steps, and which of them are results. */
export interface Fused {
  readonly steps: Expression;
  readonly results: readonly number[];
}

/** What an op's attribute `name`, and `results`, say. */
export const readFused = (attributes: Attributes, name: string, operands: number): Fused => {
  const steps = readExpression(attributes[name], operands);
  return { steps, results: readResults(attributes.results, steps) };
};

/** Runs `apply` over the steps; operands and values of steps share one numbering. Gives the results. */
function run<T>(
  { steps, results }: Fused,
  operands: readonly T[],
  apply: (step: Instruction, args: T[], index: number) => T,
): readonly T[] {
  const values = [...operands];
  for (const [index, step] of steps.entries()) {
    const args = step.args.map(
      (i) =>
        values[i] ?? fail('FROND-S019', `${step.op}: argument ${i} of a fused expression does not exist`),
    );
    values.push(apply(step, args, index));
  }
  return results.map(
    (step) => values[operands.length + step] ?? fail('FROND-S019', 'a fused expression has no steps'),
  );
}

const record = (rows: OpRegistry, name: string) =>
  rows.get(name) ?? fail('FROND-S019', `${name} is not an element-wise op`);

/** The types of the results, which have one shape, by the shape rules of the steps. */
export function typesOfExpression(
  rows: OpRegistry,
  fused: Fused,
  operands: readonly TensorType[],
): readonly TensorType[] {
  const counted: TensorType[] = [];
  const results = run(fused, operands, ({ op, attributes = {} }, args) => {
    const { shape, whole } = record(rows, op);
    const type = shape(args, attributes)[0] ?? fail('FROND-S019', `${op} has no result`);
    if (whole) counted.push(type);
    return type;
  });
  const shape = results[0]?.shape ?? [];
  for (const other of results) expectShape(FUSED, 'a further result', other.shape, shape);
  // the index of an element is the same in all steps that ask for it
  for (const other of counted) expectShape(FUSED, 'what random numbers are drawn for', other.shape, shape);
  return results;
}

/** A scalar of step `index`: expressions may have several steps of one op. */
const scalarName = (name: string, index: number): string => `${name}_${index}`;

/**
 * The same function on values of the kernel language, by the emit rules of the steps. Elements that `context` gives are those of
 * the expression's operands.
 */
export const emitExpression = (
  k: KernelBuilder,
  rows: OpRegistry,
  fused: Fused,
  operands: readonly Value[],
  context: ElementContext,
): readonly Value[] =>
  run(fused, operands, (step, args, index) => {
    const { emit } = record(rows, step.op);
    if (emit === undefined) return fail('FROND-S019', `${step.op} has no element-wise form`);
    return emit(k, args, step.attributes ?? {}, {
      index: context.index,
      element: (operand, at) => context.element(step.args[operand] ?? -1, at),
      scalar: (name) => context.scalar(scalarName(name, index)),
    });
  });

/** What the launch of a kernel for the steps is given. */
export const scalarsOfExpression = (rows: OpRegistry, steps: Expression): LaunchScalars =>
  Object.fromEntries(
    steps.flatMap(({ op, attributes = {} }, index) =>
      Object.entries(record(rows, op).scalars?.(attributes) ?? {}).map(
        ([name, value]) => [scalarName(name, index), value] as const,
      ),
    ),
  );

/** Types of the operands as a kernel addresses them: [] for those that a step reads whole. */
export function addressedTypes(
  rows: OpRegistry,
  steps: Expression,
  operands: readonly TensorType[],
): readonly TensorType[] {
  const whole = new Set(
    steps.flatMap(({ op, args }) => (record(rows, op).whole ?? []).map((operand) => args[operand])),
  );
  return operands.map((type, i) => (whole.has(i) ? { ...type, shape: [] } : type));
}

/** A text that tells expressions apart, readable in the name of a kernel: `mul(0,1) tanh(2)`, and `→ 0,1` for two results. */
export const keyOfExpression = (rows: OpRegistry, { steps, results }: Fused): string =>
  steps
    .map(({ op, args, attributes = {} }) => {
      const isText = Object.keys(attributes).length > 0 && record(rows, op).scalars === undefined;
      return `${op}${isText ? printAttribute(attributes) : ''}(${args.join(',')})`;
    })
    .concat(results.length > 1 ? [`→ ${results.join(',')}`] : [])
    .join(' ');

/** One launch of the steps for every element of the result; the expression's operands are the inputs. */
export function planExpression(
  rows: OpRegistry,
  fused: Fused,
  { inputs, outputs }: LowerContext,
  name?: string,
): readonly LaunchPlan[] {
  const types = addressedTypes(rows, fused.steps, inputs);
  return planPointwise({
    ...(name === undefined ? {} : { name }),
    key: keyOfExpression(rows, fused),
    inputs: types.map((type, index) => ({ slot: input(index), ...type })),
    output: { slot: output(), ...operand(name ?? FUSED, outputs, 0) },
    others: outputs.slice(1).map((type, i) => ({ slot: output(i + 1), ...type })),
    scalars: scalarsOfExpression(rows, fused.steps),
    apply: (k, values, context) => emitExpression(k, rows, fused, values, context),
  });
}
