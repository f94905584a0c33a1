import { checkArguments } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { grouped, own } from '../base/own.ts';
import { shown } from '../base/shown.ts';
import type { Graph, GraphLike, Node, Phase } from '../ir/graph.ts';
import { graphKind, idOf, irOf, splitRef } from '../ir/graph.ts';
import { findNode } from '../ir/names.ts';
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

/** Colours of the boxes, in every drawing. */
export const COLORS = {
  forward: { fill: '#e8f1fb', stroke: '#5b7fa6' },
  backward: { fill: '#fdeee0', stroke: '#b3793f' },
  update: { fill: '#e9f6e6', stroke: '#5f9653' },
} as const;

/** What every drawing (DOT, Mermaid, SVG) prints. */
export interface Picture {
  readonly title: string;
  readonly boxes: readonly Box[];
  readonly arrows: readonly Arrow[];
}

const pictureOptions = {
  /**
   * scopes of this depth are one box each: 1 leaves the outermost ones, 0 one box for each phase. Default: everything is shown,
   * down to scopes of depth 64
   */
  depth: is.omittable(is.natural),
  /** whether parameters and constants get boxes; default true */
  parameters: is.omittable(is.flag),
};
export type PictureOptions = is.OptionsOf<typeof pictureOptions>;

/** The most frames within frames that can still be told apart. */
const DEEPEST = 64;

const cut = (scope: string, depth: number): string => scope.split('/').slice(0, depth).join('/');
const depthOf = (scope: string): number => (scope === '' ? 0 : scope.split('/').length);

const KINDS: Readonly<Record<string, Box['kind']>> = {
  input: 'input',
  parameter: 'parameter',
  constant: 'parameter',
};

/** Ids of nodes have no colon. */
const OUTPUT = 'output:';
/** An output as a node that takes it. */
const outputNode = ([name, ref]: readonly [string, string]): Node => {
  const id = `${OUTPUT}${name}`;
  return { id, op: name, inputs: [ref], attributes: {}, types: [], phase: 'forward', scope: '' };
};

function boxOf({ id, op, types: [type], phase, scope }: Node): Box {
  const kind = id.startsWith(OUTPUT) ? 'output' : (own(KINDS, op) ?? 'op');
  const shape = type === undefined ? '' : `${type.dtype}${printShape(type.shape)}`;
  return {
    id,
    label: shown(kind === 'op' || kind === 'output' ? op : id),
    detail: kind === 'output' ? kind : shown(shape),
    kind,
    phase,
    // an input is declared where it is first needed, but belongs to the whole graph
    scope: kind === 'input' ? '' : scope,
  };
}

/** Nodes of one scope and phase that one box stands for. */
interface Fold extends Pick<Box, 'id' | 'scope' | 'phase'> {
  readonly nodes: number;
}

/** Called `layer`, or `layer (backward 1 of 2)` where there are other boxes of that scope. */
function foldedBox({ id, scope, phase, nodes }: Fold, all: readonly Fold[]): Box {
  const ofScope = all.filter((fold) => fold.scope === scope);
  const own = ofScope.filter((fold) => fold.phase === phase).map((fold) => fold.id);
  const which = [
    ...(scope !== '' && phase !== 'forward' && own.length < ofScope.length ? [phase] : []),
    ...(own.length > 1 ? [`${own.indexOf(id) + 1} of ${own.length}`] : []),
  ].join(' ');
  const name = scope === '' ? phase : scope.slice(scope.lastIndexOf('/') + 1);
  return {
    id,
    label: shown(which === '' ? name : `${name} (${which})`),
    detail: nodes === 1 ? '1 node' : `${nodes} nodes`,
    kind: 'scope',
    phase,
    scope: cut(scope, Math.max(0, depthOf(scope) - 1)),
  };
}

/** Nodes and scopes of `graph` as boxes and arrows, folded to the depth asked for. Arrows make no cycle. */
export function drawGraph(caller: string, given: GraphLike, options: PictureOptions = {}): Picture {
  checkArguments(caller, { graph: graphKind, options: pictureOptions }, [given, options]);
  const graph = irOf(given);
  const depth = Math.min(options.depth ?? DEEPEST, DEEPEST);
  const isShown = ({ op }: Node): boolean => options.parameters !== false || own(KINDS, op) !== 'parameter';
  const order = [
    ...topologicalOrder(graph).filter(isShown),
    ...Object.entries(graph.outputs).map(outputNode),
  ];
  const home = ({ op, id, scope, phase }: Node): string =>
    op === 'input' || id.startsWith(OUTPUT) || depthOf(scope) < depth ? id : `${phase}:${cut(scope, depth)}`;
  const boxOfNode = apart(order, new Map(order.map((node) => [node.id, home(node)])));
  const nodesIn = grouped(order.map((node) => [defined(boxOfNode.get(node.id), node.id), node]));
  const all = [...nodesIn].map(([id, nodes]): Box | Fold => {
    const first = defined(nodes[0], id);
    if (id === first.id) return boxOf(first);
    return { id, scope: cut(first.scope, depth), phase: first.phase, nodes: nodes.length };
  });
  const folds = all.filter((box) => 'nodes' in box);
  return {
    title: shown(graph.name),
    boxes: all.map((box) => ('nodes' in box ? foldedBox(box, folds) : box)),
    arrows: arrowsOf(graph, order, boxOfNode),
  };
}

/**
 * The box of each node, so that arrows between boxes make no cycle, as those between nodes make none: a scope that is left and
 * entered again becomes a box for each of its visits. Where boxes lie on cycles they are split by the number of changes from one to
 * another on the longest path to a node, which grows along every arrow.
 */
function apart(order: readonly Node[], homes: ReadonlyMap<string, string>): Map<string, string> {
  const homeOf = (id: string): string => defined(homes.get(id), id);
  const operands = ({ inputs }: Node) => inputs.map(idOf).filter((id) => homes.has(id));
  const knot = knotOf(
    [...new Set(homes.values())],
    order.flatMap((node) => operands(node).map((id) => [homeOf(id), homeOf(node.id)] as const)),
  );
  const changes = new Map<string, number>();
  const boxes = new Map<string, string>();
  for (const node of order) {
    const home = homeOf(node.id);
    const leaves = (id: string): boolean => homeOf(id) !== home && knot.has(home) && knot.has(homeOf(id));
    const counts = operands(node).map((id) => (changes.get(id) ?? 0) + (leaves(id) ? 1 : 0));
    const count = counts.reduce((most, one) => Math.max(most, one), 0);
    changes.set(node.id, count);
    boxes.set(node.id, knot.has(home) && home !== node.id ? `${home}:${count}` : home);
  }
  return boxes;
}

/**
 * What lies on cycles of arrows, or between two: what is left when boxes that nothing leads to, or that lead to nothing, are taken
 * away again and again. Boxes stand in the order of the nodes, so that where there are no cycles the first round takes all.
 */
function knotOf(boxes: readonly string[], arrows: readonly (readonly [string, string])[]): Set<string> {
  const left = new Set(boxes);
  const sources = grouped(arrows.map(([from, to]) => [to, from]));
  for (let before = -1; before !== left.size; ) {
    before = left.size;
    for (const [order, others] of [
      [boxes, sources],
      [boxes.toReversed(), grouped(arrows)],
    ] as const) {
      for (const box of order)
        if (!others.get(box)?.some((other) => other !== box && left.has(other))) left.delete(box);
    }
  }
  return left;
}

function arrowsOf(graph: Graph, order: readonly Node[], boxOfNode: ReadonlyMap<string, string>): Arrow[] {
  const arrows = new Map<string, Arrow>();
  for (const node of order) {
    const to = boxOfNode.get(node.id) ?? node.id;
    for (const ref of node.inputs) {
      const { id, output } = splitRef(ref);
      const from = boxOfNode.get(id);
      if (from === undefined || from === to) continue;
      const shape = findNode(graph, id)?.types[output]?.shape;
      const label = shape === undefined ? '' : shown(printShape(shape));
      const key = JSON.stringify([from, to]);
      const known = arrows.get(key);
      arrows.set(key, { from, to, label: known === undefined || known.label === label ? label : '' });
    }
  }
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

/** Boxes that lie in the scope `path` in their scopes, both in order of first appearance. */
export function scopeTree(boxes: readonly Box[], path = ''): Scope {
  const next = ({ scope }: Box): string => {
    const end = scope.indexOf('/', path.length + 1);
    return end < 0 ? scope : scope.slice(0, end);
  };
  const inner = grouped(boxes.flatMap((box) => (box.scope === path ? [] : [[next(box), box] as const])));
  return {
    path,
    label: shown(path.slice(path.lastIndexOf('/') + 1)),
    boxes: boxes.filter(({ scope }) => scope === path),
    inner: [...inner].map(([below, own]) => scopeTree(own, below)),
  };
}

/** How a language of text writes a scope. */
export interface ScopeWords {
  readonly box: (box: Box) => string;
  readonly open: (scope: Scope) => readonly string[];
  readonly close: string;
}

/** Lines of the boxes and scopes within a scope, indented. */
export const scopeLines = ({ boxes, inner }: Scope, words: ScopeWords, indent = '  '): string[] => [
  ...boxes.map((box) => `${indent}${words.box(box)}`),
  ...inner.flatMap((scope) => [
    ...words.open(scope).map((line) => `${indent}${line}`),
    ...scopeLines(scope, words, `${indent}  `),
    `${indent}${words.close}`,
  ]),
];
