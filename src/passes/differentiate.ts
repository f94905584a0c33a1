import { checkArguments, checkOptions } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import { names, type OptionsOf, omittable, text, unchecked } from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph, GraphLike, Node, NodeId, Ref, TensorType } from '../ir/graph.ts';
import { graphKind, irOf, makeRef, refKind, refs, splitRef } from '../ir/graph.ts';
import { nodePath, typeOfRef } from '../ir/names.ts';
import { topologicalOrder } from '../ir/order.ts';
import { printType } from '../ir/print.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { expandTracked } from './expand.ts';
import { resolve } from './rewrite.ts';

const differentiateOptions = {
  /** name of an output, or a ref; a scalar unless `upstream` is given */
  loss: { ...text, what: 'the name of an output, such as loss' },
  /** names of parameters; by default all trainable ones, or none when `wrt` is given */
  parameters: omittable(names),
  /** tensors, such as inputs, to differentiate with respect to */
  wrt: omittable(refs),
  /** gradient that arrives at the loss, of its type; by default 1 */
  upstream: omittable(refKind),
};
export type DifferentiateOptions = OptionsOf<typeof differentiateOptions>;

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
  const kinds = { graph: graphKind, registry: registryKind, options: unchecked };
  checkArguments('differentiate', kinds, [given, registry, options]);
  checkOptions('differentiate', options, differentiateOptions);
  const original = irOf(given);
  const { graph, replacements } = expandTracked(original, registry);
  const named = own(graph.outputs, options.loss);
  const loss = named ?? resolve(replacements, options.loss);
  const targets = new Map<string, Ref>();
  for (const ref of options.wrt ?? []) targets.set(ref, resolve(replacements, ref));
  for (const [name, id] of chooseParameters(graph, options)) targets.set(name, id);

  const builder = new GraphBuilder(graph.name, registry, graph);
  const order = topologicalOrder(graph, [splitRef(loss).id]);
  const needed = whatNeedsGradient(order, new Set(targets.values()), graph);
  const arriving = new Map<Ref, Ref[]>();
  const upstream = options.upstream === undefined ? undefined : resolve(replacements, options.upstream);
  arriving.set(loss, [startOfBackward(builder, graph, loss, upstream)]);

  const total = new Map<Ref, Ref>();
  for (const node of order.toReversed()) {
    builder.at(node, 'backward');
    const gradients = node.types.map((_, k) => sumUp(builder, arriving.get(makeRef(node.id, k))));
    gradients.forEach((gradient, k) => {
      if (gradient !== undefined) total.set(makeRef(node.id, k), gradient);
    });
    const needs = node.inputs.map((input) => needed.has(input));
    if (!needs.includes(true) || gradients.every((gradient) => gradient === undefined)) continue;
    gradientsOfInputs(builder, registry, node, gradients, needs).forEach((given, i) => {
      const input = node.inputs[i];
      if (given === undefined || input === undefined || !needs[i]) return;
      const gradient = narrow(builder, given, builder.typeOf(input));
      checkGradient(node, i, builder.typeOf(input), builder.typeOf(gradient));
      const known = arriving.get(input);
      if (known) known.push(gradient);
      else arriving.set(input, [gradient]);
    });
  }
  const found = [...targets].flatMap(([name, ref]) => {
    const gradient = total.get(ref);
    return gradient === undefined ? [] : [[name, gradient] as const];
  });
  const gradients = Object.fromEntries(found);
  return { graph: withoutLeftovers(graph, builder.finish(), Object.values(gradients)), gradients };
}

/** Drops what rules built beside the gradients asked for; the nodes of `before` all stay. */
function withoutLeftovers(before: Graph, after: Graph, gradients: readonly Ref[]): Graph {
  const roots = gradients.map((ref) => splitRef(ref).id);
  const used = new Set(topologicalOrder(after, roots).map((node) => node.id));
  const kept = Object.entries(after.nodes).filter(([id]) => used.has(id) || Object.hasOwn(before.nodes, id));
  return { ...after, nodes: Object.fromEntries(kept) };
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
function whatNeedsGradient(order: readonly Node[], targets: ReadonlySet<Ref>, graph: Graph): Set<Ref> {
  const needed = new Set<Ref>();
  for (const target of targets) if (isFloating(typeOfRef(graph, target).dtype)) needed.add(target);
  for (const node of order) {
    if (!node.inputs.some((input) => needed.has(input))) continue;
    node.types.forEach((type, k) => {
      if (isFloating(type.dtype)) needed.add(makeRef(node.id, k));
    });
  }
  return needed;
}

function startOfBackward(builder: GraphBuilder, graph: Graph, loss: Ref, upstream: Ref | undefined): Ref {
  const type = typeOfRef(graph, loss);
  const node = builder.nodeOf(loss);
  const place = node && { node: nodePath(node), place: node.source };
  if (node) builder.at(node, 'backward');
  if (!isFloating(type.dtype) || (upstream === undefined && type.shape.length > 0)) {
    throw new FrondError('FROND-P002', `the loss is ${printType(type)}; it must be a floating-point scalar`, {
      ...place,
      hint: 'take its mean or sum, or give the gradient that arrives at it as `upstream`',
    });
  }
  if (upstream === undefined) return builder.constant(1, type);
  const given = builder.typeOf(upstream);
  if (given.dtype !== type.dtype || !compatible(given, type)) {
    throw new FrondError(
      'FROND-P002',
      `the upstream gradient is ${printType(given)}, the loss ${printType(type)}`,
      place,
    );
  }
  return upstream;
}

const sumUp = (builder: GraphBuilder, parts: readonly Ref[] | undefined): Ref | undefined =>
  parts?.reduce((total, part) => builder.add(total, part));

function gradientsOfInputs(
  builder: GraphBuilder,
  registry: OpRegistry,
  node: Node,
  gradients: readonly (Ref | undefined)[],
  needs: readonly boolean[],
): readonly (Ref | undefined)[] {
  const record = registry.get(node.op);
  if (record?.vjp === undefined) {
    throw new FrondError('FROND-P001', `${node.op} has no gradient, and the loss depends on it`, {
      node: nodePath(node),
      place: node.source,
      hint: `leave what it reads out of the differentiated tensors, or give ${node.op} a vjp`,
    });
  }
  const outputs = node.types.map((_, k) => makeRef(node.id, k));
  return record.vjp(builder, { inputs: node.inputs, outputs, gradients, attributes: node.attributes, needs });
}

/** Rules may work in f32 for an operand of f16. */
const narrow = (builder: GraphBuilder, gradient: Ref, { dtype }: TensorType): Ref =>
  dtype === 'f16' && builder.typeOf(gradient).dtype === 'f32'
    ? builder.one('cast', [gradient], { dtype })
    : gradient;

/** A rule that gives a gradient of another shape is a defect; found here, at the op, not steps later. */
function checkGradient(node: Node, index: number, operand: TensorType, gradient: TensorType): void {
  if (gradient.dtype === operand.dtype && compatible(gradient, operand)) return;
  throw new FrondError(
    'FROND-P005',
    `the gradient rule of ${node.op} gives ${printType(gradient)} for operand ${index}, which is ${printType(operand)}`,
    { node: nodePath(node), place: node.source },
  );
}

/** Equal as far as can be told before sizes are bound: one size may be written in two ways. */
const compatible = (x: TensorType, y: TensorType): boolean =>
  x.shape.length === y.shape.length &&
  x.shape.every((dim, i) => {
    const other = y.shape[i];
    return dim === other || typeof dim === 'string' || typeof other === 'string';
  });
