import * as is from '../../base/kinds.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Draw } from '../contract.ts';
import type { Assembled, Assembler } from '../tokenizer/assembly.ts';
import { specialId } from '../tokenizer/tokenizer.ts';
import { ofTexts, pairIn, textsOfLine } from './classify.ts';
import { packPieces, pieceSpecs, shaped } from './pieces.ts';
import {
  columnsOption,
  type RecordKind,
  type RecordReader,
  recordOptions,
  recordReader,
  recordReaderFrom,
  type Sources,
  type TextExample,
} from './records.ts';

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

export interface MaskedExample extends TextExample {
  /** the pieces to guess stand as [MASK] in the text already: none is hidden at random */
  readonly hidden?: boolean;
}

const { strict: _, ...textOptions } = recordOptions;
export const maskedOptions = {
  ...textOptions,
  /** columns that hold something: `text_a`, where it has another name than text_a, text or sentence, and `text_b`, if it is read */
  columns: columnsOption('text_a', 'text_b'),
  /** share of the pieces that are to be guessed; default 0.15 */
  share: is.optional(is.fraction),
  /** all pieces of a word are hidden together (Cui et al. 2019); default: each piece by itself */
  wholeWords: is.optional(is.flag),
};
export type MaskedLMReaderOptions = is.OptionsOf<typeof maskedOptions>;
export type MaskedLMReader = RecordReader<MaskedSpecs, MaskedExample>;

/** Padded numbers of hidden pieces are multiples of this, so that few sizes have to be planned. */
const STRIDE = 16;

function maskedKind(
  options: MaskedLMReaderOptions,
  assemble: Assembler,
): RecordKind<MaskedExample, Assembled> {
  const { tokenizer, name = 'maskedLM', share = 0.15, wholeWords = false } = options;
  const { isSpecial } = tokenizer;
  const { tokens } = tokenizer.vocabulary;
  const mask = specialId(tokenizer, 'mask', name);
  const ordinary = [...tokens.keys()].filter((id) => !isSpecial(id));

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

  return {
    settings: { share, wholeWords },
    exampleOf: (columns) => ({
      ...pairIn(columns, options.columns),
      ...(columns.from === 'input' && { hidden: true }),
    }),
    recordOf: textsOfLine,
    ...ofTexts(options, assemble),
    gives: () => maskedSpecs,
    names: { maskLabels: tokens },
    pack(examples, assembled, _, size, draw) {
      const [positions, labels]: [number[], number[]] = [[], []];
      const counts = new Int32Array(size.batch);
      const rows = assembled.map((one, row) => {
        const ids = [...one.ids];
        const hidden = examples[row]?.hidden === true;
        const columns = hidden
          ? [...ids.keys()].filter((column) => ids[column] === mask)
          : selected(one, row, draw);
        for (const column of columns) {
          const id = ids[column] ?? 0;
          positions.push(row * size.time + column);
          labels.push(hidden ? -1 : id);
          if (!hidden) ids[column] = shown(id, row, column, draw);
        }
        counts[row] = columns.length;
        return { ...one, ids };
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
  };
}

const masked = { options: maskedOptions, kindOf: maskedKind };

/**
 * Texts of which a share of the pieces is hidden, for `head.maskedLM` (Devlin et al. 2018): of those that are selected, 80 % become
 * [MASK], 10 % another piece, 10 % stay. At least one piece of a text is selected, never a special one. What is selected follows from
 * seed, epoch and the number of the example alone: the same in any batch, of any size. In a text to predict, [MASK] stands already.
 *
 *     const reader = await palm.reader.maskedLM({ train: 'texts.tsv' }, { tokenizer });
 *
 * @throws FROND-D023 for a tokenizer without [MASK], T002 for options out of range, D009, D020, D026 for a record without a text, with
 *   file, line and column, and what reading its file throws
 */
export async function maskedLM(sources: Sources, options: MaskedLMReaderOptions): Promise<MaskedLMReader> {
  return (await recordReader('maskedLM', masked, sources, options)) as never;
}

/** A reader for prediction, from what a checkpoint kept of it. @throws as `recordReaderFrom` */
export const maskedLMFrom = (record: ComponentRecord) => recordReaderFrom(masked, record);
