import { evaluate, type Sizes } from '../base/dim.ts';
import { isFloating } from '../base/dtype.ts';
import { defined, type SourcePlace } from '../base/errors.ts';
import { threefry, uniforms } from '../base/random.ts';
import type { Graph, GraphLike, Node, Ref } from '../ir/graph.ts';
import { irOf, makeRef } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import { ops } from '../ops/index.ts';
import { runPasses } from '../passes/index.ts';
import { compile, executionOrder } from '../runtime/compile.ts';
import type { Device } from '../runtime/device.ts';
import type { Feeds, TensorValue } from '../runtime/feeds.ts';
import type { IndexRange } from '../runtime/lower.ts';
import { optionalPasses, watch, watched, withoutUpdates } from '../runtime/observe.ts';
import { layoutParameters } from '../runtime/parameters.ts';
import { ModelState } from '../runtime/state.ts';

export interface CompareOptions {
  /** of the named dimensions */
  readonly sizes?: Sizes;
  /** of inputs and first weights; default 1 */
  readonly seed?: number;
  /** largest difference allowed, in units of max(1, largest element of the tensor); default 1e-5 */
  readonly tolerance?: number;
  /** compare the nodes that the passes leave, fused ones among them; default: those of the graph itself */
  readonly optimised?: boolean;
  /** weights by parameter name; default: drawn by their initialisers */
  readonly weights?: ReadonlyMap<string, ArrayLike<number>>;
}

/** Where two devices differ most in one tensor. */
export interface Difference {
  /** scope path and id of the node */
  readonly node: string;
  readonly op: string;
  readonly phase: string;
  /** line of the author */
  readonly place?: SourcePlace | undefined;
  /** which of the node's results */
  readonly result: number;
  readonly shape: readonly number[];
  /** of the element, one number per axis */
  readonly index: readonly number[];
  /** of the element, on the first and on the second device */
  readonly values: readonly [number, number];
  /** |difference| / max(1, largest element of the tensor); infinite where one value is not finite and the other another */
  readonly size: number;
}

export interface Comparison {
  readonly nodes: number;
  readonly tolerance: number;
  /** the first node, in the order in which they run, that differs by more than the tolerance */
  readonly first: Difference | undefined;
  /** the largest difference of all */
  readonly largest: Difference | undefined;
}

/** 1e-5 · max(1, largest): what long sums in f32 keep to, in any order. */
export const COMPARE_TOLERANCE = 1e-5;

/**
 * Runs the forward and backward part of a graph on two devices, with equal weights and inputs drawn from a seed (ids within
 * what reads them, floats in [−1, 1)), and finds the first node whose results differ. Updates are left out.
 */
export async function compareDevices(
  given: GraphLike,
  [first, second]: readonly [Device, Device],
  options: CompareOptions = {},
): Promise<Comparison> {
  const { tolerance = COMPARE_TOLERANCE, optimised = false } = options;
  const graph = optimised ? runPasses(irOf(given), ops).graph : irOf(given);
  const order = withoutUpdates(executionOrder(graph));
  const tensors = order.flatMap((node) =>
    node.types.map((_, result) => ({ node, result, ref: makeRef(node.id, result) })),
  );
  const refs = tensors.map(({ ref }) => ref);
  const one = await observe(graph, order, refs, first, options);
  const other = await observe(graph, order, refs, second, options);
  const differences = tensors.flatMap(({ node, result }, i) => {
    const [a, b] = [defined(watched(one, i), node.id), defined(watched(other, i), node.id)];
    return differenceOf(node, result, a, b) ?? [];
  });
  return {
    nodes: order.length,
    tolerance,
    first: differences.find(({ size }) => size > tolerance),
    largest: differences.reduce<Difference | undefined>(
      (most, each) => (most === undefined || each.size > most.size ? each : most),
      undefined,
    ),
  };
}

async function observe(
  graph: Graph,
  order: readonly Node[],
  refs: readonly Ref[],
  device: Device,
  { sizes = {}, seed = 1, weights }: CompareOptions,
): Promise<Record<string, TensorValue>> {
  const observed = watch(graph, order, refs, ops);
  const state = new ModelState(device, layoutParameters([observed]));
  const { executable } = await compile(observed, { state, disable: optionalPasses() });
  try {
    if (weights === undefined) await state.initialize(seed);
    else
      for (const name of state.layout.entries.keys())
        await state.write(name, defined(weights.get(name), name));
    return await executable.run(drawFeeds(observed, executable.program.indices, sizes, seed));
  } finally {
    await executable.free();
    state.free();
  }
}

/** Inputs from a seed: the same on every device. */
function drawFeeds(graph: Graph, indices: readonly IndexRange[], sizes: Sizes, seed: number): Feeds {
  return Object.fromEntries(
    graph.inputs.map((id) => {
      const node = defined(graph.nodes[id], id);
      const { dtype, shape: dims } = defined(node.types[0], `type of ${id}`);
      const name = String(node.attributes.name);
      const shape = dims.map((dim) => evaluate(dim, sizes));
      const ranges = indices.filter((range) => range.name === name);
      const low = Math.max(0, ...ranges.map((range) => range.low));
      const below = Math.min(...ranges.map((range) => evaluate(range.below, sizes)));
      const element = (i: number): number => {
        if (isFloating(dtype)) return 2 * uniforms(seed, name, i)[0] - 1;
        const [word] = threefry(seed, id.length, i, 0);
        if (dtype === 'u32') return word;
        return low + (word % Math.max(1, Number.isFinite(below) ? below - low : 2));
      };
      const count = shape.reduce((product, size) => product * size, 1);
      return [name, { dtype, shape, data: Array.from({ length: count }, (_, i) => element(i)) }];
    }),
  );
}

/** The element in which two results differ most; undefined where they are equal. */
function differenceOf(
  node: Node,
  result: number,
  { shape, data }: TensorValue,
  other: TensorValue,
): Difference | undefined {
  let [at, size, scale] = [-1, 0, 1];
  for (let i = 0; i < data.length; i++) {
    const [a, b] = [data[i] as number, other.data[i] as number];
    if (Number.isFinite(a)) scale = Math.max(scale, Math.abs(a));
    if (a === b || (Number.isNaN(a) && Number.isNaN(b))) continue;
    const error = Math.abs(a - b);
    const found = Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
    if (at >= 0 && found <= size) continue;
    [at, size] = [i, found];
  }
  if (at < 0) return undefined;
  const { op, phase, source } = node;
  return {
    ...{ node: nodePath(node), op, phase, place: source, result, shape },
    index: placeOf(at, shape),
    values: [data[at] as number, other.data[at] as number],
    size: size / scale,
  };
}

/** One number per axis for a flat index. */
function placeOf(index: number, shape: readonly number[]): number[] {
  let rest = index;
  return shape
    .toReversed()
    .map((size) => {
      const place = rest % size;
      rest = Math.floor(rest / size);
      return place;
    })
    .reverse();
}
