import { printShape } from '../base/dim.ts';
import type { Graph, Node, Phase } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';

/** A box of a drawing: one node, or a scope that stands for all nodes in it. */
export interface Box {
  readonly id: string;
  readonly label: string;
  /** second line: op and shape, or the number of nodes */
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

/** Nodes and scopes of `graph` as boxes and arrows, folded to the depth asked for. */
export function drawGraph(graph: Graph, options: PictureOptions = {}): Picture {
  const depth = options.depth ?? Number.POSITIVE_INFINITY;
  const order = topologicalOrder(graph).filter(
    (node) => options.parameters !== false || (node.op !== 'parameter' && node.op !== 'constant'),
  );
  const boxes = new Map<string, Box>();
  const boxOfNode = new Map<string, string>();
  const folded = new Map<string, number>();
  for (const node of order) {
    const hidden = node.op !== 'input' && depthOf(node.scope) > depth;
    const id = hidden ? `${node.phase}:${cut(node.scope, depth)}` : node.id;
    boxOfNode.set(node.id, id);
    if (!hidden) boxes.set(id, boxOf(node));
    else {
      const count = (folded.get(id) ?? 0) + 1;
      const scope = cut(node.scope, depth);
      folded.set(id, count);
      boxes.set(id, {
        id,
        label: scope.split('/').at(-1) ?? scope,
        detail: `${count} nodes`,
        kind: 'scope',
        phase: node.phase,
        scope: cut(node.scope, depth - 1),
      });
    }
  }
  for (const name of Object.keys(graph.outputs)) {
    boxes.set(`output:${name}`, {
      id: `output:${name}`,
      label: name,
      detail: 'output',
      kind: 'output',
      phase: 'forward',
      scope: '',
    });
  }
  return { title: graph.name, boxes: [...boxes.values()], arrows: arrowsOf(graph, order, boxOfNode) };
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

/** Scope paths around the boxes, outer ones first. */
export function scopesOf(picture: Picture): string[] {
  const paths = new Set<string>();
  for (const { scope } of picture.boxes) {
    for (let depth = 1; depth <= depthOf(scope); depth++) paths.add(cut(scope, depth));
  }
  return [...paths].sort();
}
