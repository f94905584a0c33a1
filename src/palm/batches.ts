import { type PlannedBatch, type Position, planBatches } from './batchPlan.ts';
import type { Batch, Reader, Specs } from './contract.ts';

/** A packed batch with the examples that it holds. */
export interface ReadyBatch<G extends Specs = Specs> {
  readonly position: Position;
  /** indices of the examples in their part; fewer than the batch has rows when it is the last one */
  readonly rows: readonly number[];
  readonly tensors: Batch<G>;
}

export interface BatchesOptions {
  readonly batchSize: number;
  /** the first batch wanted; default the first of epoch 0 */
  readonly from?: Position;
  /** key of the shuffles; undefined: no shuffle */
  readonly seed?: number | undefined;
  /** padded lengths are multiples of this; default 4 */
  readonly bucket?: number;
}

/** The plan of one epoch of a part; see `planBatches`. */
export function planEpoch<G extends Specs, E>(
  reader: Reader<G, E>,
  part: string,
  epoch: number,
  { batchSize, seed, bucket }: BatchesOptions,
): readonly PlannedBatch[] {
  const lengths = (reader.parts[part] ?? []).map((example) => reader.length(example));
  const shuffle = seed === undefined ? undefined : { seed, name: `${reader.name}/${part}`, epoch };
  return planBatches({ lengths, batchSize, shuffle, ...(bucket === undefined ? {} : { bucket }) });
}

/**
 * The batches of one epoch of a part, from position `from` on: the same position gives the same batch, whatever ran before.
 * Epochs differ when a seed is given.
 */
export function* batchesOf<G extends Specs, E>(
  reader: Reader<G, E>,
  part: string,
  options: BatchesOptions,
): Generator<ReadyBatch<G>, void, undefined> {
  const { batchSize, from = { epoch: 0, offset: 0 } } = options;
  const examples = reader.parts[part] ?? [];
  const plan = planEpoch(reader, part, from.epoch, options);
  for (let offset = from.offset; offset < plan.length; offset++) {
    const planned = plan[offset];
    if (planned === undefined) return;
    const chosen = planned.rows.map((row) => examples[row] as E);
    yield {
      position: { epoch: from.epoch, offset },
      rows: planned.rows,
      tensors: reader.pack(chosen, { batch: batchSize, time: planned.time }),
    };
  }
}
