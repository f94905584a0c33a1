import { dtypes } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import type { OpRecord } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { fail } from './rules.ts';

/** Sources have no operands and no kernels: the runtime puts their values in place. `checkGraph` judges their attributes. */
const source = (name: string, doc: string): OpRecord => ({
  name,
  doc,
  kind: 'source',
  arity: 0,
  shape: (_inputs, attributes) =>
    fail('FROND-S019', `${name} ${String(attributes.name ?? '')}: a source is declared with its type`),
});

/** A tensor fed with each step. Attribute `name`. */
export const input = source('input', 'a tensor that is fed');

/** A tensor that training changes. Attributes `name`, `initializer`, `trainable`, and where it is given `decays`. */
export const parameter = source('parameter', 'a tensor that training changes and checkpoints keep');

const literal = {
  value: is.kind<number>('a number', (value) => typeof value === 'number'),
  dtype: is.optional(is.oneOf(...dtypes)),
};

/**
 * In a graph, attribute `value` is one number for every element, or the elements in row-major order. As an instruction of a fused
 * expression (one number, attribute `dtype`, f32 by default) it becomes a literal of the kernel.
 */
export const constant: OpRecord = {
  ...defineOp({
    name: 'constant',
    doc: 'numbers fixed in the graph',
    kind: 'source',
    operands: [],
    attributes: literal,
    shape: (_operands, { dtype = 'f32' }) => [{ dtype, shape: [] }],
  }),
  emit(k, _args, { value, dtype }) {
    if (!literal.value.holds(value))
      return fail('FROND-S019', 'constant: only one number folds into a kernel');
    return k.constant(value, literal.dtype.holds(dtype) && dtype !== 'f16' ? dtype : 'f32');
  },
};
