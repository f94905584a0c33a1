import { declare } from '../../dsl/graph.ts';
import type { Batch, BatchSize } from '../contract.ts';
import type { LabelSet } from '../labels.ts';
import type { Assembled, Assembler } from '../tokenizer/assembly.ts';
import type { Piece, Tokenizer } from '../tokenizer/tokenizer.ts';
import { pieceSpecs, shaped } from './pieces.ts';

// Sentences whose words are known before they are cut into pieces, as those of tagged data are.

const wordSpecs = {
  /** row · time + column of each word's first piece; behind the last word the row's first place */
  firstPieces: declare('i32', ['batch', 'time']),
  /** words of each row, at least 1 */
  wordCounts: declare('i32', ['batch']),
  /** ids of the tags of words; 0, which is `O`, after the last word */
  tags: declare('i32', ['batch', 'time']),
  /** 1; 0 for rows without example, and for those with a label that training never shows */
  weights: declare('f32', ['batch']),
} as const;
// without lengths: a head that tags pieces by them would learn the tags of other words
const { lengths: _, ...ofPieces } = pieceSpecs;
/** What a reader of tagged sentences gives: tags are those of words, which begin where `firstPieces` says. */
export const taggedSpecs = { ...ofPieces, ...wordSpecs } as const;

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
  assemble: Assembler,
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

/** Where words begin, and ids of their tags. A row weighs 1 where training shows all tags of its words. */
export function packWords(
  rows: readonly WordRow[],
  examples: readonly { readonly tags?: readonly string[] }[],
  ids: LabelSet['ids'],
  size: BatchSize,
): Batch<typeof wordSpecs> {
  const { batch, time } = size;
  const firstPieces = Int32Array.from({ length: batch * time }, (_, i) => i - (i % time));
  const [wordCounts, weights] = [new Int32Array(batch).fill(1), new Float32Array(batch)];
  const tags = new Int32Array(batch * time);
  for (const [row, { first }] of rows.entries()) {
    wordCounts[row] = Math.max(1, first.length);
    weights[row] = 1;
    for (const [i, column] of first.entries()) {
      firstPieces[row * time + i] = row * time + column;
      const id = ids.get(examples[row]?.tags?.[i] ?? '');
      if (id === undefined) weights[row] = 0;
      else tags[row * time + i] = id;
    }
  }
  return shaped(wordSpecs, { firstPieces, wordCounts, tags, weights }, { ...size });
}
