import { checkArguments } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { kind, names as namesKind, series } from '../base/kinds.ts';
import { chainConstraints, type LabelScheme } from '../nn/index.ts';
import { printTag, readTag, schemeKind, schemeOf, type Tag } from '../nn/tags.ts';
import { fingerprint } from './fingerprint.ts';
import { type Chunk, chunksOf } from './metrics/chunks.ts';

/** Names of classes; the position is the id. */
export interface LabelSet {
  readonly names: readonly string[];
  readonly ids: ReadonlyMap<string, number>;
}

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

export const labelsKind = kind<LabelSet>(
  'labels, such as labelSet gives',
  (value) => namesKind.holds((value as LabelSet | null)?.names) && (value as LabelSet).ids instanceof Map,
);
const listKind = series('labels');

/** The labels that occur, in code-unit order, so that ids do not depend on the order of the data. */
export const collectLabels = (labels: Iterable<string>): LabelSet =>
  labelSet(distinct('collectLabels', labels).sort());

function distinct(caller: string, labels: Iterable<string>): string[] {
  checkArguments(caller, { labels: listKind }, [labels], 'FROND-T002');
  const list = [...new Set(labels)];
  checkArguments(caller, { labels: namesKind }, [list], 'FROND-T002');
  return list;
}

/** The tags that occur: `O` has id 0; then for each type those of its parts, in the order of letters. @throws FROND-D005 */
export function collectTags(tags: Iterable<string>): LabelSet {
  const inside = distinct('collectTags', tags).filter((tag) => tag !== 'O');
  const keys = new Map(inside.map((tag) => [tag, `${parseTag(tag).type} ${tag[0]}`]));
  const key = (tag: string): string => keys.get(tag) ?? '';
  return labelSet(['O', ...inside.sort((a, b) => (key(a) < key(b) ? -1 : 1))]);
}

/** What a checkpoint keeps to refuse other labels. */
export const labelFingerprint = (labels: LabelSet): string => fingerprint(JSON.stringify(labels.names));

/** @throws FROND-D005 for a text that is no tag */
export function parseTag(text: string): Tag {
  const tag = readTag(text);
  if (tag !== undefined) return tag;
  throw new FrondError('FROND-D005', `${JSON.stringify(text)} is not a tag`, { hint: TAG_FORM });
}
export const TAG_FORM =
  'a tag is O, or the part of a chunk and its type: B-type, I-type, and where the scheme has them E-, L-, M-, S-, U-';

/** The same chunks in the tags of another scheme; what holds a text that is no tag stays as it is. */
export function convertTags(tags: readonly string[], scheme: LabelScheme): readonly string[] {
  checkArguments('convertTags', { tags: namesKind, scheme: schemeKind }, [tags, scheme]);
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

/** Which tag may follow which, as a CRF takes it. */
export interface TagRules {
  /** row-major [tags, tags]: 1 where the column's tag may follow the row's */
  readonly transitions: Uint8Array;
  /** [tags]: 1 where a sentence may begin with the tag */
  readonly starts: Uint8Array;
}

/** In BIO, `I-type` follows `B-type` or `I-type` of the same type only; everything else is free. */
export function bioRules(labels: LabelSet): TagRules {
  checkArguments('bioRules', { labels: labelsKind }, [labels]);
  const { names } = labels;
  const { transitions, start } = chainConstraints(names, 'BIO');
  const allowed = (score: number): number => (score === 0 ? 1 : 0);
  return {
    transitions: Uint8Array.from(transitions, allowed),
    starts: Uint8Array.from(start, allowed),
  };
}
