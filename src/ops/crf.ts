import { planCrfGradient } from '../../kernels/crfBackward.ts';
import type { CrfSizes } from '../../kernels/crfBlock.ts';
import { planCrfDecode } from '../../kernels/crfDecode.ts';
import { planCrf } from '../../kernels/crfForward.ts';
import { plus, product, times } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import { defineOp } from './define.ts';
import { expectFloat, expectTypes, f32, fail, threeDims } from './rules.ts';

/*
 * Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001). The score of labels y of a sequence of length n is
 * start[y₁] + Σ_t emissions[t, y_t] + Σ_t transitions[y_{t−1}, y_t] + stop[y_n].
 * Emissions f32 [batch, time, labels], transitions f32 [labels, labels] (from, to), start and stop f32 [labels],
 * tags i32 [batch, time], lengths i32 [batch].
 */

type Chain<N extends string> = Readonly<Record<N, TensorType>>;

function sizesOf({ emissions: { shape } }: Chain<'emissions'>): CrfSizes {
  const [batch, time, labels] = threeDims('crf', 'emissions', shape);
  if (typeof labels !== 'number') {
    return fail('FROND-S026', `crf: the number of labels must be known, not ${labels}`);
  }
  return { batch, time, labels };
}

function checkChain(
  chain: Chain<'emissions' | 'lengths' | 'transitions' | 'start' | 'stop'> & Partial<Chain<'tags'>>,
): CrfSizes {
  const { emissions, tags, lengths, transitions, start, stop } = chain;
  const { batch, time, labels } = sizesOf(chain);
  expectFloat('crf', emissions);
  expectTypes('crf', {
    ...(tags && { tags: [tags, 'i32', [batch, time]] }),
    lengths: [lengths, 'i32', [batch]],
    transitions: [transitions, 'f32', [labels, labels]],
    start: [start, 'f32', [labels]],
    stop: [stop, 'f32', [labels]],
  });
  return { batch, time, labels };
}

/** Lengths are 0 … time. Tags are labels; what stands at and beyond a sequence's length is not read. */
function indices(chain: Chain<'emissions'>) {
  const { labels, time } = sizesOf(chain);
  // lengths first: the check of the tags relies on them
  return { lengths: { low: 0, below: plus(time, 1) }, tags: { low: 0, below: labels, lengths: 'lengths' } };
}

/** One multiply-add per transition and step of each pass, and as many again for shifts and exponentials. */
const flopsOf =
  (passes: number) =>
  ({ emissions: { shape } }: Chain<'emissions'>) =>
    times(product([...shape, shape[2] ?? 1]), 2 * passes);

const CHAIN = ['emissions', 'tags', 'lengths', 'transitions', 'start', 'stop'] as const;

/** f32 [batch], at most 0. */
export const crfLogLikelihood = defineOp({
  name: 'crfLogLikelihood',
  doc: 'log-probability of the tags of each sequence under a linear-chain CRF',
  operands: CHAIN,
  attributes: {},
  shape: (chain) => [f32([checkChain(chain).batch])],
  expand: (b, chain) => b.op('crfLoss', chain).slice(0, 1).map(b.neg),
});

/** Loss [batch], log Z [batch], and the forward levels with their offsets for the gradient. */
export const crfLoss = defineOp({
  name: 'crfLoss',
  doc: 'log Z − score of the tags, for each sequence; 0 for an empty one',
  operands: CHAIN,
  results: ['loss', 'logZ', 'alpha', 'offset'],
  saved: 'log Z and the forward levels',
  attributes: {},
  shape(chain) {
    const { batch, time, labels } = checkChain(chain);
    return [[batch], [batch], [batch, time, labels], [batch, time]].map(f32);
  },
  vjp(b, { loss: _, logZ: __, needs: ___, ...refs }) {
    const [dEmissions, dTransitions, dStart, dStop] = b.op('crfGradient', refs);
    return [dEmissions, undefined, undefined, dTransitions, dStart, dStop];
  },
  lower: (types, { slots }) => planCrf({ ...slots, ...sizesOf(types) }),
  indices,
  flops: flopsOf(1),
});

export const crfGradient = defineOp({
  name: 'crfGradient',
  doc: 'gradients of crfLoss: marginals minus the tags',
  operands: [...CHAIN, 'alpha', 'offset', 'dloss'],
  results: ['demissions', 'dtransitions', 'dstart', 'dstop'],
  attributes: {},
  shape(chain) {
    const { batch, time, labels } = checkChain(chain);
    const { emissions, transitions, start, stop, alpha, offset, dloss } = chain;
    expectTypes('crf', {
      levels: [alpha, 'f32', [batch, time, labels]],
      offsets: [offset, 'f32', [batch, time]],
      dloss: [dloss, 'f32', [batch]],
    });
    return [emissions, transitions, start, stop];
  },
  lower: (types, { slots }) => planCrfGradient({ ...slots, ...sizesOf(types) }),
  indices,
  flops: flopsOf(3),
});

/** Tags i32 [batch, time] and their score f32 [batch]. */
export const crfDecode = defineOp({
  name: 'crfDecode',
  doc: 'most likely labels of each sequence (Viterbi 1967), 0 at and beyond its length, and their score',
  operands: ['emissions', 'lengths', 'transitions', 'start', 'stop'],
  results: ['tags', 'score'],
  attributes: {},
  shape(chain) {
    const { batch, time } = checkChain(chain);
    return [{ dtype: 'i32', shape: [batch, time] }, f32([batch])];
  },
  lower: (types, { slots }) => planCrfDecode({ ...slots, ...sizesOf(types) }),
  indices: (types) => ({ lengths: indices(types).lengths }),
  within: (types) => ({ low: 0, below: sizesOf(types).labels }),
  flops: flopsOf(1),
});
