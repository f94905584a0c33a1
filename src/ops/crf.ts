import { planCrfGradient } from '../../kernels/crfBackward.ts';
import { planCrf } from '../../kernels/crfForward.ts';
import type { OpRecord } from '../ir/record.ts';
import { chainIndices, checkChain, costOf, sizesOf } from './crfRules.ts';
import { expectOperands, operand, refuse } from './rules.ts';
import { input, output } from './slots.ts';

const LOSS_OPERANDS = ['tags', 'lengths', 'transitions', 'start', 'stop'] as const;

const chainSlots = {
  emissions: input(0),
  tags: input(1),
  lengths: input(2),
  transitions: input(3),
  start: input(4),
  stop: input(5),
};

/** Operands emissions, tags, lengths, transitions, start, stop; result f32 [batch], at most 0. */
export const crfLogLikelihood: OpRecord = {
  name: 'crfLogLikelihood',
  doc: 'log-probability of the tags of each sequence under a linear-chain CRF',
  kind: 'kernel',
  arity: 6,
  attributes: {},
  shape: (inputs) => [{ dtype: 'f32', shape: [checkChain(inputs, LOSS_OPERANDS).batch] }],
  expand: (b, { inputs }) =>
    b
      .op('crfLoss', inputs)
      .slice(0, 1)
      .map((loss) => b.neg(loss)),
};

/** Results loss [batch], log Z [batch], and the forward levels with their offsets for the gradient. */
export const crfLoss: OpRecord = {
  name: 'crfLoss',
  doc: 'log Z − score of the tags, for each sequence; 0 for an empty one',
  kind: 'kernel',
  arity: 6,
  attributes: {},
  shape(inputs) {
    const { batch, time, labels } = checkChain(inputs, LOSS_OPERANDS);
    return [[batch], [batch], [batch, time, labels], [batch, time]].map((shape) => ({ dtype: 'f32', shape }));
  },
  vjp(b, { inputs, outputs: [, , alpha, offset], gradients: [dloss, ...saved] }) {
    refuse('crf', 'log Z and the forward levels', saved);
    if (alpha === undefined || offset === undefined || dloss === undefined) return [];
    const [dEmissions, dTransitions, dStart, dStop] = b.op('crfGradient', [...inputs, alpha, offset, dloss]);
    return [dEmissions, undefined, undefined, dTransitions, dStart, dStop];
  },
  lower: ({ inputs }) =>
    planCrf({
      ...sizesOf(inputs),
      ...chainSlots,
      loss: output(0),
      logZ: output(1),
      alpha: output(2),
      offset: output(3),
    }),
  indices: ({ inputs }) => chainIndices(sizesOf(inputs), 1, 2),
  cost: costOf(1),
};

/** Operands of the loss, the forward levels, their offsets, and dloss; results for emissions, transitions, start, stop. */
export const crfGradient: OpRecord = {
  name: 'crfGradient',
  doc: 'gradients of crfLoss: marginals minus the tags',
  kind: 'kernel',
  arity: 9,
  attributes: {},
  shape(inputs) {
    const { batch, time, labels } = checkChain(inputs, LOSS_OPERANDS);
    expectOperands('crf', inputs, 6, {
      levels: { dtype: 'f32', shape: [batch, time, labels] },
      offsets: { dtype: 'f32', shape: [batch, time] },
      dloss: { dtype: 'f32', shape: [batch] },
    });
    return [
      operand('crf', inputs, 0),
      { dtype: 'f32', shape: [labels, labels] },
      { dtype: 'f32', shape: [labels] },
      { dtype: 'f32', shape: [labels] },
    ];
  },
  lower: ({ inputs }) =>
    planCrfGradient({
      ...sizesOf(inputs),
      ...chainSlots,
      alpha: input(6),
      offset: input(7),
      dloss: input(8),
      demissions: output(0),
      dtransitions: output(1),
      dstart: output(2),
      dstop: output(3),
    }),
  indices: ({ inputs }) => chainIndices(sizesOf(inputs), 1, 2),
  cost: costOf(3),
};
