import { declare } from '../../dsl/graph.ts';
import type { Batch, BatchSize } from '../contract.ts';
import type { Assembled } from '../tokenizer/assembly.ts';
import type { Piece, Tokenizer } from '../tokenizer/tokenizer.ts';
import { shaped } from './pieces.ts';

// Sentences whose words are known before they are cut into pieces, as those of tagged data are.

/** Where the words of rows of pieces begin: what `sequenceLabel({ pieces: true })` takes. */
export const wordSpecs = {
  /** row · time + column of each word's first piece; behind the last word the row's first place */
  firstPieces: declare('i32', ['batch', 'time']),
  /** words of each row, at least 1 */
  wordCounts: declare('i32', ['batch']),
} as const;

export interface WordRow extends Assembled {
  /** column of the first piece of each word that is in the row */
  readonly first: readonly number[];
  /** words that are not */
  readonly dropped: number;
}

/** Those of `words` that a tokenizer knows only in part, or not at all. */
export const unknownIn = (tokenizer: Tokenizer, words: readonly string[]): readonly string[] =>
  words.filter((word) => {
    const pieces = tokenizer.encode(word);
    return pieces.length === 0 || pieces.some(({ id }) => id === tokenizer.special.unknown);
  });

/** Columns of the pieces that begin a word. */
function firstIn(pieces: readonly (Piece | undefined)[]): number[] {
  const first: number[] = [];
  let last = -1;
  for (let column = 0; column < pieces.length; column++) {
    const word = pieces[column]?.word ?? last;
    if (word !== last) first.push(column);
    last = word;
  }
  return first;
}

/** How words become a row. A word that has no pieces, such as one of control characters, is unknown, so that each has a first one. */
export function wordAssembler(
  tokenizer: Tokenizer,
  assemble: (pieces: readonly Piece[]) => Assembled,
): (words: readonly string[]) => WordRow {
  const unknown = { id: tokenizer.special.unknown ?? 0, start: 0, end: 0, continues: false };
  const alone = (text: string, word: number): readonly Piece[] => {
    const pieces = tokenizer.encode(text);
    return (pieces.length === 0 ? [unknown] : pieces).map((piece) => ({ ...piece, word }));
  };
  return (words) => {
    const pieces = tokenizer.encode(words.join(' '));
    // where one has none, or a token goes over several, each is cut for itself
    const row = assemble(firstIn(pieces).length === words.length ? pieces : words.flatMap(alone));
    const first = firstIn(row.pieces);
    return { ...row, first, dropped: words.length - first.length };
  };
}

export function packWords(rows: readonly WordRow[], size: BatchSize): Batch<typeof wordSpecs> {
  const { batch, time } = size;
  const firstPieces = Int32Array.from({ length: batch * time }, (_, i) => {
    const row = Math.floor(i / time);
    return row * time + (rows[row]?.first[i % time] ?? 0);
  });
  const wordCounts = Int32Array.from({ length: batch }, (_, row) =>
    Math.max(1, rows[row]?.first.length ?? 0),
  );
  return shaped(wordSpecs, { firstPieces, wordCounts }, { ...size });
}
