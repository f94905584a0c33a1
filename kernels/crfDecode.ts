import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import { type Kernel, LOWEST, type Value } from '../src/kernel/ir.ts';
import type { CrfDecodeArguments } from './crfArguments.ts';
import { ABSENT, type CrfTiles, crfBlock, crfTiles, sizesOf, temporary, whereSteps } from './crfBlock.ts';
import { planCrfSemiring } from './crfSemiring.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/**
 * Viterbi decoding: the labelling of highest score, lengths [batch] → tags [batch, time], score [batch].
 *
 * First launch: the recursion of crfSemiring.ts over (max, +), which keeps the levels of every step in planned memory.
 * Second launch: the way back. Given the tag at t + 1, the tag at t is the label y with the largest
 * level_t[y] + T[y, tag]: the sum whose maximum the recursion took, rounded alike. So back-pointers are found for the one
 * label on the path when needed instead of for every label beforehand, which halves the work of the recursion.
 * Among equal sums the smallest label wins.
 *
 * Constraints (BIO, BIOES, …) are scores: add `FORBIDDEN` to what may not be. As no sum of other scores comes near it, a
 * forbidden labelling is given only where every labelling is forbidden.
 *
 * Memory of the second launch: levels read once, one column of the transitions per step and sequence.
 */
export const FORBIDDEN = LOWEST;

function pathProgram(k: KernelBuilder, tiles: CrfTiles): void {
  const levels = k.read('levels');
  const transitions = k.read('transitions');
  const stop = k.read('stop');
  const tags = k.write('tags', 'i32');
  const at = crfBlock(k, tiles);
  const { b, y, Y, labels, lengths, longest, time } = at;
  const final = k.max(k.sub(lengths, 1), 0);
  // where all levels are −∞ or NaN, the first of those that do not exist may be as large
  const existing = (label: Value): Value => k.min(label, k.sub(labels, 1));
  const [last] = whereSteps(k, time, [k.fill([b], 0, 'i32')], () => {
    const ends = k.add(k.load(levels, at.step(final), ABSENT), k.load(stop, [[Y, 1]]));
    return [existing(k.argmax(ends, y))];
  });
  k.loop(0, longest, 1, [k.fill([b], 0, 'i32')], (i, following) => {
    const t = k.sub(k.sub(longest, 1), i);
    const toNext = k.load(transitions, [
      [Y, labels],
      [following as Value, 1],
    ]);
    const best = existing(k.argmax(k.add(k.load(levels, at.step(t), ABSENT), toNext), y));
    const tag = k.select(k.lt(t, final), best, k.select(k.eq(t, final), last as Value, 0));
    const within = k.select(k.lt(t, lengths), tag, 0);
    k.store(tags, at.moment(t), within);
    return [within];
  });
  k.loop(longest, time, 1, [], (t) => {
    k.store(tags, at.moment(t), k.fill([b], 0, 'i32'));
    return [];
  });
}

const traceCrfPath = (tiles: CrfTiles): Kernel =>
  kernelOnce(
    {
      name: 'crfPath',
      variant: `${tiles.block}x${tiles.labels}`,
      doc: 'the best labelling, from the levels of the Viterbi recursion',
      schedule: { tiles: { b: tiles.block, y: tiles.labels }, workgroup: [32, 8] },
    },
    (k) => pathProgram(k, tiles),
  );

/** The best labelling of each sequence and its score. Two launches. */
export function planCrfDecode(args: CrfDecodeArguments): LaunchPlan[] {
  const { batch, time, labels, tags, transitions, stop, lengths } = args;
  const levels = temporary('Levels', [batch, time, labels]);
  const tiles = crfTiles(labels);
  return [
    planCrfSemiring('max', { ...args, levels }),
    {
      kernel: traceCrfPath(tiles),
      grid: [blocksOf(batch, tiles.block)],
      scalars: sizesOf(args),
      slots: { levels, transitions, stop, lengths, tags },
    },
  ];
}
