import type { Sizes } from '../../src/base/dim.ts';
import { defined } from '../../src/base/errors.ts';
import type { Ref } from '../../src/ir/graph.ts';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import { bindCommands, elementsOf, lifetimesOf, locator } from '../../src/runtime/bind.ts';
import type { Location } from '../../src/runtime/device.ts';
import type { Executable } from '../../src/runtime/executable.ts';
import { type Feeds, readFeeds } from '../../src/runtime/feeds.ts';
import { planMemory } from '../../src/runtime/memoryPlan.ts';
import { BLOCK } from '../../src/runtime/parameters.ts';
import type { ArenaName } from '../../src/runtime/state.ts';
import { groupTables } from '../../src/runtime/updates.ts';

/**
 * What `executable` would give if every tensor had memory of its own, which holds NaN until it is written: the same command
 * list under a plan in which everything lives for ever. Its state takes part.
 */
export async function runUnshared(
  { program, graph, state }: Executable,
  feeds: Feeds,
): Promise<Record<string, number[]>> {
  const { device, layout } = state;
  const fed = readFeeds(graph, feeds);
  const sizes: Sizes = { ...fed.sizes, [ARENA_BLOCKS]: layout.elements / BLOCK };
  const end = program.nodes.length;
  const plan = planMemory(lifetimesOf(program, sizes).map((life) => ({ ...life, from: 0, to: end })));
  const place = async (length: number, values: ArrayLike<number>): Promise<Location> => {
    const location: Location = {
      memory: await device.allocate(Math.max(1, length)),
      offset: 0,
      length,
      dtype: 'f32',
    };
    await device.write(location, values);
    return location;
  };
  const arena = await place(plan.words, new Array(plan.words).fill(Number.NaN));
  const fixed = new Map<Ref, Location>();
  for (const { id, op, types, attributes } of Object.values(graph.nodes)) {
    const type = defined(types[0], 'type');
    const length = elementsOf(type, sizes);
    const parameter = String(attributes.name);
    const own = async (values: ArrayLike<number>): Promise<void> => {
      const blank = await place(length, new Array(length).fill(0));
      fixed.set(id, { ...blank, dtype: type.dtype });
      await device.write({ ...blank, dtype: type.dtype }, values);
    };
    if (op === 'input') await own(defined(fed.tensors.get(parameter), parameter).data);
    if (op === 'constant') {
      const { value } = attributes;
      await own(Array.isArray(value) ? value.map(Number) : new Array(length).fill(Number(value)));
    }
    if (op === 'parameter')
      fixed.set(id, { ...(await state.arena('parameter')), offset: state.entry(parameter).offset });
  }
  for (const [ref, parameter] of program.gradients) {
    fixed.set(ref, { ...(await state.arena('gradient')), offset: state.entry(parameter).offset });
  }
  const arenas = new Map<string, Location>();
  for (const name of [
    'parameter',
    'gradient',
    'moment1',
    'moment2',
    'journal',
  ] as const satisfies readonly ArenaName[]) {
    arenas.set(name, await state.arena(name));
  }
  const tables = new Map<string, Location>();
  for (const [name, values] of groupTables(
    graph,
    program.nodes.map(({ node }) => node),
    (name) => state.entry(name),
    layout.elements,
  )) {
    tables.set(name, await place(values.length, values));
  }
  const places = locator(program, plan, sizes, {
    results: arena.memory,
    fixed,
    arena: (name) => defined(arenas.get(name), name),
    table: (name) => defined(tables.get(name), name),
  });
  await (await device.bind(bindCommands(program, places, sizes))).run();
  const outputs: Record<string, number[]> = {};
  for (const [name, ref] of Object.entries(graph.outputs))
    outputs[name] = Array.from(await device.read(places.tensor(ref)));
  return outputs;
}
