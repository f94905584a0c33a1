import { evaluate as sizeOf } from '../../src/base/dim.ts';
import { type Expression, readExpression, readResults } from '../../src/ir/expression.ts';
import type { Attributes, Graph, Node, Ref } from '../../src/ir/graph.ts';
import { makeRef } from '../../src/ir/graph.ts';
import { topologicalOrder } from '../../src/ir/order.ts';
import { erf } from '../../src/kernel/elementwise.ts';

/** A tensor of the direct evaluator: f64, row-major; bools are 0 and 1. */
export interface Tensor {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type Values = Map<Ref, Tensor>;

/**
 * The meaning of a graph, element by element in f64: slow, plain, and sharing nothing with the real runtime.
 * `feeds` gives inputs and parameters by id; `sizes` the named dimensions.
 */
export function evaluateGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Tensor>>,
  sizes: Readonly<Record<string, number>> = {},
): Values {
  const values: Values = new Map();
  for (const node of topologicalOrder(graph)) {
    const shapes = node.types.map((type) => type.shape.map((dim) => sizeOf(dim, sizes)));
    const inputs = node.inputs.map((ref) => get(values, ref));
    const results = feeds[node.id] ? [feeds[node.id] as Tensor] : evaluateNode(node, inputs, shapes);
    results.forEach((tensor, k) => {
      const shape = shapes[k] ?? [];
      if (tensor.shape.join() !== shape.join()) {
        throw new Error(`${node.id}: type says [${shape}], value has [${tensor.shape}]`);
      }
      values.set(makeRef(node.id, k), tensor);
    });
  }
  return values;
}

export function get(values: Values, ref: Ref): Tensor {
  const value = values.get(ref);
  if (value === undefined) throw new Error(`${ref} has no value`);
  return value;
}

type Scalar = (...args: number[]) => number;
const scalars: Readonly<Record<string, Scalar>> = {
  add: (x = 0, y = 0) => x + y,
  sub: (x = 0, y = 0) => x - y,
  mul: (x = 0, y = 0) => x * y,
  div: (x = 0, y = 0) => x / y,
  maximum: Math.max,
  minimum: Math.min,
  neg: (x = 0) => -x,
  abs: Math.abs,
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  rsqrt: (x = 0) => 1 / Math.sqrt(x),
  tanh: Math.tanh,
  tanhSlope: (x) => 1 / Math.cosh(x) ** 2,
  erf,
  gelu: (x = 0) => x * 0.5 * (1 + erf(x / Math.SQRT2)),
  relu: (x = 0) => Math.max(x, 0),
  less: (x = 0, y = 0) => +(x < y),
  lessEqual: (x = 0, y = 0) => +(x <= y),
  greaterEqual: (x = 0, y = 0) => +(x >= y),
  where: (c = 0, x = 0, y = 0) => (c ? x : y),
  mystery: Math.abs,
};

export const count = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let i = shape.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] ?? 1) * (shape[i + 1] ?? 1);
  return strides;
}

const unravel = (index: number, shape: readonly number[]): number[] =>
  stridesOf(shape).map((stride, i) => Math.floor(index / stride) % (shape[i] ?? 1));

const build = (shape: readonly number[], at: (index: number[]) => number): Tensor => ({
  shape,
  data: Array.from({ length: count(shape) }, (_, i) => at(unravel(i, shape))),
});

/** Element of a tensor that is broadcast to the index's rank. */
function pick({ shape, data }: Tensor, index: readonly number[]): number {
  const strides = stridesOf(shape);
  const skipped = index.length - shape.length;
  const at = shape.reduce(
    (sum, size, i) => sum + (size === 1 ? 0 : (index[i + skipped] ?? 0) * (strides[i] ?? 1)),
    0,
  );
  return data[at] ?? Number.NaN;
}

/** Values of the steps that `results` names, of the last one by default. */
function runSteps({ steps, results }: Fused, operands: readonly number[]): number[] {
  const known = [...operands];
  for (const { op, args, attributes } of steps) {
    if (op === 'constant') known.push(Number(attributes?.value));
    else known.push(scalar(op)(...args.map((arg) => known[arg] ?? Number.NaN)));
  }
  return results.map((step) => known[operands.length + step] ?? Number.NaN);
}

interface Fused {
  readonly steps: Expression;
  readonly results: readonly number[];
}

function readFused(attributes: Attributes, name: string, operands: number): Fused {
  const steps = readExpression(attributes[name], operands);
  return { steps, results: readResults(attributes.results, steps) };
}

function scalar(op: string): Scalar {
  const fn = Object.hasOwn(scalars, op) ? scalars[op] : undefined;
  if (fn === undefined) throw new Error(`the evaluator does not know ${op}`);
  return fn;
}

const numbers = (attributes: Attributes, name: string): number[] => [...(attributes[name] as number[])];

function evaluateNode(node: Node, inputs: readonly Tensor[], shapes: readonly number[][]): Tensor[] {
  const [shape = [], other = []] = shapes;
  const [x = { shape: [], data: [] }, y = x] = inputs;
  const { attributes } = node;
  const broadcasted = (f: (operands: number[]) => number): Tensor[] => [
    build(shape, (index) => f(inputs.map((input) => pick(input, index)))),
  ];
  switch (node.op) {
    case 'constant': {
      const { value } = attributes;
      const data = Array.isArray(value) ? value.map(Number) : Array(count(shape)).fill(Number(value));
      return [{ shape, data }];
    }
    case 'pointwise': {
      const fused = readFused(attributes, 'expression', inputs.length);
      return fused.results.flatMap((_, k) => broadcasted((operands) => runSteps(fused, operands)[k] ?? 0));
    }
    case 'reshape':
      return [{ shape, data: x.data }];
    case 'broadcast':
      return broadcasted(([only]) => only ?? 0);
    case 'transpose': {
      const permutation = numbers(attributes, 'permutation');
      return [build(shape, (index) => pick(x, invert(permutation, index)))];
    }
    case 'sum':
      return [sumOver(x, numbers(attributes, 'axes'), shape)];
    case 'matmul':
      return [...matmul(node, inputs, shape), ...(attributes.columnSums ? [sumOver(y, [0], other)] : [])];
    case 'linear': {
      const [plain = x] = matmul({ ...node, attributes: {} }, [x, y], shape);
      return [build(shape, (index) => pick(plain, index) + pick(inputs[2] ?? x, index))];
    }
    case 'halves':
      return [0, 1].map((k) =>
        build(k === 0 ? shape : other, (index) => pick(x, shift(index, k * (shape.at(-1) ?? 0)))),
      );
    case 'join': {
      const half = x.shape.at(-1) ?? 0;
      return [
        build(shape, (index) => ((index.at(-1) ?? 0) < half ? pick(x, index) : pick(y, shift(index, -half)))),
      ];
    }
    case 'argmax':
      return [
        build(shape, (index) => {
          const row = Array.from({ length: x.shape.at(-1) ?? 0 }, (_, i) => pick(x, [...index, i]));
          return row.indexOf(Math.max(...row));
        }),
      ];
    default:
      return broadcasted((operands) => scalar(node.op)(...operands));
  }
}

const shift = (index: readonly number[], by: number): number[] => [
  ...index.slice(0, -1),
  (index.at(-1) ?? 0) + by,
];

function invert(permutation: readonly number[], index: readonly number[]): number[] {
  const result: number[] = [];
  permutation.forEach((axis, i) => {
    result[axis] = index[i] ?? 0;
  });
  return result;
}

function sumOver(x: Tensor, axes: readonly number[], shape: readonly number[]): Tensor {
  const kept = x.shape.map((size, i) => (axes.includes(i) ? 1 : size));
  const strides = stridesOf(kept);
  const data: number[] = Array(count(shape)).fill(0);
  x.data.forEach((value, i) => {
    const index = unravel(i, x.shape);
    const at = index.reduce((sum, j, axis) => sum + (axes.includes(axis) ? 0 : j * (strides[axis] ?? 1)), 0);
    data[at] = (data[at] ?? 0) + value;
  });
  return { shape, data };
}

function matmul({ attributes }: Node, inputs: readonly Tensor[], shape: readonly number[]): Tensor[] {
  const [x, y, ...extra] = inputs as [Tensor, Tensor, ...Tensor[]];
  const inner = x.shape.at(attributes.transposeX ? -2 : -1) ?? 0;
  const identity: Fused = { steps: [], results: [-1] };
  const fused =
    attributes.epilogue === undefined ? identity : readFused(attributes, 'epilogue', 1 + extra.length);
  const at = (index: readonly number[]): number[] => {
    const batch = index.slice(0, -2);
    const [row = 0, column = 0] = index.slice(-2);
    let total = 0;
    for (let k = 0; k < inner; k++) {
      const left = pick(x, [...batch, ...(attributes.transposeX ? [k, row] : [row, k])]);
      total += left * pick(y, [...batch, ...(attributes.transposeY ? [column, k] : [k, column])]);
    }
    return runSteps(fused, [total, ...extra.map((operand) => pick(operand, index))]);
  };
  return fused.results.map((_, k) => build(shape, (index) => at(index)[k] ?? 0));
}
