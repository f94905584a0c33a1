import { defined, FrondError } from '../base/errors.ts';
import { remembered } from '../base/own.ts';
import { type Graph, type Node, type NodeId, nodeWith, type Ref, withChanged } from '../ir/graph.ts';
import { findNode, nodeOf, placeOf, typeOfRef } from '../ir/names.ts';
import type { OpRegistry } from '../ir/record.ts';
import { gradientsOf, isSource, memoryRoots, type OrderedGraph } from './nodes.ts';
import { BLOCK, type ParameterLayout } from './parameters.ts';

/** A parameter's place in an arena. */
export interface Home {
  readonly parameter: string;
  readonly arena: string;
}
const placeOfHome = ({ parameter, arena }: Home): string => `${arena} ${parameter}`;

/**
 * Every gradient that a graph leaves in an arena gets memory of its own there. Where one tensor is the gradient of
 * two parameters, or is itself an input, parameter or constant, a copy stands between.
 *
 * @throws FROND-R016 for two different gradients of one parameter
 */
export function giveGradientsMemory(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const root = memoryRoots(order, registry);
  const changed = new Map<NodeId, Node>();
  /** the tensor that lies at a place, the place of one, and what stands there instead of it */
  const [homes, owners, copies] = [new Map<string, Ref>(), new Map<Ref, string>(), new Map<string, Node>()];
  for (const reader of order) {
    const inputs = [...reader.inputs];
    for (const { parameter, operand, arena, ref } of gradientsOf(reader)) {
      const home = root(ref);
      const place = placeOfHome({ parameter, arena });
      const known = homes.get(place) ?? home;
      if (known !== home) {
        const summary = `parameter ${parameter} has two gradients: %${known} and %${home}`;
        const hint = 'add them up before';
        throw new FrondError('FROND-R016', summary, { ...placeOf(reader), hint });
      }
      homes.set(place, home);
      if (!isSource(graph, home, registry) && (owners.get(home) ?? place) === place) {
        owners.set(home, place);
        continue;
      }
      const copy = remembered(copies, place, () => copyOf(graph, parameter, ref, reader));
      inputs[operand] = copy.id;
      changed.set(copy.id, copy).set(reader.id, nodeWith(reader, { inputs }));
    }
  }
  return withChanged(graph, changed);
}

/** A node that copies `ref`, under an id that the graph does not have. */
function copyOf(graph: Graph, parameter: string, ref: Ref, reader: Node): Node {
  let id = `gradient/${parameter}`;
  while (findNode(graph, id) !== undefined) id = `gradient/${id}`;
  const types = [typeOfRef(graph, ref)];
  return nodeWith(reader, { id, op: 'copy', inputs: [ref], attributes: {}, types, phase: 'backward' });
}

/**
 * Where each gradient lies that an arena holds, by root ref.
 * @throws FROND-R008 for a gradient that `giveGradientsMemory` gave no memory
 */
export function pinnedGradients({ graph, order, registry, root }: OrderedGraph): Map<Ref, Home> {
  const pinned = new Map<Ref, Home>();
  for (const { parameter, arena, ref } of order.flatMap(gradientsOf)) {
    const home = root(ref);
    const place = { parameter, arena };
    if (isSource(graph, home, registry) || placeOfHome(pinned.get(home) ?? place) !== placeOfHome(place)) {
      throw new FrondError('FROND-R008', `the gradient of ${parameter} has no memory of its own`, {
        node: home,
        hint: '`giveGradientsMemory` inserts the copy that is missing here',
      });
    }
    pinned.set(home, place);
  }
  return pinned;
}

/** What an update says about its parameters. */
const updateOf = ({ id, attributes: { parameters, groups } }: Node) =>
  Array.isArray(parameters)
    ? [{ id, parameters: parameters.map(String), rows: Array.isArray(groups) ? groups.map(Number) : [] }]
    : [];

/**
 * The table `group`: for each block of the arenas the row of its parameter in what the update is fed, from the attributes `parameters`
 * and `groups` (0 where they are left out); −1 for blocks of parameters that no update names, which stay as they are.
 *
 * @throws FROND-R015 when updates of one graph differ in their parameters or groups
 */
export function groupTable(
  graph: Graph,
  order: readonly Node[],
  { entries, trained }: ParameterLayout,
): Int32Array {
  const values = new Int32Array(trained / BLOCK).fill(-1);
  const [first, ...others] = order.flatMap(updateOf);
  if (first === undefined) return values;
  const said = ({ parameters, rows }: typeof first): string => JSON.stringify([parameters, rows]);
  const other = others.find((each) => said(each) !== said(first));
  if (other !== undefined) {
    throw new FrondError(
      'FROND-R015',
      `graph ${graph.name}: ${first.id} and ${other.id} differ in the parameters or groups that they name`,
      { ...placeOf(nodeOf(graph, other.id)), hint: 'give all updates of a graph the same lists' },
    );
  }
  first.parameters.forEach((parameter, i) => {
    const { offset, length } = defined(entries.get(parameter), `parameter ${parameter}`);
    values.fill(first.rows[i] ?? 0, offset / BLOCK, Math.ceil((offset + length) / BLOCK));
  });
  return values;
}
