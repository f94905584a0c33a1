import type { Dim } from '../src/base/dim.ts';
import type { Carried, KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Axis, Buffer, Value } from '../src/kernel/ir.ts';
import { type Axes, type Buffers, floats, type Slots } from './kernel.ts';
import { ABSENT, matrix, roundUp, tileOf } from './plan.ts';

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

/** Sizes of a linear-chain CRF. The number of labels shapes the kernels' tiles, so it is known when lowering. */
export interface CrfSizes {
  readonly batch: Dim;
  readonly time: Dim;
  readonly labels: number;
}

/**
 * What scores a labelling y of a sequence of length n:  start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n].
 * Emissions [batch, time, labels], transitions [labels, labels] (from, to), start and stop [labels], lengths i32 [batch] from 0 to time.
 */
export type CrfScores = Slots<'emissions' | 'transitions' | 'start' | 'stop' | 'lengths'>;

/** The same in declarations. */
export const SCORES = { ...floats('emissions', 'transitions', 'start', 'stop'), lengths: 'i32' } as const;
export const SIZES = { batch: 'i32', time: 'i32', labels: 'i32' } as const;

const LARGEST = 3.4028234663852886e38;

/** `x`, or the nearest finite number: what may be taken out of infinite levels. */
export const finite = (k: KernelBuilder, x: Value): Value => k.max(k.min(x, LARGEST), -LARGEST);

/** Below this a sum of exponentials may have lost terms to underflow of f32, and the log-domain takes over. */
export const UNDERFLOW = 1e-30;

/** Bytes of workgroup memory for a product's operands; reductions need some of the 16 KiB that every device has. */
const stagingBytes = 14_000;

/**
 * Tiles for a number of labels: sequences in a program, labels rounded up to a multiple of 4, and for WGSL the depth of a staged chunk
 * of the weights. On a GPU the levels of the block and that chunk are staged together, (block + stage) · labels numbers, which fits up
 * to 436 labels.
 */
export function tiles(labels: number) {
  const extent = roundUp(labels, 4);
  const choices = [
    { block: 8, stage: 16 },
    { block: 8, stage: 8 },
    { block: 4, stage: 8 },
  ];
  const fits = choices.find(({ block, stage }) => (block + stage) * extent * 4 <= stagingBytes);
  return { ...(fits ?? { block: 4, stage: 4 }), labels: extent };
}
export type CrfTiles = ReturnType<typeof tiles>;

/** A program over a block of sequences. */
export function block(
  k: KernelBuilder,
  symbols: Axes<'b' | 'y'> & Buffers<'lengths'> & Readonly<Record<keyof typeof SIZES, Value>>,
) {
  const { b, y, batch, time, labels } = symbols;
  const B = tileOf(k, b, 0, batch);
  const Y = k.span(y, 0, labels);
  /** [b]; 0 past the batch */
  const lengths = k.load(symbols.lengths, [[B, 1]]);
  /** elements of a sequence */
  const sequence = k.mul(time, labels);
  /** sequences of the block that exist: all, or fewer in the last program */
  const rows = k.min(k.sub(batch, B.start), b.size);
  const longest = k.maximum(lengths, b);
  /** address of [b, time, labels] at a time step: a scalar, or one per sequence */
  const step = (t: TermInput[0]): TermInput[] => [[B, sequence], ...matrix(t, Y, labels)];
  /** address of [b, time] at a time step */
  const moment = (t: TermInput[0]) => matrix(B, t, time);
  return { b, y, B, Y, time, labels, sequence, lengths, rows, longest, step, moment };
}
export type CrfBlock = ReturnType<typeof block>;

/** level and level_0 as vectors over y, ABSENT at labels that do not exist. */
export const loadLevels = (k: KernelBuilder, { Y }: CrfBlock, level: Buffer) => ({
  first: k.select(k.inside(Y), 0, ABSENT),
  later: k.load(level, [[Y, 1]], ABSENT),
});

/** α_t + (level_t + E_t), from which the offset is still to be taken: the one place where it is rounded. */
export const unshifted = (k: KernelBuilder, alpha: Value, level: Value, emissions: Value): Value =>
  k.add(alpha, k.add(level, emissions));

/** T[y, z] − level[z]; ABSENT at labels that do not exist. */
export const scaledTransitions = (
  k: KernelBuilder,
  { transitions, level }: Buffers<'transitions' | 'level'>,
  square: ReturnType<typeof matrix>,
): Value => k.sub(k.load(transitions, square, ABSENT), k.load(level, square.slice(1)));

/** A tile over b and another axis, one sequence of the block after the other: `of` gives each from rows of tiles [b, y]. */
export function eachSequence(
  k: KernelBuilder,
  { b, y, rows }: CrfBlock,
  axis: Axis,
  of: (rowOf: (tile: Value, to: Axis) => Value) => Value,
): Value {
  const [result] = k.loop(0, rows, 1, [k.fill([b, axis], 0)], (row, others) => {
    const isRow = k.eq(k.arange(b), row);
    const rowOf = (tile: Value, to: Axis) => k.rename(k.sum(k.select(isRow, tile, 0), b), y, to);
    return [k.select(isRow, of(rowOf), others)];
  });
  return result;
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
  return chosen;
}

/** What `body` gives of step 0 where sequences have steps at all, else `otherwise`: a loop of no or one iteration. */
export const whereSteps = <const I extends readonly Value[]>(
  k: KernelBuilder,
  time: Value,
  otherwise: I,
  body: (t: Value) => readonly Value[],
): Carried<I> => k.loop(0, k.min(time, 1), 1, otherwise, (t, ..._) => body(t));

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
