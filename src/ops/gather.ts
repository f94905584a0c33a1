import { planGather } from '../../kernels/gather.ts';
import { planGatherGradient } from '../../kernels/gatherGradient.ts';
import { printShape, product } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { dims } from './attributes.ts';
import { dimsOf, expectFloat, expectOperands, expectType, fail, operand, perElement } from './rules.ts';
import { input, output } from './slots.ts';

/** Rows of a table: operands table [vocabulary, ...row] and ids i32 [...]; the result is [...ids, ...row]. */
export const gather: OpRecord = {
  name: 'gather',
  doc: 'rows of a table by number',
  kind: 'kernel',
  arity: 2,
  attributes: {},
  shape(inputs) {
    const [table, ids] = [operand('gather', inputs, 0), operand('gather', inputs, 1)];
    expectFloat('gather', table);
    expectType('gather', 'the ids', ids, 'i32');
    if (table.shape.length === 0) {
      fail('FROND-S013', `gather: the table needs 1 or more dimensions, has ${printShape(table.shape)}`);
    }
    return [{ dtype: 'f32', shape: [...ids.shape, ...table.shape.slice(1)] }];
  },
  vjp(b, { inputs: [table, ids], gradients: [dy] }) {
    if (table === undefined || ids === undefined || dy === undefined) return [];
    return [b.one('gatherGradient', [dy, ids], { shape: b.typeOf(table).shape })];
  },
  lower({ inputs, schedules }) {
    const [table, ids] = [operand('gather', inputs, 0), operand('gather', inputs, 1)];
    return planGather({
      table: input(0),
      ids: input(1),
      out: output(),
      count: product(ids.shape),
      width: product(table.shape.slice(1)),
      schedules,
    });
  },
  indices: ({ inputs }) => [{ input: 1, low: 0, below: operand('gather', inputs, 0).shape[0] ?? 0 }],
  cost: perElement(0),
};

/** Operands dy [...ids, ...row] and ids; attribute `shape`, that of the table. Rows that no id names get 0. */
export const gatherGradient: OpRecord = {
  name: 'gatherGradient',
  doc: 'gradient of a table from which rows were gathered: sums over equal ids, in order',
  kind: 'kernel',
  arity: 2,
  attributes: { shape: dims },
  shape(inputs, attributes) {
    const shape = dimsOf('gatherGradient', attributes, 'shape');
    const ids: TensorType = { dtype: 'i32', shape: operand('gatherGradient', inputs, 1).shape };
    if (shape.length === 0) fail('FROND-S013', 'gatherGradient: the table needs 1 or more dimensions');
    const dy: TensorType = { dtype: 'f32', shape: [...ids.shape, ...shape.slice(1)] };
    expectOperands('gatherGradient', inputs, 0, { dy, 'the ids': ids });
    return [{ dtype: 'f32', shape }];
  },
  // linear in dy, and the transpose of gather
  vjp(b, { inputs: [, ids], gradients: [dtable] }) {
    return ids === undefined || dtable === undefined ? [] : [b.one('gather', [dtable, ids])];
  },
  lower({ inputs, attributes }) {
    const shape = dimsOf('gatherGradient', attributes, 'shape');
    return planGatherGradient({
      dout: input(0),
      ids: input(1),
      dtable: output(),
      count: product(operand('gatherGradient', inputs, 1).shape),
      width: product(shape.slice(1)),
      vocabulary: shape[0] ?? 1,
    });
  },
  indices: ({ outputs }) => [
    { input: 1, low: 0, below: operand('gatherGradient', outputs, 0).shape[0] ?? 0 },
  ],
  cost: perElement(1),
};
