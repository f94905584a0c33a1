import { checkOptions } from '../base/arguments.ts';
import { ARENA_BLOCKS, evaluate, namesOf, type Sizes } from '../base/dim.ts';
import { isFloating } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import { fillUniforms } from '../base/random.ts';
import type { Graph } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { elementsOf } from './bind.ts';
import type { TensorValue } from './feeds.ts';
import type { LoweredProgram } from './lower.ts';
import { type Input, inputsOf } from './nodes.ts';

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
  const feeds = inputsOf(program.graph).map((input) => {
    const { name, type } = input;
    const count = elementsOf(type, sizes);
    const { low, below, isWork } = rangeOf(input, program, sizes);
    const [counter, draws] = [Float64Array.from({ length: count }, (_, i) => i), new Float64Array(count)];
    fillUniforms(seed, name, counter, draws, new Float64Array(count));
    const element = (u: number): number => {
      if (isFloating(type.dtype)) return 2 * u - 1;
      return full && isWork ? below - 1 : Math.floor(low + u * (below - low));
    };
    const shape = type.shape.map((dim) => evaluate(dim, sizes));
    return [name, { dtype: type.dtype, shape, data: draws.map(element) }] as const;
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

function rangeOf({ node: { id }, type }: Input, { graph, indices }: LoweredProgram, sizes: Sizes): Range {
  const rows = indices.find(({ lengths }) => lengths === id);
  if (rows !== undefined) {
    const width = elementsOf(typeOfRef(graph, rows.ids), sizes) / Math.max(1, elementsOf(type, sizes));
    return { low: Math.min(1, width), below: width + 1, isWork: true };
  }
  const ids = indices.filter((range) => range.ids === id);
  const low = Math.max(0, ...ids.map((range) => range.low));
  const below = Math.min(...ids.map((range) => evaluate(range.below, sizes)));
  if (Number.isFinite(below)) return { low, below: Math.max(low, below) };
  return type.dtype === 'u32'
    ? { low: 0, below: 2 ** 24 }
    : { low: 0, below: 2, isWork: type.dtype === 'bool' };
}
