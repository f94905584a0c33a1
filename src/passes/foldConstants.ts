import type { Precision } from '../base/dtype.ts';
import type { Graph, Node, TensorType } from '../ir/graph.ts';
import { splitRef } from '../ir/graph.ts';
import { topologicalOrder } from '../ir/order.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { applied, converted, roundTo, storedAs } from '../kernel/arithmetic.ts';
import { KernelBuilder } from '../kernel/build.ts';
import type { Value } from '../kernel/ir.ts';
import { dropUnused } from './rewrite.ts';

/** Larger results stay computed: a graph is no place for data. */
const LARGEST = 64;

/**
 * Replaces element-wise functions of small constants by their value, computed and rounded as a device of that precision does, and
 * views of constants whose elements are all equal by such constants.
 */
export function foldConstants(graph: Graph, registry: OpRegistry, precision: Precision = 'f32'): Graph {
  const nodes: Record<string, Node> = {};
  let changed = false;
  for (const node of topologicalOrder(graph)) {
    const operands = node.inputs.map((input) => nodes[splitRef(input).id]);
    const folded = fold(node, operands, registry.get(node.op), precision);
    if (folded !== undefined) changed = true;
    nodes[node.id] = folded ?? node;
  }
  return changed ? dropUnused({ ...graph, nodes }) : graph;
}

function fold(
  node: Node,
  operands: readonly (Node | undefined)[],
  record: OpRecord | undefined,
  precision: Precision,
): Node | undefined {
  const [type] = node.types;
  if (record === undefined || type === undefined || node.types.length !== 1 || operands.length === 0)
    return undefined;
  const constants = operands.flatMap((operand) => (operand?.op === 'constant' ? [operand] : []));
  if (constants.length !== operands.length) return undefined;
  const isView = record.kind === 'view';
  if (isView && !isSmall(type)) return undefined;
  const value = isView ? sameEverywhere(constants) : evaluate(node, constants, record, type, precision);
  if (value === undefined) return undefined;
  return { ...node, op: 'constant', inputs: [], attributes: { value } };
}

/** Whether the number of elements is known and small. */
const isSmall = ({ shape }: TensorType): boolean =>
  shape.every((dim) => typeof dim === 'number') &&
  shape.reduce<number>((x, y) => x * Number(y), 1) <= LARGEST;

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
  precision: Precision,
): number | readonly number[] | undefined {
  const { emit } = record;
  if (record.kind !== 'elementwise' || emit === undefined || record.whole) return undefined;
  const round = storedAs(type.dtype, precision);
  const at = (index: readonly number[]): number | undefined => {
    const k = new KernelBuilder();
    const args = constants.map((constant) => {
      const dtype = constant.types[0]?.dtype ?? 'f32';
      const element = storedAs(dtype, precision)(elementAt(constant, index));
      return k.constant(element, dtype === 'f16' ? 'f32' : dtype);
    });
    const value = meaning(emit(k, args, node.attributes), precision);
    return value === undefined ? undefined : round(value);
  };
  if (constants.every((constant) => typeof constant.attributes.value === 'number'))
    return at(type.shape.map(() => 0));
  if (!isSmall(type)) return undefined;
  const values = indices(type.shape.map(Number)).map(at);
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

/** What a scalar of the kernel language is; undefined when it depends on more than constants. */
function meaning(value: Value, precision: Precision): number | undefined {
  const round = roundTo(value.dtype, precision);
  if (value.op === 'constant') return round(value.value);
  if (value.op === 'cast') {
    const x = meaning(value.arg, precision);
    return x === undefined ? undefined : round(converted(value.arg.dtype, value.dtype, precision)(x));
  }
  if (value.op !== 'elementwise') return undefined;
  const [x, y = 0, z = 0] = value.args.map((arg) => meaning(arg, precision));
  const last = value.args.at(-1)?.dtype ?? value.dtype;
  if (x === undefined || y === undefined || z === undefined) return undefined;
  return round(applied(value.fn, last, precision)(x, y, z));
}
