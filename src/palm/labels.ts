import { checkArguments } from '../base/arguments.ts';
import { FrondError, type SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { readTag, TAG_FORM } from '../nn/tags.ts';

/** Names of classes; the position is the id. */
export interface LabelSet {
  readonly names: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

/** @throws FROND-D012 when there are none or one stands twice */
export function labelSet(names: readonly string[]): LabelSet {
  checkArguments('labelSet', { names: is.names }, [names]);
  const ids = new Map(names.map((name, id) => [name, id]));
  if (names.length === 0 || ids.size < names.length) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    throw new FrondError('FROND-D012', twice === undefined ? 'no labels' : `label ${twice} stands twice`);
  }
  return { names: [...names], ids };
}

export const labelsKind = is.kind<LabelSet>(
  'labels, such as labelSet gives',
  (value) => is.names.holds((value as LabelSet | null)?.names) && (value as LabelSet).ids instanceof Map,
);
const listKind = is.series('labels');

/** The labels that occur, whole numbers by size, others in code-unit order, so that ids do not depend on the order of the data. */
export const collectLabels = (labels: Iterable<string>): LabelSet =>
  labelSet(inOrder(distinct('collectLabels', labels)));

const inOrder = (names: string[]): string[] =>
  names.every((name) => /^-?\d{1,15}$/.test(name)) ? names.sort((a, b) => +a - +b) : names.sort();

function distinct(caller: string, labels: Iterable<string>): string[] {
  checkArguments(caller, { labels: listKind }, [labels], 'FROND-T002');
  const list = [...new Set(labels)];
  checkArguments(caller, { labels: is.names }, [list], 'FROND-T002');
  return list;
}

/** The tags that occur: `O` has id 0; then for each type those of its parts, in the order of letters. @throws FROND-D005 */
export function collectTags(tags: Iterable<string>): LabelSet {
  const inside = distinct('collectTags', tags).filter((tag) => tag !== 'O');
  const keys = new Map(inside.map((tag) => [tag, `${typeOf(tag)} ${tag[0]}`]));
  const key = (tag: string): string => keys.get(tag) ?? '';
  return labelSet(['O', ...inside.sort((a, b) => (key(a) < key(b) ? -1 : 1))]);
}

function typeOf(text: string): string {
  const tag = readTag(text);
  if (tag !== undefined) return tag.type;
  throw notTag(text);
}

const notTag = (text: string, where = '', place?: SourcePlace): FrondError =>
  new FrondError('FROND-D005', `${where}${JSON.stringify(text)} is not a tag`, { place, hint: TAG_FORM });

/** A word or a tag, and where it stands. */
export interface Item {
  readonly text: string;
  readonly place: () => SourcePlace | undefined;
}

/**
 * Whether each word of a sentence has its tag. `where`: what errors begin with.
 * @throws FROND-D004 for more or fewer tags than words, D005 for what is no tag
 */
export function checkTags(
  words: readonly Item[],
  tags: readonly Item[],
  where = '',
  hint = 'give each word its tag',
): void {
  if (words.length !== tags.length) {
    // points at the first word or tag without a partner
    const place = (words[tags.length] ?? tags[words.length])?.place();
    throw new FrondError('FROND-D004', `${where}${words.length} words have ${tags.length} tags`, {
      place,
      hint,
    });
  }
  const odd = tags.find(({ text }) => readTag(text) === undefined);
  if (odd !== undefined) throw notTag(odd.text, where, odd.place());
}

/** A label that training never shows. */
export const unknownLabel = (
  what: string,
  label: string,
  known: readonly string[],
  place: SourcePlace,
): FrondError =>
  new FrondError('FROND-D006', `unknown ${what} ${label}`, { place, hint: `known are: ${shorten(known)}` });

/** The first names of many, for messages. */
export const shorten = (names: readonly string[]): string =>
  names.length > 12 ? `${names.slice(0, 12).join(', ')}, … (${names.length})` : names.join(', ');
