import { type Dim, evaluate, type Sizes } from '../../src/base/dim.ts';
import { type DType, isFloating } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Attributes, Graph, Ref, TensorType } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import type { Sample } from '../../src/ops/sample.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { draw, elements } from '../ops/run.ts';

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
  /** what the random coefficients of operands are drawn from */
  readonly coefficients?: readonly [number, number];
}

export const subgraphOf = ({ op, inputs, attributes }: Sample): Subgraph => ({
  op,
  attributes,
  operands: inputs.map(({ dtype, shape, range, values }) => ({
    ...{ dtype, shape, range },
    element: values && ((i) => values[i % values.length] ?? 0),
  })),
});

export interface MidGraph {
  readonly graph: Graph;
  feeds(sizes?: Sizes, seed?: number): Feeds;
}

/**
 * An op in the middle of a graph: each floating operand is a product with a random coefficient, so is each floating result, and the
 * gradient that arrives is random too. Outputs: all results, the gradients of all floating operands.
 */
export function midGraph({ op, operands, attributes, coefficients = [0.8, 1.2] }: Subgraph): MidGraph {
  const builder = new GraphBuilder(op, ops);
  const fed = new Map<string, Operand>();
  const input = (name: string, operand: Operand): Ref => {
    fed.set(name, operand);
    return builder.input(name, { dtype: operand.dtype, shape: operand.shape });
  };
  const scaled = (ref: Ref, name: string, range: readonly [number, number]): Ref => {
    const type: TensorType = builder.typeOf(ref);
    return isFloating(type.dtype) ? builder.mul(ref, input(name, { ...type, range })) : ref;
  };
  const inputs = operands.map((operand, i) => input(`x${i}`, operand));
  const scaledInputs = inputs.map((ref, i) => scaled(ref, `a${i}`, coefficients));
  const results = builder.op(op, scaledInputs, attributes).map((ref, k) => scaled(ref, `c${k}`, [-2, 2]));
  results.forEach((ref, k) => {
    builder.output(`y${k}`, ref);
  });
  const y = defined(results[0], 'result');
  const wrt = inputs.filter((ref) => isFloating(builder.typeOf(ref).dtype));
  const record = defined(ops.get(op), op);
  const feeds = (sizes: Sizes = {}, seed = 1): Feeds =>
    Object.fromEntries(
      [...fed].map(([name, operand]) => [name, tensorOf(operand, name, sizes, seed)] as const),
    );
  const hasGradient = record.vjp !== undefined || record.expand !== undefined;
  if (!hasGradient || wrt.length === 0 || !isFloating(builder.typeOf(y).dtype)) {
    return { graph: builder.finish(), feeds };
  }
  const upstream = input('dy', { ...builder.typeOf(y), range: [-2, 2] });
  const { graph, gradients } = differentiate(builder.finish(), ops, { loss: y, wrt, upstream });
  const named = Object.entries(gradients).map(([ref, gradient]) => [`d${ref}`, gradient]);
  return { graph: { ...graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } }, feeds };
}

function tensorOf(
  { dtype, shape, range, element }: Operand,
  name: string,
  sizes: Sizes,
  seed: number,
): TensorValue {
  const bound = shape.map((dim) => evaluate(dim, sizes));
  const count = elements(bound);
  const data = element
    ? Array.from({ length: count }, (_, i) => element(i, sizes))
    : draw(count, name, seed, range ?? [-2, 2]);
  return { dtype, shape: bound, data: isFloating(dtype) ? Float32Array.from(data) : data };
}
