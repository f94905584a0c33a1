import { checkArguments, checkOptions } from '../base/arguments.ts';
import { printShape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { grouped } from '../base/own.ts';
import { shown } from '../base/shown.ts';
import type { Graph, GraphLike, Node, Phase } from '../ir/graph.ts';
import { graphKind, irOf, splitRef } from '../ir/graph.ts';
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

function boxOf(node: Node): Box {
  const type = node.types[0];
  const shape = type === undefined ? '' : `${type.dtype}${printShape(type.shape)}`;
  const kind =
    node.op === 'input' ? 'input' : node.op === 'parameter' || node.op === 'constant' ? 'parameter' : 'op';
  const label = kind === 'op' ? node.op : node.id;
  // an input is declared where it is first needed, but belongs to the whole graph
  const scope = kind === 'input' ? '' : node.scope;
  return { id: node.id, label: shown(label), detail: shown(shape), kind, phase: node.phase, scope };
}

/** The box of a scope that hides nodes, called `layer`, or `layer (backward 1 of 2)` where there are others of that scope. */
function foldedBox(id: string, { scope, phase, nodes }: Fold, which: string): Box {
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

const outputBox = (name: string): Box => ({
  id: `output:${name}`,
  label: shown(name),
  detail: 'output',
  kind: 'output',
  phase: 'forward',
  scope: '',
});

/** Nodes that one box stands for. */
interface Fold {
  readonly scope: string;
  readonly phase: Phase;
  readonly nodes: number;
}

/** Nodes and scopes of `graph` as boxes and arrows, folded to the depth asked for. Arrows make no cycle. */
export function drawGraph(caller: string, given: GraphLike, options: PictureOptions = {}): Picture {
  checkArguments(caller, { graph: graphKind, options: is.unchecked }, [given, options]);
  checkOptions(caller, options, pictureOptions);
  const graph = irOf(given);
  const depth = Math.min(options.depth ?? DEEPEST, DEEPEST);
  const order = topologicalOrder(graph).filter(
    (node) => options.parameters !== false || (node.op !== 'parameter' && node.op !== 'constant'),
  );
  const home = ({ op, id, scope, phase }: Node): string =>
    op === 'input' || depthOf(scope) < depth ? id : `${phase}:${cut(scope, depth)}`; // ids of nodes have no colon
  const homes = new Map(order.map((node) => [node.id, home(node)]));
  const boxOfNode = apart(order, homes);
  const boxes = new Map<string, Node | Fold>();
  for (const node of order) {
    const box = boxOfNode.get(node.id) ?? node.id;
    const scope = cut(node.scope, depth);
    const known = boxes.get(box) ?? (box === node.id ? node : { scope, phase: node.phase, nodes: 0 });
    boxes.set(box, 'nodes' in known ? { ...known, nodes: known.nodes + 1 } : known);
  }
  const folds = [...boxes].flatMap(([id, box]) => ('nodes' in box ? [{ id, ...box }] : []));
  const which = ({ scope, phase }: Fold, id: string): string => {
    const own = folds.filter((fold) => fold.scope === scope && fold.phase === phase);
    const part = own.length > 1 ? `${own.findIndex((fold) => fold.id === id) + 1} of ${own.length}` : '';
    const others = phase !== 'forward' && folds.some((fold) => fold.scope === scope && fold.phase !== phase);
    return [others && scope !== '' ? phase : '', part].filter((text) => text !== '').join(' ');
  };
  const outputs = Object.keys(graph.outputs).map(outputBox);
  return {
    title: shown(graph.name),
    boxes: [
      ...[...boxes].map(([id, box]) => ('nodes' in box ? foldedBox(id, box, which(box, id)) : boxOf(box))),
      ...outputs,
    ],
    arrows: arrowsOf(graph, order, boxOfNode),
  };
}

/**
 * The box of each node, so that arrows between boxes make no cycle, as those between nodes make none: a scope that is left and
 * entered again becomes a box for each of its visits. Where boxes lie on cycles they are split by the number of changes from one to
 * another on the longest path to a node, which grows along every arrow.
 */
function apart(order: readonly Node[], homes: ReadonlyMap<string, string>): Map<string, string> {
  const homeOf = (id: string): string => homes.get(id) ?? id;
  const operands = ({ inputs }: Node) => inputs.map((ref) => splitRef(ref).id).filter((id) => homes.has(id));
  const knot = knotOf(
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

/** What lies on cycles of arrows, or between two: what is left when sources and sinks are taken away again and again. */
function knotOf(arrows: readonly (readonly [string, string])[]): Set<string> {
  const left = new Set(arrows.flat());
  for (const [tail, head] of [
    [0, 1],
    [1, 0],
  ] as const) {
    const inside = arrows.flatMap((arrow): [string, string][] => {
      const [from, to] = [arrow[tail], arrow[head]];
      return from !== to && left.has(from) && left.has(to) ? [[from, to]] : [];
    });
    const next = grouped(inside);
    const waiting = new Map<string, number>();
    for (const [, to] of inside) waiting.set(to, (waiting.get(to) ?? 0) + 1);
    const free = [...left].filter((id) => !waiting.has(id));
    for (let id = free.pop(); id !== undefined; id = free.pop()) {
      left.delete(id);
      for (const to of next.get(id) ?? []) {
        const count = (waiting.get(to) ?? 0) - 1;
        waiting.set(to, count);
        if (count === 0) free.push(to);
      }
    }
  }
  return left;
}

function arrowsOf(graph: Graph, order: readonly Node[], boxOfNode: ReadonlyMap<string, string>): Arrow[] {
  const arrows = new Map<string, Arrow>();
  const connect = (ref: string, to: string): void => {
    const { id, output } = splitRef(ref);
    const from = boxOfNode.get(id);
    if (from === undefined || from === to) return;
    const shape = findNode(graph, id)?.types[output]?.shape;
    const label = shape === undefined ? '' : shown(printShape(shape));
    const key = JSON.stringify([from, to]);
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

/** The boxes in their scopes, both in order of first appearance. */
export function scopeTree(picture: Picture): Scope {
  type Growing = Scope & { readonly boxes: Box[]; readonly inner: Scope[] };
  const scopes = new Map<string, Growing>([['', { path: '', label: '', boxes: [], inner: [] }]]);
  const scopeAt = (path: string): Growing => {
    const known = scopes.get(path);
    if (known !== undefined) return known;
    const slash = path.lastIndexOf('/');
    const scope: Growing = { path, label: shown(path.slice(slash + 1)), boxes: [], inner: [] };
    scopes.set(path, scope);
    scopeAt(path.slice(0, Math.max(0, slash))).inner.push(scope);
    return scope;
  };
  for (const box of picture.boxes) scopeAt(box.scope).boxes.push(box);
  return scopeAt('');
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
