import { DEFAULT_LIMITS, type WgslOptions } from '../../src/backend/wgsl/index.ts';
import type { Buffer, Kernel } from '../../src/kernel/ir.ts';

/**
 * A way to bind a kernel with more buffers than `limit`: what it only reads in one arena per type, what it writes in
 * another. The host then places those tensors in ranges of one GPU buffer. A runtime that plans memory in arenas anyway
 * gives its own.
 */
export function arenasFor(
  kernel: Kernel,
  limit = DEFAULT_LIMITS.storageBuffers,
): NonNullable<WgslOptions['arenas']> {
  if (kernel.buffers.length <= limit) return {};
  const arenaOf = ({ access, dtype }: Buffer): string =>
    `${access === 'read' ? 'operands' : 'results'}_${dtype}`;
  const groups = new Map<string, Buffer[]>();
  for (const buffer of kernel.buffers)
    groups.set(arenaOf(buffer), [...(groups.get(arenaOf(buffer)) ?? []), buffer]);
  const shared = kernel.buffers.filter((buffer) => (groups.get(arenaOf(buffer))?.length ?? 0) > 1);
  return Object.fromEntries(shared.map((buffer) => [buffer.name, arenaOf(buffer)]));
}
