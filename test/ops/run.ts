import { evaluate } from '../../src/base/dim.ts';
import { isFloating } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { uniforms } from '../../src/base/random.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import type { Sample, SampleInput } from '../../src/ops/sample.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';

export const elements = (shape: readonly number[]): number => shape.reduce((count, size) => count * size, 1);

/** `count` numbers of the stream `name`, uniform in `range`. */
export const draw = (
  count: number,
  name: string,
  seed: number,
  [low, high]: readonly [number, number] = [-2, 2],
): number[] => Array.from({ length: count }, (_, i) => low + (high - low) * uniforms(seed, name, i)[0]);

/** Elements of an operand: drawn for floats, listed for other types. */
export function drawOperand(
  { dtype, shape, range, values }: SampleInput,
  name: string,
  seed: number,
): TensorValue {
  const count = elements(shape);
  if (values === undefined) {
    if (!isFloating(dtype)) throw new Error(`${name}: a sample of ${dtype} lists its elements`);
    return { dtype, shape, data: draw(count, name, seed, range ?? [-2, 2]) };
  }
  return { dtype, shape, data: Array.from({ length: count }, (_, i) => values[i % values.length] ?? 0) };
}

export const operandName = (i: number): string => `x${i}`;

export const feedsOf = (sample: Sample, seed: number): Feeds =>
  Object.fromEntries(
    sample.inputs.map((input, i) => [operandName(i), drawOperand(input, operandName(i), seed)]),
  );

export interface Built {
  readonly builder: GraphBuilder;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly Ref[];
}

/** A graph with the sample's op on fed tensors; `wrap` may put something between an input and the op. */
export function build(sample: Sample, wrap = (_b: GraphBuilder, ref: Ref, _i: number): Ref => ref): Built {
  const builder = new GraphBuilder(sample.op, ops);
  const inputs = sample.inputs.map(({ dtype, shape }, i) => builder.input(operandName(i), { dtype, shape }));
  const operands = inputs.map((ref, i) => wrap(builder, ref, i));
  return { builder, inputs, outputs: builder.op(sample.op, operands, sample.attributes) };
}

/** Runs a graph on the f64 interpreter, as often as wanted. */
export async function runner(graph: Graph): Promise<(feeds: Feeds) => Promise<Record<string, TensorValue>>> {
  const { executable } = await compile(graph, {
    device: interpreterDevice({ precision: 'f64' }),
    check: true,
  });
  return (feeds) => executable.run(feeds);
}

/** Results of a sample's op, in order. */
export async function forward(sample: Sample, feeds: Feeds): Promise<readonly TensorValue[]> {
  const { builder, outputs } = build(sample);
  outputs.forEach((ref, i) => {
    builder.output(`y${i}`, ref);
  });
  const run = await runner(builder.finish());
  const results = await run(feeds);
  return outputs.map((_, i) => defined(results[`y${i}`], 'result'));
}

export const shapeOf = (builder: GraphBuilder, ref: Ref): number[] =>
  builder.typeOf(ref).shape.map((dim) => evaluate(dim, {}));
