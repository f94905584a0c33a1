import { own } from '../../base/own.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { Place } from '../device.ts';

/** How a launch's buffers are bound: part of a kernel's text. */
export interface BindingPattern {
  /** buffer → binding that it shares */
  readonly arenas: Readonly<Record<string, string>>;
  /** buffers that are bound for writing although the kernel only reads them */
  readonly readWrite: readonly string[];
}

/** Items by key, in order of first appearance. */
function partsBy<T>(items: readonly T[], keyOf: (item: T) => unknown): T[][] {
  const parts = new Map<unknown, T[]>(items.map((item) => [keyOf(item), []]));
  for (const item of items) parts.get(keyOf(item))?.push(item);
  return [...parts.values()];
}

const count = (items: readonly unknown[]): number => new Set(items).size;

/**
 * The rules of WebGPU: within one dispatch a GPU buffer is either only read, through any ranges, or bound for writing everywhere,
 * at disjoint ranges. So whatever lies in a memory that the launch writes is bound `read_write`, and operands that are one
 * tensor share a binding. Beyond `limit` bindings, all buffers in one memory share one, the fullest memory first.
 */
export function planBindings(
  kernel: Kernel,
  placeOf: (buffer: string) => Place,
  limit: number,
): BindingPattern {
  const buffers = kernel.buffers.map(({ name, access }) => ({ name, access, ...placeOf(name) }));
  const written = new Set(buffers.filter(({ access }) => access !== 'read').map(({ memory }) => memory));
  const memories = partsBy(buffers, ({ memory }) => memory);
  const arenas: Record<string, string> = {};
  let left = buffers.length;
  const join = (members: readonly { readonly name: string }[]): void => {
    const bindings = new Set(members.map(({ name }) => own(arenas, name) ?? name));
    left -= bindings.size - 1;
    if (bindings.size > 1) for (const { name } of members) arenas[name] = `${members[0]?.name}_memory`;
  };
  for (const members of memories) {
    if (!written.has(members[0]?.memory)) continue;
    for (const same of partsBy(members, ({ tensor }) => tensor)) join(same);
  }
  for (const members of [...memories].sort((a, b) => b.length - a.length)) {
    if (left > limit) join(members);
  }
  const readWrite = buffers.filter(({ access, memory }) => access === 'read' && written.has(memory));
  return { arenas, readWrite: readWrite.map(({ name }) => name) };
}

/**
 * Whether a launch may be bound by `pattern`: its shared bindings lie in one memory each, and in no memory is a binding for writing
 * beside one for reading, or beside another of the same tensor.
 */
export function allowsBindings(
  kernel: Kernel,
  placeOf: (buffer: string) => Place,
  { arenas, readWrite }: BindingPattern,
): boolean {
  const bindings = kernel.buffers.map(({ name, access }) => ({
    ...placeOf(name),
    name: own(arenas, name) ?? name,
    writes: access !== 'read' || readWrite.includes(name),
  }));
  const isWhole = partsBy(bindings, ({ name }) => name).every(
    (members) => count(members.map(({ memory }) => memory)) === 1,
  );
  const isApart = partsBy(bindings, ({ memory }) => memory).every((members) => {
    const writing = new Set(members.filter(({ writes }) => writes).map(({ name }) => name));
    if (writing.size === 0) return true;
    const tensors = partsBy(members, ({ tensor }) => tensor);
    return (
      members.every(({ name }) => writing.has(name)) &&
      tensors.every((same) => count(same.map(({ name }) => name)) === 1)
    );
  });
  return isWhole && isApart;
}

/**
 * Whether a launch that would be bound by `own` can do with the text of another launch of the kernel, bound by `known`: one that shares
 * bindings just as it does, and only binds more for writing.
 */
export const isServedBy = (
  kernel: Kernel,
  placeOf: (buffer: string) => Place,
  own: BindingPattern,
  known: BindingPattern,
): boolean =>
  JSON.stringify(known.arenas) === JSON.stringify(own.arenas) &&
  own.readWrite.every((name) => known.readWrite.includes(name)) &&
  allowsBindings(kernel, placeOf, known);
