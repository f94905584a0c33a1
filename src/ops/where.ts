import type { Ref, TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { differ, lowerElementwise, unbroadcast } from './elementwiseRecord.ts';
import { broadcastShapes, fail, operand, perElement } from './rules.ts';

export const where: OpRecord = {
  name: 'where',
  doc: 'yes where the condition holds, else no; operands condition (bool), yes, no',
  kind: 'elementwise',
  arity: 3,
  attributes: {},
  shape(inputs) {
    const [condition, yes, no] = [0, 1, 2].map((i) => operand('where', inputs, i)) as [
      TensorType,
      TensorType,
      TensorType,
    ];
    if (condition.dtype !== 'bool')
      fail('FROND-S010', `where: the condition must be bool, not ${condition.dtype}`);
    if (yes.dtype !== no.dtype) differ('where', yes.dtype, no.dtype);
    const branches = broadcastShapes('where', yes.shape, no.shape);
    return [{ dtype: yes.dtype, shape: broadcastShapes('where', condition.shape, branches) }];
  },
  vjp: (b, context) =>
    unbroadcast(b, context, (_b, [condition], _y, dy) => [
      undefined,
      b.where(condition as Ref, dy, 0),
      b.where(condition as Ref, 0, dy),
    ]),
  emit: (k, args) => k.map('select', ...args),
  lower: (context) => lowerElementwise(where, context),
  cost: perElement(1),
};
