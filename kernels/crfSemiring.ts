import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput, ValueLike } from '../src/kernel/build.ts';
import type { Axis, Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import type { CrfScores, CrfSizes } from './crfArguments.ts';
import { ABSENT, logSum, scoresOf, split, whereSteps } from './crfBlock.ts';
import { blocksOf, kernelOnce, roundUp } from './plan.ts';

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

type Plus = (k: KernelBuilder, terms: Value, over: Axis) => Value;

const plus: Readonly<Record<Semiring, Plus>> = {
  max: (k, terms, over) => k.maximum(terms, over),
  log: logSum,
};

/** A sequence per program: its scores, and where its levels go. */
interface Sequence {
  readonly y: Axis;
  readonly z: Axis;
  readonly length: Value;
  /** [y, z]; labels that do not exist are ABSENT by every transition to them */
  readonly transitions: Value;
  emission(t: ValueLike): Value;
  keep(t: ValueLike, levels: Value): void;
}

function declare(k: KernelBuilder, extent: number, sequence: Value, levels: Buffer | undefined) {
  const emissions = k.read('emissions');
  const [time, labels] = [k.parameter('time'), k.parameter('labels')];
  const [y, z] = [k.axis('y', extent), k.axis('z', extent)];
  const [Y, Z] = [k.span(y, 0, labels), k.span(z, 0, labels)];
  const size = k.mul(time, labels);
  const step = (t: ValueLike): TermInput[] => [
    [sequence, size],
    [t, labels],
    [Y, 1],
  ];
  const square: TermInput[] = [
    [Y, labels],
    [Z, 1],
  ];
  const at: Sequence = {
    ...{ y, z, length: k.load(k.read('lengths', 'i32'), [[sequence, 1]]) },
    transitions: k.load(k.read('transitions'), square, ABSENT),
    emission: (t) => k.load(emissions, step(t)),
    keep(t, values) {
      if (levels) k.store(levels, step(t), values);
    },
  };
  return { at, time, Y };
}

function semiringProgram(k: KernelBuilder, extent: number, semiring: Semiring): void {
  const levels = semiring === 'max' ? k.write('levels') : undefined;
  const sequence = k.program(0);
  const { at, time, Y } = declare(k, extent, sequence, levels);
  const { y, z, length } = at;
  const start = k.read('start');
  const initial = whereSteps(k, time, [k.fill([y], 0), k.constant(0)], (t) => {
    const first = split(k, k.add(k.load(start, [[Y, 1]], ABSENT), at.emission(t)), y);
    at.keep(t, first[0]);
    return first;
  });
  const [level, whole] = k.loop(1, length, 1, initial, (t, before, sum) => {
    const paths = k.add(before as Value, at.transitions);
    const arrived = k.rename(plus[semiring](k, paths, y), z, y);
    const [next, shift] = split(k, k.add(arrived, at.emission(t)), y);
    at.keep(t, next);
    return [next, k.add(sum as Value, shift)];
  });
  k.loop(k.max(length, 1), time, 1, [], (t) => {
    at.keep(t, k.fill([y], 0));
    return [];
  });
  const ends = k.add(level as Value, k.load(k.read('stop'), [[Y, 1]]));
  const score = k.add(whole as Value, plus[semiring](k, ends, y));
  k.store(k.write('score'), [[sequence, 1]], k.select(k.lt(0, length), score, 0));
}

function traceCrfSemiring(labels: number, semiring: Semiring): Kernel {
  const extent = roundUp(labels, 4);
  return kernelOnce(
    {
      name: 'crfSemiring',
      variant: `${extent} ${semiring}`,
      doc: 'log Z or the best score of a linear-chain CRF, one sequence per program',
      schedule: { tiles: { y: extent, z: extent }, workgroup: [32, 8] },
    },
    (k) => semiringProgram(k, extent, semiring),
  );
}

/** log Z or the best score of each sequence, by definition. One launch. */
export function planCrfSemiring(
  semiring: Semiring,
  args: CrfSizes & CrfScores & { readonly score: Slot; readonly levels?: Slot },
): LaunchPlan {
  const { batch, time, labels, score, levels } = args;
  return {
    kernel: traceCrfSemiring(labels, semiring),
    grid: [blocksOf(batch, 1)],
    scalars: { time, labels },
    slots: { ...scoresOf(args), ...(levels ? { levels } : {}), score },
  };
}
