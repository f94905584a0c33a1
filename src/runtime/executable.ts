import { evaluate, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import type { Graph, Ref } from '../ir/graph.ts';
import { ARENA_BLOCKS } from '../ir/record.ts';
import { bindCommands, elementsOf, type Homes, locator, planProgram } from './bind.ts';
import type { BoundProgram, Device, Location, Memory } from './device.ts';
import { bindSizes, type Feeds, type TensorValue } from './feeds.ts';
import { checkIndices } from './indices.ts';
import { type LoweredProgram, updatedParameters } from './lower.ts';
import { align, type MemoryPlan } from './memoryPlan.ts';
import { BLOCK } from './parameters.ts';
import type { ArenaName, ModelState } from './state.ts';

interface Binding {
  readonly sizes: Sizes;
  readonly plan: MemoryPlan<string>;
  readonly program: BoundProgram;
  readonly inputs: ReadonlyMap<string, Location>;
  readonly tensor: (ref: Ref) => Location;
}

/** Bindings kept: one per set of sizes, the latest ones. */
const KEPT_BINDINGS = 64;

/**
 * A compiled graph on a device. One call of `run` is one submission: new sizes make a memory plan and a command list,
 * never a new kernel.
 */
export class Executable {
  /** the graph as it runs, after the passes */
  readonly graph: Graph;
  readonly program: LoweredProgram;
  readonly state: ModelState;
  readonly #device: Device;
  readonly #bindings = new Map<string, Binding>();
  #arena: Memory | undefined;
  #inputs: Memory | undefined;
  #constants: Map<Ref, Location> | undefined;
  readonly #tables = new Map<string, Location>();
  /** runs wait for each other: they share memory */
  #running: Promise<unknown> = Promise.resolve();

  constructor(program: LoweredProgram, state: ModelState) {
    this.graph = program.graph;
    this.program = program;
    this.state = state;
    this.#device = state.device;
  }

  /** Compiles every kernel of the program. */
  async prepare(): Promise<void> {
    await this.#device.prepare(
      new Set(this.program.steps.flatMap((step) => step.launches.map((launch) => launch.kernel))),
    );
  }

  /**
   * Feeds, runs, and reads back the named outputs (default: all of them).
   * @throws FROND-R009…R012 when the feeds do not fit the declaration
   */
  run(
    feeds: Feeds,
    options: { readonly read?: readonly string[] } = {},
  ): Promise<Record<string, TensorValue>> {
    const result = this.#running.then(() =>
      this.#run(feeds, options.read ?? Object.keys(this.graph.outputs)),
    );
    this.#running = result.catch(() => undefined);
    return result;
  }

  async #run(feeds: Feeds, names: readonly string[]): Promise<Record<string, TensorValue>> {
    const sizes = { ...bindSizes(this.graph, feeds), [ARENA_BLOCKS]: this.state.layout.elements / BLOCK };
    checkIndices(this.program, feeds, sizes);
    const binding = await this.#binding(sizes);
    for (const [name, location] of binding.inputs) {
      await this.#device.write(location, defined(feeds[name], `feed ${name}`).data);
    }
    await binding.program.run();
    const values: Record<string, TensorValue> = {};
    for (const name of names) values[name] = await this.#readOutput(name, binding);
    return values;
  }

  async #readOutput(name: string, binding: Binding): Promise<TensorValue> {
    const ref = this.graph.outputs[name];
    if (ref === undefined) {
      throw new FrondError('FROND-R013', `graph ${this.graph.name} has no output ${name}`, {
        hint: `its outputs are: ${Object.keys(this.graph.outputs).join(', ')}`,
      });
    }
    const type = defined(this.program.types.get(ref), `type of ${ref}`);
    const shape = type.shape.map((dim) => evaluate(dim, binding.sizes));
    return { dtype: type.dtype, shape, data: await this.#device.read(binding.tensor(ref)) };
  }

  async #binding(sizes: Sizes): Promise<Binding> {
    const key = JSON.stringify(Object.entries(sizes).sort());
    const known = this.#bindings.get(key);
    if (known !== undefined) {
      // the least recently used binding stands first
      this.#bindings.delete(key);
      this.#bindings.set(key, known);
      return known;
    }
    const binding = await this.#bind(sizes);
    this.#bindings.set(key, binding);
    const oldest = this.#bindings.keys().next().value;
    if (this.#bindings.size > KEPT_BINDINGS && oldest !== undefined) this.#bindings.delete(oldest);
    return binding;
  }

  async #bind(sizes: Sizes): Promise<Binding> {
    const plan = planProgram(this.program, sizes);
    const arena = await this.#grow('arena', plan.words);
    const inputs = await this.#placeInputs(sizes);
    const fixed = new Map<Ref, Location>([
      ...(await this.#placeConstants(sizes)),
      ...inputs,
      ...(await this.#placeState()),
    ]);
    const arenas = new Map<string, Location>();
    for (const name of this.#arenaNames()) arenas.set(name, await this.state.arena(name as ArenaName));
    const homes: Homes = {
      arena,
      fixed,
      stateArena: (name) => defined(arenas.get(name), `arena ${name}`),
      table: (name) => defined(this.#tables.get(name), `table ${name}`),
    };
    await this.#fillTables();
    const commands = bindCommands(this.program, plan, sizes, homes);
    const byName = new Map(
      [...inputs].map(
        ([ref, location]) => [String(this.graph.nodes[ref]?.attributes.name), location] as const,
      ),
    );
    const { tensor } = locator(this.program, plan, sizes, homes);
    return { sizes, plan, program: this.#device.bind(commands), inputs: byName, tensor };
  }

  /** Memory that only grows; bindings into the outgrown block are forgotten. */
  async #grow(which: 'arena' | 'inputs', words: number): Promise<Memory> {
    const known = which === 'arena' ? this.#arena : this.#inputs;
    if (known !== undefined && known.words >= words) return known;
    if (known !== undefined) this.#device.free(known);
    this.#bindings.clear();
    const memory = await this.#device.allocate(Math.max(1, words));
    if (which === 'arena') this.#arena = memory;
    else this.#inputs = memory;
    return memory;
  }

  async #placeInputs(sizes: Sizes): Promise<Map<Ref, Location>> {
    const types = this.graph.inputs.map((ref) => [ref, defined(this.program.types.get(ref), ref)] as const);
    const words = types.reduce((total, [, type]) => total + align(elementsOf(type, sizes)), 0);
    const memory = await this.#grow('inputs', words);
    let offset = 0;
    return new Map(
      types.map(([ref, type]) => {
        const length = elementsOf(type, sizes);
        const location = { memory, offset, length, dtype: type.dtype };
        offset += align(length);
        return [ref, location];
      }),
    );
  }

  async #placeState(): Promise<Map<Ref, Location>> {
    const places = new Map<Ref, Location>();
    for (const node of Object.values(this.graph.nodes)) {
      if (node.op !== 'parameter') continue;
      const { offset, length } = this.state.entry(String(node.attributes.name));
      places.set(node.id, { ...(await this.state.arena('parameter')), offset, length });
    }
    for (const [ref, parameter] of this.program.gradients) {
      const { offset, length } = this.state.entry(parameter);
      places.set(ref, { ...(await this.state.arena('gradient')), offset, length });
    }
    return places;
  }

  /** Constants of literal size are written once; those of a named size whenever it is bound. */
  async #placeConstants(sizes: Sizes): Promise<Map<Ref, Location>> {
    const places = this.#constants ?? new Map<Ref, Location>();
    this.#constants = places;
    for (const node of Object.values(this.graph.nodes)) {
      if (node.op !== 'constant') continue;
      const type = defined(node.types[0], 'type of a constant');
      const length = elementsOf(type, sizes);
      const known = places.get(node.id);
      if (known !== undefined && known.length >= length) continue;
      const memory = await this.#device.allocate(align(length));
      const location = { memory, offset: 0, length, dtype: type.dtype };
      const { value } = node.attributes;
      const values = Array.isArray(value) ? value.map(Number) : new Array<number>(length).fill(Number(value));
      await this.#device.write(location, values);
      places.set(node.id, location);
    }
    return places;
  }

  #arenaNames(): Set<string> {
    const slots = this.program.steps.flatMap((step) =>
      step.launches.flatMap((launch) => Object.values(launch.slots)),
    );
    return new Set(slots.flatMap((slot) => (slot.kind === 'arena' ? [slot.name] : [])));
  }

  /**
   * One number per block of the arenas, from the update nodes' attributes `parameters`, `rates` (default 1) and `decays`
   * (default 0). Blocks of parameters that no update names have rate 0: the optimizer leaves them alone.
   */
  async #fillTables(): Promise<void> {
    if (this.#tables.size > 0) return;
    const updates = this.program.steps.filter((step) => updatedParameters(step.node).length > 0);
    if (updates.length === 0) return;
    const blocks = this.state.layout.elements / BLOCK;
    for (const [name, attribute, otherwise] of [
      ['rate', 'rates', 1],
      ['decay', 'decays', 0],
    ] as const) {
      const values = new Float32Array(Math.max(1, blocks));
      for (const { node } of updates) {
        const given = node.attributes[attribute];
        updatedParameters(node).forEach((parameter, i) => {
          const { offset, length } = this.state.entry(parameter);
          const value = Array.isArray(given) ? Number(given[i] ?? otherwise) : otherwise;
          values.fill(value, offset / BLOCK, Math.ceil((offset + length) / BLOCK));
        });
      }
      const memory = await this.#device.allocate(align(values.length));
      const location: Location = { memory, offset: 0, length: values.length, dtype: 'f32' };
      await this.#device.write(location, values);
      this.#tables.set(name, location);
    }
  }

  free(): void {
    for (const memory of [this.#arena, this.#inputs]) if (memory) this.#device.free(memory);
    for (const { memory } of [...(this.#constants?.values() ?? []), ...this.#tables.values()])
      this.#device.free(memory);
    this.#bindings.clear();
  }
}
