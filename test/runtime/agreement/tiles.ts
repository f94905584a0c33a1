import { type Dim, evaluate, type Sizes } from '../../../src/base/dim.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import type { LaunchPlan } from '../../../src/ir/record.ts';
import { statementsOf } from '../../../src/kernel/flow.ts';
import type { Kernel, Span, Term, Value } from '../../../src/kernel/ir.ts';
import { ops } from '../../../src/ops/index.ts';
import { runPasses } from '../../../src/passes/index.ts';
import { executionOrder } from '../../../src/runtime/compile.ts';
import type { DeviceName } from '../../../src/runtime/device.ts';
import { lowerGraph } from '../../../src/runtime/lower.ts';
import { schedulesOf } from '../../../src/runtime/schedules.ts';

const NAMES: readonly DeviceName[] = ['interpreter', 'wasm', 'webgpu'];

/** A size that programs walk in tiles of `extent`. */
interface Tiled {
  readonly size: Dim;
  readonly extent: number;
}

const spansIn = (terms: readonly Term[]): Span[] =>
  terms.flatMap(({ index }) => (index.kind === 'span' ? [index] : []));

function spansOf(kernel: Kernel): Span[] {
  const ofValue = (value: Value): Span[] => {
    if (value.op === 'inside') return [value.span];
    return value.op === 'load' ? spansIn(value.terms) : [];
  };
  return statementsOf(kernel).flatMap(({ statement }) => {
    if (statement.kind === 'let') return ofValue(statement.value);
    return statement.kind === 'store' ? spansIn(statement.terms) : [];
  });
}

/** Which sizes of a launch end the spans of which tile axes. */
function tiledBy({ kernel, scalars }: LaunchPlan): Tiled[] {
  return spansOf(kernel).flatMap(({ axis, limit }) => {
    const size = limit.op === 'parameter' ? scalars[limit.name] : undefined;
    return typeof size === 'string' ? [{ size, extent: axis.size }] : [];
  });
}

/** The tiled sizes of all kernels that a graph runs, under the schedules of every device. */
function tiledSizes(graph: Graph): Tiled[] {
  const { graph: ready } = runPasses(graph, ops);
  const programs = NAMES.map((name) => lowerGraph(ready, executionOrder(ready), ops, schedulesOf(name)));
  const launches = programs.flatMap(({ nodes }) => nodes.flatMap(({ launches }) => launches));
  return launches.flatMap(tiledBy);
}

const isPossible = (graph: Graph, sizes: Sizes): boolean =>
  Object.values(graph.nodes).every(({ types }) =>
    types.every(({ shape }) =>
      shape.every((dim) => {
        try {
          return evaluate(dim, sizes) >= 0;
        } catch {
          return false;
        }
      }),
    ),
  );

/**
 * Sizes around every tile: each tiled size one below, at and one above its tile's extent, all others as they are in `base`; of a
 * product of names, the first one is varied and the others are 1. Also each name at 0 and at 1.
 */
export function sizesAround(graph: Graph, base: Sizes): readonly Sizes[] {
  const found = new Map<string, Sizes>();
  const add = (changed: Sizes): void => {
    const sizes = { ...base, ...changed };
    if (isPossible(graph, sizes)) found.set(JSON.stringify(sizes), sizes);
  };
  for (const name of Object.keys(base)) for (const size of [0, 1]) add({ [name]: size });
  for (const { size, extent } of tiledSizes(graph)) {
    const names = Object.keys(base).filter((name) => String(size).split(/\W+/).includes(name));
    const [first, ...others] = names;
    if (first === undefined) continue;
    const ones = Object.fromEntries(others.map((name) => [name, 1]));
    const factor = evaluate(size, { ...base, ...ones, [first]: 1 });
    for (const by of [-1, 0, 1]) add({ ...ones, [first]: Math.ceil((extent + by) / Math.max(1, factor)) });
  }
  return [...found.values()];
}
