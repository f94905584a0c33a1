import { checkOptions } from '../base/arguments.ts';
import { evaluate, type Sizes } from '../base/dim.ts';
import type { DType } from '../base/dtype.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { remembered } from '../base/own.ts';
import { type Graph, idOf, type Node, type Ref } from '../ir/graph.ts';
import { nodeOf, typeOfRef } from '../ir/names.ts';
import { ARENA_BLOCKS } from '../ir/record.ts';
import { bindCommands, elementsOf, launchShapes, planProgram, sharedKey, slotsOf } from './bind.ts';
import { type Offsets, requireFits, sideBySide } from './chunks.ts';
import type { BoundProgram, LaunchTime, Location } from './device.ts';
import { type Feeds, feedsFor, type ReadTensor, readFeeds, requireFeeds } from './feeds.ts';
import { checkIndices, outsideOf } from './indices.ts';
import type { LoweredProgram } from './lower.ts';
import { align } from './memoryPlan.ts';
import { atNode, inputsOf } from './nodes.ts';
import { BLOCK, parametersOf } from './parameters.ts';
import { locate, type ModelState } from './state.ts';
import { groupTable } from './updates.ts';

/** Where something of the program lies, by its key (`bind.ts`). */
type Placed = readonly [key: string, place: Location];
type Places = ReadonlyMap<string, Location>;

/** The program with memory and numbers of one set of sizes. */
interface Binding {
  readonly sizes: Sizes;
  readonly program: BoundProgram;
  readonly places: Places;
  /** by launch: the id of the node that it computes */
  readonly nodes: readonly string[];
}

/** A tensor that gets memory in the workspace. */
interface Tensor {
  readonly key: string;
  readonly words: number;
  readonly dtype: DType;
  readonly values?: () => ArrayLike<number>;
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
 * never a new kernel. Runs of all executables of one state wait for each other, as they share its workspace.
 */
export class Executable {
  /** the graph as it runs, after the passes */
  readonly graph: Graph;
  readonly program: LoweredProgram;
  readonly state: ModelState;
  /** compiles the graph with no more than these outputs; absent where it was made without its source */
  readonly #narrow: ((outputs: readonly string[]) => Promise<Executable>) | undefined;
  /** of the graph with some of its outputs, by their names */
  readonly #narrowed = new Map<string, Promise<Executable>>();
  readonly #bindings = new Map<string, Binding>();
  /** of the workspace whose blocks the bindings use */
  #generation = 0;
  /** by key */
  #tables: Places = new Map();

  constructor(
    program: LoweredProgram,
    state: ModelState,
    narrow?: (outputs: readonly string[]) => Promise<Executable>,
  ) {
    this.#narrow = narrow;
    this.graph = program.graph;
    this.program = program;
    this.state = state;
  }

  /** Compiles every kernel of the program. */
  async prepare(): Promise<void> {
    await this.state.device.prepare(launchShapes(this.program));
  }

  /**
   * Feeds, runs, and reads back the named outputs (default: all of them). What is fed must stay as it is until the promise settles.
   * Where some outputs are named and the graph changes no weights, only what they need is run, and only that has to be fed; the first
   * such run of a list of names compiles it.
   * @throws FROND-R009…R012 when the feeds do not fit the declaration, FROND-R012 too where an id that the graph computed is out of
   *   range, FROND-R013 for an output that the graph does not
   *   have, FROND-R023 for invalid feeds or lists of outputs, FROND-R031 for an element that its dtype does not hold,
   *   FROND-R032 for parameters that have no values, FROND-R033 for a state that was freed; nothing has run then
   */
  async run(
    feeds: Feeds,
    options: { readonly read?: readonly string[] } = {},
  ): Promise<Record<string, ReadTensor>> {
    checkOptions('run', options, { read: readKind }, 'FROND-R023');
    const all = Object.keys(this.graph.outputs);
    const { read = all } = options;
    const narrow = this.#narrow;
    const names = [...new Set(read)].sort();
    const isPart = names.length > 0 && names.length < all.length && this.graph.effects.length === 0;
    if (narrow === undefined || !isPart) return this.state.workspace.inTurn(() => this.#run(feeds, read));
    for (const name of names) this.#outputRef(name);
    requireFeeds(this.graph, feeds);
    const part = await remembered(this.#narrowed, JSON.stringify(names), () => narrow(names));
    return part.run(feedsFor(part.graph, feeds));
  }

  /**
   * Feeds and runs once, with a clock at each launch: what each took, in order, and for which node. Undefined where the device has no
   * clock for launches (on a GPU: the feature `timestamp-query`), and nothing has run then. `profileNodes` adds up by node.
   * @throws as `run`
   */
  profile(feeds: Feeds): Promise<readonly (LaunchTime & { readonly node: string })[] | undefined> {
    return this.state.workspace.inTurn(async () => {
      const { program, nodes } = await this.#fed(feeds);
      const times = await program.profile?.();
      return times?.map((time, i) => ({ ...time, node: nodes[i] ?? '' }));
    });
  }

  /**
   * Gives the memory back after the runs asked for so far, also that which it shares with others. A later run of this or another
   * executable takes what it needs.
   */
  free(): Promise<void> {
    const { workspace } = this.state;
    for (const part of this.#narrowed.values()) part.then((executable) => executable.free());
    return workspace.inTurn(() => {
      workspace.drop(['intermediates', 'inputs', this, ...Object.values(this.graph.nodes)]);
      this.#forgetOutgrown();
      this.#tables = new Map();
    });
  }

  async #run(feeds: Feeds, read: readonly string[]): Promise<Record<string, ReadTensor>> {
    const outputs = read.map((name) => [name, this.#outputRef(name)] as const);
    const binding = await this.#fed(feeds);
    await binding.program.run();
    if (outputs.length === 0) return {};
    const values = outputs.map(async ([name, ref]) => [name, await this.#read(ref, binding)] as const);
    const [found] = await Promise.all([Promise.all(values), this.#checkNotes()]);
    return Object.fromEntries(found);
  }

  /**
   * Makes sure that ids which the graph computes were within their bounds in every run so far. A run that reads outputs does so by
   * itself; one that reads none does not wait for the device.
   * @throws FROND-R012 naming the node, the first id outside and its bounds; what was computed since is of no use
   */
  checkIndices(): Promise<void> {
    return this.state.workspace.inTurn(() => this.#checkNotes());
  }

  async #checkNotes(): Promise<void> {
    const notes = this.program.computedIndices.flatMap((computed) => {
      const place = this.#tables.get(sharedKey('table', computed.report));
      return place === undefined ? [] : [{ computed, place }];
    });
    const read = await Promise.all(notes.map(({ place }) => this.state.device.read(place)));
    const [first] = notes.flatMap(({ computed }, i) => outsideOf(computed, read[i] ?? []) ?? []);
    if (first === undefined) return;
    for (const { place } of notes) await this.state.device.write(place, new Int32Array(place.length));
    throw first;
  }

  /** The binding for the sizes of `feeds`, with these written to its inputs. */
  async #fed(feeds: Feeds): Promise<Binding> {
    const { tensors, sizes: fed } = readFeeds(this.graph, feeds);
    const sizes = { ...fed, [ARENA_BLOCKS]: this.state.layout.trained / BLOCK };
    checkIndices(this.program, tensors, sizes);
    this.state.requireWritten(this.graph);
    const binding = await this.#binding(sizes);
    for (const [id, { data }] of tensors) await this.state.device.write(this.#placeOf(id, binding), data);
    return binding;
  }

  #outputRef(name: string): Ref {
    if (Object.hasOwn(this.graph.outputs, name)) return defined(this.graph.outputs[name], `output ${name}`);
    throw new FrondError('FROND-R013', `graph ${this.graph.name} has no output ${name}`, {
      hint: `its outputs are: ${Object.keys(this.graph.outputs).join(', ') || 'none'}`,
    });
  }

  #placeOf(ref: Ref, { places }: Binding): Location {
    return defined(places.get(this.program.root(ref)), `memory of ${ref}`);
  }

  async #read(ref: Ref, binding: Binding): Promise<ReadTensor> {
    const { dtype, shape } = typeOfRef(this.graph, ref);
    return {
      dtype,
      shape: atNode(nodeOf(this.graph, idOf(ref)), () => shape.map((dim) => evaluate(dim, binding.sizes))),
      data: await this.state.device.read(this.#placeOf(ref, binding)),
    };
  }

  async #binding(sizes: Sizes): Promise<Binding> {
    const key = JSON.stringify(Object.entries(sizes).sort());
    this.#forgetOutgrown();
    const binding = this.#bindings.get(key) ?? (await this.#bind(sizes));
    // the least recently used binding stands first
    this.#bindings.delete(key);
    this.#bindings.set(key, binding);
    if (this.#bindings.size > KEPT_BINDINGS) this.#forget([...this.#bindings.keys()].slice(0, 1));
    return binding;
  }

  #forget(keys: readonly string[] = [...this.#bindings.keys()]): void {
    for (const key of keys) {
      this.#bindings.get(key)?.program.free?.();
      this.#bindings.delete(key);
    }
  }

  /** Lets bindings go whose memory was given back, also where another executable outgrew it. */
  #forgetOutgrown(): void {
    const { generation } = this.state.workspace;
    if (generation !== this.#generation) this.#forget();
    this.#generation = generation;
  }

  async #bind(sizes: Sizes): Promise<Binding> {
    const { chunkWords } = this.state.device;
    const plan = planProgram(this.program, sizes, chunkWords);
    const results = await this.#place('intermediates', plan.tensors, plan);
    const inputs = inputsOf(this.graph).map(({ node, name }) => this.#tensorOf(`input ${name}`, node, sizes));
    const fed = await this.#place('inputs', inputs);
    const constants = await this.#placeConstants(sizes);
    const state = await this.#placeState();
    this.#tables = new Map(await this.#place(this, this.#tensorsOfTables()));
    const places = new Map([...results, ...fed, ...constants, ...state, ...this.#tables]);
    this.#forgetOutgrown();
    const commands = bindCommands(this.program, places, sizes, chunkWords);
    const program = await this.state.device.bind(commands);
    return { sizes, program, places, nodes: commands.map(({ node = '' }) => node) };
  }

  /** @throws FROND-R025 where no chunk holds it */
  #tensorOf(what: string, node: Node, sizes: Sizes): Tensor {
    const type = typeOfRef(this.graph, node.id);
    const words = atNode(node, () => elementsOf(type, sizes));
    requireFits(what, words, this.state.device.chunkWords);
    return { key: node.id, words, dtype: type.dtype };
  }

  /** Places tensors in a block, one behind the other where no plan says where. Their values are written when the block is new. */
  async #place(name: unknown, tensors: readonly Tensor[], plan?: Offsets): Promise<Placed[]> {
    const { device, workspace } = this.state;
    const lengths = tensors.map((tensor) => align(tensor.words));
    const { offsets, words } = plan ?? sideBySide(lengths, device.chunkWords);
    const placed = tensors.map(({ key, words: length, dtype, values }, i) => {
      return { key, values, place: { offset: offsets[i] ?? 0, length, dtype } };
    });
    const memory = await workspace.reserve(name, words, async (memory) => {
      for (const { values, place } of placed) {
        const data = values?.();
        if (data) await device.write({ ...place, memory, length: data.length }, data);
      }
    });
    return placed.map(({ key, place }) => [key, { ...place, memory }]);
  }

  /** Constants are written once; one of a named size again when it has to be longer than ever before. */
  async #placeConstants(sizes: Sizes): Promise<Placed[]> {
    const places: Placed[] = [];
    for (const node of Object.values(this.graph.nodes)) {
      if (node.op !== 'constant') continue;
      const { value } = node.attributes;
      const tensor = this.#tensorOf(`constant ${node.id}`, node, sizes);
      // as much as the memory holds, which is not written again for a size within it
      const filled = (): number[] => new Array<number>(align(tensor.words)).fill(Number(value));
      const values = Array.isArray(value) ? () => value.map(Number) : filled;
      places.push(...(await this.#place(node, [{ ...tensor, values }])));
    }
    return places;
  }

  async #placeState(): Promise<Placed[]> {
    const places: Placed[] = [];
    for (const { node, name, arena } of parametersOf(this.graph))
      places.push([node.id, await locate(this.state, name, arena)]);
    for (const [ref, { parameter, arena }] of this.program.gradients)
      places.push([ref, await locate(this.state, parameter, arena)]);
    for (const name of this.#sharedNames('arena'))
      places.push([sharedKey('arena', name), await this.state.arena(name)]);
    return places;
  }

  /** Names of the state's arenas, or of the tables, that launches use. */
  #sharedNames(kind: 'arena' | 'table'): string[] {
    const slots = this.program.nodes.flatMap(slotsOf);
    return [...new Set(slots.flatMap((slot) => (slot.kind === kind ? [slot.name] : [])))];
  }

  /** The groups of blocks, and notes, which are zero at first, as memory is. They share memory, so that a GPU can bind all as one. */
  #tensorsOfTables(): Tensor[] {
    return this.#sharedNames('table').map((name) => {
      const key = sharedKey('table', name);
      if (name !== 'group') return { key, words: NOTE_WORDS, dtype: 'i32' };
      const { layout } = this.state;
      const order = this.program.nodes.map(({ node }) => node);
      const values = () => groupTable(this.graph, order, layout);
      return { key, words: layout.trained / BLOCK, dtype: 'i32', values };
    });
  }
}
