import type { Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput, ValueLike } from '../src/kernel/build.ts';
import type { Axis, Buffer, Span, Value } from '../src/kernel/ir.ts';
import type { CrfScores, CrfSizes } from './crfArguments.ts';
import { roundUp } from './plan.ts';
import { identity } from './reduce.ts';

/**
 * What the CRF kernels that take a block of sequences share: axes, lengths, addresses, and the forward levels.
 *
 * Forward level of label z at time t:  A_t[z] = log Σ over labellings of 0 … t that end in z of e^score. It is kept as
 *
 *   A_t[z] = W_t + a_t[z],    W_t = Σ_{s ≤ t} offset_s,    a_t = α_t + (level_t + E_t) − offset_t,
 *   α_t[z] = log Σ_y exp(a_{t−1}[y] + T[y, z] − level[z]),   level[z] = max_y T[y, z],
 *   α_0 = start, level_0 = 0,
 *
 * where offset_t = ⌊max_z …⌋ is a whole number. So the largest a_t lies in [0, 1) whatever the scores are, and W is a sum of
 * integers, exact in f32 up to 2²⁴: nothing of the small differences that matter is lost over time.
 *
 * A score of −∞ rules out, and a level of −∞ is one that no labelling reaches: ∞ − ∞ is kept from occurring by taking finite
 * numbers out of levels only. NaN spreads to all results of its sequence, and to no other's.
 */

/** Score of what does not exist: nothing is lower. */
export const ABSENT = identity('max', 'f32');

const LARGEST = 3.4028234663852886e38;

/** `x`, or the nearest finite number: what may be taken out of infinite levels. */
export const finite = (k: KernelBuilder, x: Value): Value => k.max(k.min(x, LARGEST), -LARGEST);

/** Below this a sum of exponentials may have lost terms to underflow of f32, and the log-domain takes over. */
export const UNDERFLOW = 1e-30;

export interface CrfTiles {
  /** sequences in a program */
  readonly block: number;
  /** labels, rounded up to a multiple of 4 */
  readonly labels: number;
  /** WGSL: depth of a staged chunk of the weights */
  readonly stage: number;
}

/** Bytes of workgroup memory for a product's operands; reductions need some of the 16 KiB that every device has. */
const stagingBytes = 14_000;

/**
 * Tiles for a number of labels. On a GPU the levels of the block and a chunk of the weights are staged together,
 * (block + stage) · labels numbers, which fits up to 436 labels.
 */
export function crfTiles(labels: number): CrfTiles {
  const extent = roundUp(labels, 4);
  const choices = [
    { block: 8, stage: 16 },
    { block: 8, stage: 8 },
    { block: 4, stage: 8 },
  ];
  const fits = choices.find(({ block, stage }) => (block + stage) * extent * 4 <= stagingBytes);
  return { ...(fits ?? { block: 4, stage: 4 }), labels: extent };
}

/** Symbols of a program over a block of sequences. `u` and `z` are label axes beside `y`: from and to. */
export interface CrfBlock {
  readonly b: Axis;
  readonly y: Axis;
  readonly u: Axis;
  readonly z: Axis;
  readonly B: Span;
  readonly Y: Span;
  readonly U: Span;
  readonly Z: Span;
  readonly time: Value;
  readonly labels: Value;
  /** [b]; 0 past the batch */
  readonly lengths: Value;
  /** sequences of the block that exist: `block`, or fewer in the last program */
  readonly rows: Value;
  /** the largest of the lengths */
  readonly longest: Value;
  /** address of [b, time, labels] at a time step: a scalar, or one per sequence */
  step(t: ValueLike): TermInput[];
  /** address of [b, time] at a time step */
  moment(t: ValueLike): TermInput[];
}

/** Declares the axes and the sizes `batch`, `time`, `labels`. */
export function crfBlock(k: KernelBuilder, tiles: CrfTiles): CrfBlock {
  const batch = k.parameter('batch');
  const time = k.parameter('time');
  const labels = k.parameter('labels');
  const b = k.axis('b', tiles.block);
  const [y, u, z] = [k.axis('y', tiles.labels), k.axis('u', tiles.labels), k.axis('z', tiles.labels)];
  const start = k.mul(k.program(0), tiles.block);
  const B = k.span(b, start, batch);
  const Y = k.span(y, 0, labels);
  const lengths = k.load(k.read('lengths', 'i32'), [[B, 1]]);
  const sequence = k.mul(time, labels);
  return {
    ...{ b, y, u, z, B, Y, time, labels, lengths },
    U: k.span(u, 0, labels),
    Z: k.span(z, 0, labels),
    rows: k.min(k.sub(batch, start), tiles.block),
    longest: k.maximum(lengths, b),
    step: (t) => [
      [B, sequence],
      [t, labels],
      [Y, 1],
    ],
    moment: (t) => [
      [B, time],
      [t, 1],
    ],
  };
}

/** level and level_0 as vectors over y, ABSENT at labels that do not exist. */
export interface Levels {
  readonly first: Value;
  readonly later: Value;
}

export const loadLevels = (k: KernelBuilder, { Y }: CrfBlock, level: Buffer): Levels => ({
  first: k.select(k.inside(Y), 0, ABSENT),
  later: k.load(level, [[Y, 1]], ABSENT),
});

/** α_t + (level_t + E_t), from which the offset is still to be taken: the one place where it is rounded. */
export const unshifted = (k: KernelBuilder, alpha: Value, level: Value, emissions: Value): Value =>
  k.add(alpha, k.add(level, emissions));

/** T[u, z] − level[z]; ABSENT at labels that do not exist. */
export function scaledTransitions(k: KernelBuilder, { U, Z, labels }: CrfBlock, from: Buffer, level: Buffer) {
  const transitions = k.load(
    from,
    [
      [U, labels],
      [Z, 1],
    ],
    ABSENT,
  );
  return k.sub(transitions, k.load(level, [[Z, 1]]));
}

/** Row `row` (a scalar) of a tile [b, y], as a vector over `to`. */
export function rowOf(k: KernelBuilder, { b, y }: CrfBlock, tile: Value, row: Value, to: Axis): Value {
  return k.rename(k.sum(k.select(k.eq(k.arange(b), row), tile, 0), b), y, to);
}

/** `usual`, or where the uniform `condition` holds what `replacement` gives: a loop of no or one iteration. */
export function exceptWhere(
  k: KernelBuilder,
  condition: Value,
  usual: Value,
  replacement: () => Value,
): Value {
  const turns = k.select(condition, k.constant(1, 'i32'), 0);
  const [chosen] = k.loop(0, turns, 1, [usual], () => [replacement()]);
  return chosen as Value;
}

/** What `body` gives of step 0 where sequences have steps at all, else `otherwise`: a loop of no or one iteration. */
export const whereSteps = (
  k: KernelBuilder,
  time: Value,
  otherwise: readonly Value[],
  body: (t: Value) => readonly Value[],
): Value[] => k.loop(0, k.min(time, 1), 1, otherwise, body);

/** log Σ e^paths along `over`; −∞ where all paths are. */
export function logSum(k: KernelBuilder, paths: Value, over: Axis): Value {
  const top = finite(k, k.maximum(paths, over));
  return k.add(k.log(k.sum(k.exp(k.sub(paths, top)), over)), top);
}

/** Levels whose largest lies in [0, 1), and the whole number that was taken out. */
export function split(k: KernelBuilder, levels: Value, over: Axis): [Value, Value] {
  const whole = k.map('floor', finite(k, k.maximum(levels, over)));
  return [k.sub(levels, whole), whole];
}

export const temporary = (name: string, shape: readonly (number | string)[]): Slot => ({
  kind: 'temporary',
  name: `crf${name}`,
  type: { dtype: 'f32', shape },
});

export const sizesOf = ({ batch, time, labels }: CrfSizes) => ({ batch, time, labels });

export const scoresOf = ({ emissions, transitions, start, stop, lengths }: CrfScores) => ({
  emissions,
  transitions,
  start,
  stop,
  lengths,
});
