import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Span, Value } from '../src/kernel/ir.ts';
import * as crf from './crfBlock.ts';
import { type Axes, type Buffers, floats, kernel, type Slots } from './kernel.ts';
import { ABSENT, extentsOf, forEach, indices, matrix, temporary, tileExtent, tileOf } from './plan.ts';

/**
 * Transitions in the exponential domain:  level[z] = max_y T[y, z],  weights[y, z] = exp(T[y, z] − level[z]).
 * A label that nothing may go on to has a finite level and weights of 0.
 *
 * Computed once per direction, so that a time step costs a multiply per transition and not an exponential.
 * A program takes a block of columns. Memory: reads and writes labels² numbers once.
 */
export function planCrfWeights(transitions: Slot, labels: number) {
  const filled = {
    weights: temporary('crfWeights', 'f32', [labels, labels]),
    level: temporary('crfLevel', 'f32', [labels]),
  };
  const tiles = { y: crf.tiles(labels).labels, z: tileExtent(labels, 64, 4) };
  const crfWeights = kernel(
    {
      name: 'crfWeights',
      doc: 'column maxima of the transitions and exp(transition − maximum)',
      variant: [extentsOf(tiles)],
      tiles,
      workgroup: [16, 16],
      reads: { transitions: 'f32' },
      writes: { level: 'f32', weights: 'f32' },
      parameters: { labels: 'i32' },
    },
    (k, { y, z, transitions, level, weights, labels }) => {
      const Z = tileOf(k, z, 0, labels);
      const at = matrix(k.span(y, 0, labels), Z, labels);
      const scores = k.load(transitions, at, ABSENT);
      const largest = crf.finite(k, k.maximum(scores, y));
      k.store(level, [[Z, 1]], largest);
      k.store(weights, at, k.exp(k.sub(scores, largest)));
    },
  );
  const given = { transitions, labels, ...filled };
  return { ...filled, launch: crfWeights.over({ z: labels }).with(given) };
}

/**
 * Forward recursion of a linear-chain CRF: log Z of each sequence, and log Z − score of its tags.
 *
 * emissions [batch, time, labels], transitions [labels, labels], start and stop [labels], tags [batch, time],
 * lengths [batch] → loss [batch], logZ [batch]; saves alpha [batch, time, labels] and offset [batch, time] (crfBlock.ts says
 * what they are). The loop over time is inside; a program takes a block of sequences.
 *
 * The sum over the previous label runs in the exponential domain, with p = e^a and weights = e^(T − level):
 *
 *   α_t[z] = log Σ_y p[y] weights[y, z]        one product [block, labels] × [labels, labels] per step.
 *
 * p and weights are at most e, and the largest p is at least 1, so nothing overflows. Where a sum falls below UNDERFLOW,
 * terms may have vanished: then, for the whole block and this one step, α is computed as log-sum-exp.
 *
 * The loss is formed from whole numbers and remainders apart: (Σ offsets − ⌊gold⌋) is exact, so the result is as accurate
 * as the remainders, however long the sequence.
 *
 * Memory: emissions read once, alpha written once, transitions read per step (from cache or workgroup memory).
 */
const crfForward = ({ block, labels, stage }: crf.CrfTiles) =>
  kernel(
    {
      name: 'crfForward',
      doc: 'log-partition of a linear-chain CRF, and its distance to the score of the tags',
      variant: [`${block}x${labels}`],
      tiles: { b: block, y: labels, u: labels, z: labels, t: STEPS },
      workgroup: [32, 8],
      stage,
      reads: { ...crf.SCORES, ...floats('level', 'weights'), tags: 'i32' },
      writes: floats('alpha', 'offset', 'loss', 'logZ'),
      parameters: crf.SIZES,
    },
    (k, symbols) => {
      const { y, stop, loss, logZ } = symbols;
      const at = crf.block(k, symbols);
      const { remainder, whole } = recursion(k, at, symbols);
      const rest = crf.logSum(k, k.add(remainder, k.load(stop, [[at.Y, 1]])), y);
      const [goldWhole, goldRest] = goldScore(k, at, symbols);
      const difference = k.add(k.sub(whole, goldWhole), k.sub(rest, goldRest));
      const filled = (value: Value) => k.select(k.lt(0, at.lengths), value, 0);
      // rounding must not make any labelling likelier than certain
      k.store(loss, [[at.B, 1]], filled(k.select(k.lt(difference, 0), 0, difference)));
      k.store(logZ, [[at.B, 1]], filled(k.add(whole, rest)));
    },
  );

/** Where every sequence ends: its levels are whole [b] + remainder [b, y]. */
function recursion(
  k: KernelBuilder,
  at: crf.CrfBlock,
  symbols: Axes<'u' | 'z'> &
    Buffers<'emissions' | 'transitions' | 'start' | 'level' | 'weights' | 'alpha' | 'offset'>,
) {
  const { u, z, emissions, level, alpha, offset } = symbols;
  const { b, y, Y, time, labels, lengths, longest } = at;
  const Z = k.span(z, 0, labels);
  const levels = crf.loadLevels(k, at, level);
  const save = (t: ValueLike, values: Value, shift: Value) => {
    k.store(alpha, at.step(t), values);
    k.store(offset, at.moment(t), shift);
  };
  // a label that does not exist gets a sum of 1, so that it never looks like an underflow
  const absent = k.add(k.fill([b, z], 0), k.select(k.inside(Z), 0, 1));
  const weights = k.load(symbols.weights, matrix(Y, Z, labels));

  const initial = crf.whereSteps(k, time, [k.fill([b, y], 0), k.fill([b], 0)], (t) => {
    const first = k.add(k.fill([b, y], 0), k.load(symbols.start, [[Y, 1]]));
    const [a, shift] = crf.split(k, crf.unshifted(k, first, levels.first, k.load(emissions, at.step(t))), y);
    save(t, first, shift);
    return [a, shift];
  });
  const [remainder, whole] = k.loop(1, longest, 1, initial, (t, a, shifts) => {
    const sums = k.dot(k.exp(a), weights, absent, y);
    // comparisons are written so that NaN stays, and does not decide for the other sequences of the block
    const lost = k.not(k.le(k.maximum(k.neg(sums), b, z), -crf.UNDERFLOW));
    const logs = crf.exceptWhere(
      k,
      lost,
      k.log(k.select(k.lt(sums, crf.UNDERFLOW), crf.UNDERFLOW, sums)),
      () => {
        const scores = crf.scaledTransitions(k, symbols, matrix(k.span(u, 0, labels), Z, labels));
        return crf.eachSequence(k, at, z, (rowOf) => crf.logSum(k, k.add(rowOf(a, u), scores), u));
      },
    );
    const next = k.rename(logs, z, y);
    const [after, shift] = crf.split(
      k,
      crf.unshifted(k, next, levels.later, k.load(emissions, at.step(t))),
      y,
    );
    save(t, next, shift);
    const active = k.lt(t, lengths);
    return [k.select(active, after, a), k.select(active, k.add(shifts, shift), shifts)];
  });
  // steps that no sequence has
  forEach(k, k.max(longest, 1), time, 1, (t) => save(t, k.fill([b, y], 0), k.fill([b], 0)));
  return { remainder, whole };
}

/** Time steps scored at once. */
const STEPS = 32;

/** A score in two parts: a sum of whole numbers, exact in f32 up to 2²⁴, and what is left. */
type Split = readonly [whole: Value, rest: Value];

/**
 * Score of each sequence's tags:  start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n],  as vectors over the block.
 *
 * Every summand is split into its whole number and the rest, which is exact, and the two are added up apart. Tags at or
 * beyond the length are not used as indices. The sequence runs in chunks of 32 steps, [block, 32] tiles. The rest lies in [0, 1), or is −∞.
 */
function goldScore(
  k: KernelBuilder,
  { b, B, time, labels, sequence, lengths, longest, moment }: crf.CrfBlock,
  symbols: Axes<'t'> & Buffers<'emissions' | 'transitions' | 'start' | 'stop' | 'tags'>,
): Split {
  const { t, emissions, transitions, start, stop, tags } = symbols;
  /** tags at a position of each sequence; 0 where they do not count, so that they may be used as indices */
  const tagsAt = (position: Span | ValueLike, counts: Value): Value =>
    k.select(counts, k.load(tags, moment(position)), 0);
  const zeros = k.fill([b, t], 0);
  const [wholes, rests] = k.loop(0, longest, STEPS, [zeros, zeros], (from, ...sums) => {
    const T = k.span(t, from, time);
    const position = indices(k, T);
    const active = k.lt(position, lengths);
    const inner = k.and(active, k.lt(0, position));
    const tag = tagsAt(T, active);
    const previous = tagsAt(k.min(k.max(k.sub(position, 1), 0), k.sub(time, 1)), inner);
    const emission = k.load(emissions, [[B, sequence], ...matrix(T, tag, labels)]);
    const transition = k.load(transitions, matrix(previous, tag, labels));
    return addSplit(k, sums, k.select(active, emission, 0), k.select(inner, transition, 0));
  });
  const sums = [k.sum(wholes, t), k.sum(rests, t)] as const;
  const [whole, rest] = crf.whereSteps(k, time, sums, () => {
    const nonEmpty = k.lt(0, lengths);
    const last = k.max(k.sub(lengths, 1), 0);
    const first = k.load(start, [[tagsAt(0, nonEmpty), 1]]);
    return addSplit(k, sums, first, k.load(stop, [[tagsAt(last, nonEmpty), 1]]));
  });
  const carry = k.map('floor', crf.finite(k, rest));
  return [k.add(whole, carry), k.sub(rest, carry)];
}

const addSplit = (k: KernelBuilder, sum: Split, ...parts: readonly Value[]): Split =>
  parts.reduce<Split>(([whole, rest], part) => {
    const floor = k.map('floor', crf.finite(k, part));
    return [k.add(whole, floor), k.add(rest, k.sub(part, floor))];
  }, sum);

/**
 * loss [batch], log Z − score of the tags, and log Z [batch], both 0 for an empty sequence; alpha and offset for the gradient.
 * Two launches.
 */
export function planCrf(
  args: crf.CrfSizes & crf.CrfScores & Slots<'tags' | 'loss' | 'logZ' | 'alpha' | 'offset'>,
): LaunchPlan[] {
  const { launch, ...weights } = planCrfWeights(args.transitions, args.labels);
  return [
    launch,
    crfForward(crf.tiles(args.labels))
      .over({ b: args.batch })
      .with({ ...args, ...weights }),
  ];
}
