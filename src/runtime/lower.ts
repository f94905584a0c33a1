import { withStorage } from '../../kernels/plan.ts';
import { FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Graph, Node, Ref } from '../ir/graph.ts';
import { placeOf } from '../ir/names.ts';
import type { Demand, LaunchPlan, LowerContext, OpRegistry, Slot } from '../ir/record.ts';
import type { Schedule } from '../kernel/ir.ts';
import { noSchedules, type Schedules, scheduleKey } from '../kernel/schedule.ts';
import { type ComputedIndex, type IndexRange, indicesOf } from './indices.ts';
import { contextOf, memoryRoots } from './nodes.ts';
import { pinnedGradients } from './updates.ts';

/** A node with the launches that compute it. */
export interface LoweredNode {
  readonly node: Node;
  readonly launches: readonly LaunchPlan[];
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
  /** gradients that live in the gradient arena at their parameter's place: root ref → parameter name */
  readonly gradients: ReadonlyMap<Ref, string>;
  readonly indices: readonly IndexRange[];
  readonly computedIndices: readonly ComputedIndex[];
  /** each once, in the order of first use */
  readonly schedules: readonly UsedSchedule[];
}

function usedSchedules(nodes: readonly LoweredNode[]): UsedSchedule[] {
  const used = new Map<string, UsedSchedule>();
  for (const { kernel, shapeClass = '' } of nodes.flatMap(({ launches }) => launches)) {
    const { name, variant, schedule } = kernel;
    const key = [name, shapeClass, variant, scheduleKey(schedule)].join('|');
    used.set(key, { kernel: name, shapeClass, variant, schedule });
  }
  return [...used.values()];
}

function lowerNode(
  graph: Graph,
  node: Node,
  registry: OpRegistry,
  schedules: Schedules,
): LoweredNode | undefined {
  const record = registry.get(node.op);
  const at = placeOf(node);
  if (record === undefined) {
    throw new FrondError('FROND-R006', `op ${node.op} is not known`, {
      ...at,
      hint: 'compile with the registry that has it',
    });
  }
  if (record.kind === 'source' || record.kind === 'view') return undefined;
  if (record.lower === undefined) {
    throw new FrondError('FROND-R007', `op ${node.op} has no kernels`, {
      ...at,
      hint: 'leave the pass `expand` switched on',
    });
  }
  const context = { ...contextOf(graph, node), schedules };
  const launches = record.lower(context).map((launch) => storedAs(launch, context));
  return { node, launches, demands: record.demands?.(context) ?? [] };
}

/** The launch with buffers of f16 where it is bound to tensors of f16. */
function storedAs(launch: LaunchPlan, { inputs, outputs }: LowerContext): LaunchPlan {
  const dtypeOf = (slot: Slot | undefined) =>
    slot?.kind === 'input'
      ? inputs[slot.index]?.dtype
      : slot?.kind === 'output'
        ? outputs[slot.index]?.dtype
        : undefined;
  const halves = launch.kernel.buffers.filter(
    ({ name, dtype }) => dtype === 'f32' && dtypeOf(own(launch.slots, name)) === 'f16',
  );
  if (halves.length === 0) return launch;
  const storage = Object.fromEntries(halves.map(({ name }) => [name, 'f16' as const]));
  return { ...launch, kernel: withStorage(launch.kernel, storage) };
}

/** Lowers every node of `order` (topological, updates last), with the schedules of the device that is to run it. */
export function lowerGraph(
  graph: Graph,
  order: readonly Node[],
  registry: OpRegistry,
  schedules: Schedules = noSchedules,
): LoweredProgram {
  const root = memoryRoots(order, registry);
  const nodes = order.flatMap((node) => lowerNode(graph, node, registry, schedules) ?? []);
  return {
    graph,
    nodes,
    root,
    gradients: pinnedGradients(graph, order, registry, root),
    ...indicesOf(graph, order, registry, root),
    schedules: usedSchedules(nodes),
  };
}
