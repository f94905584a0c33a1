import { withStorage } from '../../kernels/plan.ts';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Graph, Node, Ref } from '../ir/graph.ts';
import { multiplesOf4 } from '../ir/multiples.ts';
import { placeOf } from '../ir/names.ts';
import { printComputation } from '../ir/print.ts';
import type { Demand, LaunchPlan, LowerContext, OpRecord, OpRegistry, Slot } from '../ir/record.ts';
import type { Kernel, Schedule } from '../kernel/ir.ts';
import { noSchedules, type Schedules, scheduleKey } from '../kernel/schedule.ts';
import { type ComputedIndex, type IndexRange, indicesOf } from './indices.ts';
import { contextOf, inOrder } from './nodes.ts';
import { type Home, pinnedGradients } from './updates.ts';

export interface LoweredLaunch extends LaunchPlan {
  /** parameters that are multiples of 4 whatever a feed brings */
  readonly multiplesOf4: readonly string[];
}

/** A node with the launches that compute it. */
export interface LoweredNode {
  readonly node: Node;
  readonly launches: readonly LoweredLaunch[];
  readonly demands: readonly Demand[];
}

/** A kernel of the program under one shape class, and the schedule that it got: what rounding depends on. */
export interface UsedSchedule {
  readonly kernel: string;
  /** the key under which `ScheduleTable` finds it; '' for kernels that take their schedule from no table */
  readonly shapeClass: string;
  /** of the text: a kernel may have several under one class, for epilogues and dtypes */
  readonly variant: string;
  readonly schedule: Schedule;
}

/** A graph as launches over symbolic sizes, in the order in which they run. */
export interface LoweredProgram {
  readonly graph: Graph;
  readonly nodes: readonly LoweredNode[];
  /** the tensor whose memory a ref shares: itself, or what it is a view of */
  readonly root: (ref: Ref) => Ref;
  /** gradients that live in an arena at their parameter's place, by root ref */
  readonly gradients: ReadonlyMap<Ref, Home>;
  readonly indices: readonly IndexRange[];
  readonly computedIndices: readonly ComputedIndex[];
  /** each once, in the order of first use */
  readonly schedules: readonly UsedSchedule[];
}

function usedSchedules(nodes: readonly LoweredNode[]): UsedSchedule[] {
  const used = new Map<string, UsedSchedule>();
  for (const { kernel, shapeClass = '' } of new Set(nodes.flatMap(({ launches }) => launches))) {
    const { name, variant, schedule } = kernel;
    const key = [name, shapeClass, variant, scheduleKey(schedule)].join('|');
    used.set(key, { kernel: name, shapeClass, variant, schedule });
  }
  return [...used.values()];
}

/** The op of a node that runs as launches; undefined for what is there before, or lies in another tensor's memory. */
function recordOf(node: Node, registry: OpRegistry): OpRecord | undefined {
  const record = registry.get(node.op);
  const refused = (code: ErrorCode, what: string, hint: string) =>
    new FrondError(code, `op ${node.op} ${what}`, { ...placeOf(node), hint });
  if (record === undefined)
    throw refused('FROND-R006', 'is not known', 'compile with the registry that has it');
  if (record.kind === 'source' || record.kind === 'view') return undefined;
  if (record.lower === undefined)
    throw refused('FROND-R007', 'has no kernels', 'leave the pass `expand` switched on');
  return record;
}

/** Launches name operands and results by number, so that the layers of a model, which compute the same, share theirs. */
function lowerNodes(
  graph: Graph,
  order: readonly Node[],
  registry: OpRegistry,
  schedules: Schedules,
): LoweredNode[] {
  const known = new Map<string, Omit<LoweredNode, 'node'>>();
  return order.flatMap((node) => {
    const record = recordOf(node, registry);
    if (record === undefined) return [];
    const context = { ...contextOf(graph, node), schedules };
    const computation = printComputation(node, context.inputs);
    let lowered = known.get(computation);
    if (lowered === undefined) {
      const launches = record.lower?.(context) ?? [];
      lowered = {
        launches: launches.map((launch) => ({
          ...launch,
          kernel: kernelFor(launch, context),
          multiplesOf4: multiplesOf4(launch),
        })),
        demands: record.demands?.(context) ?? [],
      };
      known.set(computation, lowered);
    }
    return [{ node, ...lowered }];
  });
}

/** The kernel of a launch, with buffers of f16 where it is bound to tensors of f16. */
function kernelFor({ kernel, slots }: LaunchPlan, { inputs, outputs }: LowerContext): Kernel {
  const dtypeOf = (slot: Slot | undefined) =>
    slot?.kind === 'input'
      ? inputs[slot.index]?.dtype
      : slot?.kind === 'output'
        ? outputs[slot.index]?.dtype
        : undefined;
  const halves = kernel.buffers.filter(
    ({ name, dtype }) => dtype === 'f32' && dtypeOf(own(slots, name)) === 'f16',
  );
  return withStorage(kernel, Object.fromEntries(halves.map(({ name }) => [name, 'f16' as const])));
}

/** Lowers every node of `order` (topological, updates last), with the schedules of the device that is to run it. */
export function lowerGraph(
  graph: Graph,
  order: readonly Node[],
  registry: OpRegistry,
  schedules: Schedules = noSchedules,
): LoweredProgram {
  const ordered = inOrder(graph, order, registry);
  const nodes = lowerNodes(graph, order, registry, schedules);
  return {
    graph,
    nodes,
    root: ordered.root,
    gradients: pinnedGradients(ordered),
    ...indicesOf(ordered),
    schedules: usedSchedules(nodes),
  };
}
