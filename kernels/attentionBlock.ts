import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import { type Axis, type Buffer, LOWEST, type Schedule, type Span, type Value } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { roundUp } from './plan.ts';
import { padded } from './pointwise.ts';

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
export interface AttentionDims {
  readonly batch: Dim;
  readonly heads: Dim;
  readonly queryTime: Dim;
  readonly keyTime: Dim;
  /** elements of one head, 1 … 128 */
  readonly width: number;
  /** factor on q · k, usually 1 / √width */
  readonly scale: number;
  /** query i attends to keys j ≤ i only */
  readonly causal: boolean;
  /** u32 [batch, keyTime], 1 = may be attended to */
  readonly mask?: Slot | undefined;
  readonly dropout?: AttentionDropout | undefined;
  readonly schedules?: Schedules | undefined;
}

type AttentionTiles = { readonly i: number; readonly j: number; readonly d: number };

/** What shapes the text of attention's kernels. */
export interface AttentionOptions {
  /** with the extents of the tiles of queries, keys, and elements of a head */
  readonly schedule: Schedule & { readonly tiles: AttentionTiles };
  readonly shapeClass: string;
  /** the width is exactly the extent of d: no masks along it */
  readonly exact: boolean;
  readonly causal: boolean;
  readonly masked: boolean;
  readonly dropout: boolean;
}

/** 32 × 32 blocks of scores: with heads up to 128 wide they fit 16 KiB of workgroup memory in every kernel. */
const OWN: Schedule = { tiles: { i: 32, j: 32 }, stage: 16 };

/** What shapes the text of the kernel of that name. */
export function attentionOptions(kernel: string, args: AttentionDims): AttentionOptions {
  const { width, queryTime, keyTime, causal, mask, dropout, schedules } = args;
  const d = roundUp(width, 4);
  const masked = mask !== undefined;
  const drops = dropout !== undefined && dropout.rate > 0;
  const words = [causal && 'causal', masked && 'masked', drops && 'dropout'].filter((word) => word);
  const shapeClass = shapeClassOf(words.join(' '), { i: queryTime, j: keyTime, d: width });
  const { tiles, ...schedule } = chooseSchedule(schedules, kernel, shapeClass, OWN);
  const extents = {
    i: extentFor(queryTime, tiles.i ?? 32),
    j: extentFor(keyTime, tiles.j ?? 32),
    d,
  };
  return {
    schedule: { ...schedule, tiles: extents },
    ...{ shapeClass, causal, masked, exact: d === width, dropout: drops },
  };
}

/** Powers of two, so that few texts serve all lengths. */
const extentFor = (time: Dim, largest: number): number =>
  typeof time === 'number' ? Math.min(largest, Math.max(8, padded(time))) : largest;

export function attentionVariant(options: AttentionOptions): string {
  const { schedule, exact, causal, masked, dropout } = options;
  const { i, j, d } = schedule.tiles;
  const flags = [exact && 'exact', causal && 'causal', masked && 'masked', dropout && 'dropout'];
  return [`${i}x${j}x${d}`, ...flags.filter((flag) => flag), ...scheduleWords(schedule, OWN)].join(' ');
}

/** What the programs of attention's kernels have in common: one block of one head of one sample. */
export interface AttentionBlock {
  readonly i: Axis;
  readonly j: Axis;
  readonly d: Axis;
  readonly queryTime: Value;
  readonly keyTime: Value;
  /** tile of [batch, time, heads·width] over rows `T` and the elements of this head */
  head(buffer: Buffer, T: Span, time: Value): Value;
  storeHead(buffer: Buffer, T: Span, time: Value, value: Value): void;
  /** address of a number per query in [batch, heads, queryTime] */
  perQuery(I: Span): TermInput[];
  /** addresses of the largest score of a query and of log Σ e^(score − largest), in [batch, heads, 2, queryTime] */
  levels(I: Span): readonly [largest: TermInput[], logSum: TermInput[]];
  /** where query i may attend to key j, bool over i, j or both */
  allowed(I: Span, J: Span): Value;
  /** what dropout makes of tiles over this block: 0 where it drops, 1 / (1 − rate) times the element elsewhere */
  dropout(I: Span, J: Span): (tile: Value) => Value;
}

/**
 * Declares axes, parameters and the buffers of mask and key. Grid: blocks (dimension 0), heads (1), batch (2).
 * `order` is the order of the axes: the result of a `dot` has its left operand's axis first.
 */
export function attentionBlock(
  k: KernelBuilder,
  options: AttentionOptions,
  order: 'query first' | 'key first',
): AttentionBlock {
  const { tiles } = options.schedule;
  const [heads, queryTime, keyTime] = [
    k.parameter('heads'),
    k.parameter('queryTime'),
    k.parameter('keyTime'),
  ];
  const width = options.exact ? k.constant(tiles.d, 'i32') : k.parameter('width');
  const queryFirst = order === 'query first';
  const early = queryFirst ? k.axis('i', tiles.i) : undefined;
  const j = k.axis('j', tiles.j);
  const i = early ?? k.axis('i', tiles.i);
  const d = k.axis('d', tiles.d);
  const [head, sample] = [k.program(1), k.program(2)];
  const tokenStride = k.mul(heads, width);
  const D = k.span(d, 0, width);
  const at = (T: Span, time: Value): TermInput[] => [
    [sample, k.mul(time, tokenStride)],
    [head, width],
    [T, tokenStride],
    [D, 1],
  ];
  const headIndex = k.add(k.mul(sample, heads), head);
  const words = wordsOf(k, options, sample, keyTime);
  return {
    i,
    j,
    d,
    queryTime,
    keyTime,
    head: (buffer, T, time) => k.load(buffer, at(T, time)),
    storeHead: (buffer, T, time, value) => k.store(buffer, at(T, time), value),
    perQuery: (I) => [
      [headIndex, queryTime],
      [I, 1],
    ],
    levels: (I) => {
      const largest: TermInput[] = [
        [headIndex, k.mul(queryTime, 2)],
        [I, 1],
      ];
      return [largest, [[1, queryTime], ...largest]];
    },
    allowed: allowedBy(k, options, words.mask),
    dropout: options.dropout ? dropoutBy(k, words, headIndex, queryTime, keyTime) : () => (tile) => tile,
  };
}

/** The logical indices that a span stands for. */
const indices = (k: KernelBuilder, { axis, start }: Span): Value => k.add(k.arange(axis), start);

/** Mask and key as programs read them. */
interface Words {
  /** mask words of this sample's keys */
  readonly mask: ((J: Span) => Value) | undefined;
  /** the two key words of dropout, the first xor the stream */
  readonly key: () => readonly [Value, Value];
}

function wordsOf(
  k: KernelBuilder,
  { masked, dropout }: AttentionOptions,
  sample: Value,
  keyTime: Value,
): Words {
  const mask = masked ? k.read('mask', 'u32') : undefined;
  const key = dropout ? k.read('key', 'u32') : undefined;
  return {
    mask:
      mask &&
      ((J) =>
        k.load(mask, [
          [sample, keyTime],
          [J, 1],
        ])),
    key: () => {
      const source = defined(key, 'key of dropout');
      const [first, second] = [k.load(source, [[0, 1]]), k.load(source, [[1, 1]])];
      return [k.map('bitXor', first, k.parameter('stream', 'u32')), second];
    },
  };
}

function allowedBy(
  k: KernelBuilder,
  { causal }: AttentionOptions,
  maskWords: Words['mask'],
): AttentionBlock['allowed'] {
  return (I, J) => {
    const inside = k.inside(J);
    const unmasked = maskWords ? k.and(inside, k.map('ne', maskWords(J), 0)) : inside;
    return causal ? k.and(unmasked, k.le(indices(k, J), indices(k, I))) : unmasked;
  };
}

/**
 * Keeps a probability iff its random word is below (1 − rate)·2³². The counter is the element's index in
 * [batch, heads, queryTime, keyTime] modulo 2³², so forward and backward draw the same mask, whatever their tiles.
 */
function dropoutBy(
  k: KernelBuilder,
  words: Words,
  headIndex: Value,
  queryTime: Value,
  keyTime: Value,
): AttentionBlock['dropout'] {
  const key = words.key();
  const threshold = k.parameter('threshold', 'u32');
  const inverseKeep = k.parameter('inverseKeep', 'f32');
  return (I, J) => {
    const row = k.add(indices(k, I), k.mul(headIndex, queryTime));
    const element = k.add(indices(k, J), k.mul(row, keyTime));
    const word = k.random(key, [k.cast(element, 'u32'), 0], 0);
    const factor = k.select(k.lt(word, threshold), inverseKeep, 0);
    return (tile) => k.mul(tile, factor);
  };
}

/**
 * The probabilities e^((score − largest) − logSum) where allowed, else exactly 0. In this order nothing is lost where scores are so large
 * that they would swallow the logarithm.
 */
export const maskedExp = (
  k: KernelBuilder,
  allowed: Value,
  scores: Value,
  [largest, logSum]: readonly [Value, Value],
): Value => k.exp(k.select(allowed, k.sub(k.sub(scores, largest), logSum), LOWEST));

/** Scalars that `attentionBlock` declares. */
export function attentionScalars(
  { heads, queryTime, keyTime, width, dropout }: AttentionDims,
  options: AttentionOptions,
): Record<string, ScalarExpression> {
  const keep = 1 - (dropout?.rate ?? 0);
  return {
    heads,
    queryTime,
    keyTime,
    ...(options.exact ? {} : { width }),
    ...(options.dropout && dropout
      ? {
          stream: { value: dropout.stream >>> 0 },
          threshold: { value: Math.min(0xffffffff, Math.floor(keep * 0x100000000)) },
          inverseKeep: { value: 1 / keep },
        }
      : {}),
  };
}

/** Slots of the buffers that `attentionBlock` declares. */
export function attentionSlots(
  { mask, dropout }: AttentionDims,
  options: AttentionOptions,
): Record<string, Slot> {
  return {
    ...(mask ? { mask } : {}),
    ...(options.dropout && dropout ? { key: dropout.key } : {}),
  };
}
