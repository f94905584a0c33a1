import { type Dim, evaluate, type Sizes } from '../../../src/base/dim.ts';
import { type DType, isFloating } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import type { Attributes, Graph, Ref, TensorType } from '../../../src/ir/graph.ts';
import { ops } from '../../../src/ops/index.ts';
import { differentiate } from '../../../src/passes/index.ts';
import type { Feeds, TensorValue } from '../../../src/runtime/feeds.ts';
import { draw, elements } from '../../ops/run.ts';
import type { Sample } from '../../ops/samples/sample.ts';

/** An operand of an op under test; its sizes may be names. */
export interface Operand {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
  /** of uniform floats; [-2, 2] by default */
  readonly range?: readonly [number, number] | undefined;
  /** element i under these sizes; floats are drawn where it is absent */
  readonly element?: ((i: number, sizes: Sizes) => number) | undefined;
}

export interface Subgraph {
  readonly op: string;
  readonly operands: readonly Operand[];
  readonly attributes?: Attributes | undefined;
  /** all coefficients and the arriving gradient are 1, so that extreme operands stay what they are */
  readonly plain?: boolean;
}

export const subgraphOf = ({ op, inputs, attributes }: Sample): Subgraph => ({
  op,
  attributes,
  operands: inputs.map(({ dtype, shape, range, values }) => ({
    dtype,
    shape,
    range,
    element: values && ((i) => values[i % values.length] ?? 0),
  })),
});

/** What to feed. */
export interface Feeding {
  readonly sizes?: Sizes;
  /** all coefficients and the arriving gradient are 1, so that extreme operands stay what they are */
  readonly plain?: boolean;
  /** element i of floating operand `operand`, where it is not what the operand says */
  readonly replace?: (operand: number, i: number) => number | undefined;
}

export interface MidGraph {
  readonly graph: Graph;
  feeds(feeding?: Feeding): Feeds;
}

/**
 * An op in the middle of a graph: each floating operand is a product with a random coefficient, so is each floating result, and the
 * gradient that arrives is random too. Outputs: all results, the gradients of all floating operands.
 */
export function midGraph({ op, operands, attributes }: Subgraph): MidGraph {
  const builder = new GraphBuilder(op, ops);
  const fed = new Map<string, Operand>();
  const input = (name: string, operand: Operand): Ref => {
    fed.set(name, operand);
    return builder.input(name, { dtype: operand.dtype, shape: operand.shape });
  };
  const coefficient = (name: string, { dtype, shape }: TensorType, range: readonly [number, number]): Ref =>
    input(name, { dtype, shape, range });
  const scaled = (ref: Ref, name: string, range: readonly [number, number]): Ref => {
    const type: TensorType = builder.typeOf(ref);
    return isFloating(type.dtype) ? builder.mul(ref, coefficient(name, type, range)) : ref;
  };
  const inputs = operands.map((operand, i) => input(`x${i}`, operand));
  const scaledInputs = inputs.map((ref, i) => scaled(ref, `a${i}`, [0.8, 1.2]));
  const results = builder.op(op, scaledInputs, attributes).map((ref, k) => scaled(ref, `c${k}`, [-2, 2]));
  results.forEach((ref, k) => {
    builder.output(`y${k}`, ref);
  });
  const y = defined(results[0], 'result');
  const wrt = inputs.filter((ref) => isFloating(builder.typeOf(ref).dtype));
  const record = defined(ops.get(op), op);
  const feeds = (feeding: Feeding = {}): Feeds =>
    Object.fromEntries([...fed].map(([name, operand]) => [name, tensorOf(operand, name, feeding)] as const));
  const hasGradient = record.vjp !== undefined || record.expand !== undefined;
  if (!hasGradient || wrt.length === 0 || !isFloating(builder.typeOf(y).dtype)) {
    return { graph: builder.finish(), feeds };
  }
  const upstream = coefficient('dy', builder.typeOf(y), [-2, 2]);
  const { graph, gradients } = differentiate(builder.finish(), ops, { loss: y, wrt, upstream });
  const named = Object.entries(gradients).map(([ref, gradient]) => [`d${ref}`, gradient]);
  return { graph: { ...graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } }, feeds };
}

function tensorOf(operand: Operand, name: string, { sizes = {}, plain, replace }: Feeding): TensorValue {
  const { dtype, element } = operand;
  const shape = operand.shape.map((dim) => evaluate(dim, sizes));
  const count = elements(shape);
  const isOperand = name.startsWith('x');
  const range = plain && !isOperand ? ([1, 1] as const) : (operand.range ?? ([-2, 2] as const));
  const data = element
    ? Array.from({ length: count }, (_, i) => element(i, sizes))
    : draw(count, name, 1, range);
  if (!isFloating(dtype)) return { dtype, shape, data };
  const replaced = isOperand && replace ? data.map((x, i) => replace(Number(name.slice(1)), i) ?? x) : data;
  return { dtype, shape, data: Float32Array.from(replaced) };
}
