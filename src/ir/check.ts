import { checkArguments } from '../base/arguments.ts';
import { printShape, product } from '../base/dim.ts';
import { numbersOf } from '../base/dtype.ts';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { inferTypes } from './builder.ts';
import type { Graph, Node, Ref, TensorType } from './graph.ts';
import {
  DEEPEST,
  graphWith,
  idOf,
  isPhase,
  makeRef,
  nodesById,
  nodeWith,
  sameTypes,
  splitRef,
} from './graph.ts';
import { checkName, checkType, findNode, isName, namesHint, nodePath, placeOf, typeOfRef } from './names.ts';
import { topologicalOrder } from './order.ts';
import { printComputation, printNode, printType } from './print.ts';
import { type OpRegistry, registryKind } from './record.ts';

/**
 * Proves that a graph means something, wherever it comes from: it has the form of one, every operand exists before its use,
 * nothing is bound twice, there is no cycle, ops are known and get as many operands as they take, types are what the shape rules say, attributes are plain data, parameter names
 * are unique, inputs, outputs and effects exist. Linear in the size of the graph.
 *
 * @throws the first problem found, with the node, its source line and its neighbours in the text form:
 *   FROND-I001 unknown operand · I002 bound under two names · I003 cycle · I004 unknown op · I005 number of operands ·
 *   I006 type · I007 attribute · I008 name taken · I009 output index · I010 inputs, outputs, effects · I011 name ·
 *   I012 malformed node · S… from a shape rule
 */
export function checkGraph(graph: Graph, registry: OpRegistry): void {
  checkFrame(graph);
  checkArguments('checkGraph', { graph: is.unchecked, registry: registryKind }, [graph, registry]);
  checkName(graph.name, 'graph');
  const [keys, nodes] = [Object.keys(graph.nodes), Object.values(graph.nodes)];
  eachNode(graph, nodes, (node, i) => checkForm(keys[i], node));
  const operands: TensorType[][] = [];
  eachNode(graph, nodes, ({ op, inputs }, i) => {
    operands[i] = inputs.map((ref) => checkRef(graph, ref, op));
  });
  checkOrder(graph);
  const proven = new Set<string>();
  eachNode(graph, nodes, (node, i) => checkTypes(graph, node, operands[i] ?? [], registry, proven));
  checkInterface(graph, nodes);
}

/** Checks nodes; what is wrong is said of the node where it is. */
function eachNode(graph: Graph, nodes: readonly Node[], check: (node: Node, i: number) => void): void {
  nodes.forEach((node, i) => {
    try {
      check(node, i);
    } catch (error) {
      throw located(graph, node, error);
    }
  });
}

/**
 * A graph that an earlier version may have written, proven to mean something: where its ops give other types now, such as other
 * statistics beside their result, it has these. @throws as `checkGraph`
 */
export function typedGraph(graph: Graph, registry: OpRegistry): Graph {
  try {
    checkGraph(graph, registry);
    return graph;
  } catch (cause) {
    if (!(cause instanceof FrondError && cause.code === 'FROND-I006')) throw cause;
  }
  const nodes = nodesById(Object.values(graph.nodes));
  const typed = graphWith(graph, { nodes });
  for (const node of topologicalOrder(graph)) {
    const record = registry.get(node.op);
    // inputs, parameters and constants say themselves what type they have
    if (record === undefined || node.inputs.length === 0) continue;
    nodes[node.id] = nodeWith(node, { types: inferTypes(record, node, (ref) => typeOfRef(typed, ref)) });
  }
  checkGraph(typed, registry);
  return typed;
}

/** What every later check, and every message, takes for granted. */
function checkFrame(graph: unknown): asserts graph is Graph {
  const malformed = (what: string): FrondError =>
    new FrondError('FROND-I012', what, {
      hint: 'give what parseGraph() gave, or the field ir of what graph() gave',
    });
  if (!isPlainObject(graph)) throw malformed('this is no graph');
  const { name, nodes, inputs, outputs, effects } = graph;
  if (typeof name !== 'string') throw malformed('the graph has no name');
  if (!isTexts(inputs)) throw malformed(`graph ${name}: its inputs are not a list of names`);
  if (!isTexts(effects)) throw malformed(`graph ${name}: its effects are not a list of names`);
  if (!isPlainObject(outputs) || !isTexts(Object.values(outputs)))
    throw malformed(`graph ${name}: its outputs are not names of nodes`);
  if (!isPlainObject(nodes)) throw malformed(`graph ${name} has no nodes`);
  for (const [key, node] of Object.entries(nodes)) {
    if (!hasForm(node)) throw malformed(`graph ${name}: %${key} is not a node`);
  }
}

const isTexts = is.names.holds;
const hasForm = (node: unknown): boolean =>
  isPlainObject(node) &&
  typeof node.id === 'string' &&
  typeof node.op === 'string' &&
  typeof node.scope === 'string' &&
  typeof node.phase === 'string' &&
  isPlace(node.source);

const isPlace = (place: unknown): boolean =>
  place === undefined ||
  (isPlainObject(place) &&
    typeof place.file === 'string' &&
    [place.line, place.column].every((at) => at === undefined || Number.isInteger(at)));

const problem = (code: ErrorCode, summary: string): FrondError => new FrondError(code, summary);

/** The same error with the node's name, its source line, and the lines around it. */
function located(graph: Graph, node: Node, error: unknown): FrondError {
  const known =
    error instanceof FrondError
      ? error
      : new FrondError('FROND-I012', `${node.op}: its shape rule cannot read this node`, { cause: error });
  const { code, summary, details } = known.with(placeOf(node));
  const hint = [details.hint, neighbours(graph, node)].filter((part) => part !== undefined).join('\n');
  return new FrondError(code, summary, { ...details, hint });
}

/** Up to two lines of the text form before and after a node, in the order of the record. */
function neighbours(graph: Graph, node: Node): string {
  const all = Object.values(graph.nodes);
  const at = all.indexOf(node);
  const lines = all.slice(Math.max(0, at - 2), at + 3).map((other) => {
    const mark = other === node ? '>' : ' ';
    return `  ${mark} ${printed(other)}`;
  });
  return ['around it:', ...lines].join('\n');
}

/** A malformed node may not even print. */
function printed(node: Node): string {
  try {
    return printNode(node, { longestList: 8 });
  } catch {
    return `%${node.id} = …`;
  }
}

// ---- one node by itself

function checkForm(key: string | undefined, node: Node): void {
  if (node.id !== key)
    throw problem('FROND-I002', `%${key} is bound to a node that calls itself %${node.id}`);
  checkName(node.id, 'node');
  if (node.scope !== '') checkName(node.scope, 'scope');
  if (!isPhase(node.phase)) throw problem('FROND-I012', `${String(node.phase)} is not a phase`);
  if (!isTexts(node.inputs)) throw problem('FROND-I012', 'its operands are not a list of names');
  if (!Array.isArray(node.types)) throw problem('FROND-I012', 'its types are not a list');
  for (const type of node.types) checkType(type);
  if (!isPlainObject(node.attributes)) throw problem('FROND-I007', 'its attributes are not an object');
  for (const [name, value] of Object.entries(node.attributes)) {
    const stray = findStray(value, 0);
    if (stray !== undefined) throw problem('FROND-I007', `attribute ${name}${stray} is not plain data`);
  }
}

const isPlainObject = (value: unknown): value is Readonly<Record<string, unknown>> => {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
};

/** Path below a value to the first part that is not plain data. */
function findStray(value: unknown, depth: number): string | undefined {
  if (value === null || typeof value === 'number') return undefined;
  if (typeof value === 'string' || typeof value === 'boolean') return undefined;
  const isList = Array.isArray(value);
  if (depth > DEEPEST || (!isList && !isPlainObject(value))) return '';
  // keys() lists the holes of a list, too
  const keys = isList ? value.keys() : Object.keys(value);
  for (const key of keys) {
    const stray = findStray(value[key as keyof typeof value], depth + 1);
    if (stray !== undefined) return isList ? `[${key}]${stray}` : `.${key}${stray}`;
  }
  return undefined;
}

// ---- nodes among nodes

function checkRef(graph: Graph, ref: Ref, user: string): TensorType {
  const { id, output } = splitRef(ref);
  const node = findNode(graph, id);
  if (node === undefined) {
    throw new FrondError('FROND-I001', `${user} reads %${ref}, which no node gives`, {
      hint: namesHint(graph, id),
    });
  }
  const type = node.types[output];
  // one tensor has one spelling: `x#0` and `x#01` would hide equal refs from passes
  if (type === undefined || makeRef(id, output) !== ref) {
    const count = node.types.length;
    throw problem('FROND-I009', `${user} reads %${ref}, but ${node.op} has ${count} output(s)`);
  }
  return type;
}

function checkOrder(graph: Graph): void {
  try {
    topologicalOrder(graph);
  } catch (error) {
    const path = error instanceof FrondError ? error.details.node : undefined;
    const node = Object.values(graph.nodes).find((candidate) => nodePath(candidate) === path);
    throw node ? located(graph, node, error) : error;
  }
}

/** `proven`: computations that give the types they say. The layers of a model compute the same. */
function checkTypes(
  graph: Graph,
  node: Node,
  operands: readonly TensorType[],
  registry: OpRegistry,
  proven: Set<string>,
): void {
  if (node.op === 'input' || node.op === 'parameter' || node.op === 'constant') {
    checkSource(node);
    return;
  }
  const record = registry.get(node.op);
  if (record === undefined) throw problem('FROND-I004', `there is no op called ${node.op}`);
  const computation = printComputation(node, operands);
  if (proven.has(computation)) return;
  const wanted = inferTypes(record, node, (ref) => typeOfRef(graph, ref));
  if (!sameTypes(wanted, node.types)) {
    const print = (types: readonly TensorType[]): string => types.map(printType).join(', ') || '()';
    throw problem('FROND-I006', `${node.op} gives ${print(wanted)}, but the node says ${print(node.types)}`);
  }
  proven.add(computation);
}

/** Inputs, parameters and constants say themselves what type they have. */
function checkSource({ op, id, inputs, types, attributes }: Node): void {
  const [type] = types;
  if (inputs.length !== 0) throw problem('FROND-I005', `${op} takes 0 operand(s), got ${inputs.length}`);
  if (type === undefined || types.length !== 1) throw problem('FROND-I006', `${op} gives one tensor`);
  if (op === 'constant') checkConstant(attributes.value, type);
  if (op === 'input' && attributes.name !== id) {
    throw problem('FROND-I007', `input %${id} has attribute name ${String(attributes.name)}`);
  }
  if (op === 'parameter') {
    if (typeof attributes.name !== 'string' || !isName(attributes.name)) {
      throw problem('FROND-I007', `a parameter needs a name, not ${String(attributes.name)}`);
    }
    if (attributes.initializer === undefined) throw problem('FROND-I007', 'a parameter needs an initializer');
    // weights, gradients and moments lie in flat arenas of f32
    if (type.dtype !== 'f32') throw problem('FROND-I006', `a parameter cannot be ${type.dtype}`);
    if (typeof attributes.trainable !== 'boolean')
      throw problem('FROND-I007', 'trainable must be true or false');
    if (attributes.decays !== undefined && typeof attributes.decays !== 'boolean')
      throw problem('FROND-I007', 'decays must be true or false');
  }
}

function checkConstant(value: unknown, { dtype, shape }: TensorType): void {
  const values: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (!values.every((item) => typeof item === 'number'))
    throw problem('FROND-I007', 'the value of a constant is a number or a list of numbers');
  numbersOf(dtype, values, (_, item) => problem('FROND-I007', `a constant of ${dtype} cannot be ${item}`));
  if (!Array.isArray(value)) return;
  const { length } = values;
  if (length !== product(shape))
    throw problem('FROND-I006', `a constant of shape ${printShape(shape)} cannot have ${length} value(s)`);
}

// ---- the graph as a whole

function checkInterface(graph: Graph, nodes: readonly Node[]): void {
  const parameters = new Set<unknown>();
  const listed = new Set(graph.inputs);
  eachNode(graph, nodes, ({ op, id, attributes: { name } }) => {
    if (op === 'input' && !listed.has(id)) throw problem('FROND-I010', `input %${id} is not in \`inputs\``);
    if (op !== 'parameter') return;
    if (parameters.has(name)) throw problem('FROND-I008', `two parameters are called ${String(name)}`);
    parameters.add(name);
  });
  if (listed.size !== graph.inputs.length) throw problem('FROND-I010', 'an input is listed twice');
  for (const id of graph.inputs) {
    const node = findNode(graph, id);
    if (node?.op !== 'input')
      throw problem('FROND-I010', `%${id} is listed in \`inputs\` but is not an input of the graph`);
  }
  for (const [name, ref] of Object.entries(graph.outputs)) {
    checkName(name, 'output');
    const node = findNode(graph, idOf(ref));
    if (node === undefined) throw problem('FROND-I010', `output ${name} is %${ref}, which no node gives`);
    eachNode(graph, [node], () => checkRef(graph, ref, `output ${name}`));
  }
  for (const id of graph.effects) {
    if (findNode(graph, id) === undefined)
      throw problem('FROND-I010', `effect %${id} is not a node of the graph`);
  }
}
