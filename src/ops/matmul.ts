import { planMatmul } from '../../kernels/matmul.ts';
import { printShape, product, type Shape, times } from '../base/dim.ts';
import { flag, optional } from '../base/kinds.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, OpRecord, OpRegistry, VjpContext } from '../ir/record.ts';
import { epilogue } from './attributes.ts';
import { epilogueOf, epilogueTypes } from './epilogue.ts';
import {
  batchOf,
  groupStrides,
  hasDim,
  layOut,
  type MatmulLayout,
  sidesOf,
  swapped,
} from './matmulLayout.ts';
import { broadcastShapes, bytesOf, expectFloat, fail, operand, widen } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * z[…, m, n] = Σ_k x[…, m, k] · y[…, k, n], outer dims broadcast. `transposeX` and `transposeY` swap an operand's last two dims.
 * Attribute `columnSums` asks for a second result, Σ_k y[k, n], of matrices without outer dims: where the product is the gradient
 * of a weight, that is the gradient of its bias.
 * An epilogue (attribute `epilogue`, steps over 0 = z, 1 … = further operands) is applied before the result is stored.
 */

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

/** Type of the second result. */
function sumsOf(inputs: readonly TensorType[], { transposeY, epilogue }: Attributes): TensorType {
  const [x, y] = [operand('matmul', inputs, 0), operand('matmul', inputs, 1)];
  if (x.shape.length !== 2 || y.shape.length !== 2 || transposeY === true || epilogue !== undefined) {
    fail('FROND-S019', 'matmul: columnSums is for two matrices, the right one as it is, without epilogue');
  }
  return { dtype: 'f32', shape: y.shape.slice(1) };
}

/** x and y: what follows belongs to the epilogue. */
const OWN = 2;

const stridesIn =
  (layout: MatmulLayout) =>
  ({ shape }: TensorType, index: number) => {
    const [hasRows, hasColumns] = [layout.hasRows[index] === true, hasDim(shape, 0)];
    const width = hasColumns ? layout.columns : 1;
    const height = hasRows ? layout.allRows : 1;
    return {
      rowStride: hasRows ? width : 0,
      columnStride: hasColumns ? 1 : 0,
      batchStrides: groupStrides(layout.groups, index, times(height, width)),
    };
  };

// ---- gradient

/** dx' = dz · y'ᵀ and dy' = x'ᵀ · dz, where ' is the operand as it enters the product; in f32, as dz is. */
function vjp(b: Build, { inputs, gradients, attributes, needs }: VjpContext): readonly (Ref | undefined)[] {
  const [x, y] = inputs.map((ref) => widen(b, ref));
  const [dz] = gradients;
  if (attributes.epilogue !== undefined || attributes.columnSums !== undefined)
    fail('FROND-P001', 'matmul: what fusion made of it has no gradient');
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
  attributes: {
    transposeX: optional(flag),
    transposeY: optional(flag),
    columnSums: optional(flag),
    ...epilogue,
  },
  shape(inputs, attributes) {
    const [x, y] = [operand('matmul', inputs, 0), operand('matmul', inputs, 1)];
    if (x.dtype !== y.dtype) {
      fail('FROND-S010', `matmul: operands are ${x.dtype} and ${y.dtype}`, 'convert one of them with cast');
    }
    expectFloat('matmul', x, y);
    const type: TensorType = { dtype: 'f32', shape: productShape(x, y, attributes) };
    layOut(inputs, attributes);
    if (attributes.columnSums === true) return [type, sumsOf(inputs, attributes)];
    return epilogueTypes('matmul', rows, { inputs, attributes }, OWN, type);
  },
  vjp,
  lower(context) {
    const layout = layOut(context.inputs, context.attributes);
    return planMatmul({
      x: input(0),
      y: input(1),
      out: output(),
      sums: context.attributes.columnSums === true ? output(1) : undefined,
      rows: layout.allRows,
      columns: layout.columns,
      inner: layout.inner,
      batch: batchOf(layout),
      transposeX: context.attributes.transposeX === true,
      transposeY: context.attributes.transposeY === true,
      epilogue: epilogueOf(rows, context, OWN, stridesIn(layout)),
      schedules: context.schedules,
    });
  },
  swapLast(attributes, index) {
    const flag = ['transposeX', 'transposeY'][index];
    if (flag === undefined) return undefined;
    const { [flag]: was, ...others } = attributes;
    return was === true ? others : { ...others, [flag]: true };
  },
  // x, y and the result take three of WebGPU's eight storage buffers
  epilogueOperands: 5,
  sumsColumns: true,
  cost(context) {
    const { outer, rows: m, columns, inner } = sidesOf(context.inputs, context.attributes);
    return { flops: times(product([...outer, m, columns, inner]), 2), bytes: bytesOf(context) };
  },
});
