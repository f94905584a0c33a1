import { checkOptions } from '../base/arguments.ts';
import { ARENA_BLOCKS, evaluate, namesOf, type Sizes } from '../base/dim.ts';
import { type DType, isFloating } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import { fillUniforms } from '../base/random.ts';
import type { Graph, NodeId } from '../ir/graph.ts';
import type { TensorValue } from './feeds.ts';
import type { LoweredProgram } from './lower.ts';
import { inputsOf } from './nodes.ts';

export interface ExampleOptions {
  /** default 1 */
  readonly seed?: number;
  /** nothing masked, and rows as long as they can be: what a step costs at most; default: as drawn */
  readonly full?: boolean;
}

/** Integers `low` … `below` − 1 that an input may hold, and whether more of them is more work. */
interface Range {
  readonly low: number;
  readonly below: number;
  readonly isWork?: boolean;
}

/**
 * Feeds for a program from a seed, the same on every device: floats in [−1, 1), ids within what reads them, masks of zeros
 * and ones, lengths from 1 to the width of their rows.
 */
export function exampleFeeds(
  program: LoweredProgram,
  sizes: Sizes,
  { seed = 1, full = false }: ExampleOptions = {},
): Record<string, TensorValue> {
  const inputs = inputsOf(program.graph).map(({ node: { id }, name, type: { dtype, shape: dims } }) => {
    const shape = dims.map((dim) => evaluate(dim, sizes));
    return { id, name, dtype, shape, count: shape.reduce((all, size) => all * size, 1) };
  });
  const countOf = new Map(inputs.map(({ id, count }) => [id, count]));
  const feeds = inputs.map(({ id, name, dtype, shape, count }) => {
    const range = rangeOf(id, dtype, program, sizes, countOf);
    const [counter, draws] = [Float64Array.from({ length: count }, (_, i) => i), new Float64Array(count)];
    fillUniforms(seed, name, counter, draws, new Float64Array(count));
    const element = (u: number): number => {
      if (isFloating(dtype)) return 2 * u - 1;
      if (full && range.isWork) return range.below - 1;
      return Math.floor(range.low + u * (range.below - range.low));
    };
    return [name, { dtype, shape, data: draws.map(element) }] as const;
  });
  return Object.fromEntries(feeds);
}

/** Names of the dimensions that feeds give a size. */
export const dimensionsOf = (graph: Graph): string[] => [
  ...new Set(inputsOf(graph).flatMap(({ type }) => type.shape.flatMap(namesOf))),
];

/** A misspelt name would leave the size of another one open. @throws FROND-S045 */
export function requireNames(graph: Graph, { [ARENA_BLOCKS]: _, ...sizes }: Sizes): void {
  const kinds = Object.fromEntries(dimensionsOf(graph).map((name) => [name, is.unchecked]));
  checkOptions(`graph ${graph.name}`, sizes, kinds);
}

function rangeOf(
  id: NodeId,
  dtype: DType,
  { indices }: LoweredProgram,
  sizes: Sizes,
  countOf: ReadonlyMap<NodeId, number>,
): Range {
  const rows = indices.find(({ lengths }) => lengths === id);
  if (rows !== undefined) {
    const width = (countOf.get(rows.ids) ?? 0) / Math.max(1, countOf.get(id) ?? 1);
    return { low: Math.min(1, width), below: width + 1, isWork: true };
  }
  const ids = indices.filter((range) => range.ids === id);
  const low = Math.max(0, ...ids.map((range) => range.low));
  const below = Math.min(...ids.map((range) => evaluate(range.below, sizes)));
  if (Number.isFinite(below)) return { low, below: Math.max(low, below) };
  return dtype === 'u32' ? { low: 0, below: 2 ** 24 } : { low: 0, below: 2, isWork: dtype === 'bool' };
}
