import { planPointwise } from '../../kernels/pointwise.ts';
import { type Expression, FUSED, type Step } from '../ir/expression.ts';
import type { TensorType } from '../ir/graph.ts';
import type { ElementContext, LaunchPlan, LaunchScalars, LowerContext, OpRegistry } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { expectShape, fail, operand } from './rules.ts';
import { input, output } from './slots.ts';

/** Runs `apply` over the steps; operands and results share one numbering. */
function run<T>(
  steps: Expression,
  operands: readonly T[],
  apply: (step: Step, args: T[], index: number) => T,
): T {
  const values = [...operands];
  let last: T | undefined;
  for (const [index, step] of steps.entries()) {
    const args = step.args.map(
      (i) =>
        values[i] ?? fail('FROND-S019', `${step.op}: argument ${i} of a fused expression does not exist`),
    );
    last = apply(step, args, index);
    values.push(last);
  }
  return last ?? fail('FROND-S019', 'a fused expression has no steps');
}

const record = (rows: OpRegistry, name: string) =>
  rows.get(name) ?? fail('FROND-S019', `${name} is not an element-wise op`);

/** The type of the result, by the shape rules of the steps. */
export function typeOfSteps(
  rows: OpRegistry,
  steps: Expression,
  operands: readonly TensorType[],
): TensorType {
  const counted: TensorType[] = [];
  const result = run(steps, operands, ({ op, attributes = {} }, args) => {
    const { shape, whole } = record(rows, op);
    const type = shape(args, attributes)[0] ?? fail('FROND-S019', `${op} has no result`);
    if (whole) counted.push(type);
    return type;
  });
  // the index of an element is the same in all steps that ask for it
  for (const { shape } of counted)
    expectShape(FUSED, 'what random numbers are drawn for', shape, result.shape);
  return result;
}

/** A scalar of step `index`: expressions may have several steps of one op. */
const scalarName = (name: string, index: number): string => `${name}_${index}`;

/**
 * The same function on values of the kernel language, by the emit rules of the steps. Elements that `context` gives are those of
 * the expression's operands.
 */
export const emitSteps = (
  k: KernelBuilder,
  rows: OpRegistry,
  steps: Expression,
  operands: readonly Value[],
  context: ElementContext,
): Value =>
  run(steps, operands, (step, args, index) => {
    const { emit } = record(rows, step.op);
    if (emit === undefined) return fail('FROND-S019', `${step.op} has no element-wise form`);
    return emit(k, args, step.attributes ?? {}, {
      index: context.index,
      element: (operand, at) => context.element(step.args[operand] ?? -1, at),
      scalar: (name) => context.scalar(scalarName(name, index)),
    });
  });

/** What the launch of a kernel for the steps is given. */
export const scalarsOfSteps = (rows: OpRegistry, steps: Expression): LaunchScalars =>
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

/** A text that tells expressions apart, readable in the name of a kernel: `mul(0,1) tanh(2)`. */
export const keyOfSteps = (rows: OpRegistry, steps: Expression): string =>
  steps
    .map(({ op, args, attributes = {} }) => {
      const isText = Object.keys(attributes).length > 0 && record(rows, op).scalars === undefined;
      return `${op}${isText ? JSON.stringify(attributes) : ''}(${args.join(',')})`;
    })
    .join(' ');

/** One launch of the steps for every element of the result; the expression's operands are the inputs. */
export function planSteps(
  rows: OpRegistry,
  steps: Expression,
  { inputs, outputs }: LowerContext,
  name?: string,
): readonly LaunchPlan[] {
  const types = addressedTypes(rows, steps, inputs);
  return planPointwise({
    ...(name === undefined ? {} : { name }),
    key: keyOfSteps(rows, steps),
    inputs: types.map((type, index) => ({ slot: input(index), ...type })),
    output: { slot: output(), ...operand(name ?? FUSED, outputs, 0) },
    scalars: scalarsOfSteps(rows, steps),
    apply: (k, values, context) => emitSteps(k, rows, steps, values, context),
  });
}
