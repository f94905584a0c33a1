import { ARENA_BLOCKS, ARENA_CHUNK, evaluate, requireSome, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import { makeRef, type Node, type Ref, type TensorType } from '../ir/graph.ts';
import { multiplesOf4 } from '../ir/multiples.ts';
import { nodePath } from '../ir/names.ts';
import type { LaunchPlan, ScalarExpression, Slot } from '../ir/record.ts';
import { chunksOf, requireFits } from './chunks.ts';
import type { Command, LaunchShape, Location, Memory, Place } from './device.ts';
import type { LoweredNode, LoweredProgram } from './lower.ts';
import { type Lifetime, type MemoryPlan, planMemory } from './memoryPlan.ts';
import { BLOCK } from './parameters.ts';

export const elementsOf = (type: TensorType, sizes: Sizes): number =>
  type.shape.reduce<number>((total, dim) => total * evaluate(dim, sizes), 1);

const temporaryKey = (step: number, name: string): string => `${step}!${name}`;

function temporariesOf(step: LoweredNode): Map<string, TensorType> {
  const slots = step.launches.flatMap((launch) => Object.values(launch.slots));
  return new Map(
    slots.flatMap((slot) => (slot.kind === 'temporary' ? [[slot.name, slot.type] as const] : [])),
  );
}

/** What `work` gives; an error of it names the node whose sizes were asked for. */
export function atNode<T>(node: Node, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw error instanceof FrondError ? error.with({ node: nodePath(node), place: node.source }) : error;
  }
}

/** Lifetimes of everything that lives in the step's own arena: results of launches and their temporaries. */
export function lifetimesOf(program: LoweredProgram, sizes: Sizes): Lifetime<string>[] {
  const last = new Map<Ref, number>();
  program.steps.forEach((step, at) => {
    for (const ref of step.node.inputs) last.set(program.root(ref), at);
  });
  const end = program.steps.length;
  for (const ref of Object.values(program.graph.outputs)) last.set(program.root(ref), end);
  return program.steps.flatMap((step, from) => {
    const results = step.node.types.flatMap((type, k): Lifetime<string>[] => {
      const key = makeRef(step.node.id, k);
      if (program.gradients.has(key)) return [];
      return [
        { key, words: atNode(step.node, () => elementsOf(type, sizes)), from, to: last.get(key) ?? from },
      ];
    });
    const temporaries = [...temporariesOf(step)].map(([name, type]) => ({
      key: temporaryKey(from, name),
      words: atNode(step.node, () => elementsOf(type, sizes)),
      from,
      to: from,
    }));
    return [...results, ...temporaries];
  });
}

/** @throws FROND-S002 naming the node, where a size that must not be negative is; FROND-S028 for one that must not be 0 */
function checkDemands(steps: readonly LoweredNode[], sizes: Sizes): void {
  for (const { node, demands } of steps) {
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
  checkDemands(program.steps, sizes);
  const lifetimes = lifetimesOf(program, sizes);
  for (const { key, words, from } of lifetimes) {
    const { node } = defined(program.steps[from], `step of ${key}`);
    atNode(node, () => requireFits(`the tensor ${key}`, words, chunk));
  }
  return planMemory(lifetimes, chunk);
}

/** Where tensors live that are not in the step's arena. */
export interface Homes {
  /** memory of the step's arena */
  readonly arena: Memory;
  /** inputs, parameters, constants and gradients by root ref */
  readonly fixed: ReadonlyMap<Ref, Location>;
  readonly stateArena: (name: string) => Location;
  readonly table: (name: string) => Location;
}

/** The program's launches as they can be known before sizes are. */
export function launchShapes(program: LoweredProgram): LaunchShape[] {
  const { nodes } = program.graph;
  const tensor = (ref: Ref): Place => {
    const root = program.root(ref);
    const { op } = nodes[root] ?? {};
    if (op === 'constant') return { memory: root, tensor: root };
    const fixed = op === 'input' || op === 'parameter' ? op : undefined;
    const memory = fixed ?? (program.gradients.has(root) ? 'gradient' : 'results');
    return { memory, tensor: root };
  };
  const place = (slot: Slot, step: LoweredNode): Place => {
    switch (slot.kind) {
      case 'input':
        return tensor(defined(step.node.inputs[slot.index], `input ${slot.index} of ${step.node.id}`));
      case 'output':
        return tensor(makeRef(step.node.id, slot.index));
      case 'temporary':
        return { memory: 'results', tensor: `temporary ${slot.name}` };
      case 'arena':
        return { memory: slot.name, tensor: 'all' };
      case 'table':
        return { memory: 'tables', tensor: slot.name };
    }
  };
  return program.steps.flatMap((step) =>
    step.launches.map((launch) => ({
      kernel: launch.kernel,
      multiplesOf4: multiplesOf4(launch),
      places: Object.fromEntries(
        Object.entries(launch.slots).map(([name, slot]) => [name, place(slot, step)]),
      ),
    })),
  );
}

const scalar = (expression: ScalarExpression, sizes: Sizes): number =>
  typeof expression === 'object' ? expression.value : evaluate(expression, sizes);

const scalarsOf = (launch: LaunchPlan, sizes: Sizes): Record<string, number> =>
  Object.fromEntries(Object.entries(launch.scalars).map(([name, value]) => [name, scalar(value, sizes)]));

export const gridOf = (launch: LaunchPlan, sizes: Sizes): number[] =>
  launch.grid.map(({ size, per, least = 0 }) => Math.max(least, Math.ceil(evaluate(size, sizes) / per)));

/** Finds the place of any ref of the program. */
export function locator(program: LoweredProgram, plan: MemoryPlan<string>, sizes: Sizes, homes: Homes) {
  const at = (key: string, type: TensorType): Location => ({
    memory: homes.arena,
    offset: defined(plan.offsets.get(key), `memory of ${key}`),
    length: elementsOf(type, sizes),
    dtype: type.dtype,
  });
  return {
    tensor(ref: Ref): Location {
      const type = defined(program.types.get(ref), `type of ${ref}`);
      const root = program.root(ref);
      const fixed = homes.fixed.get(root);
      return fixed ? { ...fixed, length: elementsOf(type, sizes), dtype: type.dtype } : at(root, type);
    },
    temporary: (step: number, name: string, type: TensorType): Location => at(temporaryKey(step, name), type),
  };
}

/**
 * The step as a command list with all numbers filled in. Launches of an empty grid are left out; `chunk`: words of a chunk, where the
 * device holds the arenas in several.
 */
export function bindCommands(
  program: LoweredProgram,
  plan: MemoryPlan<string>,
  sizes: Sizes,
  homes: Homes,
  chunk?: number,
): Command[] {
  const locate = locator(program, plan, sizes, homes);
  const place = (slot: Slot, step: LoweredNode, at: number): Location => {
    switch (slot.kind) {
      case 'input':
        return locate.tensor(defined(step.node.inputs[slot.index], `input ${slot.index} of ${step.node.id}`));
      case 'output':
        return locate.tensor(makeRef(step.node.id, slot.index));
      case 'temporary':
        return locate.temporary(at, slot.name, slot.type);
      case 'arena':
        return homes.stateArena(slot.name);
      case 'table':
        return homes.table(slot.name);
    }
  };
  const commandOf = (launch: LaunchPlan, step: LoweredNode, at: number, stretch: Stretch): Command[] => {
    const bound = { ...sizes, [ARENA_BLOCKS]: stretch.blocks, [ARENA_CHUNK]: stretch.chunk };
    const grid = atNode(step.node, () => gridOf(launch, bound));
    if (grid.some((count) => count === 0)) return [];
    const scalars = atNode(step.node, () => scalarsOf(launch, bound));
    const isCut = coversArena(launch);
    const buffers = Object.entries(launch.slots).map(([name, slot]) => {
      const location = place(slot, step, at);
      return [name, isCut ? within(location, slot, stretch) : location] as const;
    });
    const command = { kernel: launch.kernel, grid, scalars, multiplesOf4: multiplesOf4(launch) };
    return [{ ...command, buffers: Object.fromEntries(buffers) }];
  };
  const whole: Stretch = { chunk: 0, first: 0, blocks: sizes[ARENA_BLOCKS] ?? 0 };
  return program.steps.flatMap((step, at) =>
    step.launches.flatMap((launch) => {
      const stretches = coversArena(launch) ? stretchesOf(whole.blocks, chunk) : [whole];
      return stretches.flatMap((stretch) => commandOf(launch, step, at, stretch));
    }),
  );
}

/** Blocks of the arenas that one launch works on. */
interface Stretch {
  readonly chunk: number;
  readonly first: number;
  readonly blocks: number;
}

const coversArena = ({ slots }: LaunchPlan): boolean =>
  Object.values(slots).some((slot) => slot.kind === 'arena' && slot.name !== 'journal');

/** An arena in chunks takes one launch for each. */
const stretchesOf = (blocks: number, chunk: number | undefined): Stretch[] =>
  chunksOf(blocks * BLOCK, chunk).map(({ start, words }, i) => ({
    ...{ chunk: i, first: start / BLOCK, blocks: words / BLOCK },
  }));

/** The part of an arena, or of a table of its blocks, that belongs to a stretch; any other place as it is. */
function within(location: Location, slot: Slot, { first, blocks }: Stretch): Location {
  const per = slot.kind === 'table' ? 1 : slot.kind === 'arena' && slot.name !== 'journal' ? BLOCK : 0;
  if (per === 0) return location;
  const length = Math.min(per * blocks, location.length);
  return { ...location, offset: location.offset + per * first, length };
}
