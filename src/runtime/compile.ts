import { checkArguments, checkOptions } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import { flag, instanceOf, listOf, optional, text } from '../base/kinds.ts';
import type { Declarations, Outputs, TypedGraph } from '../dsl/index.ts';
import { checkGraph } from '../ir/check.ts';
import { type Graph, graphKind, irOf, type Node, type NodeId, splitRef } from '../ir/graph.ts';
import { rootsOf, topologicalOrder } from '../ir/order.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { type Schedules, type ScheduleTable, tableKind } from '../kernel/schedule.ts';
import { ops } from '../ops/index.ts';
import { type PassLog, type PassOptions, runPasses } from '../passes/index.ts';
import { type Device, deviceKind } from './device.ts';
import { Executable } from './executable.ts';
import { giveGradientsMemory } from './gradients.ts';
import { checkConstants, guardIndices } from './indices.ts';
import { type LoweredProgram, lowerGraph } from './lower.ts';
import { orderForMemory } from './memoryOrder.ts';
import { layoutParameters } from './parameters.ts';
import { schedulesOf } from './schedules/index.ts';
import { ModelState } from './state.ts';
import type { TypedExecutable } from './typed.ts';

export interface CompileOptions {
  /** weights to share; without it the graph gets a zeroed state of its own on `device` */
  readonly state?: ModelState | undefined;
  readonly device?: Device | undefined;
  /** names of passes to leave out */
  readonly disable?: readonly string[] | undefined;
  /** ops to compile with; default: those of frond */
  readonly registry?: OpRegistry | undefined;
  /** check the graph after every pass */
  readonly check?: boolean | undefined;
  /** schedules laid over the device's own, such as those that tuning found; `program.schedules` lists what was used */
  readonly schedules?: ScheduleTable | undefined;
}

const OPTIONS = {
  state: optional(instanceOf('the state of a model', ModelState)),
  device: optional(deviceKind),
  disable: optional(listOf(text, "names of passes, such as ['fuseElementwise']")),
  registry: optional(registryKind),
  check: optional(flag),
  schedules: optional(tableKind),
};

/** Nodes that run, operands before users: updates, and whatever depends on them, are `late`. */
function splitOrder(graph: Graph): { readonly early: Node[]; readonly late: Node[] } {
  const order = topologicalOrder(graph, rootsOf(graph));
  const late = new Set<NodeId>();
  for (const node of order) {
    const waits = node.phase === 'update' || node.inputs.some((ref) => late.has(splitRef(ref).id));
    if (waits) late.add(node.id);
  }
  return {
    early: order.filter(({ id }) => !late.has(id)),
    late: order.filter(({ id }) => late.has(id)),
  };
}

/**
 * Operands before users. Updates, and whatever depends on them, come after everything that may still read the old weights.
 * With a registry, what comes before them stands in an order that needs little memory.
 */
export function executionOrder(graph: Graph, registry?: OpRegistry): Node[] {
  const { early, late } = splitOrder(graph);
  const order = [...early, ...late];
  return registry === undefined ? order : orderForMemory(graph, order, early.length, registry);
}

export interface Compiled {
  readonly executable: Executable;
  /** what each pass did, with its time */
  readonly passes: readonly PassLog[];
}

export interface TypedCompiled<I extends Declarations, O extends Outputs> {
  readonly executable: TypedExecutable<I, O>;
  /** what each pass did, with its time */
  readonly passes: readonly PassLog[];
}

/** No overloads: so the compiler's message about a wrong option speaks of the option, whatever graph is given. */
export type CompiledOf<G> = G extends TypedGraph<infer I, infer O> ? TypedCompiled<I, O> : Compiled;

/** All that compiling does before it asks the device for something. */
export function optimiseAndLower(
  graph: Graph,
  registry: OpRegistry,
  schedules: Schedules,
  options: PassOptions = {},
): { readonly program: LoweredProgram; readonly log: readonly PassLog[] } {
  const { disable, check, precision } = options;
  const { graph: optimised, log } = runPasses(graph, registry, { disable, check, precision });
  const guarded = guardIndices(optimised, executionOrder(optimised), registry);
  const ready = giveGradientsMemory(guarded, executionOrder(guarded), registry);
  const program = lowerGraph(ready, executionOrder(ready, registry), registry, schedules);
  checkConstants(program);
  return { program, log };
}

/**
 * Optimises, lowers and compiles `graph` for a device. What a typed graph is fed with and gives is checked by the compiler.
 * @throws FROND-I…, FROND-P… when the graph is not well formed, FROND-R003, R004 when `state` is not that of its parameters,
 *   FROND-R012 for a constant that indexes past a table, FROND-R022 for an argument or option that is missing, unknown or of
 *   another kind, other FROND-R… when the device refuses
 */
export async function compile<G extends Graph | TypedGraph>(
  given: G,
  options: CompileOptions,
): Promise<CompiledOf<G>> {
  checkArguments('compile', { graph: graphKind }, [given], 'FROND-R022');
  checkOptions('compile', options, OPTIONS, 'FROND-R022');
  const graph = irOf(given);
  const registry = options.registry ?? ops;
  checkGraph(graph, registry);
  const state = options.state ?? ownState(graph, options.device);
  const schedules = schedulesOf(state.device.name, [state.device.schedules ?? {}, options.schedules ?? {}]);
  const { program, log } = optimiseAndLower(graph, registry, schedules, {
    ...options,
    precision: state.device.precision,
  });
  state.require(program.graph);
  const executable = new Executable(program, state);
  await executable.prepare();
  // the compiler is told that the executable's inputs and outputs are those of the graph
  return { executable, passes: log } as unknown as CompiledOf<G>;
}

function ownState(graph: Graph, device: Device | undefined): ModelState {
  if (device === undefined) {
    throw new FrondError('FROND-R014', 'compile: neither a state nor a device was given', {
      hint: 'pass { device: interpreterDevice() } or the state of a model',
    });
  }
  return new ModelState(device, layoutParameters([graph]));
}
