import { sameShape } from '../base/dim.ts';
import {
  type Expression,
  expressionAttribute,
  FUSED,
  readExpression,
  readResults,
  resultsAttribute,
  type Step,
} from '../ir/expression.ts';
import type { Graph, Node, NodeId, Ref } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { topologicalOrder, usersOf } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { asConstantStep, isLegal, isWhole, shapeOf } from './fusion.ts';
import { dropUnused } from './rewrite.ts';

/**
 * Lets a matrix product apply the element-wise functions that follow it (bias, gelu, dropout, residual) to each finished tile before
 * storing it: the one element-wise node that reads the product becomes its attribute `epilogue`. It needs to be the product's only
 * reader and to have its shape; what else it reads becomes further operands of the product.
 */
export function fuseEpilogue(graph: Graph, registry: OpRegistry): Graph {
  const users = usersOf(graph);
  const kept = new Set([...Object.values(graph.outputs), ...graph.effects]);
  const nodes: Record<NodeId, Node> = { ...graph.nodes };
  const absorbed = new Set<NodeId>();
  let changed = false;
  for (const product of topologicalOrder(graph)) {
    const most = registry.get(product.op)?.epilogueOperands;
    if (most === undefined || product.attributes.epilogue !== undefined || kept.has(product.id)) continue;
    if (product.types.length > 1) continue;
    const [reader, ...others] = new Set(users.get(product.id) ?? []);
    if (reader === undefined || others.length > 0 || absorbed.has(reader)) continue;
    const fused = withEpilogue(graph, product, graph.nodes[reader], registry, most);
    if (fused === undefined || !isLegal(fused, (ref) => typeOfRef(graph, ref), registry)) continue;
    nodes[fused.id] = fused;
    absorbed.add(fused.id);
    changed = true;
  }
  return changed ? dropUnused({ ...graph, nodes }) : graph;
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
  if (unique.length + reader.types.length - 1 > most) return undefined;
  const { steps: epilogue, moved } = renumber(graph, reader, product.id, unique, steps);
  const results = readResults(reader.attributes.results, steps).map((step) => step + moved);
  return {
    ...reader,
    op: product.op,
    inputs: [...product.inputs, ...unique],
    attributes: {
      ...product.attributes,
      epilogue: expressionAttribute(epilogue),
      ...resultsAttribute(epilogue, results),
    },
  };
}

/** Constants become literals, except where fusion has decided that already, and where they are read whole. */
const isLiteral = (graph: Graph, reader: Node, index: number, registry: OpRegistry): boolean =>
  reader.op !== FUSED &&
  !isWhole(registry.get(reader.op), index) &&
  asConstantStep(graph, reader.inputs[index] ?? '') !== undefined;

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
  const renumbered: Step[] = [];
  const add = (step: Step): number => operands + renumbered.push(step) - 1;
  const numbers = reader.inputs.map((input) => {
    if (input === product) return 0;
    const extra = extras.indexOf(input);
    if (extra >= 0) return 1 + extra;
    const literal = asConstantStep(graph, input);
    return literal === undefined ? -1 : add(literal);
  });
  const moved = renumbered.length;
  for (const step of steps) numbers.push(add({ ...step, args: step.args.map((arg) => numbers[arg] ?? -1) }));
  return { steps: renumbered, moved };
}
