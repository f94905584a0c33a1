import { ARENA_BLOCKS, ARENA_CHUNK, evaluate, requireSome, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import { makeRef, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import { multiplesOf4 } from '../ir/multiples.ts';
import { typeOfRef } from '../ir/names.ts';
import type { LaunchPlan, Slot } from '../ir/record.ts';
import { chunksOf, requireFits } from './chunks.ts';
import type { Command, LaunchShape, Location, Memory, Place } from './device.ts';
import type { LoweredNode, LoweredProgram } from './lower.ts';
import { type Lifetime, type MemoryPlan, planMemory } from './memoryPlan.ts';
import { atNode } from './nodes.ts';
import { BLOCK } from './parameters.ts';

export const elementsOf = (type: TensorType, sizes: Sizes): number =>
  type.shape.reduce<number>((total, dim) => total * evaluate(dim, sizes), 1);

const temporaryKey = (node: Node, name: string): string => `${node.id}!${name}`;

/** Lifetimes of everything that lives in the step's own arena: results of launches and their temporaries. */
export function lifetimesOf(program: LoweredProgram, sizes: Sizes): Lifetime<string>[] {
  const last = new Map<Ref, number>();
  program.nodes.forEach(({ node }, at) => {
    for (const ref of node.inputs) last.set(program.root(ref), at);
  });
  const end = program.nodes.length;
  for (const ref of Object.values(program.graph.outputs)) last.set(program.root(ref), end);
  return program.nodes.flatMap(({ node, launches }, from) => {
    const life = (key: string, type: TensorType, to: number): Lifetime<string> => ({
      key,
      words: atNode(node, () => elementsOf(type, sizes)),
      from,
      to,
    });
    const results = node.types.flatMap((type, k) => {
      const key = makeRef(node.id, k);
      return program.gradients.has(key) ? [] : [life(key, type, last.get(key) ?? from)];
    });
    const slots = launches.flatMap((launch) => Object.values(launch.slots));
    const temporaries = new Map(
      slots.flatMap((slot) => (slot.kind === 'temporary' ? [[slot.name, slot.type] as const] : [])),
    );
    return [
      ...results,
      ...[...temporaries].map(([name, type]) => life(temporaryKey(node, name), type, from)),
    ];
  });
}

/** @throws FROND-S002 naming the node, where a size that must not be negative is; FROND-S028 for one that must not be 0 */
function checkDemands(nodes: readonly LoweredNode[], sizes: Sizes): void {
  for (const { node, demands } of nodes) {
    atNode(node, () => {
      for (const size of demands) {
        if (typeof size === 'object') requireSome(node.op, evaluate(size.some, sizes));
        else if (evaluate(size, sizes) < 0)
          throw new FrondError('FROND-S002', `a dimension would be ${size}`);
      }
    });
  }
}

/**
 * Where everything in the step's arena lies; `chunk`: as a device with memory in chunks wants it.
 * @throws FROND-S002 where the sizes do not fit a node, FROND-R025 for a tensor that no chunk holds
 */
export function planProgram(program: LoweredProgram, sizes: Sizes, chunk?: number): MemoryPlan<string> {
  checkDemands(program.nodes, sizes);
  const lifetimes = lifetimesOf(program, sizes);
  for (const { key, words, from } of lifetimes) {
    const { node } = defined(program.nodes[from], `node of ${key}`);
    atNode(node, () => requireFits(`the tensor ${key}`, words, chunk));
  }
  return planMemory(lifetimes, chunk);
}

/** What stands for the memory of each kind of slot. */
interface Places<P> {
  readonly tensor: (ref: Ref) => P;
  readonly temporary: (node: Node, name: string, type: TensorType) => P;
  readonly arena: (name: string) => P;
  readonly table: (name: string) => P;
}

function placeOf<P>(slot: Slot, node: Node, places: Places<P>): P {
  switch (slot.kind) {
    case 'input':
      return places.tensor(defined(node.inputs[slot.index], `input ${slot.index} of ${node.id}`));
    case 'output':
      return places.tensor(makeRef(node.id, slot.index));
    case 'temporary':
      return places.temporary(node, slot.name, slot.type);
    default:
      return places[slot.kind](slot.name);
  }
}

const mapSlots = <P>({ slots }: LaunchPlan, of: (slot: Slot) => P): Record<string, P> =>
  Object.fromEntries(Object.entries(slots).map(([name, slot]) => [name, of(slot)]));

/** The program's launches as they can be known before sizes are. */
export function launchShapes({ graph, nodes, root, gradients }: LoweredProgram): LaunchShape[] {
  const places: Places<Place> = {
    tensor(ref) {
      const tensor = root(ref);
      const { op } = graph.nodes[tensor] ?? {};
      if (op === 'constant') return { memory: tensor, tensor };
      const fixed = op === 'input' || op === 'parameter' ? op : undefined;
      return { memory: fixed ?? (gradients.has(tensor) ? 'gradient' : 'results'), tensor };
    },
    temporary: (_, name) => ({ memory: 'results', tensor: `temporary ${name}` }),
    arena: (name) => ({ memory: name, tensor: 'all' }),
    table: (name) => ({ memory: 'tables', tensor: name }),
  };
  return nodes.flatMap(({ node, launches }) =>
    launches.map((launch) => ({
      kernel: launch.kernel,
      multiplesOf4: multiplesOf4(launch),
      places: mapSlots(launch, (slot) => placeOf(slot, node, places)),
    })),
  );
}

const scalarsOf = (launch: LaunchPlan, sizes: Sizes): Record<string, number> =>
  Object.fromEntries(Object.entries(launch.scalars).map(([name, scalar]) => [name, evaluate(scalar, sizes)]));

export const gridOf = (launch: LaunchPlan, sizes: Sizes): number[] =>
  launch.grid.map(({ size, per, least = 0 }) => Math.max(least, Math.ceil(evaluate(size, sizes) / per)));

/** What lies elsewhere than in the step's arena, and that arena. */
export interface Homes {
  /** memory of the step's arena */
  readonly results: Memory;
  /** inputs, parameters, constants and gradients by root ref */
  readonly fixed: ReadonlyMap<Ref, Location>;
  readonly arena: (name: string) => Location;
  readonly table: (name: string) => Location;
}

/** The places of everything in the program. */
export function locator(
  { graph, root }: LoweredProgram,
  plan: MemoryPlan<string>,
  sizes: Sizes,
  { results, fixed, arena, table }: Homes,
): Places<Location> {
  const at = (key: string, type: TensorType, home: Location | undefined): Location => ({
    memory: home?.memory ?? results,
    offset: home?.offset ?? defined(plan.offsets.get(key), `memory of ${key}`),
    length: elementsOf(type, sizes),
    dtype: type.dtype,
  });
  return {
    tensor: (ref) => at(root(ref), typeOfRef(graph, ref), fixed.get(root(ref))),
    temporary: (node, name, type) => at(temporaryKey(node, name), type, undefined),
    arena,
    table,
  };
}

/**
 * The step as a command list with all numbers filled in. Launches of an empty grid are left out; `chunk`: words of a chunk, where the
 * device holds the arenas in several.
 */
export function bindCommands(
  { nodes }: LoweredProgram,
  places: Places<Location>,
  sizes: Sizes,
  chunk?: number,
): Command[] {
  const commandOf = (launch: LaunchPlan, node: Node, part: ArenaChunk | undefined): Command[] => {
    const bound =
      part === undefined ? sizes : { ...sizes, [ARENA_BLOCKS]: part.blocks, [ARENA_CHUNK]: part.index };
    const grid = atNode(node, () => gridOf(launch, bound));
    if (grid.some((count) => count === 0)) return [];
    const command = {
      kernel: launch.kernel,
      grid,
      scalars: atNode(node, () => scalarsOf(launch, bound)),
      multiplesOf4: multiplesOf4(launch),
      buffers: mapSlots(launch, (slot) => within(placeOf(slot, node, places), slot, part)),
    };
    return [command];
  };
  const chunks = arenaChunks(sizes[ARENA_BLOCKS] ?? 0, chunk);
  return nodes.flatMap(({ node, launches }) =>
    launches.flatMap((launch) => {
      const parts = Object.values(launch.slots).some(isArena) ? chunks : [undefined];
      return parts.flatMap((part) => commandOf(launch, node, part));
    }),
  );
}

/** Blocks of the arenas that one launch works on: those of one chunk of memory. */
interface ArenaChunk {
  readonly index: number;
  readonly first: number;
  readonly blocks: number;
}

const arenaChunks = (blocks: number, chunk: number | undefined): ArenaChunk[] =>
  chunksOf(blocks * BLOCK, chunk).map(({ start, words }, index) => ({
    index,
    first: start / BLOCK,
    blocks: words / BLOCK,
  }));

/** An arena of the parameters' layout. */
const isArena = (slot: Slot): boolean => slot.kind === 'arena' && slot.name !== 'journal';

/** The part of an arena, or of a table of its blocks, that belongs to a chunk; any other place as it is. */
function within(location: Location, slot: Slot, part: ArenaChunk | undefined): Location {
  const per = slot.kind === 'table' ? 1 : isArena(slot) ? BLOCK : 0;
  if (part === undefined || per === 0) return location;
  const length = Math.min(per * part.blocks, location.length);
  return { ...location, offset: location.offset + per * part.first, length };
}
