import { defined, FrondError } from '../base/errors.ts';
import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { findNode, placeOf, typeOfRef } from '../ir/names.ts';
import type { OpRegistry } from '../ir/record.ts';
import { gradientsOf, isSource, memoryRoots, type OrderedGraph } from './nodes.ts';
import { BLOCK, type ParameterLayout } from './parameters.ts';

/**
 * Every gradient that an update reads gets memory of its own in the gradient arena. Where one tensor is the gradient of
 * two parameters, or is itself an input, parameter or constant, a copy stands between.
 *
 * @throws FROND-R016 when updates read two different gradients of one parameter
 */
export function giveGradientsMemory(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const root = memoryRoots(order, registry);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  /** the tensor that is the gradient of a parameter, the parameter at whose place one lies, and what updates read instead */
  const [homes, owners, copies] = [new Map<string, Ref>(), new Map<Ref, string>(), new Map<string, Node>()];
  for (const reader of order) {
    const inputs = [...reader.inputs];
    for (const { parameter, operand, ref } of gradientsOf(reader)) {
      const home = root(ref);
      const known = homes.get(parameter) ?? home;
      if (known !== home) {
        const summary = `parameter ${parameter} has two gradients: %${known} and %${home}`;
        const hint = 'add them up before the updates read them';
        throw new FrondError('FROND-R016', summary, { ...placeOf(reader), hint });
      }
      homes.set(parameter, home);
      if (!isSource(graph, home, registry) && (owners.get(home) ?? parameter) === parameter) {
        owners.set(home, parameter);
        continue;
      }
      const copy = copies.get(parameter) ?? copyOf(graph, parameter, ref, reader);
      copies.set(parameter, copy);
      inputs[operand] = copy.id;
      nodes[copy.id] = copy;
      nodes[reader.id] = { ...reader, inputs };
    }
  }
  return copies.size === 0 ? graph : { ...graph, nodes };
}

/** A node that copies `ref`, under an id that the graph does not have. */
function copyOf(graph: Graph, parameter: string, ref: Ref, reader: Node): Node {
  let id = `gradient/${parameter}`;
  while (findNode(graph, id) !== undefined) id = `gradient/${id}`;
  const types = [typeOfRef(graph, ref)];
  return { ...reader, id, op: 'copy', inputs: [ref], attributes: {}, types, phase: 'backward' };
}

/**
 * The parameter at whose place in the gradient arena each gradient lies, by root ref.
 * @throws FROND-R008 for a gradient that `giveGradientsMemory` gave no memory
 */
export function pinnedGradients({ graph, order, registry, root }: OrderedGraph): Map<Ref, string> {
  const pinned = new Map<Ref, string>();
  for (const { parameter, ref } of order.flatMap(gradientsOf)) {
    const home = root(ref);
    if (isSource(graph, home, registry) || (pinned.get(home) ?? parameter) !== parameter) {
      throw new FrondError('FROND-R008', `the gradient of ${parameter} has no memory of its own`, {
        node: home,
        hint: '`giveGradientsMemory` inserts the copy that is missing here',
      });
    }
    pinned.set(home, parameter);
  }
  return pinned;
}

/** The attribute of update nodes that each table is made from, and what parameters get that it does not list. */
const TABLES = {
  rate: { attribute: 'rates', otherwise: 1 },
  decay: { attribute: 'decays', otherwise: 0 },
} as const;
type GroupTable = keyof typeof TABLES;

export const isGroupTable = (name: string): name is GroupTable => Object.hasOwn(TABLES, name);

/** What an update says about its parameters; one graph has one table, so all of its updates must say the same. */
const groupsOf = ({ attributes: { parameters, rates, decays } }: Node): string =>
  JSON.stringify([parameters, rates ?? null, decays ?? null]);

/**
 * One number per block of the arenas, from the update nodes' attributes `parameters`, `rates` (default 1) and `decays`
 * (default 0). Blocks of parameters that no update names have rate 0: the optimizer leaves them alone.
 *
 * @throws FROND-R015 when updates of one graph differ in their parameters, rates or decays
 */
export function groupTable(
  name: GroupTable,
  graph: Graph,
  order: readonly Node[],
  { entries, trained }: ParameterLayout,
): Float32Array {
  const values = new Float32Array(trained / BLOCK);
  const [first, ...others] = order.filter((node) => gradientsOf(node).length > 0);
  if (first === undefined) return values;
  const other = others.find((node) => groupsOf(node) !== groupsOf(first));
  if (other !== undefined) {
    throw new FrondError(
      'FROND-R015',
      `graph ${graph.name}: ${first.id} and ${other.id} differ in the parameters, rates or decays that they name`,
      { ...placeOf(other), hint: 'give all updates of a graph the same lists' },
    );
  }
  const { attribute, otherwise } = TABLES[name];
  const given = first.attributes[attribute];
  gradientsOf(first).forEach(({ parameter }, i) => {
    const { offset, length } = defined(entries.get(parameter), `parameter ${parameter}`);
    const value = Array.isArray(given) ? Number(given[i] ?? otherwise) : otherwise;
    values.fill(value, offset / BLOCK, Math.ceil((offset + length) / BLOCK));
  });
  return values;
}
