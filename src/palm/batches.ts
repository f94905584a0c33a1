import { FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import { type PlannedBatch, planBatches } from './batchPlan.ts';
import type { Batch, BatchSize, Reader, Specs } from './contract.ts';
import { checkBatch } from './contractCheck.ts';
import { tooLong } from './words.ts';

export interface EpochOptions {
  readonly batchSize: number;
  /** key of the shuffle; undefined: no shuffle, examples in order of length */
  readonly seed?: number | undefined;
  /** padded lengths are multiples of this; default 4 */
  readonly bucket?: number;
  /** but none is longer than this; default: what the reader says */
  readonly maximum?: number | undefined;
}

/**
 * Words of each example.
 * @throws FROND-C006 for a length that is no positive whole number, D008 for one above `maximum`
 */
export const lengthsOf = <E>(
  reader: Pick<Reader<Specs, E>, 'name' | 'length' | 'maximumLength'>,
  examples: readonly E[],
  maximum = reader.maximumLength ?? Number.POSITIVE_INFINITY,
): number[] =>
  examples.map((example, i) => {
    const length = reader.length(example);
    if (length > maximum) throw tooLong(`reader ${reader.name}: example ${i}`, length, maximum);
    if (Number.isInteger(length) && length >= 1) return length;
    throw new FrondError('FROND-C006', `reader ${reader.name}: the length of example ${i} is ${length}`, {
      hint: 'length gives the words of an example as the model sees it, a whole number from 1 on',
    });
  });

/**
 * Packs examples and checks the batch.
 * @throws FROND-C006 when it is not what the reader declares, or not of the size that was asked for
 */
export function packBatch(reader: Reader, examples: readonly unknown[], size: BatchSize): Batch {
  const batch = reader.pack(examples, size);
  const sizes = checkBatch(reader, batch);
  for (const name of ['batch', 'time'] as const) {
    const packed = sizes[name];
    if (packed === undefined || packed === size[name]) continue;
    throw new FrondError(
      'FROND-C006',
      `reader ${reader.name}: ${name} is ${packed}, ${size[name]} was asked for`,
      {
        hint: 'pack fills rows and columns up to the size that it is given',
      },
    );
  }
  return batch;
}

/**
 * The plan of one epoch of a part, the same for the same reader, seed and epoch: batch `offset` of epoch `epoch` is what a run
 * that resumes there goes on with. See `planBatches`.
 */
export function planEpoch<G extends Specs, E>(
  reader: Reader<G, E>,
  part: string,
  epoch: number,
  { batchSize, seed, bucket, maximum = reader.maximumLength }: EpochOptions,
): readonly PlannedBatch[] {
  const lengths = lengthsOf(reader, own(reader.parts, part) ?? [], maximum);
  const shuffle = seed === undefined ? undefined : { seed, name: `${reader.name}/${part}`, epoch };
  return planBatches({ lengths, batchSize, shuffle, maximum, ...(bucket === undefined ? {} : { bucket }) });
}
