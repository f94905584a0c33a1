import { isFloating } from '../base/dtype.ts';
import type { SourcePlace } from '../base/errors.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, makeRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import { ops } from '../ops/index.ts';
import { compile } from './compile.ts';
import type { Feeds } from './feeds.ts';
import type { ModelState } from './state.ts';

export interface NonFinite {
  /** scope path and id of the first node with a value that is not finite although its operands are */
  readonly node: string;
  readonly op: string;
  readonly phase: string;
  readonly value: number;
  /** flat index of the element */
  readonly element: number;
  readonly place?: SourcePlace | undefined;
}

/**
 * Finds where a step went wrong: runs it again, unfused and without its updates, with every tensor as an output, and names
 * the first one that holds a NaN or an infinity. Weights are read, never written.
 */
export async function findNonFinite(
  graph: Graph,
  feeds: Feeds,
  state: ModelState,
): Promise<NonFinite | undefined> {
  const order = topologicalOrder(graph).filter((node) => node.phase !== 'update');
  const builder = new GraphBuilder(graph.name, ops, {
    ...graph,
    nodes: Object.fromEntries(order.map((node) => [node.id, node])),
    inputs: graph.inputs.filter((id) => graph.nodes[id]?.phase !== 'update'),
    outputs: {},
    effects: [],
  });
  const watched = order.flatMap((node) =>
    node.types.flatMap((type, k) => (isFloating(type.dtype) ? [{ node, ref: makeRef(node.id, k) }] : [])),
  );
  watched.forEach(({ ref }, i) => {
    builder.output(`watched.${i}`, ref);
  });
  const observed = builder.finish();
  const disable = ['fuseElementwise', 'fuseEpilogue', 'shareCommonSubexpressions'];
  const { executable } = await compile(observed, { state, disable });
  const names = new Set(observed.inputs.map((id) => String(observed.nodes[id]?.attributes.name)));
  const values = await executable.run(
    Object.fromEntries(Object.entries(feeds).filter(([name]) => names.has(name))),
  );
  executable.free();
  for (const [i, { node }] of watched.entries()) {
    const data = values[`watched.${i}`]?.data ?? [];
    const element = Array.prototype.findIndex.call(data, (value: number) => !Number.isFinite(value));
    if (element >= 0) {
      const path = node.scope === '' ? node.id : `${node.scope}/${node.id}`;
      return {
        node: path,
        op: node.op,
        phase: node.phase,
        value: data[element] ?? Number.NaN,
        element,
        place: node.source,
      };
    }
  }
  return undefined;
}
