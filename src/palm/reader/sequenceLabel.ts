import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { convertTags, type LabelScheme, schemeKind, schemeOf } from '../../nn/tags.ts';
import type { ComponentRecord } from '../contract.ts';
import type { Row } from '../formats/rows.ts';
import { checkTags, collectTags, type Item } from '../labels.ts';
import type { Assembler } from '../tokenizer/assembly.ts';
import { splitAt, splitWords } from '../words.ts';
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
import { packWords, taggedSpecs, type WordRow, wordAssembler } from './wordRows.ts';

/** Words and their tags, where those are known, and where they were read. */
export interface TaggedExample {
  readonly words: readonly string[];
  readonly tags?: readonly string[];
  readonly file?: string;
  readonly line?: number;
}

export const taggedOptions = {
  ...recordOptions,
  /** names of the tags in the order of their ids, all in one scheme; default: those of training, `O` first */
  tags: is.optional(is.names),
  /** what tags of the data, whatever they are written in, are converted to; default: that of `tags`, or else BIO */
  scheme: is.optional(schemeKind),
  /** columns of other names than text_a (or words, tokens) and label (or tags) */
  columns: columnsOption('text_a', 'label'),
};
export type SequenceLabelReaderOptions = is.OptionsOf<typeof taggedOptions>;

/** A reader of tagged sentences, with what its ids mean. */
export interface SequenceLabelReader extends RecordReader<typeof taggedSpecs, TaggedExample> {
  readonly tags: readonly string[];
}

const WORDS = ['text_a', 'words', 'tokens', 'text'];
const TAGS = ['label', 'tags', 'ner_tags'];

/** Items of a column: a list, as CoNLL and JSONL have it, or a text, in which U+0002 parts them, as in PALM, or else white space. */
function itemsIn(row: Row, column: string): readonly Item[] {
  const value = own(row.record, column);
  if (is.names.holds(value)) return value.map((text, i) => ({ text, place: () => row.placeOf(column, i) }));
  const text = textIn(row, column, 'give a list of texts, or one text of words with white space between');
  const items = text.includes('\x02') ? splitAt('\x02', text) : splitWords(text);
  return items.map(({ text, at }) => ({ text, place: () => row.placeOf(column, 0, at) }));
}

/** Words and tags of a row, these in the scheme. @throws FROND-D004, D005, D009, D020, D021, D026 with the place */
function exampleOf({ row, from, need, learnt }: Columns, scheme: LabelScheme): TaggedExample {
  const { file, line } = row;
  const words = itemsIn(row, need('text_a', WORDS));
  const empty = words.find(({ text }) => !/\S/.test(text));
  if (empty !== undefined || words.length === 0) {
    throw new FrondError('FROND-D021', 'a word is empty', {
      place: empty?.place() ?? { file, line, column: 1 },
      hint: 'a sentence has one word at least, and none is empty',
    });
  }
  const textsOf = (items: readonly Item[]): readonly string[] => items.map(({ text }) => text);
  const example = { words: textsOf(words), file, line };
  const column = learnt('label', TAGS);
  if (column === undefined || (from !== 'train' && own(row.record, column) === '')) return example;
  const tags = itemsIn(row, column);
  checkTags(words, tags);
  return { ...example, tags: convertTags(textsOf(tags), scheme) };
}

function taggedKind(
  options: SequenceLabelReaderOptions,
  assemble: Assembler,
): RecordKind<TaggedExample, WordRow> {
  const { tokenizer, scheme = schemeOf(options.tags ?? []) } = options;
  const rowOf = wordAssembler(tokenizer, assemble);
  return {
    settings: { scheme },
    exampleOf: (columns) => exampleOf(columns, scheme),
    wordsOf: ({ words }) => words,
    rowsOf: ({ words }) => [rowOf(words)],
    labels: {
      what: 'tag',
      option: 'tags',
      tensor: 'tags',
      columns: TAGS,
      given: options.tags,
      collect: collectTags,
      of: ({ tags = [] }) => tags,
    },
    gives: () => taggedSpecs,
    pack: (examples, rows, ids, size) => packWords(rows, examples, ids, size),
  };
}
const tagged = { options: taggedOptions, kindOf: taggedKind };

/** A reader for prediction, from what a checkpoint kept of it. @throws as `recordReaderFrom` */
export const sequenceLabelFrom = (record: ComponentRecord) => recordReaderFrom(tagged, record);

/**
 * Reads tagged sentences, for `head.sequenceLabel({ labels: reader.tags, pieces: true })`: CoNLL columns, of which the first is the
 * word and the last its tag, or columns `text_a` and `label` that hold lists or texts. Tags may be written in BIO, IOB1, BIOES, BILOU
 * or BMES; all become those of one scheme.
 *
 *     const reader = await palm.reader.sequenceLabel({ train: 'train.conll', valid: 'valid.conll' }, { tokenizer });
 *
 * @throws FROND-T002 for options out of range, D004, D005, D006, D009, D021, D026 for a record that is malformed or lacks something,
 *   each with file, line and column, and what reading its file throws
 */
export async function sequenceLabel(
  sources: Sources,
  options: SequenceLabelReaderOptions,
): Promise<SequenceLabelReader> {
  return (await recordReader('sequenceLabel', tagged, sources, options)) as never;
}
