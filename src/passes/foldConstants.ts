import { placeIn } from '../base/dim.ts';
import type { Precision } from '../base/dtype.ts';
import { asConstant, constantValue, type Graph, type Node, type TensorType } from '../ir/graph.ts';
import type { OpRecord, OpRegistry } from '../ir/record.ts';
import { KernelBuilder } from '../kernel/build.ts';
import { applied, converted, roundTo, storedAs } from '../kernel/elementwise.ts';
import type { Value } from '../kernel/ir.ts';
import { rewriteNodes } from './rewrite.ts';

/** Larger results stay computed: a graph is no place for data. */
const LARGEST = 64;

/**
 * Replaces element-wise functions of small constants by their value, computed and rounded as a device of that precision does, and
 * views of constants whose elements are all equal by such constants.
 */
export const foldConstants = (graph: Graph, registry: OpRegistry, precision: Precision = 'f32'): Graph =>
  rewriteNodes(graph, registry, (node, before) => {
    const constants = node.inputs
      .map((input) => before.node(input))
      .filter((operand): operand is Node => constantValue(operand) !== undefined);
    const [type, ...others] = node.types;
    const record = registry.get(node.op);
    const foldable = constants.length > 0 && constants.length === node.inputs.length && others.length === 0;
    if (record === undefined || type === undefined || !foldable) return node;
    const value =
      record.kind === 'view'
        ? sameEverywhere(constants, type)
        : evaluate(node, constants, record, type, precision);
    return value === undefined ? node : asConstant(node, value);
  });

/** Whether the number of elements is known and small. */
const isSmall = ({ shape }: TensorType): boolean =>
  shape.every((dim) => typeof dim === 'number') &&
  shape.reduce<number>((x, y) => x * Number(y), 1) <= LARGEST;

function sameEverywhere(constants: readonly Node[], type: TensorType): number | undefined {
  const [first, ...others] = constants.map(constantValue);
  const same = typeof first === 'number' && others.every((value) => Object.is(value, first));
  return same && isSmall(type) ? first : undefined;
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
  if (constants.every((constant) => typeof constantValue(constant) === 'number'))
    return at(type.shape.map(() => 0));
  if (!isSmall(type)) return undefined;
  const shape = type.shape.map(Number);
  const count = shape.reduce((x, y) => x * y, 1);
  const values = Array.from({ length: count }, (_, i) => at(placeIn(i, shape)));
  return values.some((value) => value === undefined) ? undefined : values.map(Number);
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
