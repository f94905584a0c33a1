import { planCrf, planCrfGradient } from '../../kernels/crf.ts';
import type { CrfSizes } from '../../kernels/crfArguments.ts';
import { planCrfDecode } from '../../kernels/crfDecode.ts';
import { printShape, product, times } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import type { LowerContext, OpRecord } from '../ir/record.ts';
import { bytesOf, expectFloat, expectShape, expectType, fail, operand, refuse } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001). The score of labels y of a sequence of length n is
 * start[y₁] + Σ_t emissions[t, y_t] + Σ_t transitions[y_{t−1}, y_t] + stop[y_n].
 * Emissions f32 [batch, time, labels], transitions f32 [labels, labels] (from, to), start and stop f32 [labels],
 * tags i32 [batch, time], lengths i32 [batch].
 */

function sizesOf(inputs: readonly TensorType[]): CrfSizes {
  const { shape } = operand('crf', inputs, 0);
  const [batch, time, labels] = shape;
  if (shape.length !== 3 || batch === undefined || time === undefined || labels === undefined) {
    return fail('FROND-S013', `crf: emissions needs 3 dimensions, has ${printShape(shape)}`);
  }
  if (typeof labels !== 'number') {
    return fail('FROND-S013', `crf: the number of labels must be known, not ${labels}`);
  }
  return { batch, time, labels };
}

/** Checks the operands that follow the emissions, by name. */
function checkChain(inputs: readonly TensorType[], names: readonly string[]): CrfSizes {
  const { batch, time, labels } = sizesOf(inputs);
  expectFloat('crf', operand('crf', inputs, 0));
  const shapes: Readonly<Record<string, TensorType>> = {
    tags: { dtype: 'i32', shape: [batch, time] },
    lengths: { dtype: 'i32', shape: [batch] },
    transitions: { dtype: 'f32', shape: [labels, labels] },
    start: { dtype: 'f32', shape: [labels] },
    stop: { dtype: 'f32', shape: [labels] },
  };
  names.forEach((name, i) => {
    const [type, wanted] = [operand('crf', inputs, i + 1), shapes[name]];
    if (wanted === undefined) return;
    expectType('crf', name, type, wanted.dtype);
    expectShape('crf', name, type.shape, wanted.shape);
  });
  return { batch, time, labels };
}

const LOSS_OPERANDS = ['tags', 'lengths', 'transitions', 'start', 'stop'] as const;

const chainSlots = {
  emissions: input(0),
  tags: input(1),
  lengths: input(2),
  transitions: input(3),
  start: input(4),
  stop: input(5),
};

/** One multiply-add per transition and step, and as many again for shifts and exponentials. */
const costOf =
  (passes: number) =>
  (context: LowerContext): { readonly flops: string | number; readonly bytes: string | number } => {
    const { shape } = operand('crf', context.inputs, 0);
    return { flops: times(product([...shape, shape[2] ?? 1]), 2 * passes), bytes: bytesOf(context) };
  };

/** Operands emissions, tags, lengths, transitions, start, stop; result f32 [batch], at most 0. */
export const crfLogLikelihood: OpRecord = {
  name: 'crfLogLikelihood',
  doc: 'log-probability of the tags of each sequence under a linear-chain CRF',
  kind: 'kernel',
  arity: 6,
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

/** Tags beyond a sequence's length are not read, but must be labels or −1 all the same, so that a check is possible. */
function chainIndices({ labels, time }: CrfSizes, tags: number | undefined, lengths: number) {
  const below = typeof time === 'number' ? time + 1 : `${time}+1`;
  const checkLengths = { input: lengths, low: 0, below };
  return tags === undefined ? [checkLengths] : [{ input: tags, low: -1, below: labels }, checkLengths];
}

/** Operands of the loss, the forward levels, their offsets, and dloss; results for emissions, transitions, start, stop. */
export const crfGradient: OpRecord = {
  name: 'crfGradient',
  doc: 'gradients of crfLoss: marginals minus the tags',
  kind: 'kernel',
  arity: 9,
  shape(inputs) {
    const { labels } = checkChain(inputs, LOSS_OPERANDS);
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
  cost: costOf(3),
};

/** Operands emissions, lengths, transitions, start, stop; results tags i32 [batch, time] and their score f32 [batch]. */
export const crfDecode: OpRecord = {
  name: 'crfDecode',
  doc: 'most likely labels of each sequence (Viterbi 1967), 0 at and beyond its length, and their score',
  kind: 'kernel',
  arity: 5,
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
  cost: costOf(1),
};
