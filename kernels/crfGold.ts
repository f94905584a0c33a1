import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Span, Value } from '../src/kernel/ir.ts';
import { type CrfBlock, finite, whereSteps } from './crfBlock.ts';

/** Time steps scored at once. */
const steps = 32;

/** A score in two parts: a sum of whole numbers, exact in f32 up to 2²⁴, and a remainder in [0, 1), or −∞. */
export interface SplitScore {
  readonly whole: Value;
  readonly fraction: Value;
}

/**
 * Score of each sequence's tags:  start[y₁] + Σ_t E[t, y_t] + Σ_t T[y_{t−1}, y_t] + stop[y_n],  as vectors over the block.
 *
 * Every summand is split into its whole number and the rest, which is exact, and the two are added up apart. Tags at or
 * beyond the length are not used as indices. The sequence runs in chunks of 32 steps, [block, 32] tiles.
 */
export function goldScore(
  k: KernelBuilder,
  at: CrfBlock,
  scores: Readonly<Record<'emissions' | 'transitions' | 'start' | 'stop', Buffer>>,
): SplitScore {
  const { b, B, time, labels, lengths, longest } = at;
  const { emissions, transitions, start, stop } = scores;
  const t = k.axis('t', steps);
  const sequence = k.mul(time, labels);
  const tagsAt = tagReader(k, at);
  const zeros = k.fill([b, t], 0);
  const [wholes, rests] = k.loop(0, longest, steps, [zeros, zeros], (from, whole, rest) => {
    const T = k.span(t, from, time);
    const position = k.add(k.arange(t), from);
    const active = k.lt(position, lengths);
    const inner = k.and(active, k.lt(0, position));
    const tag = tagsAt(T, active);
    const previous = tagsAt(k.min(k.max(k.sub(position, 1), 0), k.sub(time, 1)), inner);
    const emission = k.load(emissions, [
      [B, sequence],
      [T, labels],
      [tag, 1],
    ]);
    const transition = k.load(transitions, [
      [previous, labels],
      [tag, 1],
    ]);
    const parts = [k.select(active, emission, 0), k.select(inner, transition, 0)];
    return addSplit(k, [whole as Value, rest as Value], parts);
  });
  const sums = [k.sum(wholes as Value, t), k.sum(rests as Value, t)];
  const [whole, rest] = whereSteps(k, time, sums, () => {
    const nonEmpty = k.lt(0, lengths);
    const last = k.max(k.sub(lengths, 1), 0);
    const ends = [k.load(start, [[tagsAt(0, nonEmpty), 1]]), k.load(stop, [[tagsAt(last, nonEmpty), 1]])];
    return addSplit(k, sums as [Value, Value], ends);
  }) as [Value, Value];
  const carry = k.map('floor', finite(k, rest));
  return { whole: k.add(whole, carry), fraction: k.sub(rest, carry) };
}

/** Tags at positions of the block's sequences; 0 where they do not count, so that they may be used as indices. */
function tagReader(
  k: KernelBuilder,
  { B, time }: CrfBlock,
): (position: Span | Value | number, counts: Value) => Value {
  const tags = k.read('tags', 'i32');
  return (position, counts) => {
    const read = k.load(tags, [
      [B, time],
      [position, 1],
    ]);
    return k.select(counts, read, 0);
  };
}

function addSplit(k: KernelBuilder, [whole, rest]: readonly [Value, Value], parts: readonly Value[]) {
  return parts.reduce<[Value, Value]>(
    ([sum, remainder], part) => {
      const floor = k.map('floor', finite(k, part));
      return [k.add(sum, floor), k.add(remainder, k.sub(part, floor))];
    },
    [whole, rest],
  );
}
