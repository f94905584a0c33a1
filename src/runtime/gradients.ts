import { FrondError } from '../base/errors.ts';
import { type Graph, type Node, type NodeId, type Ref, splitRef } from '../ir/graph.ts';
import { findNode, nodePath } from '../ir/names.ts';
import type { OpRegistry } from '../ir/record.ts';
import { memoryRoots, updatedParameters } from './lower.ts';

/** What stands for the gradient of a parameter. */
interface Chosen {
  /** the tensor whose memory the gradient shared at first */
  readonly home: Ref;
  /** the copy that the updates read instead, where one is needed */
  readonly copy: Node | undefined;
}

/**
 * Every gradient that an update reads gets memory of its own in the gradient arena. Where one tensor is the gradient of
 * two parameters, or is itself an input, parameter or constant, a copy stands between.
 *
 * @throws FROND-R016 when updates read two different gradients of one parameter
 */
export function giveGradientsMemory(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const root = memoryRoots(order, registry);
  const owners = new Map<Ref, string>();
  const chosen = new Map<string, Chosen>();
  const choose = (parameter: string, ref: Ref, reader: Node): Chosen => {
    const home = root(ref);
    const known = chosen.get(parameter);
    if (known !== undefined) {
      if (known.home === home) return known;
      throw new FrondError(
        'FROND-R016',
        `parameter ${parameter} has two gradients: %${known.home} and %${home}`,
        {
          node: nodePath(reader),
          place: reader.source,
          hint: 'add them up before the updates read them',
        },
      );
    }
    const source = registry.get(findNode(graph, splitRef(home).id)?.op ?? '')?.kind === 'source';
    const needsCopy = source || owners.has(home);
    if (!needsCopy) owners.set(home, parameter);
    const choice = { home, copy: needsCopy ? copyOf(graph, parameter, ref, reader) : undefined };
    chosen.set(parameter, choice);
    return choice;
  };
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  for (const node of order) {
    const parameters = updatedParameters(node);
    if (parameters.length === 0) continue;
    const first = node.inputs.length - parameters.length;
    const inputs = node.inputs.map((ref, i) => {
      const parameter = parameters[i - first];
      if (parameter === undefined) return ref;
      const { copy } = choose(parameter, ref, node);
      if (copy !== undefined) nodes[copy.id] = copy;
      return copy?.id ?? ref;
    });
    nodes[node.id] = { ...node, inputs };
  }
  const copied = [...chosen.values()].some(({ copy }) => copy !== undefined);
  return copied ? { ...graph, nodes } : graph;
}

/** A node that copies `ref`, under an id that the graph does not have. */
function copyOf(graph: Graph, parameter: string, ref: Ref, reader: Node): Node {
  let id = `gradient/${parameter}`;
  while (findNode(graph, id) !== undefined) id = `gradient/${id}`;
  const { id: from, output } = splitRef(ref);
  const types = findNode(graph, from)?.types.slice(output, output + 1) ?? [];
  return { ...reader, id, op: 'copy', inputs: [ref], attributes: {}, types, phase: 'backward' };
}
