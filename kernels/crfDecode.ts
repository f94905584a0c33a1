import type { LaunchPlan } from '../src/ir/record.ts';
import type { Value } from '../src/kernel/ir.ts';
import * as crf from './crfBlock.ts';
import { planCrfSemiring } from './crfSemiring.ts';
import { kernel, type Slots } from './kernel.ts';
import { ABSENT, forEach, matrix, temporary } from './plan.ts';

/**
 * What is added to the scores of what may not be, by constraints (BIO, BIOES, …). As no sum of other scores comes near it, a
 * forbidden labelling is given only where every labelling is forbidden; and unlike −∞ it keeps even those apart.
 */
export const FORBIDDEN = -1e30;

/**
 * Viterbi decoding: the labelling of highest score, lengths [batch] → tags [batch, time], score [batch].
 *
 * First launch: the recursion of crfSemiring.ts over (max, +), which keeps the levels of every step in planned memory.
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
