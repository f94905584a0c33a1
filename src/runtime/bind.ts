import { ARENA_BLOCKS, ARENA_CHUNK, evaluate, requireSome, type Sizes } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import { mapValues } from '../base/own.ts';
import { makeRef, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import type { LaunchPlan, Slot } from '../ir/record.ts';
import { chunksOf, requireFits } from './chunks.ts';
import type { Command, LaunchShape, Location } from './device.ts';
import type { LoweredLaunch, LoweredNode, LoweredProgram } from './lower.ts';
import { type Lifetime, planMemory } from './memoryPlan.ts';
import { atNode } from './nodes.ts';
import { BLOCK } from './parameters.ts';

export const elementsOf = (type: TensorType, sizes: Sizes): number =>
  type.shape.reduce<number>((total, dim) => total * evaluate(dim, sizes), 1);

export const slotsOf = ({ launches }: LoweredNode): Slot[] =>
  launches.flatMap(({ slots }) => Object.values(slots));

/** The key of memory that is no node's; no ref holds a `!`. */
export const sharedKey = (kind: 'arena' | 'table', name: string): string => `!${kind} ${name}`;

/** What the memory of a slot goes by: that of a tensor by its root ref. */
function keyOf(slot: Slot, node: Node, root: (ref: Ref) => Ref): string {
  switch (slot.kind) {
    case 'input':
      return root(defined(node.inputs[slot.index], `input ${slot.index} of ${node.id}`));
    case 'output':
      return makeRef(node.id, slot.index);
    case 'temporary':
      return `${node.id}!${slot.name}`;
    default:
      return sharedKey(slot.kind, slot.name);
  }
}

/** A result of launches or a temporary, which live in the step's own arena. */
interface ArenaTensor extends Lifetime<string> {
  readonly dtype: DType;
}

/**
 * Lifetimes of everything that lives in the step's own arena; `chunk`: words of a chunk, where the device has memory in chunks.
 * @throws FROND-S002 where the sizes do not fit a node, FROND-S028 where one must not be 0, FROND-R025 for a tensor that no chunk holds
 */
export function lifetimesOf(program: LoweredProgram, sizes: Sizes, chunk?: number): ArenaTensor[] {
  const last = new Map<Ref, number>();
  program.nodes.forEach(({ node }, at) => {
    for (const ref of node.inputs) last.set(program.root(ref), at);
  });
  const end = program.nodes.length;
  for (const ref of Object.values(program.graph.outputs)) last.set(program.root(ref), end);
  const placed = (lowered: LoweredNode, from: number): ArenaTensor[] => {
    const { node } = lowered;
    checkDemands(lowered, sizes);
    const tensors = new Map(node.types.map((type, k) => [makeRef(node.id, k), type]));
    for (const slot of slotsOf(lowered))
      if (slot.kind === 'temporary') tensors.set(keyOf(slot, node, program.root), slot.type);
    return [...tensors].flatMap(([key, type]) => {
      if (program.gradients.has(key)) return [];
      const words = elementsOf(type, sizes);
      requireFits(`the tensor ${key}`, words, chunk);
      return [{ key, words, from, to: last.get(key) ?? from, dtype: type.dtype }];
    });
  };
  return program.nodes.flatMap((lowered, from) => atNode(lowered.node, () => placed(lowered, from)));
}

function checkDemands({ node, demands }: LoweredNode, sizes: Sizes): void {
  for (const size of demands) {
    if (typeof size === 'object') requireSome(node.op, evaluate(size.some, sizes));
    else if (evaluate(size, sizes) < 0) throw new FrondError('FROND-S002', `a dimension would be ${size}`);
  }
}

/** Where everything in the step's arena lies. @throws as `lifetimesOf` */
export function planProgram(program: LoweredProgram, sizes: Sizes, chunk?: number) {
  const tensors = lifetimesOf(program, sizes, chunk);
  const { offsets, words, unshared } = planMemory(tensors, chunk);
  return { tensors, offsets: tensors.map(({ key }) => offsets.get(key) ?? 0), words, unshared };
}

/** The program's launches as they can be known before sizes are. */
export function launchShapes({ graph, nodes, root, gradients }: LoweredProgram): LaunchShape[] {
  const memoryOf = (slot: Slot, key: string): string => {
    if (slot.kind === 'arena') return slot.name;
    if (slot.kind === 'table') return 'tables';
    const { op, attributes } = graph.nodes[key] ?? {};
    if (op === 'constant') return key;
    if (op === 'input' || op === 'parameter') return String(attributes?.arena ?? op);
    return gradients.get(key)?.arena ?? 'intermediates';
  };
  return nodes.flatMap(({ node, launches }) =>
    launches.map((launch) => ({
      kernel: launch.kernel,
      multiplesOf4: launch.multiplesOf4,
      places: mapValues(launch.slots, (slot) => {
        const tensor = keyOf(slot, node, root);
        return { memory: memoryOf(slot, tensor), tensor };
      }),
    })),
  );
}

export const gridOf = (launch: LaunchPlan, sizes: Sizes): number[] =>
  launch.grid.map(({ size, per, least = 0 }) => Math.max(least, Math.ceil(evaluate(size, sizes) / per)));

/** The words of the arenas that a launch works on, and sizes that say so. */
interface ArenaPart {
  readonly start: number;
  readonly words: number;
  readonly sizes: Sizes;
}

/**
 * The step as a command list with all numbers filled in. Launches of an empty grid are left out; `chunk`: words of a chunk, where the
 * device holds the arenas in several.
 */
export function bindCommands(
  { nodes, root }: LoweredProgram,
  places: ReadonlyMap<string, Location>,
  sizes: Sizes,
  chunk?: number,
): Command[] {
  const whole: ArenaPart = { start: 0, words: Number.POSITIVE_INFINITY, sizes };
  const arenaWords = BLOCK * (sizes[ARENA_BLOCKS] ?? 0);
  const parts = chunksOf(arenaWords, chunk).map(({ start, words }, index): ArenaPart => {
    const own = { [ARENA_BLOCKS]: words / BLOCK, [ARENA_CHUNK]: index };
    return { start, words, sizes: { ...sizes, ...own } };
  });
  const commandOf = (launch: LoweredLaunch, node: Node, part: ArenaPart): Command[] => {
    const grid = gridOf(launch, part.sizes);
    if (grid.includes(0)) return [];
    const { kernel, multiplesOf4 } = launch;
    const scalars = mapValues(launch.scalars, (scalar) => evaluate(scalar, part.sizes));
    const buffers = mapValues(launch.slots, (slot) => {
      const key = keyOf(slot, node, root);
      return within(defined(places.get(key), `memory of ${key}`), slot, part);
    });
    return [{ kernel, grid, scalars, multiplesOf4, buffers, node: node.id }];
  };
  return nodes.flatMap(({ node, launches }) =>
    launches.flatMap((launch) => {
      const own = Object.values(launch.slots).some(isArena) ? parts : [whole];
      return own.flatMap((part) => atNode(node, () => commandOf(launch, node, part)));
    }),
  );
}

/** An arena of the parameters' layout. */
const isArena = (slot: Slot): boolean => slot.kind === 'arena' && slot.name !== 'journal';

/** The part of an arena, or of a table of its blocks; any other place as it is. */
function within(location: Location, slot: Slot, { start, words }: ArenaPart): Location {
  if (slot.kind !== 'table' && !isArena(slot)) return location;
  const per = slot.kind === 'table' ? BLOCK : 1;
  return {
    ...location,
    offset: location.offset + start / per,
    length: Math.min(words / per, location.length),
  };
}
