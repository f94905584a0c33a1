import type { Precision } from '../../src/base/dtype.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';

/** Runs a graph without parameters once on the interpreter. */
export async function runGraph(
  graph: Graph,
  feeds: Feeds,
  options: { readonly precision?: Precision; readonly disable?: readonly string[] } = {},
): Promise<Record<string, TensorValue>> {
  const device = interpreterDevice({ precision: options.precision ?? 'f32' });
  const { executable } = await compile(graph, { device, disable: options.disable, check: true });
  return executable.run(feeds);
}
