import { checkArguments } from '../base/arguments.ts';
import { type Kind, oneOf, series } from '../base/kinds.ts';

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

const PARTS: ReadonlyMap<string, Part> = new Map([
  ...(['O', 'B', 'I', 'E', 'S'] as const).map((part) => [part, part] as const),
  ...([
    ['M', 'I'],
    ['L', 'E'],
    ['U', 'S'],
  ] as const),
]);

/** Part and type of any text: a letter that no scheme has stands for a word inside of a chunk. */
export function splitTag(text: string): Tag {
  const dash = text.indexOf('-');
  const [letter, type] = dash < 0 ? [text, ''] : [text.slice(0, dash), text.slice(dash + 1)];
  return { part: PARTS.get(letter) ?? 'I', type };
}

/** The part and type of a tag of any scheme; undefined for any other text. */
export const readTag = (text: unknown): Tag | undefined =>
  typeof text === 'string' && (text === 'O' || /^[BIELMSU]-\S+$/.test(text)) ? splitTag(text) : undefined;

export const printTag = ({ part, type }: Tag, scheme: LabelScheme): string =>
  part === 'O' ? 'O' : `${LETTERS[scheme][part]}-${type}`;

/** The scheme that a set of labels is written in, by its letters; BIO where nothing marks the end of a chunk. */
export function schemeOf(labels: Iterable<string>): LabelScheme {
  checkArguments('schemeOf', { labels: series('labels') }, [labels]);
  const letters = new Set(Array.from(labels, (label) => (readTag(label) === undefined ? '' : label[0])));
  const has = (...some: readonly string[]): boolean => some.some((letter) => letters.has(letter));
  if (has('L', 'U')) return 'BILOU';
  if (has('M')) return 'BMES';
  return has('E', 'S') ? 'BIOES' : 'BIO';
}

export const schemeKind: Kind<LabelScheme> = {
  ...oneOf(...(Object.keys(LETTERS) as LabelScheme[])),
  advise: () =>
    `give one of ${Object.keys(LETTERS).join(', ')}; data may be written in any of them, or in IOB1`,
};
