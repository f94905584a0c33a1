import { sameShape } from '../base/dim.ts';
import {
  type Expression,
  expressionAttribute,
  FUSED,
  type Instruction,
  readExpression,
  readResults,
  resultsAttribute,
} from '../ir/expression.ts';
import { type Graph, makeRef, type Node, type NodeId, type Ref, splitRef } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { topologicalOrder, usersOf } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { asConstantInstruction, isLegal, isWhole, positionsOf, shapeOf } from './fusion.ts';
import { dropUnused, type Replacements, redirectNode, redirectResults } from './rewrite.ts';

/**
 * Lets a matrix product, or another op that can, apply the element-wise functions that follow it (bias, gelu, dropout, residual)
 * to each finished tile before storing it: the one element-wise node that reads the op's first result becomes its attribute
 * `epilogue`. It needs to be the only reader and to have the result's shape; what else it reads becomes further operands.
 */
export function fuseEpilogue(graph: Graph, registry: OpRegistry): Graph {
  const users = usersOf(graph);
  const kept = new Set([...Object.values(graph.outputs), ...graph.effects]);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  const absorbed = new Set<NodeId>();
  const replacements: Replacements = new Map();
  const places = new Map(positionsOf(graph));
  let changed = false;
  for (const product of topologicalOrder(graph)) {
    const most = registry.get(product.op)?.epilogueOperands;
    if (most === undefined || product.attributes.epilogue !== undefined || kept.has(product.id)) continue;
    const [reader, ...others] = new Set(users.get(product.id) ?? []);
    if (reader === undefined || others.length > 0 || absorbed.has(reader)) continue;
    const fused = withEpilogue(graph, product, graph.nodes[reader], registry, most);
    if (fused === undefined || !isLegal(fused, (ref) => typeOfRef(graph, ref), registry)) continue;
    if (product.types.length > 1) {
      if (!moveBehind(product, fused.inputs, reader, users, places)) continue;
      delete nodes[reader];
      replaceResults(graph.nodes[reader], product, replacements);
    }
    nodes[fused.id] = fused;
    absorbed.add(reader);
    changed = true;
  }
  if (!changed) return graph;
  for (const node of Object.values(nodes)) nodes[node.id] = redirectNode(node, replacements);
  return dropUnused({ ...graph, nodes, ...redirectResults(graph, replacements) });
}

/** Results of the epilogue stand for the product's first one, and behind its others. */
function replaceResults(reader: Node | undefined, product: Node, replacements: Replacements): void {
  reader?.types.forEach((_, k) => {
    const place = k === 0 ? 0 : product.types.length - 1 + k;
    replacements.set(makeRef(reader.id, k), makeRef(product.id, place));
  });
}

/**
 * Whether what the epilogue reads can be there before a further result of the product is needed, which then waits for it;
 * `places` say in which order all nodes can run, and learn where the fused one stands.
 */
function moveBehind(
  product: Node,
  inputs: readonly Ref[],
  reader: NodeId,
  users: ReadonlyMap<Ref, readonly NodeId[]>,
  places: Map<NodeId, number>,
): boolean {
  const placeOf = (id: NodeId): number => places.get(id) ?? 0;
  const waiting = product.types.flatMap((_, k) => (k === 0 ? [] : (users.get(makeRef(product.id, k)) ?? [])));
  const needed = Math.min(...waiting.map(placeOf));
  const ready = Math.max(...inputs.map((ref) => placeOf(splitRef(ref).id)));
  const place = placeOf(reader) < needed ? placeOf(reader) : (ready + needed) / 2;
  if (!(ready < place && place < needed)) return false;
  places.set(product.id, place);
  places.set(reader, place);
  return true;
}

function withEpilogue(
  graph: Graph,
  product: Node,
  reader: Node | undefined,
  registry: OpRegistry,
  most: number,
): Node | undefined {
  if (reader === undefined || reader.phase !== product.phase) return undefined;
  const sameResults = reader.types.every(
    ({ dtype, shape }) => dtype === 'f32' && sameShape(shape, shapeOf(graph, product.id)),
  );
  const steps = sameResults ? stepsOfReader(reader, registry) : undefined;
  if (steps === undefined) return undefined;
  const extras = reader.inputs.filter(
    (input, i) => input !== product.id && !isLiteral(graph, reader, i, registry),
  );
  const unique = [...new Set(extras)];
  if (unique.some((ref) => splitRef(ref).id === product.id)) return undefined;
  if (unique.length + reader.types.length - 1 > most) return undefined;
  const { steps: epilogue, moved } = renumber(graph, reader, product.id, unique, steps);
  const results = readResults(reader.attributes.results, steps).map((step) => step + moved);
  return {
    ...reader,
    // further results of the product keep their names
    id: product.types.length === 1 ? reader.id : product.id,
    op: product.op,
    inputs: [...product.inputs, ...unique],
    attributes: {
      ...product.attributes,
      epilogue: expressionAttribute(epilogue),
      ...resultsAttribute(epilogue, results),
    },
    types:
      product.types.length === 1
        ? reader.types
        : [...reader.types.slice(0, 1), ...product.types.slice(1), ...reader.types.slice(1)],
  };
}

/** Constants become literals, except where fusion has decided that already, and where they are read whole. */
const isLiteral = (graph: Graph, reader: Node, index: number, registry: OpRegistry): boolean =>
  reader.op !== FUSED &&
  !isWhole(registry.get(reader.op), index) &&
  asConstantInstruction(graph, reader.inputs[index] ?? '') !== undefined;

function stepsOfReader(reader: Node, registry: OpRegistry): Expression | undefined {
  if (reader.op === FUSED) return readExpression(reader.attributes.expression, reader.inputs.length);
  const record = registry.get(reader.op);
  if (record?.kind !== 'elementwise' || record.emit === undefined) return undefined;
  return [{ op: reader.op, args: reader.inputs.map((_, i) => i), attributes: reader.attributes }];
}

/** Numbers the arguments anew: 0 = the product, 1 … = further operands, then literals, which move the steps, and these. */
function renumber(
  graph: Graph,
  reader: Node,
  product: NodeId,
  extras: readonly Ref[],
  steps: Expression,
): { readonly steps: Expression; readonly moved: number } {
  const operands = 1 + extras.length;
  const renumbered: Instruction[] = [];
  const add = (step: Instruction): number => operands + renumbered.push(step) - 1;
  const numbers = reader.inputs.map((input) => {
    if (input === product) return 0;
    const extra = extras.indexOf(input);
    if (extra >= 0) return 1 + extra;
    const literal = asConstantInstruction(graph, input);
    return literal === undefined ? -1 : add(literal);
  });
  const moved = renumbered.length;
  for (const step of steps) numbers.push(add({ ...step, args: step.args.map((arg) => numbers[arg] ?? -1) }));
  return { steps: renumbered, moved };
}
