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
type SpellingOptions = is.OptionsOf<typeof spellingOptions>;
export type Spelling = Required<SpellingOptions>;

/** What options say, by default small letters and NFC. */
export const spellingOf = (options: SpellingOptions): Spelling => {
  const { lowercase = true, unicode = 'NFC', stripAccents = false } = options;
  return { lowercase, unicode, stripAccents };
};
/** The same with the defaults of BERT: small letters without accents. */
export const bertSpelling = (options: SpellingOptions): Spelling => {
  const { lowercase = true, unicode = 'none', stripAccents = lowercase } = options;
  return { lowercase, unicode, stripAccents };
};

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

/** A text as a tokenizer looks it up, and where each of its UTF-16 units stands in the original. */
export interface AlignedText {
  readonly text: string;
  /** [start, end) in the original, by unit; absent where text and original have the same units */
  readonly spans?: { readonly starts: readonly number[]; readonly ends: readonly number[] };
}

/** What BERT leaves out of a text: control characters but tab and line ends, U+FFFD, private use, halves of surrogate pairs. */
const CONTROL = String.raw`\0-\x08\x0B\x0C\x0E-\x1F\x7F-\x9F\uFFFD\p{Cf}\p{Co}\p{Cs}`;
/**
 * What may join with the character before it in some normalization form, or change places with it: marks, vowels and finals of
 * Hangul also in their compatibility forms, half-width voicing marks, and vowels of Thai, Lao and Kirat Rai.
 */
const JOINING = String.raw`\p{M}\u0E33\u0EB3\u1161-\u11FF\u3130-\u318F\uFF9E-\uFFDC\u{16D63}-\u{16D6A}`;

export const withoutControls = (text: string): string => text.replace(new RegExp(`[${CONTROL}]+`, 'gu'), '');

/**
 * Parts of a text that are spelt alone as they are spelt in it: a run of characters of which nothing but the case changes, white
 * space, or a character with what may join it, across control characters that are left out.
 */
function clusters(clean: boolean): RegExp {
  const joining = clean ? JOINING + CONTROL : JOINING;
  return new RegExp(String.raw`[\t\n\r\x20-\x7E\u4E00-\u9FFF]+(?![${joining}])|\s|[^][${joining}]*`, 'gu');
}

/** Whether `spelt` has the units of `text`, but for their case. */
const sameUnits = (text: string, spelt: string): boolean =>
  spelt === text || (spelt.length === text.length && spelt === text.toLowerCase());

/**
 * Spells a text and keeps where each unit came from; with `clean`, control characters are left out first. What a cluster of
 * characters becomes has the span of the whole cluster: the `e` of an accented letter covers its accent.
 */
export function alignSpelling(text: string, spelling: Spelling, clean: boolean): AlignedText {
  const bare = (some: string): string => (clean ? withoutControls(some) : some);
  const spelt = spell(bare(text), spelling);
  if (sameUnits(text, spelt)) return { text: spelt };
  const [starts, ends]: [number[], number[]] = [[], []];
  let joined = '';
  for (const { 0: cluster, index } of text.matchAll(clusters(clean))) {
    const kept = bare(cluster);
    const part = spell(kept, spelling);
    joined += part;
    const same = sameUnits(cluster, part);
    // control characters stand at the ends of a cluster or between its marks
    const start = index + cluster.indexOf(kept.charAt(0));
    const end = index + cluster.lastIndexOf(kept.charAt(kept.length - 1)) + 1;
    for (let i = 0; i < part.length; i++) {
      starts.push(same ? index + i : start);
      ends.push(same ? index + i + 1 : end);
    }
  }
  // a final sigma is one by its neighbours: only the whole text says which
  return { text: spelt.length === joined.length ? spelt : joined, spans: { starts, ends } };
}
