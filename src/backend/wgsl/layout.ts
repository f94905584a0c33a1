import type { Axis } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';

/**
 * Which elements of an axis a thread owns: `groups` stretches of `lanes` neighbours, the stretches of one thread
 * `threads · lanes` elements apart. So the threads of a dimension together touch one stretch of memory, and a thread's four
 * neighbours are one vec4: one register, one access.
 *
 *   element = (thread + group · threads) · lanes + lane
 */
export interface AxisLayout {
  readonly threads: number;
  readonly lanes: 1 | 4;
  readonly groups: number;
}

/** Axes that profit from vec4: rows and columns of products, and what vectorised accesses run along. */
function wantedAxes({ steps, live }: Analysis, accessed: Iterable<Axis>): Set<Axis> {
  const wanted = new Set<Axis>(accessed);
  for (const { statement } of steps) {
    if (statement.kind !== 'let' || statement.value.op !== 'dot' || !live.has(statement.value)) continue;
    wanted.add(statement.value.row).add(statement.value.column);
  }
  return wanted;
}

/** Axes of one size on one dimension are laid out alike, so that a rename between them moves nothing. */
export function layOut(
  analysis: Analysis,
  axes: readonly Axis[],
  threads: Readonly<Record<'x' | 'y', number>>,
  accessed: Iterable<Axis>,
): ReadonlyMap<Axis, AxisLayout> {
  const { dimensionOf } = analysis.placement;
  const kindOf = (axis: Axis): string => `${dimensionOf.get(axis) ?? 'x'} ${axis.size}`;
  const wanted = new Set([...wantedAxes(analysis, accessed)].map(kindOf));
  return new Map(
    axes.map((axis) => {
      const count = threads[dimensionOf.get(axis) ?? 'x'];
      const lanes = wanted.has(kindOf(axis)) && axis.size % (4 * count) === 0 ? 4 : 1;
      return [axis, { threads: count, lanes, groups: Math.ceil(axis.size / (count * lanes)) }];
    }),
  );
}
