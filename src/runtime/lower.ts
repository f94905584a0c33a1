import { withStorage } from '../../kernels/plan.ts';
import { defined, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import {
  type Graph,
  makeRef,
  type Node,
  type NodeId,
  type Ref,
  splitRef,
  type TensorType,
} from '../ir/graph.ts';
import { nodePath } from '../ir/names.ts';
import type { Demand, IndexBounds, LaunchPlan, LowerContext, OpRegistry, Slot } from '../ir/record.ts';
import type { Schedule } from '../kernel/ir.ts';
import { noSchedules, type Schedules } from '../kernel/schedule.ts';

/** A node with the launches that compute it. */
export interface LoweredNode {
  readonly node: Node;
  readonly launches: readonly LaunchPlan[];
  readonly demands: readonly Demand[];
}

/** A fed or constant tensor whose values index something: checked on the host. */
export interface IndexRange extends IndexBounds {
  /** id of the input or constant */
  readonly ids: NodeId;
  /**
   * That of the lengths of its rows: elements at and beyond them are not looked at. Left out where the graph computes them: then
   * all are
   */
  readonly lengths: NodeId | undefined;
  /** node that reads it */
  readonly reader: Node;
}

/** A computed tensor whose values index something: clamped on the device. */
export interface ComputedIndex {
  /** table in which the first one outside is noted */
  readonly report: string;
  readonly ids: Node;
  readonly low: number;
  readonly reader: Node;
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
  readonly steps: readonly LoweredNode[];
  readonly types: ReadonlyMap<Ref, TensorType>;
  /** the tensor whose memory a ref shares: itself, or what it is a view of */
  readonly root: (ref: Ref) => Ref;
  /** gradients that live in the gradient arena at their parameter's place: root ref → parameter name */
  readonly gradients: ReadonlyMap<Ref, string>;
  readonly indices: readonly IndexRange[];
  readonly computedIndices: readonly ComputedIndex[];
  /** each once, in the order of first use */
  readonly schedules: readonly UsedSchedule[];
}

function usedSchedules(steps: readonly LoweredNode[]): UsedSchedule[] {
  const used = new Map<string, UsedSchedule>();
  for (const { kernel, shapeClass = '' } of steps.flatMap(({ launches }) => launches)) {
    const { name, variant, schedule } = kernel;
    const key = [name, shapeClass, variant, JSON.stringify(schedule)].join('|');
    used.set(key, { kernel: name, shapeClass, variant, schedule });
  }
  return [...used.values()];
}

function typesOf(order: Iterable<Node>): Map<Ref, TensorType> {
  return new Map(
    [...order].flatMap((node) => node.types.map((type, k) => [makeRef(node.id, k), type] as const)),
  );
}

/** Names of the parameters an update node works on; its last inputs are their gradients, in the same order. */
export const updatedParameters = (node: Node): readonly string[] =>
  Array.isArray(node.attributes.parameters) ? node.attributes.parameters.map(String) : [];

function lowerNode(
  node: Node,
  registry: OpRegistry,
  types: ReadonlyMap<Ref, TensorType>,
  schedules: Schedules,
): LoweredNode | undefined {
  const record = registry.get(node.op);
  const at = { node: nodePath(node), place: node.source };
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
  const context = {
    inputs: node.inputs.map((ref) => defined(types.get(ref), `type of ${ref}`)),
    outputs: node.types,
    attributes: node.attributes,
    schedules,
  };
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

function pinnedGradients(
  order: readonly Node[],
  root: (ref: Ref) => Ref,
  owner: ReadonlyMap<string, Node>,
  registry: OpRegistry,
): Map<Ref, string> {
  const pinned = new Map<Ref, string>();
  for (const node of order) {
    const parameters = updatedParameters(node);
    node.inputs.slice(node.inputs.length - parameters.length).forEach((ref, i) => {
      const parameter = defined(parameters[i], 'parameter of a gradient');
      const home = root(ref);
      const source = registry.get(owner.get(splitRef(home).id)?.op ?? '')?.kind === 'source';
      const other = pinned.get(home);
      if (source || (other !== undefined && other !== parameter)) {
        throw new FrondError('FROND-R008', `the gradient of ${parameter} has no memory of its own`, {
          node: home,
          hint: '`giveGradientsMemory` inserts the copy that is missing here',
        });
      }
      pinned.set(home, parameter);
    });
  }
  return pinned;
}

/** What is indexed by, each once for its bounds. */
function indicesOf(
  order: readonly Node[],
  root: (ref: Ref) => Ref,
  owner: ReadonlyMap<string, Node>,
  types: ReadonlyMap<Ref, TensorType>,
  registry: OpRegistry,
): Pick<LoweredProgram, 'indices' | 'computedIndices'> {
  const indices = new Map<string, IndexRange>();
  const computed = new Map<string, ComputedIndex>();
  for (const reader of order) {
    const ownerOf = (input: number): Node =>
      defined(owner.get(splitRef(root(reader.inputs[input] ?? '')).id), `operand ${input} of ${reader.id}`);
    const onHost = (input: number): NodeId | undefined => {
      const { id, op } = ownerOf(input);
      return registry.get(op)?.kind === 'source' ? id : undefined;
    };
    const context = {
      inputs: reader.inputs.map((ref) => defined(types.get(ref), `type of ${ref}`)),
      outputs: reader.types,
      attributes: reader.attributes,
    };
    for (const { input, low, below, lengths } of registry.get(reader.op)?.indices?.(context) ?? []) {
      const { op, attributes, inputs } = ownerOf(input);
      const report = registry.get(op)?.report?.(attributes);
      const ids = onHost(input);
      if (report !== undefined && !computed.has(report)) {
        const producer = defined(owner.get(splitRef(inputs[0] ?? '').id), `operand of ${report}`);
        computed.set(report, { report, ids: producer, low, reader });
      }
      if (ids === undefined) continue;
      const range = { ids, low, below, lengths: lengths === undefined ? undefined : onHost(lengths), reader };
      const key = [ids, low, below, range.lengths].join(' ');
      if (!indices.has(key)) indices.set(key, range);
    }
  }
  return { indices: [...indices.values()], computedIndices: [...computed.values()] };
}

/** The tensor whose memory a ref shares: itself, or what it is a view of. */
export function memoryRoots(order: readonly Node[], registry: OpRegistry): (ref: Ref) => Ref {
  const roots = new Map<Ref, Ref>();
  for (const node of order) {
    const viewed = registry.get(node.op)?.kind === 'view' ? node.inputs[0] : undefined;
    if (viewed !== undefined) roots.set(node.id, roots.get(viewed) ?? viewed);
  }
  return (ref) => roots.get(ref) ?? ref;
}

/** Lowers every node of `order` (topological, updates last), with the schedules of the device that is to run it. */
export function lowerGraph(
  graph: Graph,
  order: readonly Node[],
  registry: OpRegistry,
  schedules: Schedules = noSchedules,
): LoweredProgram {
  // an input that nothing reads has a type too: it is fed all the same
  const types = typesOf(Object.values(graph.nodes));
  const owner = new Map(order.map((node) => [node.id, node]));
  const root = memoryRoots(order, registry);
  const steps = order.flatMap((node) => lowerNode(node, registry, types, schedules) ?? []);
  return {
    graph,
    steps,
    types,
    root,
    gradients: pinnedGradients(order, root, owner, registry),
    ...indicesOf(order, root, owner, types, registry),
    schedules: usedSchedules(steps),
  };
}
