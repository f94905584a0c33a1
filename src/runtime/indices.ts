import { evaluate, placeIn, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import type { TensorValue } from './feeds.ts';
import type { IndexRange, LoweredProgram } from './lower.ts';

/**
 * Refuses fed ids that would index past a table: kernels do not check again.
 * @throws FROND-R012 naming the input, the element and the range
 */
type Fed = ReadonlyMap<string, TensorValue>;

export function checkIndices(program: LoweredProgram, feeds: Fed, sizes: Sizes): void {
  for (const range of program.indices) checkRange(range, feeds, sizes);
}

function checkRange({ name, low, below, lengths, reader }: IndexRange, feeds: Fed, sizes: Sizes): void {
  const { shape, data } = defined(feeds.get(name), `feed ${name}`);
  const limit = evaluate(below, sizes);
  const counts = lengths === undefined ? undefined : defined(feeds.get(lengths), `feed ${lengths}`).data;
  const width = data.length / Math.max(1, counts?.length ?? 1);
  for (let i = 0; i < data.length; i++) {
    const id = data[i] as number;
    if (id >= low && id < limit) continue;
    const row = Math.floor(i / width);
    if (counts !== undefined && i - row * width >= (counts[row] as number)) continue;
    throw new FrondError(
      'FROND-R012',
      `input ${name}: element [${placeIn(i, shape).join(', ')}] is ${id}, ${reader} takes ${low} to ${limit - 1}`,
      { hint: 'check what made it: vocabulary, label map or padding' },
    );
  }
}
