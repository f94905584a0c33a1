import { checkOptions } from '../base/arguments.ts';
import { evaluate, type Sizes } from '../base/dim.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Graph, type Ref, splitRef } from '../ir/graph.ts';
import { nodeOf, typeOfRef } from '../ir/names.ts';
import { ARENA_BLOCKS } from '../ir/record.ts';
import { bindCommands, elementsOf, launchShapes, locator, planProgram } from './bind.ts';
import { requireFits, sideBySide } from './chunks.ts';
import type { BoundProgram, Device, LaunchTime, Location, Memory } from './device.ts';
import { type Feeds, readFeeds, type TensorValue } from './feeds.ts';
import { checkIndices, outsideOf } from './indices.ts';
import type { LoweredProgram } from './lower.ts';
import { align } from './memoryPlan.ts';
import { atNode, inputsOf } from './nodes.ts';
import { BLOCK } from './parameters.ts';
import type { ArenaName, ModelState } from './state.ts';
import { groupTables } from './updates.ts';

/** The program with memory and numbers of one set of sizes. */
interface Binding {
  readonly sizes: Sizes;
  readonly program: BoundProgram;
  readonly tensor: (ref: Ref) => Location;
}

/** Bindings kept: one per set of sizes, the latest ones. */
const KEPT_BINDINGS = 64;

/** Words of a table that notes the first index outside. */
const NOTE_WORDS = 4;

/** A string would be taken for the list of its letters. */
const readKind: is.Kind = {
  ...is.optional(is.names),
  advise: (value) => (typeof value === 'string' ? `write read: ['${value}']` : undefined),
};

/**
 * A compiled graph on a device. One call of `run` is one submission: new sizes make a memory plan and a command list,
 * never a new kernel. Runs of one executable wait for each other, as they share memory.
 */
export class Executable {
  /** the graph as it runs, after the passes */
  readonly graph: Graph;
  readonly program: LoweredProgram;
  readonly state: ModelState;
  readonly #device: Device;
  readonly #bindings = new Map<string, Binding>();
  /** memory that only grows: results of the step, and what is fed */
  readonly #blocks = new Map<'results' | 'inputs', Memory>();
  readonly #constants = new Map<Ref, Location>();
  readonly #tables = new Map<string, Location>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(program: LoweredProgram, state: ModelState) {
    this.graph = program.graph;
    this.program = program;
    this.state = state;
    this.#device = state.device;
  }

  /** Compiles every kernel of the program. */
  async prepare(): Promise<void> {
    await this.#device.prepare(launchShapes(this.program));
  }

  /**
   * Feeds, runs, and reads back the named outputs (default: all of them). What is fed must stay as it is until the
   * promise settles.
   * @throws FROND-R009…R012 when the feeds do not fit the declaration, FROND-R012 too where an id that the graph computed is out of
   *   range, FROND-R013 for an output that the graph does not
   *   have, FROND-R023 for invalid feeds or lists of outputs, FROND-R031 for an element that its dtype does not hold,
   *   FROND-R032 for parameters that have no values, FROND-R033 for a state that was freed; nothing has run then
   */
  async run(
    feeds: Feeds,
    options: { readonly read?: readonly string[] } = {},
  ): Promise<Record<string, TensorValue>> {
    checkOptions('run', options, { read: readKind }, 'FROND-R023');
    return this.#inTurn(() => this.#run(feeds, options.read ?? Object.keys(this.graph.outputs)));
  }

  /**
   * Feeds and runs once, with a clock at each launch: what each took, in order. Undefined where the device has no clock for
   * launches (on a GPU: the feature `timestamp-query`), and nothing has run then.
   * @throws as `run`
   */
  profile(feeds: Feeds): Promise<readonly LaunchTime[] | undefined> {
    return this.#inTurn(async () => (await this.#fed(feeds)).program.profile?.());
  }

  /** Gives the memory back after the runs asked for so far. A later run takes new memory. */
  free(): Promise<void> {
    return this.#inTurn(async () => {
      const places = [...this.#constants.values(), ...this.#tables.values()];
      for (const memory of new Set([...this.#blocks.values(), ...places.map((place) => place.memory)])) {
        this.#device.free(memory);
      }
      this.#forgetAll();
      for (const known of [this.#blocks, this.#constants, this.#tables]) known.clear();
    });
  }

  /** What `work` gives, begun when everything asked for before has ended. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }

  async #run(feeds: Feeds, read: readonly string[]): Promise<Record<string, TensorValue>> {
    const outputs = read.map((name) => [name, this.#outputRef(name)] as const);
    const binding = await this.#fed(feeds);
    await binding.program.run();
    const values = outputs.map(async ([name, ref]) => [name, await this.#read(ref, binding)] as const);
    if (outputs.length === 0) return {};
    const [found] = await Promise.all([Promise.all(values), this.#checkNotes()]);
    return Object.fromEntries(found);
  }

  /**
   * Makes sure that ids which the graph computes were within their bounds in every run so far. A run that reads outputs does so by
   * itself; one that reads none does not wait for the device.
   * @throws FROND-R012 naming the node, the first id outside and its bounds; what was computed since is of no use
   */
  checkIndices(): Promise<void> {
    return this.#inTurn(() => this.#checkNotes());
  }

  async #checkNotes(): Promise<void> {
    const notes = this.program.computedIndices.flatMap((computed) => {
      const place = this.#tables.get(computed.report);
      return place === undefined ? [] : [{ computed, place }];
    });
    const read = await Promise.all(notes.map(({ place }) => this.#device.read(place)));
    const errors = notes.flatMap(({ computed }, i) => outsideOf(computed, read[i] ?? []) ?? []);
    const [first] = errors;
    if (first === undefined) return;
    for (const { place } of notes) await this.#device.write(place, new Int32Array(place.length));
    throw first;
  }

  /** The binding for the sizes of `feeds`, with these written to its inputs. */
  async #fed(feeds: Feeds): Promise<Binding> {
    const { tensors, sizes: fed } = readFeeds(this.graph, feeds);
    const sizes = { ...fed, [ARENA_BLOCKS]: this.state.layout.elements / BLOCK };
    checkIndices(this.program, tensors, sizes);
    this.state.requireWritten(this.graph);
    const binding = await this.#binding(sizes);
    for (const { node, name } of inputsOf(this.graph)) {
      await this.#device.write(binding.tensor(node.id), defined(tensors.get(name), `feed ${name}`).data);
    }
    return binding;
  }

  #outputRef(name: string): Ref {
    if (Object.hasOwn(this.graph.outputs, name)) return defined(this.graph.outputs[name], `output ${name}`);
    throw new FrondError('FROND-R013', `graph ${this.graph.name} has no output ${name}`, {
      hint: `its outputs are: ${Object.keys(this.graph.outputs).join(', ') || 'none'}`,
    });
  }

  async #read(ref: Ref, { sizes, tensor }: Binding): Promise<TensorValue> {
    const { dtype, shape } = typeOfRef(this.graph, ref);
    return {
      dtype,
      shape: atNode(nodeOf(this.graph, splitRef(ref).id), () => shape.map((dim) => evaluate(dim, sizes))),
      data: await this.#device.read(tensor(ref)),
    };
  }

  async #binding(sizes: Sizes): Promise<Binding> {
    const key = JSON.stringify(Object.entries(sizes).sort());
    const binding = this.#bindings.get(key) ?? (await this.#bind(sizes));
    // the least recently used binding stands first
    this.#bindings.delete(key);
    this.#bindings.set(key, binding);
    const oldest = this.#bindings.keys().next().value;
    if (this.#bindings.size > KEPT_BINDINGS && oldest !== undefined) this.#forget(oldest);
    return binding;
  }

  #forget(key: string): void {
    this.#bindings.get(key)?.program.free?.();
    this.#bindings.delete(key);
  }

  #forgetAll(): void {
    for (const key of [...this.#bindings.keys()]) this.#forget(key);
  }

  async #bind(sizes: Sizes): Promise<Binding> {
    const plan = planProgram(this.program, sizes, this.#device.chunkWords);
    const results = await this.#grow('results', plan.words);
    const inputs = await this.#placeInputs(sizes);
    const constants = await this.#placeConstants(sizes);
    const fixed = new Map([...constants, ...inputs, ...(await this.#placeState())]);
    await this.#fillTables();
    const arenas = new Map<string, Location>();
    for (const name of this.#slotNames('arena')) arenas.set(name, await this.state.arena(name as ArenaName));
    const places = locator(this.program, plan, sizes, {
      results,
      fixed,
      arena: (name) => defined(arenas.get(name), `arena ${name}`),
      table: (name) => defined(this.#tables.get(name), `table ${name}`),
    });
    const commands = bindCommands(this.program, places, sizes, this.#device.chunkWords);
    const program = await this.#device.bind(commands);
    return { sizes, program, tensor: places.tensor };
  }

  /** Memory that only grows; bindings into the outgrown block are forgotten. */
  async #grow(which: 'results' | 'inputs', words: number): Promise<Memory> {
    const known = this.#blocks.get(which);
    if (known !== undefined && known.words >= words) return known;
    if (known !== undefined) this.#discard(this.#blocks, which, known);
    const memory = await this.#device.allocate(Math.max(1, words));
    this.#blocks.set(which, memory);
    return memory;
  }

  /** Frees memory that is too small; no binding may use it any more, also if there is none to replace it. */
  #discard<K>(from: Map<K, unknown>, key: K, memory: Memory): void {
    from.delete(key);
    this.#forgetAll();
    this.#device.free(memory);
  }

  async #placeInputs(sizes: Sizes): Promise<Map<Ref, Location>> {
    const { chunkWords } = this.#device;
    const inputs = inputsOf(this.graph);
    const lengths = inputs.map(({ name, type }) => {
      const length = elementsOf(type, sizes);
      requireFits(`input ${name}`, length, chunkWords);
      return length;
    });
    const { offsets, end } = sideBySide(lengths.map(align), chunkWords);
    const memory = await this.#grow('inputs', end);
    const placed = inputs.map(({ node, type: { dtype } }, i) => {
      return [node.id, { memory, offset: offsets[i] ?? 0, length: lengths[i] ?? 0, dtype }] as const;
    });
    return new Map(placed);
  }

  async #placeState(): Promise<Map<Ref, Location>> {
    const parameters = Object.values(this.graph.nodes).flatMap(({ op, id, attributes }) =>
      op === 'parameter' ? [['parameter', id, String(attributes.name)] as const] : [],
    );
    const gradients = [...this.program.gradients].map(([ref, name]) => ['gradient', ref, name] as const);
    const places = new Map<Ref, Location>();
    for (const [arena, ref, name] of [...parameters, ...gradients]) {
      const { offset, length } = this.state.entry(name);
      places.set(ref, { ...(await this.state.arena(arena)), offset, length });
    }
    return places;
  }

  /** Constants are written once; one of a named size again when it has to be longer than ever before. */
  async #placeConstants(sizes: Sizes): Promise<ReadonlyMap<Ref, Location>> {
    for (const node of Object.values(this.graph.nodes)) {
      const { op, id, types, attributes } = node;
      if (op !== 'constant') continue;
      const type = defined(types[0], 'type of a constant');
      const length = atNode(node, () => elementsOf(type, sizes));
      requireFits(`constant ${id}`, length, this.#device.chunkWords);
      const known = this.#constants.get(id);
      if (known !== undefined && known.length >= length) continue;
      if (known !== undefined) this.#discard(this.#constants, id, known.memory);
      const { value } = attributes;
      const values = Array.isArray(value) ? value.map(Number) : new Array<number>(length).fill(Number(value));
      const memory = await this.#device.allocate(align(length));
      const location = { memory, offset: 0, length, dtype: type.dtype };
      await this.#device.write(location, values);
      this.#constants.set(id, location);
    }
    return this.#constants;
  }

  /** Names of the state's arenas, or of the group tables, that launches use. */
  #slotNames(kind: 'arena' | 'table'): Set<string> {
    const launches = this.program.nodes.flatMap((step) => step.launches);
    const slots = launches.flatMap((launch) => Object.values(launch.slots));
    return new Set(slots.flatMap((slot) => (slot.kind === kind ? [slot.name] : [])));
  }

  async #fillTables(): Promise<void> {
    const names = [...this.#slotNames('table')].filter((name) => !this.#tables.has(name));
    if (names.length === 0) return;
    const groups = groupTables(
      this.graph,
      this.program.nodes.map(({ node }) => node),
      (name) => this.state.entry(name),
      this.state.layout.elements,
    );
    const tables = names.map((name) => ({ name, values: groups.get(name) ?? new Int32Array(NOTE_WORDS) }));
    // of equal length, in one memory: a GPU that binds few buffers then binds them as one
    const length = align(Math.max(...tables.map(({ values }) => values.length)));
    const lengths = tables.map(() => length);
    const { offsets, end } = sideBySide(lengths, this.#device.chunkWords);
    const memory = await this.#device.allocate(end);
    for (const [i, { name, values }] of tables.entries()) {
      const dtype = values instanceof Int32Array ? 'i32' : 'f32';
      const location: Location = { memory, offset: offsets[i] ?? 0, length: values.length, dtype };
      await this.#device.write(location, values);
      this.#tables.set(name, location);
    }
  }
}
