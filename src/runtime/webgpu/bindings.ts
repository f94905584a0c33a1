import { grouped, own } from '../../base/own.ts';
import type { Buffer } from '../../kernel/ir.ts';
import type { Place } from '../device.ts';

/** How a launch's buffers are bound: part of a kernel's text. */
export interface BindingPattern {
  /** buffer → binding that it shares */
  readonly arenas: Readonly<Record<string, string>>;
  /** buffers that are bound for writing although the kernel only reads them */
  readonly readWrite: readonly string[];
}

/** A kernel's buffer in its place. */
export type PlacedBuffer = Place & Pick<Buffer, 'name' | 'access'>;

/** Items by key, in order of first appearance. */
const partsBy = <T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] => [
  ...grouped(items.map((item) => [keyOf(item), item] as const)).values(),
];

const count = <T>(items: readonly T[], keyOf: (item: T) => unknown): number => new Set(items.map(keyOf)).size;

/**
 * The rules of WebGPU: within one dispatch a GPU buffer is either only read, through any ranges, or bound for writing everywhere,
 * at disjoint ranges. So whatever lies in a memory that the launch writes is bound `read_write`, and operands that are one
 * tensor share a binding. Beyond `limit` bindings, all buffers in one memory share one, the fullest memory first.
 */
export function planBindings(buffers: readonly PlacedBuffer[], limit: number): BindingPattern {
  const written = new Set(buffers.filter(({ access }) => access !== 'read').map(({ memory }) => memory));
  const memories = partsBy(buffers, ({ memory }) => memory);
  const arenas: Record<string, string> = {};
  const bindingOf = ({ name }: PlacedBuffer): string => own(arenas, name) ?? name;
  const join = (members: readonly PlacedBuffer[]): void => {
    if (count(members, bindingOf) === 1) return;
    for (const { name } of members) arenas[name] = `${members[0]?.name}_memory`;
  };
  for (const members of memories) {
    if (!written.has(members[0]?.memory)) continue;
    for (const same of partsBy(members, ({ tensor }) => tensor)) join(same);
  }
  for (const members of memories.toSorted((a, b) => b.length - a.length)) {
    if (count(buffers, bindingOf) > limit) join(members);
  }
  const readWrite = buffers.filter(({ access, memory }) => access === 'read' && written.has(memory));
  return { arenas, readWrite: readWrite.map(({ name }) => name) };
}

/**
 * Whether a launch that would be bound by `wanted` can do with the text of another launch of the kernel, bound by `known`: one that
 * shares bindings just as it does, and only binds more for writing. In no memory may then be a binding for writing beside one for
 * reading, or beside another of the same tensor.
 */
export function isServedBy(
  buffers: readonly PlacedBuffer[],
  wanted: BindingPattern,
  { arenas, readWrite }: BindingPattern,
): boolean {
  if (JSON.stringify(arenas) !== JSON.stringify(wanted.arenas)) return false;
  if (!wanted.readWrite.every((name) => readWrite.includes(name))) return false;
  const bindingOf = ({ name }: PlacedBuffer): string => own(arenas, name) ?? name;
  return partsBy(buffers, ({ memory }) => memory).every((members) => {
    const written = members.filter(({ name, access }) => access !== 'read' || readWrite.includes(name));
    const writing = new Set(written.map(bindingOf));
    if (writing.size === 0) return true;
    const tensors = partsBy(members, ({ tensor }) => tensor);
    return (
      members.every((member) => writing.has(bindingOf(member))) &&
      tensors.every((same) => count(same, bindingOf) === 1)
    );
  });
}
