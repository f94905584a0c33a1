import { planClampIndex } from '../../kernels/clampIndex.ts';
import { product } from '../base/dim.ts';
import { integer, text } from '../base/kinds.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { dims } from './attributes.ts';
import { dimsOf, expectOperands, expectType, operand, perElement } from './rules.ts';
import { input, output } from './slots.ts';

const reportOf = ({ report }: Attributes): string => String(report);

/**
 * Stands in front of ops that index by ids which the graph computes. Operands ids i32 [...] and, where there are some, lengths i32
 * of its rows; attributes `low`, `below` (a list of one size) and `report`, under which the first id outside is noted.
 */
export const clampIndex: OpRecord = {
  name: 'clampIndex',
  doc: 'ids brought into a range; the first one outside is noted for the host',
  kind: 'kernel',
  arity: [1, 2],
  attributes: { low: integer, below: dims, report: text },
  shape(inputs) {
    const ids = operand('clampIndex', inputs, 0);
    expectType('clampIndex', 'the ids', ids, 'i32');
    const lengths: TensorType = { dtype: 'i32', shape: ids.shape.slice(0, 1) };
    if (inputs.length > 1) expectOperands('clampIndex', inputs, 1, { 'the lengths': lengths });
    return [ids];
  },
  lower({ inputs, attributes }) {
    const { shape } = operand('clampIndex', inputs, 0);
    return planClampIndex({
      ids: input(0),
      lengths: inputs.length > 1 ? input(1) : undefined,
      out: output(),
      report: { kind: 'table', name: reportOf(attributes) },
      count: product(shape),
      width: product(shape.slice(1)),
      low: Number(attributes.low),
      below: dimsOf('clampIndex', attributes, 'below')[0] ?? 0,
    });
  },
  report: reportOf,
  cost: perElement(2),
};
