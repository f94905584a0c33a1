import { type Dim, sameShape } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import type { SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';

/** Name of a node, unique in its graph; what the text form prints after `%`. */
export type NodeId = string;

/**
 * A tensor in a graph: a node's id, for its first output; `id#k` for output k of an op with several.
 */
export type Ref = string;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: readonly Dim[];
}

export const sameType = (x: TensorType, y: TensorType): boolean =>
  x.dtype === y.dtype && sameShape(x.shape, y.shape);
export const sameTypes = (x: readonly TensorType[], y: readonly TensorType[]): boolean =>
  x.length === y.length && x.every((type, i) => sameType(type, y[i] as TensorType));

export const PHASES = ['forward', 'backward', 'update'] as const;
export type Phase = (typeof PHASES)[number];
export const isPhase = (value: unknown): value is Phase => PHASES.some((phase) => phase === value);

/** Attributes nested deeper than this are taken for a cycle. */
export const DEEPEST = 32;
/** Attribute values are plain data so that a graph prints, parses and compares. */
export type Attribute =
  | number
  | string
  | boolean
  | null
  | readonly Attribute[]
  | { readonly [key: string]: Attribute };
export type Attributes = Readonly<Record<string, Attribute>>;

export interface Node {
  readonly id: NodeId;
  /** name of the op record that gives it meaning */
  readonly op: string;
  readonly inputs: readonly Ref[];
  readonly attributes: Attributes;
  /** one per output */
  readonly types: readonly TensorType[];
  /** where it was declared: `encoder/layer.0/attention`, '' at the top */
  readonly scope: string;
  readonly phase: Phase;
  /** the user's line that made it */
  readonly source?: SourcePlace | undefined;
}

/**
 * A static graph in SSA form: an immutable value. The order of execution is derived, never stored.
 *
 * Inputs, parameters and constants are nodes too (ops `input`, `parameter`, `constant`), so every tensor has one kind of name.
 * A node of op `parameter` has attributes `name` (scope path and given name: the checkpoint's key), `initializer`, `trainable`,
 * and `decays` where its author says whether weight decay applies.
 */
export interface Graph {
  readonly name: string;
  readonly nodes: Readonly<Record<NodeId, Node>>;
  /** fed tensors, in order of declaration */
  readonly inputs: readonly NodeId[];
  /** named results */
  readonly outputs: Readonly<Record<string, Ref>>;
  /** nodes kept for what they do to parameters and optimizer state (the update phase) */
  readonly effects: readonly NodeId[];
}

/**
 * Nodes by their ids, in order. A record without a prototype is a dictionary from its first entry on; a usual one grows a hidden class
 * for each of a thousand names, which takes ten times as long.
 */
export function nodesById(nodes: Iterable<Node>): Record<NodeId, Node> {
  const record: Record<NodeId, Node> = Object.create(null);
  for (const node of nodes) record[node.id] = node;
  return record;
}

/**
 * The node with other fields. All are written out, so that nodes are of one hidden class: each spread would make another, and what
 * reads nodes would be compiled anew for it.
 */
export function nodeWith(node: Node, changed: Partial<Node>): Node {
  const { id = node.id, op = node.op, inputs = node.inputs, attributes = node.attributes } = changed;
  const { types = node.types, scope = node.scope, phase = node.phase, source = node.source } = changed;
  return { id, op, inputs, attributes, types, scope, phase, source };
}

/** The graph with other fields, of one hidden class like nodes. */
export function graphWith(graph: Graph, changed: Partial<Graph>): Graph {
  const { nodes = graph.nodes, inputs = graph.inputs } = changed;
  const { outputs = graph.outputs, effects = graph.effects } = changed;
  return { name: graph.name, nodes, inputs, outputs, effects };
}

/** The graph with nodes changed or added; itself where there are none. */
export const withChanged = (graph: Graph, changed: ReadonlyMap<NodeId, Node>): Graph =>
  changed.size === 0
    ? graph
    : graphWith(graph, { nodes: nodesById([...Object.values(graph.nodes), ...changed.values()]) });

/** The number or numbers of a constant; undefined for other nodes. */
export const constantValue = (node: Node | undefined): Attribute | undefined =>
  node?.op === 'constant' ? node.attributes.value : undefined;

/** A constant in the place of a node. */
export const asConstant = (node: Node, value: Attribute): Node =>
  nodeWith(node, { op: 'constant', inputs: [], attributes: { value } });

/** A graph by itself, or the typed one around it, as `graph()` gives it. */
export type GraphLike = Graph | { readonly ir: Graph };

const hasNodes = is.having('a graph', 'name', 'nodes', 'inputs', 'outputs', 'effects').holds;
/** What is given as a graph: the function that `graph` was given is none. */
export const graphKind = is.kind('a graph, as graph() gives it', (value) =>
  hasNodes(typeof value === 'object' && value !== null && 'ir' in value ? value.ir : value),
);

/** The graph itself, without what the compiler knows of it. */
export const irKind: is.Kind = {
  ...is.kind('a graph, such as the field ir of what graph() gives', hasNodes),
  advise: (value) => (graphKind.holds(value) ? 'give its field ir' : undefined),
};
export const refKind: is.Kind<Ref> = { ...is.text, what: 'the ref of a tensor, which is a text' };
export const refs = is.listOf(refKind, 'refs of tensors');

export const irOf = (graph: GraphLike): Graph => ('ir' in graph ? graph.ir : graph);

/** Splits `id#k` into its parts. */
export function splitRef(ref: Ref): { readonly id: NodeId; readonly output: number } {
  const hash = ref.lastIndexOf('#');
  return hash < 0 ? { id: ref, output: 0 } : { id: ref.slice(0, hash), output: Number(ref.slice(hash + 1)) };
}

/** The id in it. */
export function idOf(ref: Ref): NodeId {
  const hash = ref.lastIndexOf('#');
  return hash < 0 ? ref : ref.slice(0, hash);
}

export const makeRef = (id: NodeId, output: number): Ref => (output === 0 ? id : `${id}#${output}`);

/** Its outputs. */
export const refsOf = ({ id, types }: Node): readonly Ref[] => types.map((_, output) => makeRef(id, output));
