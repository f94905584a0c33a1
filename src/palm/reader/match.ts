import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { declare } from '../../dsl/graph.ts';
import type { ComponentRecord, Reader, Specs } from '../contract.ts';
import type { Candidate } from '../metrics/ranking.ts';
import type { Assembled, Assembler } from '../tokenizer/assembly.ts';
import { wordsIn } from '../words.ts';
import {
  type ClassifyReader,
  type ClassifyReaderOptions,
  pairOf,
  textReader,
  textReaderFrom,
  textRow,
} from './classify.ts';
import { pieceSpecs, shaped } from './pieces.ts';
import {
  type Columns,
  columnsOption,
  type RecordKind,
  type RecordReader,
  recordOptions,
  recordReader,
  recordReaderFrom,
  type Sources,
  textIn,
} from './records.ts';

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

const weightSpecs = { weights: declare('f32', ['batch']) } as const;
/** What a reader of ranked texts gives: rows 2k and 2k + 1 are the better and the worse pair of one example. */
export const rankedSpecs = { ...pieceSpecs, ...weightSpecs } as const;
export type PairwiseReader = RecordReader<typeof rankedSpecs, RankedExample>;

export const pairwiseOptions = {
  ...recordOptions,
  /** true: the pairs of each record are ranked, not classified */
  pairwise: is.typed<true>(is.flag),
  /** columns of other names than text_a, text_b, text_b_neg and qid */
  columns: columnsOption('text_a', 'text_b', 'text_b_neg', 'qid'),
};
export type PairwiseReaderOptions = is.OptionsOf<typeof pairwiseOptions>;

/** Texts of a row. Training needs all three. @throws FROND-D026, D009, D020 with the place */
function exampleOf({ row, find, learnt, text }: Columns): RankedExample {
  const query = text('text_a', ['text_a', 'query']);
  const better = text('text_b', ['text_b', 'better']);
  const column = learnt('text_b_neg', ['text_b_neg', 'worse']);
  const worse = column === undefined ? {} : { worse: textIn(row, column) };
  const id = own(row.record, find('qid', ['qid']) ?? '');
  const qid = id === undefined ? {} : { qid: String(id) };
  const grades = column === undefined ? [1] : [1, 0];
  const candidates = grades.map((relevance) => ({ query: qid.qid ?? query, relevance }));
  return { query, better, ...worse, ...qid, candidates, file: row.file, line: row.line };
}

function rankedKind(
  options: PairwiseReaderOptions,
  assemble: Assembler,
): RecordKind<RankedExample, Assembled> {
  const rowOf = textRow(options, assemble);
  return {
    settings: { pairwise: true },
    rowsPerExample: 2,
    exampleOf,
    recordOf: pairOf,
    wordsOf: ({ query, better, worse = '' }) => wordsIn(`${query} ${better} ${worse}`),
    // the second row repeats the first where there is no worse text
    rowsOf: ({ query: text, better, worse = better }) =>
      [better, worse].map((second) => rowOf({ text, second })),
    gives: () => rankedSpecs,
    pack(examples, _, __, { batch }) {
      const isKnown = (_: unknown, row: number) => +(examples[row >> 1]?.worse !== undefined);
      return shaped(weightSpecs, { weights: Float32Array.from({ length: batch }, isKnown) }, { batch });
    },
  };
}
const ranked = { options: pairwiseOptions, kindOf: rankedKind };

/** A reader for prediction, from what a checkpoint kept of it. @throws as `recordReaderFrom` */
export const matchFrom = (record: ComponentRecord): Reader =>
  (record.pairwise === true ? recordReaderFrom(ranked, record) : textReaderFrom(record)) as Reader;

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
): Promise<RecordReader<Specs, RankedExample> | ClassifyReader<Specs>> {
  return 'pairwise' in Object(options)
    ? recordReader('match', ranked, sources, options as PairwiseReaderOptions)
    : textReader('match', sources, options as ClassifyReaderOptions);
}
