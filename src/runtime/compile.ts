import { FrondError } from '../base/errors.ts';
import { type Graph, type Node, type Ref, splitRef } from '../ir/graph.ts';
import { rootsOf, topologicalOrder } from '../ir/order.ts';
import type { OpRegistry } from '../ir/record.ts';
import { ops } from '../ops/index.ts';
import { type PassLog, runPasses } from '../passes/index.ts';
import type { Device } from './device.ts';
import { Executable } from './executable.ts';
import { lowerGraph, updatedParameters } from './lower.ts';
import { layoutParameters } from './parameters.ts';
import { ModelState } from './state.ts';

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
}

/**
 * Every gradient that an update reads gets memory of its own in the gradient arena. Where one tensor is the gradient of
 * two parameters, or is itself an input or constant, a copy stands between.
 */
export function giveGradientsMemory(graph: Graph, order: readonly Node[], registry: OpRegistry): Graph {
  const kinds = new Map(order.map((node) => [node.id, registry.get(node.op)?.kind]));
  const viewed = new Map(
    order.flatMap((node) =>
      kinds.get(node.id) === 'view' ? [[node.id, node.inputs[0] ?? node.id] as const] : [],
    ),
  );
  const root = (ref: Ref): Ref => {
    let home = ref;
    for (let next = viewed.get(home); next !== undefined; next = viewed.get(home)) home = next;
    return home;
  };
  const taken = new Map<Ref, string>();
  const copies = new Map<string, Node>();
  const nodes: Record<string, Node> = { ...graph.nodes };
  for (const node of order) {
    const parameters = updatedParameters(node);
    const first = node.inputs.length - parameters.length;
    const inputs = node.inputs.map((ref, i) => {
      const parameter = parameters[i - first];
      if (parameter === undefined) return ref;
      const home = root(ref);
      const own = kinds.get(splitRef(home).id) !== 'source' && (taken.get(home) ?? parameter) === parameter;
      if (own) {
        taken.set(home, parameter);
        return ref;
      }
      const id = `gradient/${parameter}`;
      const { id: from, output } = splitRef(ref);
      const type = graph.nodes[from]?.types[output];
      if (type !== undefined && !copies.has(id)) {
        const copy: Node = {
          ...node,
          id,
          op: 'copy',
          inputs: [ref],
          attributes: {},
          types: [type],
          phase: 'backward',
        };
        copies.set(id, copy);
        nodes[id] = copy;
      }
      return id;
    });
    if (parameters.length > 0) nodes[node.id] = { ...node, inputs };
  }
  return copies.size === 0 ? graph : { ...graph, nodes };
}

/** Operands before users, and the update phase after everything that may still read the old weights. */
export function executionOrder(graph: Graph): Node[] {
  const order = topologicalOrder(graph, rootsOf(graph));
  return [
    ...order.filter((node) => node.phase !== 'update'),
    ...order.filter((node) => node.phase === 'update'),
  ];
}

export interface Compiled {
  readonly executable: Executable;
  /** what each pass did, with its time */
  readonly passes: readonly PassLog[];
}

/**
 * Optimises, lowers and compiles `graph` for a device.
 * @throws FROND-I…, FROND-P… when the graph is not well formed, FROND-R… when the device refuses
 */
export async function compile(graph: Graph, options: CompileOptions): Promise<Compiled> {
  const registry = options.registry ?? ops;
  const { graph: optimised, log } = runPasses(graph, registry, {
    disable: options.disable ?? [],
    check: options.check ?? false,
  });
  const ready = giveGradientsMemory(optimised, executionOrder(optimised), registry);
  const program = lowerGraph(ready, executionOrder(ready), registry);
  const state = options.state ?? ownState(graph, options.device);
  const executable = new Executable(program, state);
  await executable.prepare();
  return { executable, passes: log };
}

function ownState(graph: Graph, device: Device | undefined): ModelState {
  if (device === undefined) {
    throw new FrondError('FROND-R014', 'compile: neither a state nor a device was given', {
      hint: 'pass { device: interpreterDevice() } or the state of a model',
    });
  }
  return new ModelState(device, layoutParameters([graph]));
}
