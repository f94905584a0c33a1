import { planCrfDecode } from '../../kernels/crfDecode.ts';
import type { OpRecord } from '../ir/record.ts';
import { chainIndices, checkChain, costOf, sizesOf } from './crfRules.ts';
import { input, output } from './slots.ts';

/** Operands emissions, lengths, transitions, start, stop; results tags i32 [batch, time] and their score f32 [batch]. */
export const crfDecode: OpRecord = {
  name: 'crfDecode',
  doc: 'most likely labels of each sequence (Viterbi 1967), 0 at and beyond its length, and their score',
  kind: 'kernel',
  arity: 5,
  attributes: {},
  shape(inputs) {
    const { batch, time } = checkChain(inputs, ['lengths', 'transitions', 'start', 'stop']);
    return [
      { dtype: 'i32', shape: [batch, time] },
      { dtype: 'f32', shape: [batch] },
    ];
  },
  lower: ({ inputs }) =>
    planCrfDecode({
      ...sizesOf(inputs),
      emissions: input(0),
      lengths: input(1),
      transitions: input(2),
      start: input(3),
      stop: input(4),
      tags: output(0),
      score: output(1),
    }),
  indices: ({ inputs }) => chainIndices(sizesOf(inputs), undefined, 1),
  within: ({ inputs }) => ({ low: 0, below: sizesOf(inputs).labels }),
  cost: costOf(1),
};
