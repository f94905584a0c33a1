import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { Carried, KernelBuilder, TermInput, ValueLike } from '../src/kernel/build.ts';
import type { Buffer, Schedule, Span, StorageType, Value } from '../src/kernel/ir.ts';
import {
  type Axes,
  choose,
  type Declared,
  type Given,
  kernel,
  type None,
  type Symbols,
  type Tuned,
} from './kernel.ts';
import { dropoutScalars, extentsOf, indices, matrix, padded, roundUp, tileOf } from './plan.ts';

/** Shared by attention's kernels: addresses of heads, masked scores, and the dropout mask. */

/** Dropout of the probabilities. */
export interface AttentionDropout {
  /** fraction dropped, 0 ≤ rate < 1 */
  readonly rate: number;
  /** u32 [2]: the key of this step */
  readonly key: Slot;
  /** tells this dropout from the others of the step */
  readonly stream: number;
}

/** Sizes and switches that attention and its gradient share. */
export interface AttentionDims
  extends Tuned,
    Readonly<Record<'batch' | 'heads' | 'queryTime' | 'keyTime', Dim>> {
  /** elements of one head, 1 … 128 */
  readonly width: number;
  /** factor on q · k, usually 1 / √width */
  readonly scale: number;
  /** query i attends to keys j ≤ i only */
  readonly causal: boolean;
  /** query i attends to keys with |i − j| < window only */
  readonly window?: number | undefined;
  /** scores fall with the distance of the key, by −|i − j| · 2^(−8 (h + 1) / heads) in head h (ALiBi, Press et al. 2022) */
  readonly alibi?: boolean | undefined;
  /** u32 [batch, keyTime], 1 = may be attended to */
  readonly mask?: Slot | undefined;
  readonly dropout?: AttentionDropout | undefined;
}

/** What shapes the text beside the schedule. */
interface Switches {
  /** the width is exactly the extent of d: no masks along it */
  readonly exact: boolean;
  readonly causal: boolean;
  readonly windowed: boolean;
  readonly alibi: boolean;
  readonly masked: boolean;
  readonly dropout: boolean;
  /** a program has a block of queries and meets keys, or the other way round */
  readonly own: 'queries' | 'keys';
}

/** 32 × 32 blocks of scores: with heads up to 128 wide they fit 16 KiB of workgroup memory in every kernel. */
const OWN = { tiles: { i: 32, j: 32 }, stage: 16 } satisfies Schedule;

/** Powers of two, so that few texts serve all lengths. */
const extentFor = (time: Dim, largest: number): number =>
  typeof time === 'number' ? Math.min(largest, Math.max(8, padded(time))) : largest;

type Tiles = Readonly<Record<'i' | 'j' | 'd', number>>;

/** A kernel of attention: `attention({ ...dims, q, k, v, out, levels })` is its launch. */
export function attentionKernel<R extends Declared<StorageType>, W extends Declared<StorageType>>(
  { own, ...declaration }: { name: string; doc: string; own: Switches['own']; reads: R; writes: W },
  program: (k: KernelBuilder, block: AttentionBlock, symbols: Symbols<Tiles, R & W & None, None>) => void,
) {
  return (args: AttentionDims & Given<R & W & None, None>): LaunchPlan => {
    const { batch, heads, queryTime, keyTime, width, scale, causal, mask, schedules } = args;
    const { window, alibi = false } = args;
    const dropout = args.dropout && args.dropout.rate > 0 ? args.dropout : undefined;
    const [masked, exact] = [mask !== undefined, width % 4 === 0];
    const windowed = window !== undefined;
    const switches = { own, exact, causal, windowed, alibi, masked, dropout: dropout !== undefined };
    const near = [windowed && 'window', alibi && 'alibi'];
    const flags = [causal && 'causal', ...near, masked && 'masked', dropout && 'dropout'];
    const words = flags.filter((flag) => flag).join(' ');
    const sizes = { i: queryTime, j: keyTime, d: width };
    const choice = choose(declaration.name, OWN, sizes, schedules, words);
    const i = extentFor(queryTime, choice.schedule.tiles.i);
    const j = extentFor(keyTime, choice.schedule.tiles.j);
    const d = roundUp(width, 4);
    const launchable = kernel<Tiles, R, W>(
      {
        ...declaration,
        variant: [extentsOf({ i, j, d }), exact && 'exact', ...flags],
        choice,
        // the result of a `dot` has the axis of its left operand first
        tiles: own === 'queries' ? { i, j, d } : { j, i, d },
      },
      (k, symbols) => program(k, attentionBlock(k, symbols, switches), symbols),
    );
    // what `attentionBlock` declares by itself
    const dimsGiven = { heads, queryTime, keyTime, scale, ...(exact ? {} : { width }) };
    const distances = {
      ...(windowed && { window }),
      // 2^(−8 / heads): that to the power of h + 1 is the slope of head h
      ...(alibi && { slopes: (-8 * Math.LN2) / Number(heads) }),
    };
    return launchable.over(own === 'queries' ? { i: queryTime } : { j: keyTime }, heads, batch).with(args, {
      slots: { ...(mask && { mask }), ...(dropout && { key: dropout.key }) },
      scalars: { ...dimsGiven, ...distances, ...(dropout && dropoutScalars(dropout)) },
    });
  };
}

/** What the programs of attention's kernels have in common: one block of queries or keys of one head of one sample. */
export type AttentionBlock = ReturnType<typeof attentionBlock>;

/** Grid: blocks (dimension 0), heads (1), batch (2). */
function attentionBlock(k: KernelBuilder, { i, j, d }: Axes<'i' | 'j' | 'd'>, switches: Switches) {
  const { exact, causal, windowed, alibi, masked, dropout } = switches;
  const heads = k.parameter('heads');
  const queryTime = k.parameter('queryTime');
  const keyTime = k.parameter('keyTime');
  const scale = k.parameter('scale', 'f32');
  const width = exact ? k.constant(d.size, 'i32') : k.parameter('width');
  const window = windowed ? k.parameter('window') : undefined;
  const slopes = alibi ? k.parameter('slopes', 'f32') : undefined;
  const mask = masked ? k.read('mask', 'u32') : undefined;
  const [head, sample] = [k.program(1), k.program(2)];
  const headIndex = k.add(k.mul(sample, heads), head);
  const tokenStride = k.mul(heads, width);
  const D = k.span(d, 0, width);
  const ownsQueries = switches.own === 'queries';
  const own = ownsQueries ? tileOf(k, i, 0, queryTime) : tileOf(k, j, 0, keyTime);
  const timeOf = ({ axis }: Span): Value => (axis === i ? queryTime : keyTime);
  const at = (T: Span): TermInput[] => [
    [sample, k.mul(timeOf(T), tokenStride)],
    [head, width],
    ...matrix(T, D, tokenStride),
  ];
  /** address of a number per query in [batch, heads, queryTime] */
  const perQuery = (I: Span) => matrix(headIndex, I, queryTime);
  const distance = (I: Span, J: Span): Value => k.map('abs', k.sub(indices(k, I), indices(k, J)));
  return {
    i,
    j,
    d,
    /** the program's own block, along i or j */
    own,
    scale,
    /** Walks the blocks of the other axis that may meet the program's own. */
    meet<const I extends readonly Value[]>(
      initial: I,
      body: (other: Span, carried: Carried<I>) => readonly Value[],
    ): Carried<I> {
      const other = ownsQueries ? j : i;
      const time = ownsQueries ? keyTime : queryTime;
      const blockOf = (start: ValueLike): Value => k.mul(k.div(start, other.size), other.size);
      // the first and the last that any of the block's own may meet
      const first = window && blockOf(k.max(k.add(k.sub(own.start, window), 1), 0));
      const end = k.add(own.start, own.axis.size);
      const from = causal && !ownsQueries ? blockOf(own.start) : (first ?? 0);
      const beyond = window && k.min(time, k.sub(k.add(end, window), 1));
      const to = causal && ownsQueries ? k.min(keyTime, end) : (beyond ?? time);
      return k.loop(from, to, other.size, initial, (start, ...carried) =>
        body(k.span(other, start, time), carried),
      );
    },
    /** tile of [batch, time, heads·width] over queries or keys and the elements of this head */
    head: (buffer: Buffer, T: Span): Value => k.load(buffer, at(T)),
    storeHead: (buffer: Buffer, T: Span, value: Value): void => k.store(buffer, at(T), value),
    /** queries · keysᵀ, of which the rows are those of the program's own block */
    product: (queries: Value, keys: Value): Value =>
      ownsQueries ? k.dot(queries, keys, undefined, d) : k.dot(keys, queries, undefined, d),
    perQuery,
    /** addresses of the largest score of a query and of log Σ e^(score − largest), in [batch, heads, 2, queryTime] */
    levels(I: Span): readonly [largest: readonly TermInput[], logSum: readonly TermInput[]] {
      const largest = matrix(headIndex, I, k.mul(queryTime, 2));
      return [largest, [[1, queryTime], ...largest]];
    },
    /** where query i may attend to key j, bool over i, j or both */
    allowed(I: Span, J: Span): Value {
      const inside = k.inside(J);
      const word = mask && k.load(mask, matrix(sample, J, keyTime));
      const unmasked = word ? k.and(inside, k.map('ne', word, 0)) : inside;
      const past = causal ? k.and(unmasked, k.le(indices(k, J), indices(k, I))) : unmasked;
      return window ? k.and(past, k.lt(distance(I, J), window)) : past;
    },
    /** scaled queries · keysᵀ, with what their distance takes off */
    scores(queries: Value, keys: Value, I: Span, J: Span): Value {
      const scores = this.product(queries, keys);
      if (slopes === undefined) return scores;
      const slope = k.exp(k.mul(k.cast(k.add(head, 1), 'f32'), slopes));
      return k.sub(scores, k.mul(k.cast(distance(I, J), 'f32'), slope));
    },
    /** what dropout makes of tiles over this block: 0 where it drops, 1 / (1 − rate) times the element elsewhere */
    dropout: dropout ? dropoutBy(k, headIndex, queryTime, keyTime) : () => (tile: Value) => tile,
  };
}

/**
 * Keeps a probability iff its random word is below (1 − rate)·2³². The counter is the element's index in
 * [batch, heads, queryTime, keyTime] modulo 2³², so forward and backward draw the same mask, whatever their tiles.
 */
function dropoutBy(k: KernelBuilder, headIndex: Value, queryTime: Value, keyTime: Value) {
  const words = k.read('key', 'u32');
  const stream = k.parameter('stream', 'u32');
  const key = [k.map('bitXor', k.load(words, [[0, 1]]), stream), k.load(words, [[1, 1]])] as const;
  const threshold = k.parameter('threshold', 'u32');
  const inverseKeep = k.parameter('inverseKeep', 'f32');
  return (I: Span, J: Span) => {
    const row = k.add(indices(k, I), k.mul(headIndex, queryTime));
    const element = k.add(indices(k, J), k.mul(row, keyTime));
    const word = k.random(key, [k.cast(element, 'u32'), 0], 0);
    const factor = k.select(k.lt(word, threshold), inverseKeep, 0);
    return (tile: Value) => k.mul(tile, factor);
  };
}
