import { checkArguments } from '../base/arguments.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';

/**
 * How the words of chunks are marked, in the letters of their tags: the first of several words, those between, the last, and the
 * only word of a chunk. In IOB1, which data may be written in, `I-x` begins a chunk unless it follows one of its type.
 */
const LETTERS = {
  BIO: { B: 'B', I: 'I', E: 'I', S: 'B' },
  BIOES: { B: 'B', I: 'I', E: 'E', S: 'S' },
  BILOU: { B: 'B', I: 'I', E: 'L', S: 'U' },
  BMES: { B: 'B', I: 'M', E: 'E', S: 'S' },
} as const;

/** The schemes that a model can learn: `O`, then `B-x`, `I-x`, … */
export type LabelScheme = keyof typeof LETTERS;

/** What a word is in its chunk, in the letters of BIOES: `L` is read as `E`, `U` as `S`, `M` as `I`. */
export type Part = 'O' | 'B' | 'I' | 'E' | 'S';

/** A tag taken apart: `B-city` begins a chunk of type `city`; `O` is outside of all and has type ''. */
export interface Tag {
  readonly part: Part;
  readonly type: string;
}

/** All but the letters of words inside of a chunk. */
const PARTS: Readonly<Record<string, Part>> = { O: 'O', B: 'B', E: 'E', L: 'E', S: 'S', U: 'S' };

/** Part and type of any text: a letter that no scheme has stands for a word inside of a chunk. */
export function splitTag(text: string): Tag {
  const dash = text.indexOf('-');
  const [letter, type] = dash < 0 ? [text, ''] : [text.slice(0, dash), text.slice(dash + 1)];
  return { part: own(PARTS, letter) ?? 'I', type };
}

/** The part and type of a tag of any scheme; undefined for any other text. */
export const readTag = (text: unknown): Tag | undefined =>
  typeof text === 'string' && (text === 'O' || /^[BIELMSU]-\S+$/.test(text)) ? splitTag(text) : undefined;

/** What a tag looks like, for the hints of errors. */
export const TAG_FORM =
  'a tag is O, or the part of a chunk and its type: B-type, I-type, and where the scheme has them E-, L-, M-, S-, U-';

export const printTag = ({ part, type }: Tag, scheme: LabelScheme): string =>
  part === 'O' ? 'O' : `${LETTERS[scheme][part]}-${type}`;

/** The scheme that a set of labels is written in, by its letters; BIO where nothing marks the end of a chunk. */
export function schemeOf(labels: Iterable<string>): LabelScheme {
  checkArguments('schemeOf', { labels: is.series('labels') }, [labels]);
  const letters = new Set(Array.from(labels, (label) => (readTag(label) === undefined ? '' : label[0])));
  const has = (...some: readonly string[]): boolean => some.some((letter) => letters.has(letter));
  if (has('L', 'U')) return 'BILOU';
  if (has('M')) return 'BMES';
  return has('E', 'S') ? 'BIOES' : 'BIO';
}

export const schemeKind: is.Kind<LabelScheme> = {
  ...is.oneOf(...(Object.keys(LETTERS) as LabelScheme[])),
  advise: () =>
    `give one of ${Object.keys(LETTERS).join(', ')}; data may be written in any of them, or in IOB1`,
};

/** Words `start` … `end`−1 of a sentence that form one slot or entity. */
export interface Chunk {
  readonly type: string;
  readonly start: number;
  readonly end: number;
}

const OUTSIDE: Tag = { part: 'O', type: '' };

/**
 * The chunks of a tag sequence by the rules of conlleval (Tjong Kim Sang and Buchholz, CoNLL-2000 shared task), which accept
 * what the tag scheme forbids: an `I-x` after `O`, at the start, or after another type begins a chunk of its own. So tags of
 * all schemes (BIO, IOB1, BIOES, BILOU, BMES) are read alike, and none has to be named.
 */
export function chunksOf(tags: readonly string[]): readonly Chunk[] {
  checkArguments('chunksOf', { tags: is.names }, [tags]);
  const chunks: Chunk[] = [];
  let start = -1;
  let previous = OUTSIDE;
  for (let i = 0; i <= tags.length; i++) {
    const tag = tags[i];
    const current = tag === undefined ? OUTSIDE : splitTag(tag);
    if (start < 0 || endsBefore(current, previous)) {
      if (start >= 0) chunks.push({ type: previous.type, start, end: i });
      start = current.part === 'O' ? -1 : i;
    }
    previous = current;
  }
  return chunks;
}

/** Whether the chunk that `previous` belongs to is over when `current` comes. */
const endsBefore = (current: Tag, previous: Tag): boolean =>
  'OBS'.includes(current.part) || 'ES'.includes(previous.part) || current.type !== previous.type;

/** The same chunks in the tags of another scheme; a list with an invalid tag stays as it is. */
export function convertTags(tags: readonly string[], scheme: LabelScheme): readonly string[] {
  checkArguments('convertTags', { tags: is.names, scheme: schemeKind }, [tags, scheme]);
  if (tags.some((tag) => readTag(tag) === undefined)) return tags;
  const converted = tags.map(() => 'O');
  for (const { type, start, end } of chunksOf(tags)) {
    for (let i = start; i < end; i++) {
      const part = end - start === 1 ? 'S' : i === start ? 'B' : i === end - 1 ? 'E' : 'I';
      converted[i] = printTag({ part, type }, scheme);
    }
  }
  return converted.every((tag, i) => tag === tags[i]) ? tags : converted;
}

/**
 * What the tags of one part of the data are written in, judged by all of its sentences: letters that mark ends are those of one
 * scheme; of those in B, I and O it is IOB1 where some chunk begins with I and B stands only where IOB1 needs it: between
 * chunks of one type that touch.
 */
export function writtenIn(sentences: readonly (readonly string[])[]): LabelScheme | 'IOB1' {
  const scheme = schemeOf(sentences.flat());
  if (scheme !== 'BIO') return scheme;
  let inside = 0;
  for (const tags of sentences) {
    let before: Chunk | undefined;
    for (const chunk of chunksOf(tags)) {
      const touches = before?.end === chunk.start && before.type === chunk.type;
      if (!tags[chunk.start]?.startsWith('B')) inside++;
      else if (!touches) return 'BIO';
      before = chunk;
    }
  }
  return inside === 0 ? 'BIO' : 'IOB1';
}
