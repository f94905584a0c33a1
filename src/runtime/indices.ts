import { evaluate, type Sizes } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import type { Feeds } from './feeds.ts';
import type { LoweredProgram } from './lower.ts';

/**
 * Refuses fed ids that would index past a table: kernels do not check again.
 * @throws FROND-R012 naming the input, the element and the range
 */
export function checkIndices(program: LoweredProgram, feeds: Feeds, sizes: Sizes): void {
  for (const { name, low, below, reader } of program.indices) {
    const feed = feeds[name];
    if (feed === undefined) continue;
    const limit = evaluate(below, sizes);
    for (let i = 0; i < feed.data.length; i++) {
      const id = feed.data[i] as number;
      if (id >= low && id < limit) continue;
      throw new FrondError(
        'FROND-R012',
        `input ${name}: element ${i} is ${id}, ${reader} takes ${low} to ${limit - 1}`,
        {
          hint: 'check the vocabulary or label map that made it',
        },
      );
    }
  }
}
