import { checkArguments } from '../../base/arguments.ts';
import { names } from '../../base/kinds.ts';
import { splitTag, type Tag } from '../../nn/tags.ts';

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
  checkArguments('chunksOf', { tags: names }, [tags]);
  const chunks: Chunk[] = [];
  let start = -1;
  let previous = OUTSIDE;
  for (let i = 0; i <= tags.length; i++) {
    const tag = tags[i];
    const current = tag === undefined ? OUTSIDE : splitTag(tag);
    if (start >= 0 && endsBefore(current, previous)) {
      chunks.push({ type: previous.type, start, end: i });
      start = -1;
    }
    if (startsAt(current, previous)) start = i;
    previous = current;
  }
  return chunks;
}

const opens = ({ part }: Tag): boolean => part === 'B' || part === 'S';
const closes = ({ part }: Tag): boolean => part === 'E' || part === 'S';

/** Whether the chunk that `previous` belongs to is over when `current` comes. */
const endsBefore = (current: Tag, previous: Tag): boolean =>
  current.part === 'O' || opens(current) || closes(previous) || current.type !== previous.type;

/** Whether `current` begins a chunk. */
const startsAt = (current: Tag, previous: Tag): boolean =>
  current.part !== 'O' &&
  (opens(current) || previous.part === 'O' || closes(previous) || current.type !== previous.type);
