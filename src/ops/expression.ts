import { planElementwise } from '../../kernels/elementwise.ts';
import { product, times } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import { FUSED, type Instruction, readExpression, readResults } from '../ir/expression.ts';
import type { Attribute, TensorType } from '../ir/graph.ts';
import { printAttribute } from '../ir/print.ts';
import type { ElementContext, LaunchPlan, LowerContext, OpRecord, OpRegistry } from '../ir/record.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { defineOp } from './define.ts';
import { expectShape, fail, instructions, results } from './rules.ts';

/** What an op's attributes say: the expression of a node, and which of its instructions are results. */
export function readFused(
  attributes: { readonly expression: Attribute; readonly results?: Attribute },
  operands: number,
) {
  const expression = readExpression(attributes.expression, operands);
  return { expression, results: readResults(attributes.results, expression) };
}
export type Fused = Readonly<ReturnType<typeof readFused>>;

/** Runs `apply` over the instructions, whose arguments `readFused` has checked; operands and values share one numbering. */
function run<T>(
  { expression, results }: Fused,
  operands: readonly T[],
  apply: (instruction: Instruction, args: T[], index: number) => T,
): readonly T[] {
  const values = [...operands];
  const valueAt = (i: number): T => defined(values[i], 'value of an expression');
  expression.forEach((instruction, index) => {
    values.push(apply(instruction, instruction.args.map(valueAt), index));
  });
  return results.map((index) => valueAt(operands.length + index));
}

const record = (registry: OpRegistry, name: string): OpRecord =>
  registry.get(name) ?? fail('FROND-S019', `${name} is not an element-wise op`);

/** The types of the results, which have one shape, by the shape rules of the instructions. */
export function typesOfExpression(
  registry: OpRegistry,
  fused: Fused,
  operands: readonly TensorType[],
): readonly TensorType[] {
  const counted: TensorType[] = [];
  const results = run(fused, operands, ({ op, attributes = {} }, args) => {
    const { shape, whole } = record(registry, op);
    const type = shape(args, attributes)[0] ?? fail('FROND-S019', `${op} has no result`);
    if (whole) counted.push(type);
    return type;
  });
  const shape = results[0]?.shape ?? [];
  for (const other of results) expectShape(FUSED, 'a further result', other.shape, shape);
  // the index of an element is the same in all instructions that ask for it
  for (const other of counted) expectShape(FUSED, 'what random numbers are drawn for', other.shape, shape);
  return results;
}

/** An expression over operands of certain types, as a kernel computes it. */
export function compileExpression(registry: OpRegistry, fused: Fused, types: readonly TensorType[]) {
  const { expression, results } = fused;
  const records = expression.map(({ op }) => record(registry, op));
  // expressions may hold several instructions of one op
  const scalarName = (name: string, index: number): string => `${name}_${index}`;
  const words = expression.map(({ op, args, attributes = {} }, index) => {
    const isText = Object.keys(attributes).length > 0 && records[index]?.scalars === undefined;
    const edition = records[index]?.edition;
    const name = edition === undefined ? op : `${op}#${edition}`;
    return `${name}${isText ? printAttribute(attributes) : ''}(${args.join(',')})`;
  });
  const whole = new Set(
    expression.flatMap(({ args }, index) => (records[index]?.whole ?? []).map((operand) => args[operand])),
  );
  const scalars = expression.flatMap(({ attributes = {} }, index) =>
    Object.entries(records[index]?.scalars?.(attributes) ?? {}).map(
      ([name, value]) => [scalarName(name, index), value] as const,
    ),
  );
  return {
    /** tells it from others, readable in the name of a kernel: `mul(0,1) tanh(2)`, and `→ 0,1` for two results */
    key: [...words, ...(results.length > 1 ? [`→ ${results.join(',')}`] : [])].join(' '),
    /** types of the operands as a kernel addresses them: [] for those that an instruction reads whole */
    operands: types.map((type, i) => (whole.has(i) ? { ...type, shape: [] } : type)),
    /** what a launch is given */
    scalars: Object.fromEntries(scalars),
    /** The same function on values of the kernel language. Elements that `context` gives are those of the expression's operands. */
    emit: (k: KernelBuilder, operands: readonly Value[], context: ElementContext): readonly Value[] =>
      run(fused, operands, ({ op, args, attributes = {} }, values, index) => {
        const emit = records[index]?.emit ?? fail('FROND-S019', `${op} has no element-wise form`);
        return emit(k, values, attributes, {
          index: context.index,
          element: (operand, at) => context.element(args[operand] ?? -1, at),
          scalar: (name) => context.scalar(scalarName(name, index)),
        });
      }),
  };
}

/** One launch of the expression for every element of the result; its operands are the inputs. */
export function planExpression(
  registry: OpRegistry,
  fused: Fused,
  { inputs, outputs }: Pick<LowerContext, 'inputs' | 'outputs'>,
  name?: string,
): readonly LaunchPlan[] {
  const { operands, emit, ...compiled } = compileExpression(registry, fused, inputs);
  return planElementwise({
    ...compiled,
    ...(name !== undefined && { name }),
    inputs: operands.map((type, index) => ({ slot: { kind: 'input', index }, ...type })),
    results: outputs.map((type, index) => ({ slot: { kind: 'output', index }, ...type })),
    apply: emit,
  });
}

/**
 * A cluster of element-wise ops as one kernel: what the fusion pass makes. It has no gradient rule: fusion comes after
 * differentiation.
 */
export const fused = (registry: OpRegistry): OpRecord =>
  defineOp({
    name: FUSED,
    doc: 'a chain of element-wise ops as one kernel',
    operands: ['...inputs'],
    results: ['...outputs'],
    attributes: { expression: instructions, results },
    shape: ({ inputs }, attributes) =>
      typesOfExpression(registry, readFused(attributes, inputs.length), inputs),
    lower: (types, { attributes }) =>
      planExpression(registry, readFused(attributes, types.inputs.length), types),
    flops({ inputs, outputs: [first] }, attributes) {
      const { expression } = readFused(attributes, inputs.length);
      return times(product(first?.shape ?? []), expression.length);
    },
  });
