import { type DType, dtypes } from '../base/dtype.ts';
import { kind, oneOf, optional } from '../base/kinds.ts';
import type { OpRecord } from '../ir/record.ts';
import { fail } from './rules.ts';

const number = kind('a number', (value) => typeof value === 'number');

/** Sources have no operands and no kernels: the runtime puts their values in place. */
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

/** A tensor that training changes. Attributes `name`, `initializer`, `trainable`. */
export const parameter = source('parameter', 'a tensor that training changes and checkpoints keep');

/**
 * Attribute `value`: one number for every element, or the elements in row-major order. As a step of a fused expression
 * (one number, attribute `dtype`, f32 by default) it becomes a literal of the kernel.
 */
export const constant: OpRecord = {
  ...source('constant', 'numbers fixed in the graph'),
  // of a step; those of a graph are for checkGraph to judge
  attributes: { value: number, dtype: optional(oneOf(...dtypes)) },
  shape: (_inputs, { dtype = 'f32' }) => [{ dtype: dtype as DType, shape: [] }],
  emit(k, _args, { value, dtype = 'f32' }) {
    if (typeof value !== 'number') return fail('FROND-S019', 'constant: only one number folds into a kernel');
    return k.constant(value, dtype === 'f16' ? 'f32' : (dtype as 'f32' | 'i32' | 'u32' | 'bool'));
  },
};
