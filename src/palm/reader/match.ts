import { checkArguments } from '../../base/arguments.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Reader, Specs } from '../contract.ts';
import { defineReader } from '../define.ts';
import type { Row } from '../formats/rows.ts';
import type { Candidate } from '../metrics/ranking.ts';
import { checkSettings } from '../settings.ts';
import type { Assembled } from '../tokenizer/assembly.ts';
import { tokenizerFrom } from '../tokenizer/load.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import { wordsIn } from '../words.ts';
import {
  type ClassifyReader,
  type ClassifyReaderOptions,
  columnsKind,
  pairOf,
  textReader,
  textReaderFrom,
} from './classify.ts';
import { packPieces, pieceSpecs, shaped } from './pieces.ts';
import {
  columnsOf,
  encoderOf,
  type From,
  notesOnLengths,
  type ReadParts,
  readParts,
  recordOptions,
  remembering,
  rowOfInput,
  type Sources,
  sourcesKind,
  type TextExample,
  textIn,
} from './records.ts';
import { unknownIn } from './wordRows.ts';

/** A text, one that answers it better, and one that does so worse, where it is known. */
export interface RankedExample {
  readonly query: string;
  readonly better: string;
  readonly worse?: string;
  /** names its query, where several records have one */
  readonly qid?: string;
  /** of each row: what the head ranks */
  readonly candidates: readonly Candidate[];
  readonly file?: string;
  readonly line?: number;
}

const weightSpec = declare('f32', ['batch']);
/** What a reader of ranked texts gives: rows 2k and 2k + 1 are the better and the worse pair of one example. */
export const rankedSpecs = { ...pieceSpecs, weights: weightSpec } as const;
export type PairwiseReader = Reader<typeof rankedSpecs, RankedExample> & { readonly tokenizer: Tokenizer };

const pairwiseOptions = {
  ...recordOptions,
  /** true: the pairs of each record are ranked, not classified */
  pairwise: is.typed<true>(is.flag),
  /** columns of other names than text_a, text_b, text_b_neg and qid */
  columns: is.optional(columnsKind),
};
export type PairwiseReaderOptions = Omit<is.OptionsOf<typeof pairwiseOptions>, 'strict'>;

/** Texts of a row. Training needs all three. @throws FROND-D026, D009, D020 with the place */
function rankedOf({ columns = {} }: PairwiseReaderOptions, row: Row, from: From): RankedExample {
  const { find, need } = columnsOf(row, columns, from);
  const query = textIn(row, need('text_a', ['text_a', 'query']));
  const better = textIn(row, need('text_b', ['text_b', 'better']));
  const worseColumn = (from === 'train' ? need : find)('text_b_neg', ['text_b_neg', 'worse']);
  const worse = worseColumn === undefined ? undefined : textIn(row, worseColumn);
  const id = own(row.record, find('qid', ['qid']) ?? '');
  const candidates = (worse === undefined ? [1] : [1, 0]).map((relevance) => ({
    query: String(id ?? query),
    relevance,
  }));
  const place = { file: row.file, line: row.line };
  return {
    query,
    better,
    ...(worse !== undefined && { worse }),
    ...(id !== undefined && { qid: String(id) }),
    candidates,
    ...place,
  };
}

function rankedReader(
  options: PairwiseReaderOptions,
  { parts, found }: ReadParts<RankedExample>,
): PairwiseReader {
  const { tokenizer, name = 'match', maximumLength = 128, columns = {} } = options;
  const { encode, ...lengths } = encoding(options);
  return {
    ...defineReader<typeof rankedSpecs, RankedExample>({
      name,
      gives: rankedSpecs,
      names: { tokens: tokenizer.vocabulary.tokens },
      parts,
      rowsPerExample: 2,
      maximumLength,
      length: lengths.lengthOf,
      unseen: lengths.unseen,
      unknown: ({ query, better, worse = '' }) =>
        unknownIn(tokenizer, wordsIn(`${query} ${better} ${worse}`)),
      pack(examples, size) {
        const weights = new Float32Array(size.batch);
        for (const [i, { worse }] of examples.entries())
          weights.fill(+(worse !== undefined), 2 * i, 2 * i + 2);
        const packed = packPieces(examples.flatMap(encode), size, tokenizer);
        return { ...packed, ...shaped({ weights: weightSpec }, { weights }, { ...size }) };
      },
      parse: (input) => rankedOf(options, rowOfInput(input, pairOf), 'input'),
      notes: notesOnLengths(found, maximumLength),
      record: {
        kind: 'match',
        tokenizer: tokenizer.record,
        name,
        maximumLength,
        pairwise: true,
        columns: { ...columns },
      },
    }),
    tokenizer,
  };
}

/** Both rows of an example: the second repeats the first where there is no worse text. */
function encoding({ tokenizer, maximumLength = 128 }: PairwiseReaderOptions) {
  const pair = encoderOf<TextExample>(tokenizer, maximumLength);
  const encode = remembering(({ query: text, better, worse = better }: RankedExample): readonly Assembled[] =>
    [better, worse].map((second) => pair({ text, second })),
  );
  return {
    encode,
    lengthOf: (example: RankedExample) => Math.max(...encode(example).map(({ ids }) => ids.length)),
    unseen: (example: RankedExample) => Math.max(...encode(example).map(({ dropped }) => dropped)),
  };
}

/** A reader for prediction, from what a checkpoint kept of it. @throws as `textReaderFrom` */
export function matchFrom(record: ComponentRecord): Reader {
  if (record.pairwise !== true) return textReaderFrom(record) as Reader;
  const { kind: _, tokenizer, ...rest } = record;
  const options = {
    ...rest,
    tokenizer: tokenizerFrom(tokenizer as ComponentRecord),
  } as PairwiseReaderOptions;
  checkSettings('match', options, pairwiseOptions);
  return rankedReader(options, { parts: {}, found: {} }) as Reader;
}

/**
 * Reads pairs of texts, for `head.match`. Pointwise: columns `text_a`, `text_b` and `label`, as `classify` reads them. With
 * `pairwise: true`: `text_a`, `text_b`, which answers it, `text_b_neg`, which does so less well, and where there is one `qid`, the
 * query that candidates are ranked for; each record takes two rows.
 *
 *     const reader = await palm.reader.match({ train: 'train.tsv', valid: 'valid.tsv' }, { tokenizer });
 *
 * @throws as `classify`
 */
export function match(sources: Sources, options: PairwiseReaderOptions): Promise<PairwiseReader>;
export function match(
  sources: Sources,
  options: ClassifyReaderOptions & { readonly labels?: 'one' },
): Promise<ClassifyReader>;
export async function match(
  sources: Sources,
  options: PairwiseReaderOptions | ClassifyReaderOptions,
): Promise<PairwiseReader | ClassifyReader<Specs>> {
  checkArguments('match', { parts: sourcesKind }, [sources], 'FROND-T002');
  if (!('pairwise' in Object(options))) return textReader('match', sources, options as ClassifyReaderOptions);
  const ranked = options as PairwiseReaderOptions;
  checkSettings('match', ranked, pairwiseOptions);
  const { tokenizer, maximumLength = 128, columns, cache } = ranked;
  const { lengthOf, unseen } = encoding(ranked);
  const read = await readParts<RankedExample>(sources, {
    settings: { kind: 'pairwise', tokenizer: tokenizer.record, maximumLength, columns },
    cache,
    exampleOf: (row, from) => rankedOf(ranked, row, from),
    lengthOf,
    unseen,
    labelsOf: () => [],
    labelPlace: (row) => row.placeOf('text_b'),
  });
  return rankedReader(ranked, read);
}
