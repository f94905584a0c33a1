import { type PlannedBatch, planBatches } from './batchPlan.ts';
import type { Reader, Specs } from './contract.ts';

export interface EpochOptions {
  readonly batchSize: number;
  /** key of the shuffle; undefined: no shuffle, examples in order of length */
  readonly seed?: number | undefined;
  /** padded lengths are multiples of this; default 4 */
  readonly bucket?: number;
}

/**
 * The plan of one epoch of a part, the same for the same reader, seed and epoch: batch `offset` of epoch `epoch` is what a run
 * that resumes there goes on with. See `planBatches`.
 */
export function planEpoch<G extends Specs, E>(
  reader: Reader<G, E>,
  part: string,
  epoch: number,
  { batchSize, seed, bucket }: EpochOptions,
): readonly PlannedBatch[] {
  const lengths = (reader.parts[part] ?? []).map((example) => reader.length(example));
  const shuffle = seed === undefined ? undefined : { seed, name: `${reader.name}/${part}`, epoch };
  return planBatches({ lengths, batchSize, shuffle, ...(bucket === undefined ? {} : { bucket }) });
}
