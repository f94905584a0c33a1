import { checkArguments, checkOptions, show } from '../base/arguments.ts';
import { type Dim, sameShape } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Attribute, Attributes, Graph, Node, NodeId, Phase, Ref, TensorType } from './graph.ts';
import { idOf, irKind, makeRef, nodesById, nodeWith, PHASES, refKind, splitRef } from './graph.ts';
import { checkName, checkType, joinScope, placeOf } from './names.ts';
import { inOrder, type NamedOperands, type Operand } from './operands.ts';
import { type Build, type OpRecord, type OpRegistry, registryKind } from './record.ts';

const nodeKind = is.having('a node of a graph', 'scope', 'phase', 'op');
const typeKind = is.having("a type, such as { dtype: 'f32', shape: [2] }", 'dtype', 'shape');
const numbersKind = is.kind(
  'a number or a list of numbers',
  (value) =>
    typeof value === 'number' || (Array.isArray(value) && value.every((each) => typeof each === 'number')),
);
const axesKind = is.listOf(is.integer, 'axes');
const sizes = is.listOf(is.anything, 'sizes');
const operandsKind = is.either(is.listOf(is.anything, 'refs'), is.object);
const isList = (operands: readonly Operand[] | NamedOperands): operands is readonly Operand[] =>
  Array.isArray(operands);

const SCALAR: TensorType = { dtype: 'f32', shape: [] };

const parameterOptions = {
  /** plain data that names the distribution of the first values */
  initializer: is.typed<Attribute>(is.anything),
  trainable: is.omittable(is.flag),
  /** false: weight decay leaves it alone. Default: that of its rank, from which `buildBackward` decides */
  decays: is.omittable(is.flag),
};
export type ParameterOptions = is.OptionsOf<typeof parameterOptions>;

/**
 * Appends nodes to a graph. `scope`, `phase` and `source` are what the next nodes get.
 *
 * Ids are readable and depend on nothing but the order of calls: inputs and parameters are called by their names, other
 * nodes by their op and a counter per op (`matmul`, `matmul.1`, …). Built on a `base`, all of its nodes are kept.
 */
export class GraphBuilder implements Build {
  scope = '';
  phase: Phase = 'forward';
  source: SourcePlace | undefined = undefined;

  readonly #name: string;
  readonly #registry: OpRegistry;
  readonly #nodes = new Map<NodeId, Node>();
  readonly #inputs: NodeId[];
  readonly #outputs: Map<string, Ref>;
  readonly #effects: Set<NodeId>;
  readonly #parameters = new Map<string, NodeId>();
  /** next counter to try, per op or name */
  readonly #counters = new Map<string, number>();

  constructor(name: string, registry: OpRegistry, base?: Graph) {
    const kinds = { name: is.unchecked, registry: registryKind, base: is.optional(irKind) };
    checkArguments('GraphBuilder', kinds, [name, registry, base]);
    checkName(name, 'graph');
    this.#name = name;
    this.#registry = registry;
    this.#inputs = [...(base?.inputs ?? [])];
    this.#outputs = new Map(Object.entries(base?.outputs ?? {}));
    this.#effects = new Set(base?.effects ?? []);
    for (const node of Object.values(base?.nodes ?? {})) {
      this.#nodes.set(node.id, node);
      if (node.op === 'parameter') this.#parameters.set(String(node.attributes.name), node.id);
    }
  }

  /** Makes the next nodes carry the scope, phase and source line of `node`. */
  at(node: Node, phase: Phase = node.phase): this {
    checkArguments('GraphBuilder.at', { node: nodeKind, phase: is.oneOf(...PHASES) }, [node, phase]);
    this.scope = node.scope;
    this.phase = phase;
    this.source = node.source;
    return this;
  }

  // ---- sources and results

  /** A fed tensor. @throws FROND-I008 when the name is taken. */
  input(name: string, type: TensorType): Ref {
    checkName(name, 'input');
    checkArguments('GraphBuilder.input', { name: is.text, type: typeKind }, [name, type]);
    if (this.#nodes.has(name)) {
      throw new FrondError('FROND-I008', `input ${name}: the name is taken`, { place: this.source });
    }
    checkType(type, `input ${name}`, this.source);
    this.#append(name, 'input', { name }, type);
    this.#inputs.push(name);
    return name;
  }

  /**
   * A tensor that training changes and checkpoints keep; its name is the scope path and `name`, never a counter.
   * @throws FROND-I008 when a parameter of that name exists.
   */
  parameter(name: string, type: TensorType, options: ParameterOptions): Ref {
    const kinds = { name: is.text, type: typeKind, options: parameterOptions };
    checkArguments('GraphBuilder.parameter', kinds, [name, type, options]);
    const full = joinScope(this.scope, name);
    checkName(full, 'parameter');
    const taken = this.#parameters.get(full);
    if (taken !== undefined) {
      throw new FrondError('FROND-I008', `two parameters are called ${full}`, {
        node: full,
        place: this.source,
        hint: 'declare it once and reuse the tensor, or put one of them under another scope',
      });
    }
    checkType(type, `parameter ${full}`, this.source);
    const id = this.#freshId(full);
    const attributes = {
      name: full,
      initializer: options.initializer,
      trainable: options.trainable ?? true,
      ...(options.decays === undefined ? {} : { decays: options.decays }),
    };
    this.#append(id, 'parameter', attributes, type);
    this.#parameters.set(full, id);
    return id;
  }

  /** One number for every element, or the elements in row-major order. */
  constant(value: number | readonly number[], type: TensorType = SCALAR): Ref {
    checkArguments('GraphBuilder.constant', { value: numbersKind, type: typeKind }, [value, type]);
    checkType(type, 'constant', this.source);
    return this.#append(this.#freshId('constant'), 'constant', { value }, type);
  }

  /** @throws FROND-I006 for an element type that there is not */
  requireDType(what: string, dtype: DType): void {
    checkType({ dtype, shape: [] }, what, this.source);
  }

  /** Names a result. @throws FROND-I010 when the name is taken by another tensor. */
  output(name: string, ref: Ref): void {
    checkName(name, 'output');
    this.typeOf(ref);
    if ((this.#outputs.get(name) ?? ref) !== ref) {
      throw new FrondError('FROND-I010', `output ${name} is %${this.#outputs.get(name)} already`);
    }
    this.#outputs.set(name, ref);
  }

  /** Keeps the node of `ref` for what it does to parameters and state. */
  effect(ref: Ref): void {
    this.typeOf(ref);
    this.#effects.add(idOf(ref));
  }

  finish(): Graph {
    return {
      name: this.#name,
      nodes: nodesById(this.#nodes.values()),
      inputs: [...this.#inputs],
      outputs: Object.fromEntries(this.#outputs),
      effects: [...this.#effects],
    };
  }

  // ---- nodes

  op(
    name: string,
    operands: readonly Operand[] | NamedOperands,
    attributes: Attributes = {},
  ): readonly Ref[] {
    const kinds = { name: is.text, operands: operandsKind, attributes: is.object };
    checkArguments('GraphBuilder.op', kinds, [name, operands, attributes]);
    const record = this.#record(name);
    const inputs = this.#refs(
      name,
      isList(operands) ? operands : inOrder(name, record.operands ?? [], operands),
    );
    const id = this.#freshId(name);
    const node = this.#node(id, name, inputs, attributes, []);
    const types = inferTypes(record, node, (ref) => this.typeOf(ref));
    this.#nodes.set(id, nodeWith(node, { types }));
    return types.map((_, output) => makeRef(id, output));
  }

  one(name: string, operands: readonly Operand[] | NamedOperands, attributes?: Attributes): Ref {
    const refs = this.op(name, operands, attributes);
    const [first] = refs;
    if (first === undefined || refs.length !== 1) {
      throw new FrondError('FROND-X001', `${name} has ${refs.length} outputs where one is expected`);
    }
    return first;
  }

  /** @throws FROND-I001 when the ref belongs to no node of this builder. */
  typeOf(ref: Ref): TensorType {
    const { id, output } = refKind.holds(ref) ? splitRef(ref) : { id: '', output: 0 };
    const type = this.#nodes.get(id)?.types[output];
    if (type === undefined) {
      const shown = refKind.holds(ref) ? `%${ref}` : show(ref);
      throw new FrondError('FROND-I001', `${shown} is not a tensor of graph ${this.#name}`, {
        place: this.source,
        hint: 'a tensor belongs to the graph in whose function it was made',
      });
    }
    return type;
  }

  /** The node behind a ref, as built so far. */
  nodeOf(ref: Ref): Node | undefined {
    return refKind.holds(ref) ? this.#nodes.get(idOf(ref)) : undefined;
  }

  // ---- the generic ops that rules are written with

  add = (x: Operand, y: Operand): Ref => this.one('add', [x, y]);
  sub = (x: Operand, y: Operand): Ref => this.one('sub', [x, y]);
  mul = (x: Operand, y: Operand): Ref => this.one('mul', [x, y]);
  div = (x: Operand, y: Operand): Ref => this.one('div', [x, y]);
  neg = (x: Ref): Ref => this.one('neg', [x]);
  exp = (x: Ref): Ref => this.one('exp', [x]);
  log = (x: Ref): Ref => this.one('log', [x]);
  sqrt = (x: Ref): Ref => this.one('sqrt', [x]);
  rsqrt = (x: Ref): Ref => this.one('rsqrt', [x]);
  where = (condition: Ref, yes: Operand, no: Operand): Ref => this.one('where', [condition, yes, no]);

  sum(x: Ref, axes: readonly number[], keepDims = false): Ref {
    checkArguments('GraphBuilder.sum', { x: is.unchecked, axes: axesKind, keepDims: is.flag }, [
      x,
      axes,
      keepDims,
    ]);
    const rank = this.typeOf(x).shape.length;
    const counted = axes.map((axis) => (axis < 0 ? axis + rank : axis));
    return this.one('sum', [x], { axes: counted, keepDims });
  }

  reshape(x: Ref, shape: readonly Dim[]): Ref {
    checkArguments('GraphBuilder.reshape', { x: is.unchecked, shape: sizes }, [x, shape]);
    return sameShape(this.typeOf(x).shape, shape) ? x : this.one('reshape', [x], { shape });
  }

  transpose(x: Ref, permutation: readonly number[]): Ref {
    checkArguments('GraphBuilder.transpose', { x: is.unchecked, permutation: axesKind }, [x, permutation]);
    return permutation.every((axis, i) => axis === i) ? x : this.one('transpose', [x], { permutation });
  }

  broadcast(x: Ref, shape: readonly Dim[]): Ref {
    checkArguments('GraphBuilder.broadcast', { x: is.unchecked, shape: sizes }, [x, shape]);
    return sameShape(this.typeOf(x).shape, shape) ? x : this.one('broadcast', [x], { shape });
  }

  matmul(x: Ref, y: Ref, options: { transposeX?: boolean; transposeY?: boolean } = {}): Ref {
    checkOptions('GraphBuilder.matmul', options, {
      transposeX: is.optional(is.flag),
      transposeY: is.optional(is.flag),
    });
    return this.one('matmul', [x, y], {
      ...(options.transposeX ? { transposeX: true } : {}),
      ...(options.transposeY ? { transposeY: true } : {}),
    });
  }

  unbroadcast(dy: Ref, shape: readonly Dim[]): Ref {
    checkArguments('GraphBuilder.unbroadcast', { dy: is.unchecked, shape: sizes }, [dy, shape]);
    const wide = this.typeOf(dy).shape;
    const leading = wide.length - shape.length;
    // dims that the smaller tensor lacks, and dims of size 1 that were broadcast
    const axes = wide.flatMap((dim, i) => {
      const own = shape[i - leading];
      return i < leading || (own === 1 && dim !== 1) ? [i] : [];
    });
    return axes.length === 0 ? dy : this.reshape(this.sum(dy, axes), shape);
  }

  // ---- inside

  #node(
    id: NodeId,
    op: string,
    inputs: readonly Ref[],
    attributes: Attributes,
    types: readonly TensorType[],
  ): Node {
    const { scope, phase, source } = this;
    return { id, op, inputs, attributes, types, scope, phase, source };
  }

  #append(id: NodeId, op: string, attributes: Attributes, type: TensorType): Ref {
    this.#nodes.set(id, this.#node(id, op, [], attributes, [type]));
    return id;
  }

  #refs(op: string, operands: readonly Operand[]): readonly Ref[] {
    if (!operands.some((operand) => typeof operand === 'number')) return operands as readonly Ref[];
    const last = operands.findLast((operand) => typeof operand !== 'number');
    if (last === undefined)
      throw new FrondError('FROND-I001', `${op}: all operands are numbers, none is a tensor`);
    const { dtype } = this.typeOf(last);
    return operands.map((operand) =>
      typeof operand === 'number' ? this.constant(operand, { dtype, shape: [] }) : operand,
    );
  }

  #record(name: string): OpRecord {
    const record = this.#registry.get(name);
    if (record === undefined) {
      throw new FrondError('FROND-I004', `there is no op called ${name}`, {
        place: this.source,
        hint: 'import the module that defines it with defineOp, or check the spelling',
      });
    }
    return record;
  }

  #freshId(name: string): NodeId {
    let counter = this.#counters.get(name) ?? 0;
    let id = counter === 0 ? name : `${name}.${counter}`;
    while (this.#nodes.has(id)) id = `${name}.${++counter}`;
    this.#counters.set(name, counter + 1);
    return id;
  }
}

/**
 * Types of a node's outputs by the record's shape rule; what the rule throws gets the node's name and source line.
 * @throws FROND-I005 for a wrong number of operands, FROND-S… from the rule.
 */
export function inferTypes(
  record: OpRecord,
  node: Node,
  typeOf: (ref: Ref) => TensorType,
): readonly TensorType[] {
  const [least, most] = typeof record.arity === 'number' ? [record.arity, record.arity] : record.arity;
  if (node.inputs.length < least || node.inputs.length > most) {
    const wanted = least === most ? `${least}` : `${least} to ${most}`;
    throw new FrondError(
      'FROND-I005',
      `${node.op} takes ${wanted} operand(s), got ${node.inputs.length}`,
      placeOf(node),
    );
  }
  try {
    const types = record.shape(node.inputs.map(typeOf), node.attributes);
    for (const type of types) checkType(type, node.op);
    return types;
  } catch (error) {
    if (error instanceof FrondError) throw error.with(placeOf(node));
    throw new FrondError('FROND-I012', `${node.op}: its shape rule cannot read this node`, {
      ...placeOf(node),
      cause: error,
    });
  }
}
