import type { Attribute, Attributes, TensorType } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { fail } from './rules.ts';

/**
 * Element-wise ops in a row, as the fusion passes write them into an attribute. Argument i < number of operands is an operand,
 * else step i − number of operands; the last step is the result.
 */
export interface Step {
  readonly op: string;
  readonly args: readonly number[];
  readonly attributes?: Attributes;
}

const isStep = (value: Attribute): boolean =>
  typeof value === 'object' && value !== null && 'op' in value && 'args' in value;

/** The steps that attribute `name` of op `op` holds. */
export function stepsOf(op: string, attributes: Attributes, name: string): readonly Step[] {
  const value = attributes[name];
  if (!Array.isArray(value) || value.length === 0 || !value.every(isStep)) {
    return fail('FROND-S019', `${op}: attribute ${name} must be a list of steps { op, args }`);
  }
  return value as unknown as readonly Step[];
}

/** Runs `apply` over the steps; operands and results share one numbering. */
function run<T>(steps: readonly Step[], operands: readonly T[], apply: (step: Step, args: T[]) => T): T {
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
  steps: readonly Step[],
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
  steps: readonly Step[],
  operands: readonly Value[],
): Value =>
  run(steps, operands, ({ op, attributes = {} }, args) => {
    const { emit } = record(rows, op);
    return emit ? emit(k, args, attributes) : fail('FROND-S019', `${op} has no element-wise form`);
  });

/** A text that tells expressions apart, readable in a kernel's name: `mul(0,1) tanh(2)`. */
export const keyOfSteps = (steps: readonly Step[]): string =>
  steps
    .map(({ op, args, attributes }) => {
      const extra = attributes && Object.keys(attributes).length > 0 ? JSON.stringify(attributes) : '';
      return `${op}${extra}(${args.join(',')})`;
    })
    .join(' ');
