import { platform } from '#platform';
import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { hashName, threefry } from '../base/random.ts';
import type { Draw, Part } from './contract.ts';

/** A part whose examples are in memory. */
export interface MemoryPart<E = unknown> extends Part<E> {
  readonly examples: readonly E[];
}

/** Characters of examples that are hashed at once. */
const PAGE = 2 ** 16;

/**
 * SHA-256 of the examples as JSON. Where they were read, their `file` and `line`, is no part of it: data may be moved.
 * @throws FROND-D020 for what JSON cannot hold
 */
function digestOf(examples: readonly unknown[]): string {
  const hash = platform.startHash();
  const encoder = new TextEncoder();
  let page = '';
  const turn = (): void => {
    hash.update(encoder.encode(page));
    page = '';
  };
  for (const [i, example] of examples.entries()) {
    const isRecord = is.object.holds(example);
    const { file: _, line: __, ...content } = isRecord ? (example as Record<string, unknown>) : {};
    try {
      page += `${JSON.stringify(isRecord ? content : example)}\n`;
    } catch (cause) {
      throw new FrondError('FROND-D020', `example ${i} cannot be written as JSON`, {
        hint: 'keep texts, numbers, lists and objects in examples, or give a part that has a digest of its own',
        cause,
      });
    }
    if (page.length > PAGE) turn();
  }
  turn();
  return hash.digest();
}

/**
 * A part of examples in memory. Its lengths are asked for once, its digest when a run needs it.
 * @param lengthOf words of an example as the model sees it: `reader.length`
 */
export function partOf<E>(examples: readonly E[], lengthOf: (example: E) => number): MemoryPart<E> {
  const kinds = { examples: is.listOf(is.unchecked, 'examples'), lengthOf: is.callable };
  checkArguments('partOf', kinds, [examples, lengthOf]);
  // not whole numbers only: what is wrong with one is for the reader's check to say
  const lengths = new Float64Array(examples.length);
  let digest: string | undefined;
  const at = (row: number): E => {
    if (row in examples) return examples[row] as E;
    throw new FrondError('FROND-D015', `there is no row ${row} in a part of ${examples.length} examples`, {
      hint: 'rows count from 0',
    });
  };
  return {
    examples,
    size: examples.length,
    lengthOf: (row) => (lengths[row] ||= lengthOf(at(row))),
    read: async (rows) => rows.map(at),
    get digest() {
      digest ??= digestOf(examples);
      return digest;
    },
  };
}

const drawOptions = {
  seed: is.natural,
  /** of the reader */
  name: is.text,
  epoch: is.natural,
};
export type DrawOptions = is.OptionsOf<typeof drawOptions>;

/**
 * Random numbers for the examples of a batch: Threefry keyed by seed, reader, epoch and stream, at row and index.
 * @param rows of its examples, in the order in which they are packed; default: 0, 1, 2, …
 */
export function drawOf(options: DrawOptions, rows?: readonly number[]): Draw {
  checkArguments('drawOf', { options: drawOptions, rows: is.optional(is.listOf(is.natural, 'rows')) }, [
    options,
    rows,
  ]);
  const { seed, name, epoch } = options;
  const keys = new Map<string, number>();
  return {
    uniform(stream, example, index) {
      const key = keys.get(stream) ?? hashName(`${name}/epoch.${epoch}/${stream}`);
      keys.set(stream, key);
      const [word] = threefry(seed, key, rows?.[example] ?? example, index);
      return (word >>> 8) / 0x1000000;
    },
  };
}

/** The draw of evaluation and prediction: whatever the run, the same. */
export const fixedDraw = (name: string, rows: readonly number[]): Draw =>
  drawOf({ seed: 0, name, epoch: 0 }, rows);

/** Examples of a part. @throws FROND-C006 where it gives another number than was asked for */
export async function readRows(
  reader: string,
  part: Part,
  rows: readonly number[],
): Promise<readonly unknown[]> {
  const examples: unknown = await part.read(rows);
  if (Array.isArray(examples) && examples.length === rows.length) return examples;
  const given = Array.isArray(examples) ? `${examples.length} examples` : 'no list';
  throw new FrondError('FROND-C006', `reader ${reader}: a part gave ${given} for ${rows.length} rows`, {
    hint: 'read gives the example of each row, in the order of the rows',
  });
}

/**
 * What `make` gives for each item, in their order. While one is used, the next is being made, and no more than that; where making
 * one fails, its turn fails. However it is left, nothing goes on behind it.
 */
export async function* ahead<T, R>(items: Iterable<T>, make: (item: T) => Promise<R>): AsyncGenerator<R> {
  let next: Promise<R> | undefined;
  try {
    for (const item of items) {
      const current = next;
      next = make(item);
      // what is wrong with it is said in its turn
      next.catch(() => undefined);
      if (current !== undefined) yield await current;
    }
    if (next !== undefined) yield await next;
  } finally {
    await next?.catch(() => undefined);
  }
}
