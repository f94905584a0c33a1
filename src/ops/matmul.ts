import { planMatmul } from '../../kernels/matmul.ts';
import { printShape, product, type Shape, times } from '../base/dim.ts';
import { flag, optional } from '../base/kinds.ts';
import type { Attributes, Ref, TensorType } from '../ir/graph.ts';
import type { Build, OpRegistry } from '../ir/record.ts';
import { epilogue } from './attributes.ts';
import { defineOp } from './define.ts';
import { epilogueOf, epilogueTypes } from './epilogue.ts';
import { batchOf, layOut, sidesOf, stridesIn, swapped } from './matmulLayout.ts';
import { broadcastShapes, expectFloat, expectSame, expectShape, fail, widen } from './rules.ts';

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
function sumsOf(x: TensorType, y: TensorType, { transposeY, epilogue }: Attributes): TensorType {
  if (x.shape.length !== 2 || y.shape.length !== 2 || transposeY === true || epilogue !== undefined) {
    fail('FROND-S019', 'matmul: columnSums is for two matrices, the right one as it is, without epilogue');
  }
  return { dtype: 'f32', shape: y.shape.slice(1) };
}

// ---- gradient

interface Gradients {
  readonly x: Ref;
  readonly y: Ref;
  readonly dout: Ref;
  readonly needs: { readonly x: boolean; readonly y: boolean };
}

/** dx' = dout · y'ᵀ and dy' = x'ᵀ · dout, where ' is the operand as it enters the product; in f32, as dout is. */
function vjp(b: Build, refs: Gradients, attributes: Attributes): readonly (Ref | undefined)[] {
  if (attributes.epilogue !== undefined || attributes.columnSums !== undefined)
    fail('FROND-P001', 'matmul: what fusion made of it has no gradient');
  const [x, y, dout] = [widen(b, refs.x), widen(b, refs.y), refs.dout];
  const transposeX = attributes.transposeX === true;
  const transposeY = attributes.transposeY === true;
  const xShape = b.typeOf(x).shape;
  const yShape = b.typeOf(y).shape;
  const dx = (): Ref =>
    transposeX
      ? b.matmul(y, dout, { transposeX: transposeY, transposeY: true })
      : b.matmul(dout, y, { transposeY: !transposeY });
  const dy = (): Ref => {
    const [left, right] = yShape.length === 2 && !transposeX ? flatten(b, x, dout) : [x, dout];
    return transposeY
      ? b.matmul(right, left, { transposeX: true, transposeY: transposeX })
      : b.matmul(left, right, { transposeX: !transposeX });
  };
  return [
    refs.needs.x ? b.unbroadcast(dx(), xShape) : undefined,
    refs.needs.y ? b.unbroadcast(dy(), yShape) : undefined,
  ];
}

/** A weight that all outer dims share: they join the contracted dimension, one product instead of a batch and its sum. */
function flatten(b: Build, x: Ref, dout: Ref): readonly [Ref, Ref] {
  const flat = (ref: Ref): Ref => {
    const { shape } = b.typeOf(ref);
    return b.reshape(ref, [product(shape.slice(0, -1)), shape.at(-1) ?? 1]);
  };
  return [flat(x), flat(dout)];
}

/** Matrix product of x and y under an epilogue. */
export const matmul = (registry: OpRegistry) =>
  defineOp({
    name: 'matmul',
    doc: 'matrix product over the last two dimensions; outer dimensions broadcast',
    operands: ['x', 'y', '...extras'],
    results: ['out', 'sums?', '...others'],
    given: { sums: ({ columnSums }) => columnSums === true },
    attributes: {
      transposeX: optional(flag),
      transposeY: optional(flag),
      columnSums: optional(flag),
      ...epilogue,
    },
    shape({ x, y, extras }, attributes) {
      expectSame('matmul', x, y);
      expectFloat('matmul', x, y);
      const type: TensorType = { dtype: 'f32', shape: productShape(x, y, attributes) };
      layOut([x, y, ...extras], attributes);
      if (attributes.columnSums) return [type, sumsOf(x, y, attributes)];
      return epilogueTypes('matmul', registry, attributes, [type, ...extras]);
    },
    vjp,
    lower({ x, y, out, extras }, { slots, attributes, schedules }) {
      const layout = layOut([x, y, ...extras], attributes);
      return planMatmul({
        ...slots,
        rows: layout.allRows,
        columns: layout.columns,
        inner: layout.inner,
        batch: batchOf(layout),
        transposeX: attributes.transposeX === true,
        transposeY: attributes.transposeY === true,
        epilogue: epilogueOf(registry, attributes, [out, ...extras], slots, (type, i) =>
          stridesIn(layout, type, i),
        ),
        schedules,
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
    flops({ x, y }, attributes) {
      const { outer, rows, columns, inner } = sidesOf(x, y, attributes);
      return times(product([...outer, rows, columns, inner]), 2);
    },
  });

/** x [..., in], weight [in, out], bias [out]. */
export const linear = defineOp({
  name: 'linear',
  doc: 'x · weight + bias',
  operands: ['x', 'weight', 'bias?'],
  attributes: {},
  shape({ x, weight, bias }) {
    expectFloat('linear', x, weight, ...(bias ? [bias] : []));
    const inner = x.shape.at(-1) ?? fail('FROND-S013', 'linear: the input is a scalar');
    const [rows, columns] = weight.shape;
    if (rows === undefined || columns === undefined || weight.shape.length > 2) {
      return fail('FROND-S013', `linear: the weight needs 2 dimensions, has ${printShape(weight.shape)}`);
    }
    if (rows !== inner) {
      const where = `in ${printShape(x.shape)} x ${printShape(weight.shape)}`;
      fail('FROND-S015', `linear: inner dimensions differ: ${inner} and ${rows} ${where}`);
    }
    if (bias) expectShape('linear', 'the bias', bias.shape, [columns]);
    return [{ dtype: 'f32', shape: [...x.shape.slice(0, -1), columns] }];
  },
  expand(b, { x, weight, bias }) {
    const same = b.typeOf(x).dtype === b.typeOf(weight).dtype;
    const product = same ? b.matmul(x, weight) : b.matmul(widen(b, x), widen(b, weight));
    return [bias === undefined ? product : b.add(product, widen(b, bias))];
  },
});
