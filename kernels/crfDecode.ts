import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Axis, Value } from '../src/kernel/ir.ts';
import * as crf from './crfBlock.ts';
import { kernel, type Slots } from './kernel.ts';
import { ABSENT, forEach, matrix, roundUp, temporary } from './plan.ts';

/**
 * The recursion of a linear-chain CRF over a semiring (⊕, +): ⊕ over all labellings y of a sequence of
 *
 *   start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n].
 *
 * ⊕ = log-sum-exp gives log Z, ⊕ = max the best score (Viterbi 1967). This is the definition: crfForward.ts computes the
 * first faster and is compared with it; decoding runs the second as it stands.
 *
 * emissions [batch, time, labels], lengths [batch] → score [batch], 0 for an empty sequence; `max` also keeps the levels of
 * every step, [batch, time, labels], from which decoding finds the way back.
 *
 * A program takes one sequence; its transitions are one [labels, labels] tile that stays where it is over time. At each
 * step a whole number is taken out of the levels and summed up apart, so that rounding does not grow with the length:
 * ties and near-ties of labellings are decided by differences of the size of a few scores.
 *
 * Memory: emissions read once, transitions once per sequence; levels written once.
 */
export type Semiring = 'log' | 'max';

const PLUS: Readonly<Record<Semiring, (k: KernelBuilder, terms: Value, over: Axis) => Value>> = {
  max: (k, terms, over) => k.maximum(terms, over),
  log: crf.logSum,
};

const crfSemiring = (extent: number, semiring: Semiring) =>
  kernel(
    {
      name: 'crfSemiring',
      doc: 'log Z or the best score of a linear-chain CRF, one sequence per program',
      variant: [`${extent} ${semiring}`],
      tiles: { y: extent, z: extent },
      workgroup: [32, 8],
      reads: crf.SCORES,
      writes: { levels: semiring === 'max' ? 'f32' : undefined, score: 'f32' },
      parameters: { time: 'i32', labels: 'i32' },
    },
    (k, { y, z, emissions, transitions, start, stop, lengths, levels, score, time, labels }) => {
      const plus = (terms: Value) => PLUS[semiring](k, terms, y);
      const sequence = k.program(0);
      const [Y, Z] = [k.span(y, 0, labels), k.span(z, 0, labels)];
      const length = k.load(lengths, [[sequence, 1]]);
      // labels that do not exist are ABSENT by every transition to them
      const scores = k.load(transitions, matrix(Y, Z, labels), ABSENT);
      const size = k.mul(time, labels);
      const step = (t: ValueLike) => [[sequence, size], ...matrix(t, Y, labels)] as const;
      const keep = (t: ValueLike, values: Value) => {
        if (levels) k.store(levels, step(t), values);
      };
      const initial = crf.whereSteps(k, time, [k.fill([y], 0), k.constant(0)], (t) => {
        const first = k.add(k.load(start, [[Y, 1]], ABSENT), k.load(emissions, step(t)));
        const [level, whole] = crf.split(k, first, y);
        keep(t, level);
        return [level, whole];
      });
      const [level, whole] = k.loop(1, length, 1, initial, (t, before, sum) => {
        const arrived = k.rename(plus(k.add(before, scores)), z, y);
        const [next, shift] = crf.split(k, k.add(arrived, k.load(emissions, step(t))), y);
        keep(t, next);
        return [next, k.add(sum, shift)];
      });
      // steps that no sequence has
      forEach(k, k.max(length, 1), time, 1, (t) => keep(t, k.fill([y], 0)));
      const total = k.add(whole, plus(k.add(level, k.load(stop, [[Y, 1]]))));
      k.store(score, [[sequence, 1]], k.select(k.lt(0, length), total, 0));
    },
  );

/** log Z or the best score of each sequence, by definition; for `max` also the levels. One launch. */
export const planCrfSemiring = (
  semiring: Semiring,
  args: crf.CrfSizes & crf.CrfScores & Slots<'score'> & Partial<Slots<'levels'>>,
): LaunchPlan => crfSemiring(roundUp(args.labels, 4), semiring).over(args.batch).with(args);

/**
 * What is added to the scores of what may not be, by constraints (BIO, BIOES, …). As no sum of other scores comes near it, a
 * forbidden labelling is given only where every labelling is forbidden; and unlike −∞ it keeps even those apart.
 */
export const FORBIDDEN = -1e30;

/**
 * Viterbi decoding: the labelling of highest score, lengths [batch] → tags [batch, time], score [batch].
 *
 * First launch: that recursion over (max, +), which keeps the levels of every step in planned memory.
 * Second launch: the way back. Given the tag at t + 1, the tag at t is the label y with the largest
 * level_t[y] + T[y, tag]: the sum whose maximum the recursion took, rounded alike. So back-pointers are found for the one
 * label on the path when needed instead of for every label beforehand, which halves the work of the recursion.
 * Among equal sums the smallest label wins.
 *
 * Memory of the second launch: levels read once, one column of the transitions per step and sequence.
 */
export function planCrfDecode(args: crf.CrfSizes & crf.CrfScores & Slots<'tags' | 'score'>): LaunchPlan[] {
  const given = { ...args, levels: temporary('crfLevels', 'f32', [args.batch, args.time, args.labels]) };
  const tiles = crf.tiles(args.labels);
  const crfPath = kernel(
    {
      name: 'crfPath',
      doc: 'the best labelling, from the levels of the Viterbi recursion',
      variant: [`${tiles.block}x${tiles.labels}`],
      tiles: { b: tiles.block, y: tiles.labels },
      workgroup: [32, 8],
      reads: { levels: 'f32', transitions: 'f32', stop: 'f32', lengths: 'i32' },
      writes: { tags: 'i32' },
      parameters: crf.SIZES,
    },
    (k, symbols) => {
      const { levels, transitions, stop, tags } = symbols;
      const { b, y, Y, labels, lengths, longest, time, step, moment } = crf.block(k, symbols);
      const none = k.fill([b], 0, 'i32');
      const final = k.max(k.sub(lengths, 1), 0);
      // where all levels are −∞ or NaN, the first of those that do not exist may be as large
      const best = (scores: Value): Value => k.min(k.argmax(scores, y), k.sub(labels, 1));
      const levelsAt = (t: Value): Value => k.load(levels, step(t), ABSENT);
      const [last] = crf.whereSteps(k, time, [none], () => [
        best(k.add(levelsAt(final), k.load(stop, [[Y, 1]]))),
      ]);
      k.loop(0, longest, 1, [none], (i, following) => {
        const t = k.sub(k.sub(longest, 1), i);
        const toNext = k.load(transitions, matrix(Y, following, labels));
        const earlier = best(k.add(levelsAt(t), toNext));
        const tag = k.select(k.lt(t, final), earlier, k.select(k.eq(t, final), last, 0));
        const within = k.select(k.lt(t, lengths), tag, 0);
        k.store(tags, moment(t), within);
        return [within];
      });
      // steps that no sequence has
      forEach(k, longest, time, 1, (t) => k.store(tags, moment(t), none));
    },
  );
  return [planCrfSemiring('max', given), crfPath.over({ b: args.batch }).with(given)];
}
