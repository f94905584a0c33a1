import { checkArguments } from '../base/arguments.ts';
import { placeIn } from '../base/dim.ts';
import { defined, type SourcePlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type GraphLike, graphKind, irOf } from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import { ops } from '../ops/index.ts';
import { runPasses } from '../passes/index.ts';
import { type Device, deviceKind } from '../runtime/device.ts';
import { type Observed, observe } from '../runtime/diagnose.ts';
import { exampleFeeds, requireNames } from '../runtime/exampleFeeds.ts';
import type { TensorValue } from '../runtime/feeds.ts';
import { layoutParameters } from '../runtime/parameters.ts';
import { ModelState } from '../runtime/state.ts';

const compareOptions = {
  /** of the named dimensions */
  sizes: is.optional(is.sizes),
  /** of inputs and first weights; default 1 */
  seed: is.optional(is.natural),
  /** largest difference allowed, in units of max(1, largest element of the tensor); default 1e-5 */
  tolerance: is.optional(is.notNegative),
  /** compare the nodes that the passes leave, fused ones among them; default: those of the graph itself */
  optimised: is.optional(is.flag),
  /** weights by parameter name; default: drawn by their initialisers */
  weights: is.optional(
    is.typed<ReadonlyMap<string, ArrayLike<number>>>(
      is.instanceOf('a Map from parameter names to numbers', Map),
    ),
  ),
};
export type CompareOptions = is.OptionsOf<typeof compareOptions>;

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

const devicesKind = is.kind(
  'two devices, such as [interpreterDevice(), wasmDevice()]',
  (value) => Array.isArray(value) && value.length === 2 && [...value].every(deviceKind.holds),
);
/**
 * Runs the forward and backward part of a graph on two devices, with equal weights and inputs drawn from a seed
 * (`exampleFeeds`), and finds the first node whose results differ. Updates are left out.
 */
export async function compareDevices(
  given: GraphLike,
  devices: readonly [Device, Device],
  options: CompareOptions = {},
): Promise<Comparison> {
  const kinds = { graph: graphKind, devices: devicesKind, options: compareOptions };
  checkArguments('compareDevices', kinds, [given, devices, options]);
  // 1e-5 · max(1, largest) is what long sums in f32 keep to, in any order
  const { sizes = {}, seed = 1, weights, tolerance = 1e-5, optimised = false } = options;
  const graph = optimised ? runPasses(irOf(given), ops).graph : irOf(given);
  requireNames(graph, sizes);
  const resultsOn = async (device: Device): Promise<Observed[]> => {
    const state = new ModelState(device, layoutParameters([graph]));
    try {
      if (weights === undefined) await state.initialize(seed);
      else for (const name of state.layout.entries.keys()) await state.write(name, weights.get(name) ?? []);
      return await observe(graph, state, (program) => exampleFeeds(program, sizes, { seed }));
    } finally {
      state.free();
    }
  };
  const one = await resultsOn(devices[0]);
  const other = await resultsOn(devices[1]);
  const differences = one.flatMap(
    (result, i) => differenceOf(result, defined(other[i], result.ref).value) ?? [],
  );
  return {
    nodes: new Set(one.map(({ node }) => node)).size,
    tolerance,
    first: differences.find(({ size }) => size > tolerance),
    largest: differences.toSorted((x, y) => y.size - x.size)[0],
  };
}

/** The element in which two results differ most; undefined where they are equal. */
function differenceOf(observed: Observed, other: TensorValue): Difference | undefined {
  const { node, result, value } = observed;
  const { shape, data } = value;
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
  return {
    node: nodePath(node),
    op: node.op,
    phase: node.phase,
    place: node.source,
    result,
    shape,
    index: placeIn(at, shape),
    values: [data[at] as number, other.data[at] as number],
    size: size / scale,
  };
}
