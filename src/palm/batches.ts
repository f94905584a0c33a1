import { defined, FrondError } from '../base/errors.ts';
import { permutation } from '../base/random.ts';
import type { Batch, BatchSize, Draw, Part, Reader } from './contract.ts';
import { checkBatch } from './contractCheck.ts';
import { tooLong } from './words.ts';

/** Padded lengths are multiples of this. */
const BUCKET = 4;

export interface BatchPlanOptions {
  /** words of each example */
  readonly lengths: ArrayLike<number>;
  /** examples of a batch; without it, as many as `tokens` allows */
  readonly batchSize?: number | undefined;
  /** most words of a batch, padding included: short examples come in larger batches */
  readonly tokens?: number | undefined;
  /** the key of the shuffle; undefined: no shuffle, examples in order of length */
  readonly shuffle?: { readonly seed: number; readonly name: string; readonly epoch: number } | undefined;
  /** no batch is longer than this; default: no limit */
  readonly maximum?: number | undefined;
  /** batches among whose examples lengths are sorted: more means less padding and less shuffling; default 16 */
  readonly pool?: number;
}

/** One batch to be packed: which examples, and how long each row becomes. */
export interface PlannedBatch {
  /** rows of its examples in their part */
  readonly rows: readonly number[];
  /** how many examples it is filled up to, with some of weight 0 where there are fewer */
  readonly size: number;
  /** padded length, at least the longest example: a multiple of 4, or the maximum */
  readonly time: number;
}

/** A list in parts of `size`; the last one may be shorter. */
export const slices = <T>(list: readonly T[], size: number): T[][] =>
  Array.from({ length: Math.ceil(list.length / size) }, (_, i) => list.slice(i * size, (i + 1) * size));

/** What cuts examples into batches. */
type BatchSizes = Pick<BatchPlanOptions, 'batchSize' | 'tokens'>;

/** Rows of a batch that is so long. */
const sizeOf = ({ batchSize, tokens }: BatchSizes, time: number): number =>
  Math.min(
    batchSize ?? Number.POSITIVE_INFINITY,
    tokens === undefined ? Number.POSITIVE_INFINITY : Math.floor(tokens / time),
  );

/** ⌈examples / batchSize⌉: the last batch may be partial, and none is lost. */
export const batchesPerEpoch = (examples: number, batchSize: number): number =>
  Math.ceil(examples / batchSize);

/** Sorts rows by `key`, a whole number; those with the same one stay in order, and so do those from 2²¹ − 1 on. */
function sortBy(rows: Uint32Array, key: (row: number) => number): void {
  // numbers without a function to compare them are sorted by the engine itself, the place of each as its last 32 bits
  const keyed = new Float64Array(rows.length);
  for (let i = 0; i < rows.length; i++)
    keyed[i] = Math.min(key(rows[i] as number), 2 ** 21 - 1) * 2 ** 32 + i;
  keyed.sort();
  const before = rows.slice();
  for (let i = 0; i < rows.length; i++) rows[i] = before[(keyed[i] as number) % 2 ** 32] as number;
}

/** The batches of an epoch, in their order; each is made when it is asked for, so that many millions of examples can be planned. */
export interface Batches extends Iterable<PlannedBatch> {
  readonly length: number;
  at(index: number): PlannedBatch;
}

/**
 * The batches of one epoch, each example in exactly one of them: a pure function of its arguments, so that a run resumes in the
 * middle of an epoch by asking for the same plan. Examples are shuffled, sorted by padded length within a pool of batches, cut
 * into batches, and the batches shuffled again. With `tokens` the pool is the whole part, so that every epoch has as many batches.
 * @throws FROND-T002 for an example that is longer than `tokens`
 */
export function planBatches(options: BatchPlanOptions): Batches {
  const { lengths, batchSize, tokens, shuffle, pool = 16, maximum = Number.POSITIVE_INFINITY } = options;
  const least = Math.min(BUCKET, maximum);
  const padded = (row: number): number =>
    Math.max(least, Math.min(maximum, BUCKET * Math.ceil((lengths[row] ?? 0) / BUCKET)));
  const shuffled = (length: number, what: string): Uint32Array =>
    shuffle === undefined
      ? Uint32Array.from({ length }, (_, i) => i)
      : permutation(length, shuffle.seed, `${shuffle.name}/epoch.${shuffle.epoch}/${what}`);
  const order = shuffled(lengths.length, 'examples');
  const whole = shuffle === undefined || batchSize === undefined || tokens !== undefined;
  const span = whole ? Math.max(1, order.length) : pool * batchSize;
  for (let from = 0; from < order.length; from += span) sortBy(order.subarray(from, from + span), padded);
  // cut where one more would be too much
  const starts = [0];
  let open = 0;
  for (let i = 0; i < order.length; i++) {
    const time = padded(order[i] as number);
    const most = sizeOf(options, time);
    if (most < 1) {
      throw new FrondError('FROND-T002', `tokens is ${tokens}, but an example takes ${time} of them`, {
        hint: `give at least ${time}`,
      });
    }
    if (open > 0 && open >= most) {
      starts.push(i);
      open = 0;
    }
    open++;
  }
  const turns = shuffled(order.length === 0 ? 0 : starts.length, 'batches');
  const at = (index: number): PlannedBatch => {
    const number = defined(turns[index], `batch ${index}`);
    const rows = Array.from(order.subarray(starts[number], starts[number + 1]));
    const time = rows.reduce((longest, row) => Math.max(longest, padded(row)), least);
    return { rows, size: sizeOf(options, time), time };
  };
  return {
    length: turns.length,
    at,
    *[Symbol.iterator]() {
      for (const index of turns.keys()) yield at(index);
    },
  };
}

/**
 * Words of each example.
 * @throws FROND-C006 for a length that is not a positive whole number, D008 for one above `maximum`
 */
export const lengthsOf = (
  reader: Pick<Reader, 'name' | 'maximumLength'>,
  part: Part,
  maximum = reader.maximumLength ?? Number.POSITIVE_INFINITY,
): Uint32Array =>
  Uint32Array.from({ length: part.size }, (_, row) => {
    const length = part.lengthOf(row);
    if (length > maximum) throw tooLong(`reader ${reader.name}: example ${row}`, length, maximum);
    if (Number.isInteger(length) && length >= 1) return length;
    throw new FrondError('FROND-C006', `reader ${reader.name}: the length of example ${row} is ${length}`, {
      hint: 'length gives the words of an example as the model sees it, a whole number from 1 on',
    });
  });

/** Rows of a batch for each example. */
export const rowsPerExample = (reader: Reader): number => reader.rowsPerExample ?? 1;

/**
 * Packs examples and checks the batch.
 * @param planned how many examples it is filled up to, and how long each of their rows becomes
 * @throws FROND-C006 when it is not what the reader declares, or not of the size that was asked for
 */
export function packBatch(
  reader: Reader,
  examples: readonly unknown[],
  planned: Pick<PlannedBatch, 'size' | 'time'>,
  draw: Draw,
): Batch {
  const size: BatchSize = { batch: planned.size * rowsPerExample(reader), time: planned.time };
  const batch = reader.pack(examples, size, draw);
  const sizes = checkBatch(reader, batch);
  for (const name of ['batch', 'time'] as const) {
    const packed = sizes[name];
    if (packed === undefined || packed === size[name]) continue;
    throw new FrondError(
      'FROND-C006',
      `reader ${reader.name}: ${name} is ${packed}, ${size[name]} was asked for`,
      { hint: 'pack fills rows and columns up to the size that it is given' },
    );
  }
  return batch;
}
