import { printShape } from '../base/dim.ts';
import type { Ref } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { expectFloat, expectShape, fail, operand, samePrecision, widen } from './rules.ts';

/** x · weight + bias: operands x [..., in], weight [in, out] and, if there is one, bias [out]. */
export const linear: OpRecord = {
  name: 'linear',
  doc: 'x · weight + bias',
  kind: 'kernel',
  arity: [2, 3],
  attributes: {},
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
    const [left, right] = samePrecision(b, x as Ref, weight as Ref);
    const y = b.matmul(left, right);
    return [bias === undefined ? y : b.add(y, widen(b, bias))];
  },
};
