import { checkArguments } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own, remembered } from '../base/own.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, GraphLike, Node, NodeId, Ref, TensorType } from '../ir/graph.ts';
import { graphKind, graphWith, idOf, irOf, makeRef, nodesById, refKind, refs, refsOf } from '../ir/graph.ts';
import { placeOf, typeOfRef } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import { printType } from '../ir/print.ts';
import { type OpRecord, type OpRegistry, registryKind } from '../ir/record.ts';
import { expandTracked } from './expand.ts';
import { resolve } from './rewrite.ts';

const differentiateOptions = {
  /** name of an output, or a ref; a scalar unless `upstream` is given */
  loss: { ...is.text, what: 'the name of an output, such as loss' },
  /** names of parameters; by default all trainable ones, or none when `wrt` is given */
  parameters: is.omittable(is.names),
  /** tensors, such as inputs, to differentiate with respect to */
  wrt: is.omittable(refs),
  /** gradient that arrives at the loss, of its type; by default 1 */
  upstream: is.omittable(refKind),
};
export type DifferentiateOptions = is.OptionsOf<typeof differentiateOptions>;

export interface Differentiated {
  /** the graph with its backward part */
  readonly graph: Graph;
  /**
   * By parameter name, and by ref for `wrt`. What the loss does not depend on through differentiable ops is absent:
   * its gradient is zero.
   */
  readonly gradients: Readonly<Record<string, Ref>>;
}

/**
 * Reverse-mode differentiation (Linnainmaa 1970): walks from the loss to the leaves, asks each op's record for the gradients of
 * its operands and adds up those that meet. Backward nodes carry scope and source line of the node they belong to. Frozen
 * parameters, integers and masks get none, and nothing is built for them.
 *
 * @throws FROND-P001 when an op on the way has no gradient rule, FROND-P002 when the loss is not a floating scalar,
 * FROND-P003 when a parameter does not exist.
 */
export function differentiate(
  given: GraphLike,
  registry: OpRegistry,
  options: DifferentiateOptions,
): Differentiated {
  const kinds = { graph: graphKind, registry: registryKind, options: differentiateOptions };
  checkArguments('differentiate', kinds, [given, registry, options]);
  const { graph, replacements } = expandTracked(irOf(given), registry);
  const follow = (ref: Ref): Ref => resolve(replacements, ref);
  const loss = own(graph.outputs, options.loss) ?? follow(options.loss);
  const targets = [
    ...(options.wrt ?? []).map((ref) => [ref, follow(ref)] as const),
    ...chooseParameters(graph, options),
  ];
  const builder = new GraphBuilder(graph.name, registry, graph);
  const order = topologicalOrder(graph, [idOf(loss)]);
  const needed = whatNeedsGradient(
    order,
    targets.map(([, ref]) => ref),
    graph,
  );
  const upstream = options.upstream === undefined ? undefined : follow(options.upstream);
  const arriving = new Map<Ref, Ref[]>([[loss, [startOfBackward(builder, loss, upstream)]]]);

  const total = new Map<Ref, Ref>();
  for (const node of order.toReversed()) {
    builder.at(node, 'backward');
    const outputs = refsOf(node);
    const gradients = outputs.map((ref) => {
      const sum = arriving.get(ref)?.reduce((x, y) => builder.add(x, y));
      if (sum !== undefined) total.set(ref, sum);
      return sum;
    });
    const needs = node.inputs.map((input) => needed.has(input));
    if (!needs.includes(true) || gradients.every((gradient) => gradient === undefined)) continue;
    const { inputs, attributes } = node;
    const context = { inputs, outputs, gradients, attributes, needs };
    ruleOf(node, registry)(builder, context).forEach((gradient, i) => {
      const input = inputs[i];
      if (gradient === undefined || input === undefined || !needs[i]) return;
      remembered(arriving, input, () => []).push(fitted(builder, node, i, gradient));
    });
  }
  const gradients = Object.fromEntries(
    targets.flatMap(([name, ref]) => {
      const gradient = total.get(ref);
      return gradient === undefined ? [] : [[name, gradient] as const];
    }),
  );
  return { graph: withoutLeftovers(graph, builder.finish(), Object.values(gradients)), gradients };
}

/** Drops what rules built beside the gradients asked for; the nodes of `before` all stay. */
function withoutLeftovers(before: Graph, after: Graph, gradients: readonly Ref[]): Graph {
  const roots = gradients.map(idOf);
  const used = new Set(topologicalOrder(after, roots).map((node) => node.id));
  const kept = Object.values(after.nodes).filter(({ id }) => used.has(id) || Object.hasOwn(before.nodes, id));
  return graphWith(after, { nodes: nodesById(kept) });
}

/** Name and id of each parameter to differentiate with respect to. */
function chooseParameters(graph: Graph, options: DifferentiateOptions): [string, NodeId][] {
  const all = new Map<string, Node>();
  for (const node of Object.values(graph.nodes)) {
    if (node.op === 'parameter') all.set(String(node.attributes.name), node);
  }
  if (options.parameters === undefined) {
    if (options.wrt !== undefined) return [];
    return [...all].flatMap(([name, node]) => (node.attributes.trainable === false ? [] : [[name, node.id]]));
  }
  return options.parameters.map((name) => {
    const node = all.get(name);
    if (node === undefined) {
      throw new FrondError('FROND-P003', `differentiate: graph ${graph.name} has no parameter ${name}`, {
        hint: `its parameters are: ${[...all.keys()].slice(0, 8).join(', ') || 'none'}`,
      });
    }
    return [name, node.id];
  });
}

/** Floating tensors that depend on a target: only they take part in the backward pass. */
function whatNeedsGradient(order: readonly Node[], targets: readonly Ref[], graph: Graph): Set<Ref> {
  const needed = new Set(targets.filter((target) => isFloating(typeOfRef(graph, target).dtype)));
  for (const node of order) {
    if (!node.inputs.some((input) => needed.has(input))) continue;
    node.types.forEach((type, k) => {
      if (isFloating(type.dtype)) needed.add(makeRef(node.id, k));
    });
  }
  return needed;
}

function startOfBackward(builder: GraphBuilder, loss: Ref, upstream: Ref | undefined): Ref {
  const type = builder.typeOf(loss);
  const node = builder.nodeOf(loss);
  if (node) builder.at(node, 'backward');
  const refused = (summary: string, hint?: string): FrondError =>
    new FrondError('FROND-P002', summary, { ...(node && placeOf(node)), hint });
  if (!isFloating(type.dtype) || (upstream === undefined && type.shape.length > 0)) {
    throw refused(
      `the loss is ${printType(type)}; it must be a floating-point scalar`,
      'take its mean or sum, or give the gradient that arrives at it as `upstream`',
    );
  }
  if (upstream === undefined) return builder.constant(1, type);
  const given = builder.typeOf(upstream);
  if (compatible(given, type)) return upstream;
  throw refused(`the upstream gradient is ${printType(given)}, the loss ${printType(type)}`);
}

function ruleOf(node: Node, registry: OpRegistry): NonNullable<OpRecord['vjp']> {
  const record = registry.get(node.op);
  if (record?.vjp) return record.vjp.bind(record);
  throw new FrondError('FROND-P001', `${node.op} has no gradient, and the loss depends on it`, {
    ...placeOf(node),
    hint: `leave what it reads out of the differentiated tensors, or give ${node.op} a vjp`,
  });
}

/**
 * The gradient of an operand, of which rules may give one in f32 for f16. One of another shape is a defect of the rule: found here, at
 * the op, and not where it is used.
 */
function fitted(builder: GraphBuilder, node: Node, index: number, given: Ref): Ref {
  const wanted = builder.typeOf(node.inputs[index] ?? '');
  const isWide = wanted.dtype === 'f16' && builder.typeOf(given).dtype === 'f32';
  const gradient = isWide ? builder.one('cast', [given], { dtype: 'f16' }) : given;
  const type = builder.typeOf(gradient);
  if (compatible(type, wanted)) return gradient;
  throw new FrondError(
    'FROND-P005',
    `the gradient rule of ${node.op} gives ${printType(type)} for operand ${index}, which is ${printType(wanted)}`,
    placeOf(node),
  );
}

/** Equal as far as can be told before sizes are bound: one size may be written in two ways. */
const compatible = (x: TensorType, y: TensorType): boolean =>
  x.dtype === y.dtype &&
  x.shape.length === y.shape.length &&
  x.shape.every((dim, i) => {
    const other = y.shape[i];
    return dim === other || typeof dim === 'string' || typeof other === 'string';
  });
