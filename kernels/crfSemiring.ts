import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Axis, Value } from '../src/kernel/ir.ts';
import * as crf from './crfBlock.ts';
import { kernel, type Slots } from './kernel.ts';
import { ABSENT, forEach, matrix, roundUp } from './plan.ts';

/**
 * The recursion of a linear-chain CRF over a semiring (⊕, +): ⊕ over all labellings y of a sequence of
 *
 *   start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n].
 *
 * ⊕ = log-sum-exp gives log Z, ⊕ = max the best score (Viterbi 1967). This is the definition: crfForward.ts computes the
 * first faster and is compared with it; decoding runs the second as it stands.
 *
 * emissions [batch, time, labels], lengths [batch] → score [batch], 0 for an empty sequence; `max` also keeps the levels of
 * every step, [batch, time, labels], from which crfDecode.ts finds the way back.
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
