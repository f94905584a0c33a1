import { own } from '../../base/own.ts';
import type { Access, Buffer, Kernel, StorageType } from '../../kernel/ir.ts';
import { DEFAULT_LIMITS, type WgslBinding } from './options.ts';

/** Buffer name → name of the binding that it shares with others. Buffers that are not mentioned have one of their own. */
export type Arenas = Readonly<Record<string, string>>;

/**
 * A way to bind a kernel with more buffers than `limit`: what it only reads in one arena per type, what it writes in
 * another. The host then places those tensors in ranges of one GPU buffer. A runtime that plans memory in arenas anyway
 * gives its own.
 */
export function arenasFor(kernel: Kernel, limit = DEFAULT_LIMITS.storageBuffers): Arenas {
  if (kernel.buffers.length <= limit) return {};
  const arenaOf = ({ access, dtype }: Buffer): string =>
    `${access === 'read' ? 'operands' : 'results'}_${dtype}`;
  const groups = new Map<string, Buffer[]>();
  for (const buffer of kernel.buffers)
    groups.set(arenaOf(buffer), [...(groups.get(arenaOf(buffer)) ?? []), buffer]);
  const shared = kernel.buffers.filter((buffer) => (groups.get(arenaOf(buffer))?.length ?? 0) > 1);
  return Object.fromEntries(shared.map((buffer) => [buffer.name, arenaOf(buffer)]));
}

/** Bindings in order of the kernel's buffers; an arena stands where its first buffer does. */
export function bindBuffers(
  kernel: Kernel,
  arenas: Arenas,
  readWrite: readonly string[] = [],
): WgslBinding[] {
  const groups = new Map<string, Buffer[]>();
  for (const buffer of kernel.buffers) {
    const name = own(arenas, buffer.name) ?? buffer.name;
    groups.set(name, [...(groups.get(name) ?? []), buffer]);
  }
  return [...groups].map(([name, buffers], i) => ({
    name,
    buffers: buffers.map((buffer) => buffer.name),
    dtype: commonType(buffers),
    lanes: 1,
    group: 0,
    binding: i + 1,
    access: buffers.every(({ name, access }) => access === 'read' && !readWrite.includes(name))
      ? 'read'
      : 'read_write',
    roles: buffers.map(({ access }): Access => access),
  }));
}

/** Buffers of different types share an arena of words. */
function commonType(buffers: readonly Buffer[]): StorageType {
  const [first] = buffers;
  return first && buffers.every(({ dtype }) => dtype === first.dtype) ? first.dtype : 'u32';
}
