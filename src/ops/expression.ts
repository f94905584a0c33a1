import type { Expression, Step } from '../ir/expression.ts';
import type { TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { fail } from './rules.ts';

/** Runs `apply` over the steps; operands and results share one numbering. */
function run<T>(steps: Expression, operands: readonly T[], apply: (step: Step, args: T[]) => T): T {
  const values = [...operands];
  let last: T | undefined;
  for (const step of steps) {
    const args = step.args.map(
      (i) =>
        values[i] ?? fail('FROND-S019', `${step.op}: argument ${i} of a fused expression does not exist`),
    );
    last = apply(step, args);
    values.push(last);
  }
  return last ?? fail('FROND-S019', 'a fused expression has no steps');
}

const record = (rows: OpRegistry, name: string) =>
  rows.get(name) ?? fail('FROND-S019', `${name} is not an element-wise op`);

/** The type of the result, by the shape rules of the steps. */
export const typeOfSteps = (
  rows: OpRegistry,
  steps: Expression,
  operands: readonly TensorType[],
): TensorType =>
  run(steps, operands, ({ op, attributes = {} }, args) => {
    const [type] = record(rows, op).shape(args, attributes);
    return type ?? fail('FROND-S019', `${op} has no result`);
  });

/** The same function on values of the kernel language, by the emit rules of the steps. */
export const emitSteps = (
  k: KernelBuilder,
  rows: OpRegistry,
  steps: Expression,
  operands: readonly Value[],
): Value =>
  run(steps, operands, ({ op, attributes = {} }, args) => {
    const { emit } = record(rows, op);
    return emit ? emit(k, args, attributes) : fail('FROND-S019', `${op} has no element-wise form`);
  });

/** A text that tells expressions apart, readable in the name of a kernel: `mul(0,1) tanh(2)`. */
export const keyOfSteps = (steps: Expression): string =>
  steps
    .map(({ op, args, attributes }) => {
      const extra = attributes && Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : '';
      return `${op}${extra}(${args.join(',')})`;
    })
    .join(' ');
