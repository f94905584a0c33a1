import type { Sizes } from '../../src/base/dim.ts';
import type { DType } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Ref } from '../../src/ir/graph.ts';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import { bindCommands, elementsOf, lifetimesOf, sharedKey } from '../../src/runtime/bind.ts';
import type { Location } from '../../src/runtime/device.ts';
import type { Executable } from '../../src/runtime/executable.ts';
import { type Feeds, readFeeds } from '../../src/runtime/feeds.ts';
import { planMemory } from '../../src/runtime/memoryPlan.ts';
import { BLOCK } from '../../src/runtime/parameters.ts';
import type { ArenaName } from '../../src/runtime/state.ts';
import { groupTable } from '../../src/runtime/updates.ts';

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
  const sizes: Sizes = { ...fed.sizes, [ARENA_BLOCKS]: layout.trained / BLOCK };
  const end = program.nodes.length;
  const tensors = lifetimesOf(program, sizes).map((life) => ({ ...life, from: 0, to: end }));
  const plan = planMemory(tensors);
  const place = async (values: ArrayLike<number>, dtype: DType = 'f32'): Promise<Location> => {
    const { length } = values;
    const location: Location = {
      memory: await device.allocate(Math.max(1, length)),
      offset: 0,
      length,
      dtype,
    };
    await device.write(location, values);
    return location;
  };
  const { memory } = await place(new Array(plan.words).fill(Number.NaN));
  const places = new Map<string, Location>();
  for (const { key, words: length, dtype } of tensors)
    places.set(key, { memory, offset: defined(plan.offsets.get(key), key), length, dtype });
  const placeIn = async (arena: ArenaName, ref: Ref, parameter: string): Promise<void> => {
    const { offset, length } = state.entry(parameter);
    places.set(ref, { ...(await state.arena(arena)), offset, length });
  };
  for (const { id, op, types, attributes } of Object.values(graph.nodes)) {
    const type = defined(types[0], 'type');
    const name = String(attributes.name);
    if (op === 'input') places.set(id, await place(defined(fed.tensors.get(id), id).data, type.dtype));
    if (op === 'constant') {
      const { value } = attributes;
      const filled = new Array(elementsOf(type, sizes)).fill(Number(value));
      places.set(id, await place(Array.isArray(value) ? value.map(Number) : filled, type.dtype));
    }
    if (op === 'parameter') await placeIn('parameter', id, name);
  }
  for (const [ref, { parameter, arena }] of program.gradients) await placeIn(arena, ref, parameter);
  for (const name of ['parameter', 'gradient', 'moment1', 'moment2', 'journal'] as const)
    places.set(sharedKey('arena', name), await state.arena(name));
  const order = program.nodes.map(({ node }) => node);
  places.set(sharedKey('table', 'group'), await place(groupTable(graph, order, layout), 'i32'));
  await (await device.bind(bindCommands(program, places, sizes))).run();
  const outputs: Record<string, number[]> = {};
  for (const [name, ref] of Object.entries(graph.outputs))
    outputs[name] = Array.from(await device.read(defined(places.get(program.root(ref)), ref)));
  return outputs;
}
