import { checkArguments, show } from '../../base/arguments.ts';
import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { own } from '../../base/own.ts';
import { type Json, parseStrictJson } from '../../store/json.ts';
import type { ComponentRecord } from '../contract.ts';
import { bertSpelling, type Spelling, spellingOf } from './spelling.ts';
import { character, type Tokenizer, word } from './tokenizer.ts';
import { vocabularyFrom, vocabularyOf } from './vocabulary.ts';
import { type Units, type WordPieceOptions, wordPiece } from './wordPiece.ts';

// Tokenizers from plain data: the records of checkpoints, and the files of others.

const KINDS: Readonly<Record<string, (options: never) => Tokenizer>> = { word, character, wordPiece };

const recordKind = is.withFields('what a tokenizer was made of', { kind: is.text });

/**
 * Makes a tokenizer again from what a checkpoint keeps of it.
 * @throws FROND-D011, D023, T002 when the record is damaged, and T002 for a kind that is not known
 */
export function tokenizerFrom(record: ComponentRecord): Tokenizer {
  checkArguments('tokenizerFrom', { record: recordKind }, [record], 'FROND-T002');
  const { kind, vocabulary, ...settings } = record;
  const make = own(KINDS, kind);
  if (make === undefined) {
    throw new FrondError('FROND-T002', `there is no tokenizer of kind ${kind}`, {
      hint: `give one of ${Object.keys(KINDS).join(', ')}, or a tokenizer of your own`,
    });
  }
  const tokens: readonly unknown[] = Array.isArray(vocabulary) ? vocabulary : [];
  const unknown = is.text.holds(settings.unknown) ? settings.unknown : undefined;
  return make({ ...settings, vocabulary: vocabularyFrom(tokens, 'vocabulary', unknown) } as never);
}

// `tokenizer.json` is the format of Hugging Face's tokenizers: a model, what spells text before it (normalizer), what cuts it
// (pre_tokenizer), and tokens that were added to the vocabulary. What comes after, such as [CLS] around a text, readers do.

type Fields = Readonly<Record<string, Json>>;
const isFields = (value: Json | undefined): value is Fields => is.object.holds(value);

/** Reports what is wrong with a part of the file, which `path` names. */
type Fail = (path: string, problem: string, hint?: string) => never;

/**
 * The WordPiece tokenizer that a `tokenizer.json` describes.
 * @param file named in errors
 * @throws FROND-D024 for a model, normalizer or pre-tokenizer that is not supported, or a part that is malformed; D011 for a
 *   vocabulary with an id twice or without the unknown token; W002 for what is no JSON or has one name twice
 */
export function fromTokenizerJson(text: string, file = 'tokenizer.json'): Tokenizer {
  checkArguments('fromTokenizerJson', { text: is.text, file: is.text }, [text, file], 'FROND-T002');
  const fail: Fail = (path, problem, hint = 'give the tokenizer.json of a WordPiece model, such as BERT') => {
    throw new FrondError('FROND-D024', `${file}: ${path} ${problem}`, { place: { file }, hint });
  };
  const json = parseStrictJson(text, file);
  if (!isFields(json)) return fail('it', 'is no object');
  const { model, added_tokens: tokens = [] } = json;
  if (!isFields(model)) return fail('model', 'is missing');
  checkModel(model, fail);
  const read = <T>(path: string, value: Json | undefined, kind: is.Kind<T>, otherwise: T): T => {
    if (value === undefined || value === null) return otherwise;
    return kind.holds(value) ? value : fail(path, `is not ${kind.what}`);
  };
  const unknown = read('model.unk_token', model.unk_token, is.name, '[UNK]');
  const added = read('added_tokens', tokens, is.listOf(addedKind, 'tokens'), []);
  const apart = added.find((token) => token.single_word);
  if (apart) fail(`added_tokens: ${show(apart.content)}`, 'has single_word, which is not supported');
  const vocabulary = read('model.vocab', model.vocab, idsKind, {});
  const ids = new Map([
    ...Object.entries(vocabulary),
    ...added.map(({ content, id }) => [content, id] as const),
  ]);
  const entries = Array.from(ids, ([token, id]) => ({ token, id }));
  const isVerbatim = ({ special = false, normalized = !special }: Added): boolean => !normalized;
  const contentOf = ({ content }: Added): string => content;
  return wordPiece({
    vocabulary: vocabularyOf(entries, file, unknown),
    ...spellingIn(json.normalizer, fail),
    units: unitsIn(json.pre_tokenizer, json.normalizer, fail),
    prefix: read('model.continuing_subword_prefix', model.continuing_subword_prefix, is.text, '##'),
    maximumCharacters: read('model.max_input_chars_per_word', model.max_input_chars_per_word, is.count, 100),
    unknown,
    special: added.filter(isVerbatim).map(contentOf),
    added: added.filter((token) => !isVerbatim(token)).map(contentOf),
  });
}

const idsKind = is.objectOf(is.natural, 'an object of ids by token');
const addedKind = is.withFields('a token with id and content', {
  id: is.natural,
  content: is.name,
  special: is.optional(is.flag),
  normalized: is.optional(is.flag),
  single_word: is.optional(is.flag),
});
type Added = is.TypeOf<typeof addedKind>;

/** Older files do not name the type of a WordPiece model. */
function checkModel(model: Fields, fail: Fail): void {
  const { type = 'continuing_subword_prefix' in model && !('merges' in model) ? 'WordPiece' : null } = model;
  if (type === 'WordPiece') return;
  const what = typeof type === 'string' ? `is of type ${type}` : 'has no type';
  fail(
    'model',
    `${what}; WordPiece is supported`,
    'take a model of the BERT family, or write a tokenizer of your own: { encode, vocabulary, … }',
  );
}

type TextForm = Spelling & { readonly clean: boolean };
const asItComes: TextForm = { ...spellingOf({ lowercase: false, unicode: 'none' }), clean: false };

const form = (unicode: Spelling['unicode']) => (before: TextForm) =>
  before.unicode === 'none' && !before.lowercase && !before.stripAccents ? { ...before, unicode } : undefined;

/** What each step of a normalizer adds to those before it; undefined where text would be spelt in another order than `spell` does. */
const STEPS: Readonly<Record<string, (before: TextForm, step: Fields) => TextForm | undefined>> = {
  NFC: form('NFC'),
  NFD: form('NFD'),
  NFKC: form('NFKC'),
  NFKD: form('NFKD'),
  Lowercase: (before) => (before.stripAccents ? undefined : { ...before, lowercase: true }),
  StripAccents: (before) =>
    before.unicode === 'NFD' || before.unicode === 'NFKD' ? { ...before, stripAccents: 'all' } : undefined,
  BertNormalizer(before, { clean_text = true, lowercase = true, strip_accents: strip = null }) {
    if (before !== asItComes) return undefined;
    const accents = strip === null ? {} : { stripAccents: strip === true };
    return { ...bertSpelling({ lowercase: lowercase === true, ...accents }), clean: clean_text === true };
  },
};

const stepsIn = (normalizer: Json | undefined): readonly Fields[] => {
  if (!isFields(normalizer)) return [];
  const { type, normalizers } = normalizer;
  return type === 'Sequence' && Array.isArray(normalizers) ? normalizers.flatMap(stepsIn) : [normalizer];
};

function spellingIn(normalizer: Json | undefined, fail: Fail): Pick<WordPieceOptions, keyof TextForm> {
  let text = asItComes;
  for (const step of stepsIn(normalizer)) {
    const after = own(STEPS, String(step.type))?.(text, step);
    const hint = `supported are BertNormalizer, or a form of Unicode, Lowercase and StripAccents after NFD, in this order`;
    text = after ?? fail(`normalizer ${String(step.type)}`, 'is not supported here', hint);
  }
  return text;
}

const chinese = (step: Fields): boolean =>
  step.type === 'BertNormalizer' && (step.handle_chinese_chars ?? true) === true;

function unitsIn(cutter: Json | undefined, normalizer: Json | undefined, fail: Fail): Units {
  const type = isFields(cutter) ? cutter.type : cutter;
  const apart = stepsIn(normalizer).some(chinese);
  if (type === 'BertPreTokenizer') return apart ? 'bert' : 'punctuation';
  if (type === 'WhitespaceSplit' && !apart) return 'whiteSpace';
  const hint = 'supported are BertPreTokenizer, and WhitespaceSplit without handle_chinese_chars';
  return fail(`pre_tokenizer ${show(type)}`, 'is not supported', hint);
}
