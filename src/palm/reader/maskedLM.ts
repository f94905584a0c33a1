import * as is from '../../base/kinds.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Draw, Part, Reader } from '../contract.ts';
import { defineReader } from '../define.ts';
import { checkSettings } from '../settings.ts';
import { type Assembled, assembler } from '../tokenizer/assembly.ts';
import { tokenizerFrom } from '../tokenizer/load.ts';
import { specialId, type Tokenizer, tokenizerKind } from '../tokenizer/tokenizer.ts';
import { packPieces, pieceSpecs, shaped } from './pieces.ts';

const maskSpecs = {
  /** row · time + column in the batch of each hidden piece, row by row; padded with 0 */
  maskPositions: declare('i32', ['masked']),
  /** ids of the hidden pieces; −1 behind the last one, and for those of a text to predict */
  maskLabels: declare('i32', ['masked']),
  /** hidden pieces of each row */
  maskCounts: declare('i32', ['batch']),
} as const;
export const maskedSpecs = { ...pieceSpecs, ...maskSpecs } as const;
export type MaskedSpecs = typeof maskedSpecs;

/** A text, or two. */
export interface TextExample {
  readonly text: string;
  /** the second text of a pair */
  readonly second?: string;
  /** the pieces to guess stand as [MASK] in the text already: none is hidden at random */
  readonly hidden?: boolean;
}

const maskedOptions = {
  /** with [MASK] in its vocabulary */
  tokenizer: tokenizerKind,
  /** default `maskedLM` */
  name: is.optional(is.name),
  /** most pieces that the model sees, special ones included; default 128 */
  maximumLength: is.optional(is.count),
  /** share of the pieces that are to be guessed; default 0.15 */
  share: is.optional(is.fraction),
  /** all pieces of a word are hidden together (Cui et al. 2019); default: each piece by itself */
  wholeWords: is.optional(is.flag),
};
export type MaskedLMReaderOptions = is.OptionsOf<typeof maskedOptions>;
export type MaskedLMReader = Reader<MaskedSpecs, TextExample> & { readonly tokenizer: Tokenizer };

/** Padded numbers of hidden pieces are multiples of this, so that few sizes have to be planned. */
const STRIDE = 16;

/**
 * Texts of which a share of the pieces is hidden (Devlin et al. 2018): of those that are selected, 80 % become [MASK], 10 % another
 * piece, 10 % stay. At least one piece of a text is selected, never a special one. What is selected follows from seed, epoch and the
 * number of the example alone: the same in any batch, of any size.
 * @throws FROND-D023 for a tokenizer without [MASK], FROND-T002 for options out of range
 */
export function maskedLM(
  parts: Readonly<Record<string, Part<TextExample> | readonly TextExample[]>>,
  options: MaskedLMReaderOptions,
): MaskedLMReader {
  checkSettings('maskedLM', options, maskedOptions);
  const { tokenizer, name = 'maskedLM', maximumLength = 128, share = 0.15, wholeWords = false } = options;
  const { isSpecial } = tokenizer;
  const { tokens } = tokenizer.vocabulary;
  const mask = specialId(tokenizer, 'mask', name);
  const ordinary = [...tokens.keys()].filter((id) => !isSpecial(id));
  const assemble = assembler(tokenizer, maximumLength);
  const rowOf = ({ text, second }: TextExample): Assembled =>
    assemble(tokenizer.encode(text), second === undefined ? undefined : tokenizer.encode(second));

  /** Columns of the pieces to guess. */
  function selected({ ids, pieces }: Assembled, example: number, draw: Draw): readonly number[] {
    // pieces that are hidden together, by the column of the first
    const groups: number[][] = [];
    for (const [column, piece] of pieces.entries()) {
      if (piece === undefined || isSpecial(ids[column] ?? 0)) continue;
      const last = groups.at(-1);
      if (wholeWords && piece.continues && last?.at(-1) === column - 1) last.push(column);
      else groups.push([column]);
    }
    const draws = groups.map(([column = 0]) => draw.uniform('mask', example, column));
    const least = draws.indexOf(Math.min(...draws));
    return groups.filter((_, i) => (draws[i] ?? 1) < share || i === least).flat();
  }
  /** What stands in place of a piece that is to be guessed. */
  function shown(id: number, example: number, column: number, draw: Draw): number {
    const u = draw.uniform('show', example, column);
    if (u < 0.8) return mask;
    if (u >= 0.9) return id;
    return ordinary[Math.floor(draw.uniform('piece', example, column) * ordinary.length)] ?? id;
  }

  return Object.assign(
    defineReader<MaskedSpecs, TextExample>({
      name,
      gives: maskedSpecs,
      names: { tokens, maskLabels: tokens },
      parts,
      maximumLength,
      length: (example) => Math.max(1, rowOf(example).ids.length),
      unseen: (example) => rowOf(example).dropped,
      pack(examples, size, draw) {
        const positions: number[] = [];
        const labels: number[] = [];
        const counts = new Int32Array(size.batch);
        const rows = examples.map((example, row) => {
          const assembled = rowOf(example);
          const ids = [...assembled.ids];
          const columns = example.hidden
            ? [...ids.keys()].filter((column) => ids[column] === mask)
            : selected(assembled, row, draw);
          for (const column of columns) {
            const id = ids[column] ?? 0;
            positions.push(row * size.time + column);
            labels.push(example.hidden ? -1 : id);
            if (!example.hidden) ids[column] = shown(id, row, column, draw);
          }
          counts[row] = columns.length;
          return { ...assembled, ids };
        });
        const masked = STRIDE * Math.max(1, Math.ceil(positions.length / STRIDE));
        const padded = (list: readonly number[], by: number) =>
          Int32Array.from({ length: masked }, (_, i) => list[i] ?? by);
        const data = {
          maskPositions: padded(positions, 0),
          maskLabels: padded(labels, -1),
          maskCounts: counts,
        };
        return { ...packPieces(rows, size, tokenizer), ...shaped(maskSpecs, data, { ...size, masked }) };
      },
      parse: (input) => (typeof input === 'string' ? { text: input, hidden: true } : (input as TextExample)),
      record: { kind: 'maskedLM', tokenizer: tokenizer.record, name, maximumLength, share, wholeWords },
    }),
    { tokenizer },
  );
}

/** A reader for prediction, from what a checkpoint kept of it. @throws as `tokenizerFrom` and `maskedLM` */
export function maskedLMFrom({ kind: _, tokenizer, ...options }: ComponentRecord): MaskedLMReader {
  const made = tokenizerFrom(tokenizer as ComponentRecord);
  return maskedLM({}, { ...options, tokenizer: made } as MaskedLMReaderOptions);
}
