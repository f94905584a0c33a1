import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { listOf, text } from '../base/kinds.ts';
import { fingerprint } from './fingerprint.ts';

/** Names of classes; the position is the id. */
export interface LabelSet {
  readonly names: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

export const namesKind = listOf(text, 'names');

/** @throws FROND-D012 when there are none or one stands twice */
export function labelSet(names: readonly string[]): LabelSet {
  checkArguments('labelSet', { names: namesKind }, [names]);
  const ids = new Map(names.map((name, id) => [name, id]));
  if (names.length === 0 || ids.size < names.length) {
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    throw new FrondError('FROND-D012', twice === undefined ? 'no labels' : `label ${twice} stands twice`);
  }
  return { names: [...names], ids };
}

/** The labels that occur, in code-unit order, so that ids do not depend on the order of the data. */
export const collectLabels = (labels: Iterable<string>): LabelSet => labelSet([...new Set(labels)].sort());

/** BIO tags: `O` has id 0; then for each type `B-type`, `I-type`. */
export const collectTags = (tags: Iterable<string>): LabelSet => {
  const inside = [...new Set(tags)].filter((tag) => tag !== 'O');
  const order = ({ type, part }: Tag): string => `${type} ${part}`;
  const key = (tag: string): string => order(parseTag(tag));
  return labelSet(['O', ...inside.sort((a, b) => (key(a) < key(b) ? -1 : 1))]);
};

/** What a checkpoint keeps to refuse other labels. */
export const labelFingerprint = (labels: LabelSet): string => fingerprint(labels.names.join('\n'));

/** A tag taken apart: `B-city` begins a chunk of type `city`, `I-city` continues it, `O` is outside and has type ''. */
export interface Tag {
  readonly part: 'B' | 'I' | 'O';
  readonly type: string;
}

/** The part and type of a BIO tag; undefined for any other text. */
export function readTag(text: string): Tag | undefined {
  if (text === 'O') return { part: 'O', type: '' };
  const [, part, type] = text.match(/^([BI])-(\S+)$/) ?? [];
  return (part === 'B' || part === 'I') && type !== undefined ? { part, type } : undefined;
}

/** @throws FROND-D005 for a text that is no BIO tag */
export function parseTag(text: string): Tag {
  const tag = readTag(text);
  if (tag !== undefined) return tag;
  throw new FrondError('FROND-D005', `${JSON.stringify(text)} is not a BIO tag`, { hint: TAG_FORM });
}
export const TAG_FORM = 'a tag is O, B-type for the first word of a chunk, or I-type for a following one';

/** Which tag may follow which, as a CRF takes it. */
export interface TagRules {
  /** row-major [tags, tags]: 1 where the column's tag may follow the row's */
  readonly transitions: Uint8Array;
  /** [tags]: 1 where a sentence may begin with the tag */
  readonly starts: Uint8Array;
}

/** In BIO, `I-type` follows `B-type` or `I-type` of the same type only; everything else is free. */
export function bioRules({ names }: LabelSet): TagRules {
  const tags = names.map(parseTag);
  const transitions = tags.flatMap((from) =>
    tags.map((to) => (to.part !== 'I' || (from.part !== 'O' && from.type === to.type) ? 1 : 0)),
  );
  return {
    transitions: Uint8Array.from(transitions),
    starts: Uint8Array.from(tags, ({ part }) => (part === 'I' ? 0 : 1)),
  };
}
