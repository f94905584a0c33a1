import { type Epilogue, type EpilogueOperand, type MatmulBatch, planMatmul } from '../../kernels/matmul.ts';
import { type Dim, printShape, product, type Shape, times } from '../base/dim.ts';
import { readExpression } from '../ir/expression.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, LowerContext, OpRecord, OpRegistry, VjpContext } from '../ir/record.ts';
import { emitSteps, keyOfSteps, typeOfSteps } from './expression.ts';
import { broadcastShapes, bytesOf, expectFloat, expectShape, fail, operand } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * z[…, m, n] = Σ_k x[…, m, k] · y[…, k, n], outer dims broadcast. `transposeX` and `transposeY` swap an operand's last two dims.
 * An epilogue (attribute `epilogue`, steps over 0 = z, 1 … = further operands) is applied before the result is stored.
 */

interface Sides {
  readonly outer: Shape;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inner: Dim;
}

const swapped = (shape: Shape, swap: boolean): Shape =>
  swap && shape.length >= 2 ? [...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1] : shape;

/** Shape of the product; x may be a vector when y is a matrix. */
function productShape(xType: TensorType, yType: TensorType, attributes: Attributes): Shape {
  const x = swapped(xType.shape, attributes.transposeX === true);
  const y = swapped(yType.shape, attributes.transposeY === true);
  const inner = x.at(-1);
  if (inner === undefined) return fail('FROND-S013', 'matmul: left operand is a scalar');
  if (y.length < 2) {
    fail('FROND-S013', `matmul: right operand needs 2 or more dimensions, has ${printShape(y)}`);
  }
  if (x.length < 2 && y.length > 2) {
    fail('FROND-S013', `matmul: left operand needs 2 or more dimensions, has ${printShape(x)}`);
  }
  const [inner2, columns] = [y.at(-2) ?? 1, y.at(-1) ?? 1];
  if (inner !== inner2) {
    const where = `in ${printShape(x)} x ${printShape(y)}`;
    fail('FROND-S015', `matmul: inner dimensions differ: ${inner} and ${inner2} ${where}`);
  }
  if (x.length === 1) return [columns];
  const outer = broadcastShapes('matmul batch', x.slice(0, -2), y.slice(0, -2));
  return [...outer, x.at(-2) ?? 1, columns];
}

function sidesOf([x, y]: readonly TensorType[], attributes: Attributes): Sides {
  const xShape = swapped(x?.shape ?? [], attributes.transposeX === true);
  const yShape = swapped(y?.shape ?? [], attributes.transposeY === true);
  return {
    outer: broadcastShapes('matmul batch', xShape.slice(0, -2), yShape.slice(0, -2)),
    rows: xShape.at(-2) ?? 1,
    inner: xShape.at(-1) ?? 1,
    columns: yShape.at(-1) ?? 1,
  };
}

// ---- layout: outer dims become rows where they can, else at most two grid dims

/** Outer dims that x, y and every epilogue operand have or lack together. */
interface Group {
  readonly size: Dim;
  /** of x, y and the epilogue operands */
  readonly has: readonly boolean[];
}

interface MatmulLayout extends Sides {
  /** rows of one matrix product: those of x and the outer dims that join them */
  readonly allRows: Dim;
  readonly groups: readonly Group[];
  /** of x, y and the epilogue operands: whether it runs along those rows */
  readonly hasRows: readonly boolean[];
}

const hasDim = (shape: Shape, fromRight: number): boolean => (shape.at(-1 - fromRight) ?? 1) !== 1;

function layOut(inputs: readonly TensorType[], attributes: Attributes): MatmulLayout {
  const sides = sidesOf(inputs, attributes);
  const groups: Group[] = [];
  sides.outer.forEach((size, axis) => {
    if (size === 1) return;
    // distance from the right in shapes that end with [rows, columns]
    const fromRight = sides.outer.length - 1 - axis + 2;
    const has = inputs.map(({ shape }) => hasDim(shape, fromRight));
    const last = groups.at(-1);
    if (last?.has.every((flag, i) => flag === has[i])) {
      groups[groups.length - 1] = { size: times(last.size, size), has };
    } else groups.push({ size, has });
  });
  const last = groups.at(-1);
  // x lies there row after row, y is the same for all: one taller matrix
  const ownRows = inputs.map(({ shape }) => hasDim(shape, 1));
  const joins =
    last?.has[0] === true &&
    last.has[1] === false &&
    attributes.transposeX !== true &&
    (sides.rows === 1 || last.has.every((flag, i) => i < 2 || flag === ownRows[i]));
  const kept = joins ? groups.slice(0, -1) : groups;
  if (kept.length > 2) {
    const shapes = `${printShape(inputs[0]?.shape ?? [])} x ${printShape(inputs[1]?.shape ?? [])}`;
    fail(
      'FROND-S013',
      `matmul: ${kept.length} outer dimensions are left after joining in ${shapes}, two are possible`,
      'reshape the operands so that dimensions that both have stand together',
    );
  }
  return {
    ...sides,
    allRows: joins ? times(last.size, sides.rows) : sides.rows,
    groups: kept,
    hasRows: joins ? last.has : ownRows,
  };
}

/** Strides of an operand over the kept outer groups: 0 where it lacks one. */
function groupStrides(groups: readonly Group[], index: number, matrix: Dim): readonly Dim[] {
  const strides: Dim[] = [];
  let stride = matrix;
  for (const { size, has } of groups.toReversed()) {
    strides.unshift(has[index] ? stride : 0);
    if (has[index]) stride = times(size, stride);
  }
  return strides;
}

function batchOf({ groups, allRows, inner, columns }: MatmulLayout): MatmulBatch[] {
  const strides = {
    x: groupStrides(groups, 0, times(allRows, inner)),
    y: groupStrides(groups, 1, times(inner, columns)),
  };
  const all = groups.map(({ size }) => ({ size, has: [true] }));
  const out = groupStrides(all, 0, times(allRows, columns));
  return groups.map(({ size }, i) => ({
    size,
    x: strides.x[i] ?? 0,
    y: strides.y[i] ?? 0,
    out: out[i] ?? 0,
  }));
}

function epilogueOf(
  rows: OpRegistry,
  { inputs, attributes }: LowerContext,
  layout: MatmulLayout,
): Epilogue | undefined {
  if (attributes.epilogue === undefined) return undefined;
  const steps = readExpression(attributes.epilogue, inputs.length - 1);
  const extras = inputs.slice(2);
  const operands = extras.map(({ shape, dtype }, i): EpilogueOperand => {
    const [hasRows, hasColumns] = [layout.hasRows[i + 2] === true, hasDim(shape, 0)];
    const width = hasColumns ? layout.columns : 1;
    const height = hasRows ? layout.allRows : 1;
    return {
      slot: input(i + 2),
      dtype: dtype === 'i32' ? 'i32' : dtype === 'u32' || dtype === 'bool' ? 'u32' : 'f32',
      rowStride: hasRows ? width : 0,
      columnStride: hasColumns ? 1 : 0,
      batchStrides: groupStrides(layout.groups, i + 2, times(height, width)),
    };
  });
  return {
    key: `${keyOfSteps(steps)} of ${extras.map(({ dtype }) => dtype).join(',')}`,
    operands,
    apply: (k, accumulator, values) => {
      const typed = values.map((value, i) => (extras[i]?.dtype === 'bool' ? k.map('ne', value, 0) : value));
      return emitSteps(k, rows, steps, [accumulator, ...typed]);
    },
  };
}

// ---- gradient

/** dx' = dz · y'ᵀ and dy' = x'ᵀ · dz, where ' is the operand as it enters the product. */
function vjp(b: Build, { inputs, gradients, attributes, needs }: VjpContext): readonly (Ref | undefined)[] {
  const [x, y] = inputs;
  const [dz] = gradients;
  if (attributes.epilogue !== undefined) fail('FROND-P001', 'matmul: a fused epilogue has no gradient');
  if (x === undefined || y === undefined || dz === undefined) return [];
  const transposeX = attributes.transposeX === true;
  const transposeY = attributes.transposeY === true;
  const xShape = b.typeOf(x).shape;
  const yShape = b.typeOf(y).shape;
  const dx = (): Ref =>
    transposeX
      ? b.matmul(y, dz, { transposeX: transposeY, transposeY: true })
      : b.matmul(dz, y, { transposeY: !transposeY });
  const dy = (): Ref => {
    const [left, right] = yShape.length === 2 && !transposeX ? flatten(b, x, dz) : [x, dz];
    return transposeY
      ? b.matmul(right, left, { transposeX: true, transposeY: transposeX })
      : b.matmul(left, right, { transposeX: !transposeX });
  };
  return [
    needs[0] ? b.unbroadcast(dx(), xShape) : undefined,
    needs[1] ? b.unbroadcast(dy(), yShape) : undefined,
  ];
}

/** A weight that all outer dims share: they join the contracted dimension, one product instead of a batch and its sum. */
function flatten(b: Build, x: Ref, dz: Ref): readonly [Ref, Ref] {
  const flat = (ref: Ref): Ref => {
    const { shape } = b.typeOf(ref);
    return b.reshape(ref, [product(shape.slice(0, -1)), shape.at(-1) ?? 1]);
  };
  return [flat(x), flat(dz)];
}

export const matmul = (rows: OpRegistry): OpRecord => ({
  name: 'matmul',
  doc: 'matrix product over the last two dimensions; outer dimensions broadcast',
  kind: 'kernel',
  arity: [2, 10],
  shape(inputs, attributes) {
    const [x, y] = [operand('matmul', inputs, 0), operand('matmul', inputs, 1)];
    if (x.dtype !== y.dtype) {
      fail('FROND-S010', `matmul: operands are ${x.dtype} and ${y.dtype}`, 'convert one of them with cast');
    }
    expectFloat('matmul', x, y);
    const type: TensorType = { dtype: 'f32', shape: productShape(x, y, attributes) };
    if (attributes.epilogue === undefined) return [type];
    const steps = readExpression(attributes.epilogue, inputs.length - 1);
    const result = typeOfSteps(rows, steps, [type, ...inputs.slice(2)]);
    expectShape('matmul', 'the result of the epilogue', result.shape, type.shape);
    layOut(inputs, attributes);
    return [result];
  },
  vjp,
  lower(context) {
    const layout = layOut(context.inputs, context.attributes);
    return planMatmul({
      x: input(0),
      y: input(1),
      out: output(),
      rows: layout.allRows,
      columns: layout.columns,
      inner: layout.inner,
      batch: batchOf(layout),
      transposeX: context.attributes.transposeX === true,
      transposeY: context.attributes.transposeY === true,
      epilogue: epilogueOf(rows, context, layout),
    });
  },
  cost(context) {
    const { outer, rows: m, columns, inner } = sidesOf(context.inputs, context.attributes);
    return { flops: times(product([...outer, m, columns, inner]), 2), bytes: bytesOf(context) };
  },
});

/** x · weight + bias: operands x [..., in], weight [in, out] and, if there is one, bias [out]. */
export const linear: OpRecord = {
  name: 'linear',
  doc: 'x · weight + bias',
  kind: 'kernel',
  arity: [2, 3],
  shape(inputs) {
    const [x, weight] = [operand('linear', inputs, 0), operand('linear', inputs, 1)];
    expectFloat('linear', ...inputs);
    const inner = x.shape.at(-1) ?? fail('FROND-S013', 'linear: the input is a scalar');
    if (weight.shape.length !== 2) {
      fail('FROND-S013', `linear: the weight needs 2 dimensions, has ${printShape(weight.shape)}`);
    }
    const [rows, columns] = [weight.shape[0] ?? 1, weight.shape[1] ?? 1];
    if (rows !== inner) {
      const where = `in ${printShape(x.shape)} x ${printShape(weight.shape)}`;
      fail('FROND-S015', `linear: inner dimensions differ: ${inner} and ${rows} ${where}`);
    }
    if (inputs[2]) expectShape('linear', 'the bias', inputs[2].shape, [columns]);
    return [{ dtype: 'f32', shape: [...x.shape.slice(0, -1), columns] }];
  },
  expand(b, { inputs: [x, weight, bias] }) {
    const y = b.matmul(x as Ref, weight as Ref);
    return [bias === undefined ? y : b.add(y, bias)];
  },
};
