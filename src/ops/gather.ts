import { planClampIndex } from '../../kernels/clampIndex.ts';
import { planGather, planGatherGradient } from '../../kernels/gather.ts';
import { printShape, product } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { defineOp } from './define.ts';
import { dims, expectFloat, expectTypes, f32, fail } from './rules.ts';

/** Rows of a table [vocabulary, ...row]; the result is [...ids, ...row]. */
export const gather = defineOp({
  name: 'gather',
  doc: 'rows of a table by number',
  operands: ['table', 'ids'],
  attributes: {},
  shape({ table, ids }) {
    expectFloat('gather', table);
    expectTypes('gather', { 'the ids': [ids, 'i32'] });
    if (table.shape.length === 0) {
      fail('FROND-S013', `gather: the table needs 1 or more dimensions, has ${printShape(table.shape)}`);
    }
    return [f32([...ids.shape, ...table.shape.slice(1)])];
  },
  vjp: (b, { table, ids, dout }) => [
    b.one('gatherGradient', { dout, ids }, { shape: b.typeOf(table).shape }),
  ],
  lower: ({ table, ids }, { slots, schedules }) =>
    planGather({ ...slots, count: product(ids.shape), width: product(table.shape.slice(1)), schedules }),
  indices: ({ table }) => ({ ids: { low: 0, below: table.shape[0] ?? 0 } }),
  flops: 0,
});

/** Attribute `shape`, that of the table. Rows that no id names get 0. */
export const gatherGradient = defineOp({
  name: 'gatherGradient',
  doc: 'gradient of a table from which rows were gathered: sums over equal ids, in order',
  operands: ['dout', 'ids'],
  results: ['dtable'],
  attributes: { shape: dims },
  shape({ dout, ids }, { shape }) {
    if (shape.length === 0) fail('FROND-S013', 'gatherGradient: the table needs 1 or more dimensions');
    expectTypes('gatherGradient', {
      dy: [dout, 'f32', [...ids.shape, ...shape.slice(1)]],
      'the ids': [ids, 'i32'],
    });
    return [f32(shape)];
  },
  // linear in dout, and the transpose of gather
  vjp: (b, { ids, ddtable }) => [b.one('gather', { table: ddtable, ids })],
  lower: ({ ids, dtable: { shape } }, { slots }) =>
    planGatherGradient({
      ...slots,
      count: product(ids.shape),
      width: product(shape.slice(1)),
      vocabulary: shape[0] ?? 1,
    }),
  indices: ({ dtable }) => ({ ids: { low: 0, below: dtable.shape[0] ?? 0 } }),
  flops: 1,
});

/**
 * Stands in front of ops that index by ids which the graph computes. Operands ids i32 [...] and, where there are some, lengths i32
 * of its rows; attributes `low`, `below` (a list of one size) and `report`, under which the first id outside is noted.
 */
export const clampIndex = defineOp({
  name: 'clampIndex',
  doc: 'ids brought into a range; the first one outside is noted for the host',
  operands: ['ids', 'lengths?'],
  attributes: { low: is.integer, below: dims, report: is.text },
  shape({ ids, lengths }) {
    expectTypes('clampIndex', {
      'the ids': [ids, 'i32'],
      ...(lengths && { 'the lengths': [lengths, 'i32', ids.shape.slice(0, 1)] }),
    });
    return [ids];
  },
  lower: ({ ids: { shape } }, { slots, attributes: { low, below, report } }) =>
    planClampIndex({
      ...slots,
      report: { kind: 'table', name: report },
      count: product(shape),
      width: product(shape.slice(1)),
      low,
      below: below[0] ?? 0,
    }),
  report: ({ report }) => String(report),
  flops: 2,
});
