import { checkArguments, checkOptions } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import { flag, natural, optional, unchecked } from '../base/kinds.ts';
import type { Graph, GraphLike, Node, Phase } from '../ir/graph.ts';
import { graphKind, irOf, splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';

/** A box of a drawing: one node, or a scope that stands for all nodes in it. */
export interface Box {
  readonly id: string;
  readonly label: string;
  /** second line: dtype and shape, or the number of nodes */
  readonly detail: string;
  readonly kind: 'input' | 'parameter' | 'op' | 'scope' | 'output';
  readonly phase: Phase;
  /** scope path around it */
  readonly scope: string;
}

export interface Arrow {
  readonly from: string;
  readonly to: string;
  /** shape of the tensor that flows, '' where several do */
  readonly label: string;
}

/** What every drawing (DOT, Mermaid, SVG) prints. */
export interface Picture {
  readonly title: string;
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

export interface PictureOptions {
  /** scopes deeper than this are folded into one box each; default: everything is shown */
  readonly depth?: number | undefined;
  /** whether parameters and constants get boxes; default true */
  readonly parameters?: boolean | undefined;
}

const cut = (scope: string, depth: number): string => scope.split('/').slice(0, depth).join('/');
const depthOf = (scope: string): number => (scope === '' ? 0 : scope.split('/').length);

function boxOf(node: Node): Box {
  const type = node.types[0];
  const shape = type === undefined ? '' : `${type.dtype}${printShape(type.shape)}`;
  const kind =
    node.op === 'input' ? 'input' : node.op === 'parameter' || node.op === 'constant' ? 'parameter' : 'op';
  const label = kind === 'op' ? node.op : node.id;
  // an input is declared where it is first needed, but belongs to the whole graph
  const scope = kind === 'input' ? '' : node.scope;
  return { id: node.id, label, detail: shape, kind, phase: node.phase, scope };
}

/** The box of a scope that hides `count` nodes of one phase; a scope of no depth is named after the phase. */
function foldedBox(id: string, scope: string, phase: Phase, count: number): Box {
  const nodes = count === 1 ? '1 node' : `${count} nodes`;
  return {
    id,
    label: scope === '' ? phase : scope.slice(scope.lastIndexOf('/') + 1),
    detail: phase === 'forward' || scope === '' ? nodes : `${nodes}, ${phase}`,
    kind: 'scope',
    phase,
    scope: cut(scope, Math.max(0, depthOf(scope) - 1)),
  };
}

const outputBox = (name: string): Box => ({
  id: `output:${name}`,
  label: name,
  detail: 'output',
  kind: 'output',
  phase: 'forward',
  scope: '',
});

/** Nodes and scopes of `graph` as boxes and arrows, folded to the depth asked for. */
export function drawGraph(caller: string, given: GraphLike, options: PictureOptions = {}): Picture {
  checkArguments(caller, { graph: graphKind, options: unchecked }, [given, options]);
  checkOptions(caller, options, { depth: optional(natural), parameters: optional(flag) });
  const graph = irOf(given);
  const depth = options.depth ?? Number.POSITIVE_INFINITY;
  const order = topologicalOrder(graph).filter(
    (node) => options.parameters !== false || (node.op !== 'parameter' && node.op !== 'constant'),
  );
  const boxes = new Map<string, Box>();
  const boxOfNode = new Map<string, string>();
  const folded = new Map<string, number>();
  for (const node of order) {
    if (node.op === 'input' || depthOf(node.scope) <= depth) {
      boxOfNode.set(node.id, node.id);
      boxes.set(node.id, boxOf(node));
      continue;
    }
    const scope = cut(node.scope, depth);
    // ids of nodes have no colon
    const id = `${node.phase}:${scope}`;
    const count = (folded.get(id) ?? 0) + 1;
    folded.set(id, count);
    boxOfNode.set(node.id, id);
    boxes.set(id, foldedBox(id, scope, node.phase, count));
  }
  const outputs = Object.keys(graph.outputs).map(outputBox);
  return {
    title: graph.name,
    boxes: [...boxes.values(), ...outputs],
    arrows: arrowsOf(graph, order, boxOfNode),
  };
}

function arrowsOf(graph: Graph, order: readonly Node[], boxOfNode: ReadonlyMap<string, string>): Arrow[] {
  const arrows = new Map<string, Arrow>();
  const connect = (ref: string, to: string): void => {
    const { id, output } = splitRef(ref);
    const from = boxOfNode.get(id);
    if (from === undefined || from === to) return;
    const shape = graph.nodes[id]?.types[output]?.shape;
    const label = shape === undefined ? '' : printShape(shape);
    const key = `${from}\n${to}`;
    const known = arrows.get(key);
    arrows.set(key, { from, to, label: known === undefined || known.label === label ? label : '' });
  };
  for (const node of order) {
    for (const ref of node.inputs) connect(ref, boxOfNode.get(node.id) ?? node.id);
  }
  for (const [name, ref] of Object.entries(graph.outputs)) connect(ref, `output:${name}`);
  return [...arrows.values()];
}

/** A scope of a drawing with what stands in it; the outermost one has the empty path. */
export interface Scope {
  readonly path: string;
  /** the last part of the path */
  readonly label: string;
  readonly boxes: readonly Box[];
  readonly inner: readonly Scope[];
}

interface GrowingScope extends Scope {
  readonly boxes: Box[];
  readonly inner: GrowingScope[];
}

/** The boxes in their scopes, both in order of first appearance. */
export function scopeTree(picture: Picture): Scope {
  const root: GrowingScope = { path: '', label: '', boxes: [], inner: [] };
  const known = new Map<string, GrowingScope>([['', root]]);
  const scopeAt = (path: string): GrowingScope => {
    const old = known.get(path);
    if (old !== undefined) return old;
    const slash = path.lastIndexOf('/');
    const scope: GrowingScope = { path, label: path.slice(slash + 1), boxes: [], inner: [] };
    known.set(path, scope);
    scopeAt(path.slice(0, Math.max(0, slash))).inner.push(scope);
    return scope;
  };
  for (const box of picture.boxes) scopeAt(box.scope).boxes.push(box);
  return root;
}
