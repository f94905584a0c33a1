import { checkArguments } from '../base/arguments.ts';
import type { DType } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Declarations, Outputs, RANDOM_KEY, TypedGraph } from '../dsl/index.ts';
import { checkGraph } from '../ir/check.ts';
import { type Graph, type GraphLike, graphKind, idOf, irOf, type Node, type NodeId } from '../ir/graph.ts';
import { nodeOf } from '../ir/names.ts';
import { rootsOf, topologicalOrder } from '../ir/order.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { type Schedules, tableKind } from '../kernel/schedule.ts';
import { ops } from '../ops/index.ts';
import { type PassLog, type PassOptions, runPasses } from '../passes/index.ts';
import { type Device, deviceKind } from './device.ts';
import { Executable } from './executable.ts';
import type { FedTensor, ReadTensor } from './feeds.ts';
import { guardIndices } from './indices.ts';
import { type LoweredProgram, lowerGraph } from './lower.ts';
import { orderForMemory } from './memoryOrder.ts';
import { layoutParameters } from './parameters.ts';
import { schedulesOf } from './schedules.ts';
import { ModelState } from './state.ts';
import { giveGradientsMemory } from './updates.ts';

const compileOptions = {
  /** weights to share; without it the graph gets a zeroed state of its own on `device` */
  state: is.omittable(is.instanceOf('the state of a model', ModelState)),
  device: is.omittable(deviceKind),
  /** names of passes to leave out */
  disable: is.omittable(is.listOf(is.text, "names of passes, such as ['fuseElementwise']")),
  /** ops to compile with; default: those of frond */
  registry: is.omittable(registryKind),
  /** check the graph after every pass */
  check: is.omittable(is.flag),
  /** schedules laid over the device's own, such as those that tuning found; `program.schedules` lists what was used */
  schedules: is.omittable(tableKind),
};
export type CompileOptions = is.OptionsOf<typeof compileOptions>;

/**
 * Nodes that run, operands before users. Updates, and whatever depends on them, come after everything that may still read the old
 * weights. With a registry, what comes before them stands in an order that needs little memory.
 */
export function executionOrder(graph: Graph, registry?: OpRegistry): Node[] {
  const order = topologicalOrder(graph, rootsOf(graph));
  const late = new Set<NodeId>();
  for (const node of order) {
    const waits = node.phase === 'update' || node.inputs.some((ref) => late.has(idOf(ref)));
    if (waits) late.add(node.id);
  }
  const early = order.filter(({ id }) => !late.has(id));
  const sorted = [...early, ...order.filter(({ id }) => late.has(id))];
  return registry === undefined ? sorted : orderForMemory(graph, sorted, early.length, registry);
}

export interface Compiled {
  readonly executable: Executable;
  /** what each pass did, with its time */
  readonly passes: readonly PassLog[];
}

// What the compiler knows of a typed graph's feeds and results: names and element types. Sizes are checked when they are fed.

type Typed<T, D extends DType> = T & { readonly dtype: D };

/**
 * One tensor per declared input; the key of random numbers beside them. Whether a graph draws some (dropout in a training
 * graph) is known when it is built, not to the compiler: such a graph needs the key, u32 [seed, step], with another step
 * for each run:
 *
 *     'random.key': { dtype: 'u32', shape: [2], data: [seed, step] }
 *
 * Without it the run is refused with FROND-R009.
 */
export type FeedsOf<I extends Declarations> = {
  readonly [K in keyof I]: Typed<FedTensor, I[K]['dtype']>;
} & { readonly [RANDOM_KEY]?: Typed<FedTensor, 'u32'> };

/** The outputs that options of `run` name; all of them where they name none. */
type NamesIn<R, All> = R extends { readonly read: readonly (infer K extends All)[] } ? K : All;

/** An executable whose feeds and results are those of a typed graph. */
export interface TypedExecutable<I extends Declarations, O extends Outputs> extends Omit<Executable, 'run'> {
  /**
   * Feeds, runs, and reads back the named outputs (default: all of them). Where some are named, only what they need has to be fed.
   * @throws FROND-R009…R012, R031 when what is fed does not fit the declaration
   */
  run<const R extends { readonly read?: readonly (keyof O & string)[] } = Readonly<Record<never, never>>>(
    feeds: R extends { readonly read: unknown } ? Partial<FeedsOf<I>> : FeedsOf<I>,
    options?: R,
  ): Promise<{ readonly [P in NamesIn<R, keyof O & string>]: ReadTensor<O[P]['dtype']> }>;
}

export interface TypedCompiled<I extends Declarations, O extends Outputs> extends Pick<Compiled, 'passes'> {
  readonly executable: TypedExecutable<I, O>;
}

/** What makes of itself something else that runs, such as a training step. */
export interface Compilable<R> {
  compileWith(options: CompileOptions): Promise<R>;
}
const isCompilable = (given: object): given is Compilable<never> => 'compileWith' in given;
const compilableKind = is.either(graphKind, is.having<object>(graphKind.what, 'compileWith'));

/** No overloads: so the compiler's message about a wrong option speaks of the option, whatever graph is given. */
export type CompiledOf<G> =
  G extends Compilable<infer R>
    ? unknown extends R
      ? never
      : R
    : G extends TypedGraph<infer I, infer O>
      ? TypedCompiled<I, O>
      : Compiled;

/** All that compiling does before it asks the device for something. */
export function optimiseAndLower(
  graph: Graph,
  registry: OpRegistry,
  schedules: Schedules,
  options: PassOptions = {},
): { readonly program: LoweredProgram; readonly log: readonly PassLog[] } {
  const { disable, check, precision } = options;
  const { graph: optimised, log } = runPasses(graph, registry, { disable, check, precision });
  const order = executionOrder(optimised);
  const guarded = guardIndices(optimised, order, registry);
  const guardedOrder = guarded === optimised ? order : executionOrder(guarded);
  const ready = giveGradientsMemory(guarded, guardedOrder, registry);
  const program = lowerGraph(ready, executionOrder(ready, registry), registry, schedules);
  return { program, log };
}

/**
 * Optimises, lowers and compiles `graph` for a device. What a typed graph is fed with and gives is checked by the compiler.
 * @throws FROND-I…, FROND-P… when the graph is not well formed, FROND-R003, R004 when `state` is not that of its parameters,
 *   FROND-R012 for a constant that indexes past a table, FROND-R022 for an argument or option that is missing, unknown or of
 *   another kind, other FROND-R… when the device refuses
 */
export async function compile<G extends Graph | TypedGraph | Compilable<unknown>>(
  given: G,
  options: CompileOptions,
): Promise<CompiledOf<G>> {
  const kinds = { graph: compilableKind, options: compileOptions };
  checkArguments('compile', kinds, [given, options], 'FROND-R022');
  if (isCompilable(given)) return given.compileWith(options);
  const graph = irOf(given as GraphLike);
  const registry = options.registry ?? ops;
  checkGraph(graph, registry);
  const state = options.state ?? ownState(graph, options.device);
  const schedules = schedulesOf(state.device.name, [state.device.schedules ?? {}, options.schedules ?? {}]);
  const { program, log } = optimiseAndLower(graph, registry, schedules, {
    ...options,
    precision: state.device.precision,
  });
  state.require(program.graph);
  const narrow = async (names: readonly string[]): Promise<Executable> =>
    (await compile(narrowed(graph, names), { ...options, state })).executable;
  const executable = new Executable(program, state, narrow);
  await executable.prepare();
  // for the compiler: the executable's inputs and outputs are those of the graph
  return { executable, passes: log } as unknown as CompiledOf<G>;
}

/** What some of the outputs need of a graph. */
function narrowed(graph: Graph, names: readonly string[]): Graph {
  const outputs = Object.fromEntries(names.map((name) => [name, defined(graph.outputs[name], name)]));
  const needed = new Set(Object.values(outputs).map(idOf));
  for (const id of needed) for (const input of nodeOf(graph, id).inputs) needed.add(idOf(input));
  const nodes = Object.fromEntries(Object.entries(graph.nodes).filter(([id]) => needed.has(id)));
  return { ...graph, nodes, outputs, inputs: graph.inputs.filter((id) => needed.has(id)) };
}

function ownState(graph: Graph, device: Device | undefined): ModelState {
  if (device === undefined) {
    throw new FrondError('FROND-R014', 'compile: neither a state nor a device was given', {
      hint: 'pass { device: interpreterDevice() } or the state of a model',
    });
  }
  return new ModelState(device, layoutParameters([graph]));
}
