import { FrondError } from '../base/errors.ts';
import { permutation } from '../base/random.ts';

export interface BatchPlanOptions {
  /** words of each example */
  readonly lengths: ArrayLike<number>;
  readonly batchSize: number;
  /** the key of the shuffle; undefined: no shuffle, examples in order of length */
  readonly shuffle?: { readonly seed: number; readonly name: string; readonly epoch: number } | undefined;
  /** padded lengths are multiples of this; default 4 */
  readonly bucket?: number;
  /** but none is longer than this; default: no limit */
  readonly maximum?: number | undefined;
  /** batches among whose examples lengths are sorted: more means less padding and less shuffling; default 16 */
  readonly window?: number;
}

/** One batch to be packed: which examples, and how long each row becomes. */
export interface PlannedBatch {
  /** indices of examples; fewer than the batch size in the last, partial batch only */
  readonly rows: readonly number[];
  /** padded length, at least the longest example: a multiple of the bucket, or the maximum */
  readonly time: number;
}

/** ⌈examples / batchSize⌉: the last batch may be partial, and none is lost. */
export const batchesPerEpoch = (examples: number, batchSize: number): number =>
  Math.ceil(examples / batchSize);

/**
 * The batches of one epoch, each example in exactly one of them: a pure function of its arguments, so that a run resumes in the
 * middle of an epoch by asking for the same plan. Examples are shuffled, sorted by padded length within a window of batches, cut
 * into batches, and the batches shuffled again.
 * @throws FROND-D013 for a batch size or bucket that is no positive integer
 */
export function planBatches(options: BatchPlanOptions): readonly PlannedBatch[] {
  const {
    lengths,
    batchSize,
    shuffle,
    bucket = 4,
    window = 16,
    maximum = Number.POSITIVE_INFINITY,
  } = options;
  for (const [name, value] of Object.entries({ batchSize, bucket, window })) {
    if (Number.isInteger(value) && value > 0) continue;
    throw new FrondError('FROND-D013', `${name} is ${value}`, { hint: `${name} is a positive whole number` });
  }
  const least = Math.min(bucket, maximum);
  const padded = (row: number): number =>
    Math.max(least, Math.min(maximum, bucket * Math.ceil((lengths[row] ?? 0) / bucket)));
  const order =
    shuffle === undefined
      ? Array.from({ length: lengths.length }, (_, i) => i)
      : Array.from(
          permutation(lengths.length, shuffle.seed, `${shuffle.name}/epoch.${shuffle.epoch}/examples`),
        );
  const span = shuffle === undefined ? Math.max(1, order.length) : window * batchSize;
  const windows = Array.from({ length: Math.ceil(order.length / span) }, (_, i) =>
    order.slice(i * span, (i + 1) * span),
  );
  // sort is stable: equal lengths keep their shuffled order
  const sorted = windows.flatMap((rows) => rows.sort((a, b) => padded(a) - padded(b)));
  const batches: PlannedBatch[] = [];
  for (let start = 0; start < sorted.length; start += batchSize) {
    const rows = sorted.slice(start, start + batchSize);
    batches.push({ rows, time: rows.reduce((longest, row) => Math.max(longest, padded(row)), least) });
  }
  if (shuffle === undefined) return batches;
  const turn = permutation(batches.length, shuffle.seed, `${shuffle.name}/epoch.${shuffle.epoch}/batches`);
  return Array.from(turn, (i) => batches[i] ?? { rows: [], time: least });
}
