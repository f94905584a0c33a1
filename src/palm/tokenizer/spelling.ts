import * as is from '../../base/kinds.ts';

// The one rule of how text is spelt before it is looked up: in training, evaluation and prediction, and after loading.

const FORMS = ['none', 'NFC', 'NFD', 'NFKC', 'NFKD'] as const;

/** How a reader or a tokenizer spells text: plain data that a checkpoint keeps with it. */
export const spellingOptions = {
  /** capitals count as small letters */
  lowercase: is.optional(is.flag),
  /**
   * Unicode normalization form (Unicode Standard Annex 15). `NFC`: letters and accents in one (é as one character, however it was
   * typed); `NFKC`: moreover full-width letters, ligatures and other variants as plain ones; `none`: as they come
   */
  unicode: is.optional(is.oneOf(...FORMS)),
  /** leave accents out: nonspacing marks (category Mn) after NFD, as BERT does; `all`: every combining mark (M) */
  stripAccents: is.optional(is.either(is.flag, is.oneOf('all'))),
};
export type Spelling = Required<is.OptionsOf<typeof spellingOptions>>;

/** Text as a vocabulary spells it; what is spelt so already stays as it is. */
export function spell(text: string, { lowercase, unicode, stripAccents }: Spelling): string {
  const form = (some: string): string => (unicode === 'none' ? some : some.normalize(unicode));
  // capitals after the form: NFKC makes letters of symbols that have no small ones
  const small = lowercase ? form(text).toLowerCase() : form(text);
  if (!stripAccents) return small;
  return form(small.normalize('NFD').replace(stripAccents === 'all' ? /\p{M}+/gu : /\p{Mn}+/gu, ''));
}

/** The same for one word, which stays one: compatibility forms of a few signs, such as ´, begin with a space. */
export const spellWord = (word: string, spelling: Spelling): string =>
  spell(word, spelling).replace(/\s+/g, '');
