import { type Dim, evaluate } from '../../src/base/dim.ts';
import { isFloating, type Precision } from '../../src/base/dtype.ts';
import { defined, FrondError } from '../../src/base/errors.ts';
import { uniforms } from '../../src/base/random.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import type { OpRecord } from '../../src/ir/record.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import type { Sample, SampleInput } from './samples/sample.ts';

/** The ops of frond, without those that other tests of the same process defined. */
export const builtIn = (): readonly OpRecord[] =>
  [...ops.values()].filter(({ edition }) => edition === undefined);

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

export const feedsOf = (sample: Sample, seed: number): Record<string, TensorValue> =>
  Object.fromEntries(
    sample.inputs.map((input, i) => [operandName(i), drawOperand(input, operandName(i), seed)]),
  );

export interface Built {
  readonly builder: GraphBuilder;
  readonly inputs: readonly Ref[];
  readonly outputs: readonly Ref[];
}

/** How a sample's sizes are declared: as numbers, or as names (one per size): all, or all but the first operand's last one. */
export type Naming = 'none' | 'all' | 'others';

function declared(sample: Sample, { dtype, shape }: SampleInput, naming: Naming): readonly Dim[] {
  // the key of random numbers has two words
  if (dtype === 'u32') return shape;
  const width = naming === 'others' ? sample.inputs[0]?.shape.at(-1) : undefined;
  return shape.map((size) => (naming === 'none' || size === 1 || size === width ? size : `n${size}`));
}

/** Names are allowed by the op's rule for this sample, and there are any. */
export function takesNames(sample: Sample, naming: Naming): boolean {
  const names = sample.inputs.some((input) =>
    declared(sample, input, naming).some((dim) => typeof dim === 'string'),
  );
  if (!names) return false;
  try {
    build(sample, naming);
    return true;
  } catch (error) {
    if (error instanceof FrondError && error.code.startsWith('FROND-S')) return false;
    throw error;
  }
}

/** A graph with the sample's op on fed tensors; `wrap` may put something between an input and the op. */
export function build(
  sample: Sample,
  naming: Naming = 'none',
  wrap = (_b: GraphBuilder, ref: Ref, _i: number): Ref => ref,
): Built {
  const builder = new GraphBuilder(sample.op, ops);
  const inputs = sample.inputs.map((input, i) =>
    builder.input(operandName(i), { dtype: input.dtype, shape: declared(sample, input, naming) }),
  );
  const operands = inputs.map((ref, i) => wrap(builder, ref, i));
  return { builder, inputs, outputs: builder.op(sample.op, operands, sample.attributes) };
}

/** Runs a graph on the interpreter, as often as wanted. */
export async function runner(
  graph: Graph,
  precision: Precision = 'f64',
): Promise<(feeds: Feeds) => Promise<Record<string, TensorValue>>> {
  const { executable } = await compile(graph, {
    device: interpreterDevice({ precision }),
    check: true,
  });
  return (feeds) => executable.run(feeds);
}

/** Results of a sample's op, in order. */
export async function forward(
  sample: Sample,
  feeds: Feeds,
  naming: Naming = 'none',
  precision: Precision = 'f64',
): Promise<readonly TensorValue[]> {
  const { builder, outputs } = build(sample, naming);
  outputs.forEach((ref, i) => {
    builder.output(`y${i}`, ref);
  });
  const run = await runner(builder.finish(), precision);
  const results = await run(feeds);
  return outputs.map((_, i) => defined(results[`y${i}`], 'result'));
}

/** Sizes that a shape has under the names of `declared`. */
export const shapeOf = (builder: GraphBuilder, ref: Ref, sample: Sample): number[] => {
  const sizes = Object.fromEntries(
    sample.inputs.flatMap(({ shape }) => shape.map((size) => [`n${size}`, size])),
  );
  return builder.typeOf(ref).shape.map((dim) => evaluate(dim, sizes));
};
