import { type Sizes, evaluate as sizeOf } from '../../src/base/dim.ts';
import { type Expression, readExpression, readResults } from '../../src/ir/expression.ts';
import { type Attributes, type Graph, makeRef, type Node, type Ref } from '../../src/ir/graph.ts';
import { topologicalOrder } from '../../src/ir/order.ts';
import { references } from '../ops/samples/all.ts';
import { count, type Reference, type Tensor } from './tensor.ts';
import { testReferences } from './testOps.ts';

/** With its numbers as a list, whatever gave them. */
export interface Value {
  readonly shape: readonly number[];
  readonly data: readonly number[];
}

export type Values = Map<Ref, Value>;

/**
 * The meaning of a graph in f64, by the references of its ops: slow, plain, and sharing nothing with the real runtime.
 * `feeds` gives inputs and parameters by id; `sizes` the named dimensions.
 */
export function evaluateGraph(
  graph: Graph,
  feeds: Readonly<Record<string, Value>>,
  sizes: Sizes = {},
): Values {
  const values: Values = new Map();
  for (const node of topologicalOrder(graph)) {
    const shapes = node.types.map((type) => type.shape.map((dim) => sizeOf(dim, sizes)));
    const inputs = node.inputs.map((ref) => get(values, ref));
    const fed = feeds[node.id];
    const results = fed === undefined ? evaluateNode(node, inputs, shapes) : [fed];
    results.forEach((tensor, k) => {
      const shape = shapes[k] ?? [];
      if (tensor.shape.join() !== shape.join()) {
        throw new Error(`${node.id}: type says [${shape}], value has [${tensor.shape}]`);
      }
      values.set(makeRef(node.id, k), { shape, data: Array.from(tensor.data) });
    });
  }
  return values;
}

export function get(values: Values, ref: Ref): Value {
  const value = values.get(ref);
  if (value === undefined) throw new Error(`${ref} has no value`);
  return value;
}

function referenceOf(op: string): Reference {
  const found = references.get(op) ?? testReferences[op];
  if (found === undefined) throw new Error(`there is no reference of ${op}`);
  return found;
}

/** What an expression means, by the references of its instructions: the values that `results` names, of the last one by default. */
export function evaluateExpression(
  expression: Expression,
  operands: readonly Tensor[],
  results: readonly number[] = [expression.length - 1],
): Tensor[] {
  const values = [...operands];
  for (const { op, args, attributes = {} } of expression) {
    const inputs = args.map((i) => values[i] as Tensor);
    const constant: Tensor = { shape: [], data: [Number(attributes.value)] };
    values.push(op === 'constant' ? constant : (referenceOf(op)(inputs, attributes)[0] as Tensor));
  }
  return results.map((index) => values[operands.length + index] as Tensor);
}

/** Results of a node that hold an expression in attribute `name`, over its operands. */
function fused(attributes: Attributes, name: string, operands: readonly Tensor[]): Tensor[] {
  const expression = readExpression(attributes[name], operands.length);
  return evaluateExpression(expression, operands, readResults(attributes.results, expression));
}

function evaluateNode(
  { op, attributes }: Node,
  inputs: readonly Tensor[],
  shapes: readonly number[][],
): readonly Tensor[] {
  const [shape = []] = shapes;
  if (op === 'constant') {
    const { value } = attributes;
    return [
      { shape, data: Array.isArray(value) ? value.map(Number) : Array(count(shape)).fill(Number(value)) },
    ];
  }
  if (op === 'pointwise') return fused(attributes, 'expression', inputs);
  if (op === 'matmul') {
    const [x, y, ...extra] = inputs as [Tensor, Tensor, ...Tensor[]];
    const product = referenceOf(op)([x, y], attributes);
    const sums = attributes.columnSums === true ? referenceOf('sum')([y], { axes: [0] }) : [];
    return [
      ...(attributes.epilogue === undefined
        ? product
        : fused(attributes, 'epilogue', [...product, ...extra])),
      ...sums,
    ];
  }
  // attributes of views name dimensions, which the types have in numbers here
  return referenceOf(op)(inputs, attributes.shape === undefined ? attributes : { ...attributes, shape });
}
