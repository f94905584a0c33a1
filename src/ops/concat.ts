import { contiguousStrides, planCopy } from '../../kernels/copy.ts';
import { type Dim, plus, type Shape, times } from '../base/dim.ts';
import { integer } from '../base/kinds.ts';
import type { TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { axisOf, fail, numberOf, operand, perElement } from './rules.ts';
import { input, output } from './slots.ts';

/** Where each operand begins along the axis, and last where they all end. */
function offsetsOf(inputs: readonly TensorType[], axis: number): readonly Dim[] {
  const offsets: Dim[] = [0];
  for (const { shape } of inputs) offsets.push(plus(offsets.at(-1) ?? 0, shape[axis] ?? 1));
  return offsets;
}

function checkOthers(first: Shape, other: Shape, axis: number): void {
  if (first.length !== other.length) fail('FROND-S014', 'concat: other dimensions differ: rank');
  first.forEach((dim, i) => {
    const own = other[i];
    if (i !== axis && own !== dim) fail('FROND-S014', `concat: other dimensions differ: ${dim} and ${own}`);
  });
}

/** Attribute `axis`. */
export const concat: OpRecord = {
  name: 'concat',
  doc: 'tensors one after the other along an axis',
  kind: 'kernel',
  arity: [1, 64],
  attributes: { axis: integer },
  shape(inputs, attributes) {
    const first = operand('concat', inputs, 0);
    const axis = axisOf('concat', numberOf('concat', attributes, 'axis'), first.shape);
    for (const other of inputs) {
      if (other.dtype !== first.dtype) {
        fail(
          'FROND-S010',
          `concat: operands are ${first.dtype} and ${other.dtype}`,
          'convert one of them with cast',
        );
      }
      checkOthers(first.shape, other.shape, axis);
    }
    const length = offsetsOf(inputs, axis).at(-1) ?? 0;
    return [{ dtype: first.dtype, shape: first.shape.map((dim, i) => (i === axis ? length : dim)) }];
  },
  vjp(b, { inputs, gradients: [dy], attributes, needs }) {
    const types = inputs.map((ref) => b.typeOf(ref));
    const axis = axisOf('concat', Number(attributes.axis), types[0]?.shape ?? []);
    const offsets = offsetsOf(types, axis);
    return types.map((type, i) => {
      if (dy === undefined || !needs[i]) return undefined;
      return b.one('slice', [dy], { axis, from: offsets[i] ?? 0, length: type.shape[axis] ?? 1 });
    });
  },
  lower({ inputs, outputs, attributes }) {
    const whole = operand('concat', outputs, 0);
    const axis = axisOf('concat', Number(attributes.axis), whole.shape);
    const offsets = offsetsOf(inputs, axis);
    const to = contiguousStrides(whole.shape);
    return inputs.flatMap(({ shape, dtype }, i) => {
      const from = contiguousStrides(shape);
      const dims = shape.map((size, j) => ({ size, from: from[j] ?? 1, to: to[j] ?? 1 }));
      const toOffset = times(offsets[i] ?? 0, to[axis] ?? 1);
      return planCopy({ from: input(i), to: output(), dtype, dims, toOffset });
    });
  },
  cost: perElement(0),
};
