import type { Kernel } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import type { WgslLimits } from './options.ts';

export type Threads = Readonly<Record<'x' | 'y', number>>;

const powerAtMost = (limit: number, size: number): number =>
  2 ** Math.floor(Math.log2(Math.max(1, Math.min(limit, size))));

const divisorOfBoth = (x: number, y: number): number => (y === 0 ? x : divisorOfBoth(y, x % y));

/**
 * Threads along a dimension of products: as many as give each at most eight elements of the longest axis, in groups of four;
 * eight threads at least, sixteen at most, as far as they divide the axes.
 */
function productThreads(sizes: readonly number[]): number | undefined {
  const quarters = sizes.map((size) => size / 4).reduce(divisorOfBoth, 0);
  const longest = Math.max(...sizes);
  const fits = Array.from({ length: 16 }, (_, i) => i + 1).filter((threads) => quarters % threads === 0);
  const best = fits.find((threads) => threads >= 8 && longest / threads <= 8) ?? fits.at(-1);
  return best !== undefined && best >= 4 ? best : undefined;
}

export const hasProduct = ({ steps, live }: Analysis): boolean =>
  steps.some(
    ({ statement }) => statement.kind === 'let' && statement.value.op === 'dot' && live.has(statement.value),
  );

/**
 * Threads of a workgroup where the schedule leaves them open: for products blocks of up to 8 × 8 elements each; else as many
 * as the tiles can use with four elements each, or one where tiles are small.
 */
export function threadsFor({ axes }: Kernel, analysis: Analysis, { invocations }: WgslLimits): Threads {
  const { placement } = analysis;
  const spread = new Set([...placement.spread].flatMap((value) => value.axes));
  const along = (dimension: 'x' | 'y'): number[] =>
    axes
      .filter((axis) => spread.has(axis) && placement.dimensionOf.get(axis) === dimension)
      .map(({ size }) => size);
  if (hasProduct(analysis)) {
    const [x, y] = [productThreads(along('x')), productThreads(along('y'))];
    if (x !== undefined && y !== undefined && x * y <= invocations) return { x, y };
  }
  const [longestX, longestY] = [Math.max(1, ...along('x')), Math.max(1, ...along('y'))];
  const rows = powerAtMost(16, longestY);
  const columns = Math.max(longestX / 4, Math.min(longestX, 64 / rows));
  return { x: powerAtMost(invocations / rows, columns), y: rows };
}
