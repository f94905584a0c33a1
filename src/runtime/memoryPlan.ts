import { fitInChunk } from './chunks.ts';

/** A tensor that needs memory from node `from` to node `to` of the order, both included. */
export interface Lifetime<Key> {
  readonly key: Key;
  readonly words: number;
  readonly from: number;
  readonly to: number;
}

export interface MemoryPlan<Key> {
  /** first word of each tensor */
  readonly offsets: ReadonlyMap<Key, number>;
  /** words of the arena: the peak */
  readonly words: number;
  /** words that all tensors would take side by side */
  readonly unshared: number;
}

/** 64 words = 256 bytes: the offset at which a GPU can bind a range. */
const ALIGNMENT = 64;
export const align = (words: number): number => Math.max(1, Math.ceil(words / ALIGNMENT)) * ALIGNMENT;

interface Gap {
  readonly start: number;
  readonly end: number;
}

/** Takes the smallest gap that fits, or grows the arena. */
function take(gaps: Gap[], words: number, top: number, chunk: number | undefined): number {
  let best: Gap | undefined;
  for (const gap of gaps) {
    const fits = fitInChunk(gap.start, words, chunk) + words <= gap.end;
    if (fits && (best === undefined || gap.end - gap.start < best.end - best.start)) best = gap;
  }
  const last = gaps.at(-1);
  if (best === undefined && last?.end === top) best = last;
  const gap = best ?? { start: top, end: top };
  const start = fitInChunk(gap.start, words, chunk);
  // what is left before and behind stays free
  const left = [
    { start: gap.start, end: start },
    { start: start + words, end: gap.end },
  ].filter((rest) => rest.end > rest.start);
  const at = best === undefined ? gaps.length : gaps.indexOf(best);
  gaps.splice(at, best === undefined ? 0 : 1, ...left);
  return start;
}

/** Adds a gap, joined with those that it touches. */
function giveBack(gaps: Gap[], start: number, words: number): void {
  const end = start + words;
  const behind = gaps.findIndex((gap) => gap.start >= end);
  const at = behind < 0 ? gaps.length : behind;
  const [before, next] = [gaps[at - 1], gaps[at]];
  const first = before?.end === start ? before.start : start;
  const last = next?.start === end ? next.end : end;
  const from = first < start ? at - 1 : at;
  gaps.splice(from, (last > end ? at + 1 : at) - from, { start: first, end: last });
}

/**
 * Places tensors in one arena so that those whose lifetimes overlap never share a word: walks the nodes once, giving the
 * best-fitting gap to what begins and taking back what has ended. `chunk`: no tensor crosses a multiple of so many words.
 */
export function planMemory<Key>(lifetimes: readonly Lifetime<Key>[], chunk?: number): MemoryPlan<Key> {
  const starting = [...lifetimes].sort((a, b) => a.from - b.from || b.words - a.words);
  const ending = [...lifetimes].sort((a, b) => a.to - b.to);
  const offsets = new Map<Key, number>();
  const gaps: Gap[] = [];
  let top = 0;
  let unshared = 0;
  let ended = 0;
  for (const { key, words, from } of starting) {
    for (let done = ending[ended]; done !== undefined && done.to < from; done = ending[++ended]) {
      giveBack(gaps, offsets.get(done.key) ?? 0, align(done.words));
    }
    const size = align(words);
    const start = take(gaps, size, top, chunk);
    offsets.set(key, start);
    top = Math.max(top, start + size);
    unshared += size;
  }
  return { offsets, words: top, unshared };
}
