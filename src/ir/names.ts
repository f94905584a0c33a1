import { nearestOf, show, shownName } from '../base/arguments.ts';
import { isDim, NORMAL_HINT, normalDim } from '../base/dim.ts';
import { dtypeHint, isDType } from '../base/dtype.ts';
import { type ErrorDetails, FrondError, type SourcePlace } from '../base/errors.ts';
import type { Graph, Node, NodeId, Ref, TensorType } from './graph.ts';
import { splitRef } from './graph.ts';

/** Names that a graph may carry: they print after `%` and parse back, and they are safe keys of a plain object. */
const NAME = /^[A-Za-z_][\w./-]*$/;

export const isName = (name: unknown): name is string =>
  typeof name === 'string' && NAME.test(name) && name !== '__proto__';

/** @throws FROND-I011 when `name` could not be printed and parsed back. */
export function checkName(name: unknown, what: string): void {
  if (!isName(name)) {
    throw new FrondError('FROND-I011', `${what}: ${show(name)} is not a name`, {
      hint: 'names start with a letter or underscore and go on with letters, digits, "_", ".", "-" and "/"; __proto__ is none',
    });
  }
}

/** @throws FROND-I006 for an element type that there is not, and for a shape that is no list of sizes and names */
export function checkType({ dtype, shape }: TensorType, what?: string, place?: SourcePlace): void {
  const refuse = (summary: string, hint?: string): never => {
    const whole = what === undefined ? summary : `${what}: ${summary}`;
    throw new FrondError('FROND-I006', whole, { place, hint });
  };
  if (!isDType(dtype)) refuse(`${shownName(dtype)} is not a dtype`, dtypeHint);
  if (!Array.isArray(shape)) refuse(`${shownName(shape)} is not a shape`);
  for (const dim of shape) {
    if (!isDim(dim)) refuse(`${shownName(dim)} is not a dimension`);
    if (normalDim(dim) !== dim) refuse(`${dim} is written ${normalDim(dim)}`, NORMAL_HINT);
  }
}

/** `name` below `scope`; '' is the top. */
export const joinScope = (scope: string, name: string): string => (scope === '' ? name : `${scope}/${name}`);

/** What messages call a node: its scope path and id. */
export const nodePath = (node: Node): string =>
  node.scope === '' || node.id.startsWith(`${node.scope}/`) ? node.id : `${node.scope}/${node.id}`;

/** Where an error is that concerns a node. */
export const placeOf = (node: Node): ErrorDetails => ({ node: nodePath(node), place: node.source });

/** The node called `id`, or undefined. What ids such as `constructor` find at the prototype is not called so. */
export function findNode({ nodes }: Graph, id: NodeId): Node | undefined {
  const node = nodes[id];
  return node?.id === id ? node : undefined;
}

/** @throws FROND-I001 when no node has that id. */
export function nodeOf(graph: Graph, id: NodeId): Node {
  const node = findNode(graph, id);
  if (node === undefined) {
    throw new FrondError('FROND-I001', `%${id} is not a node of graph ${graph.name}`, {
      hint: namesHint(graph, id),
    });
  }
  return node;
}

/** Names that a hint lists before it breaks off. */
const LISTED = 8;

export const listed = (names: readonly string[]): string =>
  [...names.slice(0, LISTED), ...(names.length > LISTED ? [`… (${names.length} in all)`] : [])].join(', ');

/** The name of an output or node that looks most like `id`, and those that there are. */
export function namesHint(graph: Graph, id: string): string {
  const [outputs, nodes] = [Object.keys(graph.outputs), Object.keys(graph.nodes)];
  const nearest = nearestOf(id, [...outputs, ...nodes]);
  if (nearest === undefined) return 'the graph has no nodes';
  return `did you mean ${nearest}? Its outputs are ${listed(outputs) || 'none'}; its nodes are ${listed(nodes)}`;
}

/** @throws FROND-I001 when the node is unknown, FROND-I009 when it has no such output. */
export function typeOfRef(graph: Graph, ref: Ref): TensorType {
  const { id, output } = splitRef(ref);
  const node = nodeOf(graph, id);
  const type = node.types[output];
  if (type === undefined) {
    throw new FrondError(
      'FROND-I009',
      `%${ref}: ${node.op} has ${node.types.length} output(s)`,
      placeOf(node),
    );
  }
  return type;
}
