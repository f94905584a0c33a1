import type { DType } from '../base/dtype.ts';
import type { Graph, Node, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { KernelBuilder } from '../kernel/build.ts';
import { elementwise } from '../kernel/elementwise.ts';
import type { Value, ValueType } from '../kernel/ir.ts';
import { dropUnused } from './rewrite.ts';

/** Larger results stay computed: a graph is no place for data. */
const LARGEST = 64;

/**
 * Replaces element-wise functions of small constants by their value, in the f64 meaning of the element-wise table, and views
 * of constants whose elements are all equal by such constants.
 */
export function foldConstants(graph: Graph, registry: OpRegistry): Graph {
  const nodes: Record<string, Node> = {};
  let changed = false;
  for (const node of topologicalOrder(graph)) {
    const operands = node.inputs.map((input) => nodes[splitRef(input).id]);
    const folded = fold(node, operands, registry.get(node.op));
    if (folded !== undefined) changed = true;
    nodes[node.id] = folded ?? node;
  }
  return changed ? dropUnused({ ...graph, nodes }) : graph;
}

function fold(
  node: Node,
  operands: readonly (Node | undefined)[],
  record: OpRecord | undefined,
): Node | undefined {
  const [type] = node.types;
  if (record === undefined || type === undefined || node.types.length !== 1 || operands.length === 0)
    return undefined;
  const constants = operands.flatMap((operand) => (operand?.op === 'constant' ? [operand] : []));
  const size = sizeOf(type);
  if (constants.length !== operands.length || size === undefined) return undefined;
  const value = record.kind === 'view' ? sameEverywhere(constants) : evaluate(node, constants, record, type);
  if (value === undefined) return undefined;
  return { ...node, op: 'constant', inputs: [], attributes: { value } };
}

/** Number of elements, where it is known and small. */
function sizeOf({ shape }: TensorType): number | undefined {
  let size = 1;
  for (const dim of shape) {
    if (typeof dim !== 'number') return undefined;
    size *= dim;
  }
  return size <= LARGEST ? size : undefined;
}

function sameEverywhere(constants: readonly Node[]): number | undefined {
  const values = constants.map((constant) => constant.attributes.value);
  const [first] = values;
  return typeof first === 'number' && values.every((value) => Object.is(value, first)) ? first : undefined;
}

function evaluate(
  node: Node,
  constants: readonly Node[],
  record: OpRecord,
  type: TensorType,
): number | readonly number[] | undefined {
  const { emit } = record;
  if (record.kind !== 'elementwise' || emit === undefined || record.whole) return undefined;
  const dtypes = constants.map((constant) => constant.types[0]?.dtype ?? 'f32');
  // f16 constants would have to be rounded as storage does
  if ([...dtypes, type.dtype].includes('f16')) return undefined;
  const at = (index: readonly number[]): number | undefined => {
    const k = new KernelBuilder();
    const args = constants.map((constant, i) =>
      k.constant(elementAt(constant, index), (dtypes[i] ?? 'f32') as Exclude<DType, 'f16'>),
    );
    return meaning(record.emit?.(k, args, node.attributes));
  };
  const shape = type.shape.map(Number);
  if (constants.every((constant) => typeof constant.attributes.value === 'number'))
    return at(shape.map(() => 0));
  const values = indices(shape).map(at);
  return values.some((value) => value === undefined) ? undefined : values.map(Number);
}

/** All index tuples of a shape in row-major order. */
function indices(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (tuples, size) => tuples.flatMap((tuple) => Array.from({ length: size }, (_, i) => [...tuple, i])),
    [[]],
  );
}

/** Element of a constant that is broadcast to the rank of `index`. */
function elementAt({ attributes: { value }, types }: Node, index: readonly number[]): number {
  if (!Array.isArray(value)) return Number(value);
  const shape = types[0]?.shape.map(Number) ?? [];
  const skipped = index.length - shape.length;
  const at = shape.reduce((sum, size, i) => sum * size + (size === 1 ? 0 : (index[i + skipped] ?? 0)), 0);
  return Number(value[at]);
}

/** What a scalar of the kernel language is, in f64; undefined when it depends on more than constants. */
function meaning(value: Value | undefined): number | undefined {
  if (value === undefined) return undefined;
  if (value.op === 'constant') return value.value;
  if (value.op === 'cast') {
    const x = meaning(value.arg);
    return x === undefined ? undefined : convert(x, value.dtype);
  }
  if (value.op !== 'elementwise') return undefined;
  const args = value.args.map(meaning);
  const [x, y, z] = args;
  if (args.some((arg) => arg === undefined) || x === undefined) return undefined;
  return convert(elementwise[value.fn].reference(x, y ?? 0, z ?? 0), value.dtype);
}

/** Integers are cut towards 0, undefined where they would overflow; floats stay in f64. */
function convert(x: number, dtype: ValueType): number | undefined {
  if (dtype === 'f32') return x;
  if (dtype === 'bool') return x === 0 ? 0 : 1;
  const whole = Math.trunc(x);
  const stored = dtype === 'i32' ? whole | 0 : whole >>> 0;
  return stored === whole ? stored : undefined;
}
