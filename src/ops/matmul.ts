import { planMatmul } from '../../kernels/matmul.ts';
import { printShape, product, times } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { Ref } from '../ir/graph.ts';
import type { Build } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { epilogueOf, epilogueTypes } from './epilogue.ts';
import { batchOf, layOut, sidesOf, stridesIn } from './matmulLayout.ts';
import { epilogue, expectFloat, expectSame, expectShape, f32, fail, widen } from './rules.ts';

/*
 * z[…, m, n] = Σ_k x[…, m, k] · y[…, k, n], outer dims broadcast. `transposeX` and `transposeY` swap an operand's last two dims.
 * Attribute `columnSums` asks for a second result, Σ_k y[k, n], of matrices without outer dims: where the product is the gradient
 * of a weight, that is the gradient of its bias.
 * An epilogue (attribute `epilogue`, instructions over 0 = z, 1 … = further operands) is applied before the result is stored.
 */

const attributes = {
  transposeX: is.optional(is.flag),
  transposeY: is.optional(is.flag),
  columnSums: is.optional(is.flag),
  ...epilogue,
};

function asMatrix(b: Build, ref: Ref): Ref {
  const { shape } = b.typeOf(ref);
  return b.reshape(ref, [product(shape.slice(0, -1)), shape.at(-1) ?? 1]);
}

/** Matrix product of x and y under an epilogue. */
export const matmul = defineOp({
  name: 'matmul',
  doc: 'matrix product over the last two dimensions; outer dimensions broadcast',
  operands: ['x', 'y', '...extras'],
  results: ['out', 'sums?', '...others'],
  given: { sums: ({ columnSums }) => columnSums === true },
  attributes,
  shape({ x, y, extras }, attributes) {
    expectSame('matmul', x, y);
    expectFloat('matmul', x, y);
    const { outer, rows, columns } = layOut([x, y, ...extras], attributes);
    const type = f32(x.shape.length === 1 ? [columns] : [...outer, rows, columns]);
    const { transposeY = false, epilogue, columnSums } = attributes;
    if (!columnSums) return epilogueTypes('matmul', attributes, [type, ...extras]);
    if (x.shape.length !== 2 || y.shape.length !== 2 || transposeY || epilogue !== undefined)
      fail('FROND-S019', 'matmul: columnSums is for two matrices, the right one as it is, without epilogue');
    return [type, f32(y.shape.slice(1))];
  },
  /** dx' = dout · y'ᵀ and dy' = x'ᵀ · dout, where ' is the operand as it enters the product; in f32, as dout is. */
  vjp(b, { dout, needs, ...operands }, { transposeX = false, transposeY = false, epilogue, columnSums }) {
    if (epilogue !== undefined || columnSums !== undefined)
      fail('FROND-P001', 'matmul: what fusion made of it has no gradient');
    const [x, y] = [widen(b, operands.x), widen(b, operands.y)];
    const dx = (): Ref =>
      transposeX
        ? b.matmul(y, dout, { transposeX: transposeY, transposeY: true })
        : b.matmul(dout, y, { transposeY: !transposeY });
    const dy = (): Ref => {
      // a weight that all outer dims share: they join the contracted dimension, one product instead of a batch and its sum
      const joins = b.typeOf(y).shape.length === 2 && !transposeX;
      const [left, right] = joins ? [asMatrix(b, x), asMatrix(b, dout)] : [x, dout];
      return transposeY
        ? b.matmul(right, left, { transposeX: true, transposeY: transposeX })
        : b.matmul(left, right, { transposeX: !transposeX });
    };
    return [
      needs.x ? b.unbroadcast(dx(), b.typeOf(x).shape) : undefined,
      needs.y ? b.unbroadcast(dy(), b.typeOf(y).shape) : undefined,
    ];
  },
  lower({ x, y, out, extras }, { slots, attributes, schedules }) {
    const layout = layOut([x, y, ...extras], attributes);
    return planMatmul({
      ...slots,
      ...attributes,
      ...layout,
      rows: layout.allRows,
      batch: batchOf(layout),
      epilogue: epilogueOf(attributes, [out, ...extras], slots, (type, i) => stridesIn(layout, type, i)),
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
    return [f32([...x.shape.slice(0, -1), columns])];
  },
  expand(b, { x, weight, bias }) {
    const same = b.typeOf(x).dtype === b.typeOf(weight).dtype;
    const product = same ? b.matmul(x, weight) : b.matmul(widen(b, x), widen(b, weight));
    return [bias === undefined ? product : b.add(product, widen(b, bias))];
  },
});
