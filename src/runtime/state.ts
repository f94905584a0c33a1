import { journalElements } from '../../kernels/gradientNorm.ts';
import { checkArguments } from '../base/arguments.ts';
import { elementRule, type HostData, numbersOf, type TypedArray } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Graph, irKind } from '../ir/graph.ts';
import { listed } from '../ir/names.ts';
import { type Device, deviceKind, type Location, type Memory } from './device.ts';
import {
  chunkLayout,
  initialValues,
  type ParameterEntry,
  type ParameterLayout,
  parametersOf,
  requireSameShape,
  trainedBy,
} from './parameters.ts';
import { Workspace } from './workspace.ts';

const layoutKind = is.having<ParameterLayout>('what layoutParameters gives', 'entries', 'elements');
const piecesKind = is.kind('lists of numbers', (value) =>
  [Symbol.iterator, Symbol.asyncIterator].some((each) => each in Object(value)),
);

/**
 * Flat arenas: `parameter`, the weights; under any other name what is kept beside each trained one, such as `gradient`, `moment1`
 * and `moment2`; and `journal`, the latest steps, of a layout of its own (`kernels/gradientNorm.ts`).
 */
export type ArenaName = string;

/**
 * A model's weights and optimizer state on a device. Executables compiled against one state share it, so a predictor
 * sees what the trainer learnt, and nothing is kept anywhere else.
 */
export class ModelState {
  readonly device: Device;
  readonly layout: ParameterLayout;
  /** what its executables run in: its blocks `intermediates` and `inputs` are as large as the largest of them needs */
  readonly workspace: Workspace;
  /** promises, so that executables that ask at the same time get the same memory */
  readonly #arenas = new Map<ArenaName, Promise<Memory>>();
  /** parameters that have got values */
  readonly #written = new Set<string>();
  #freed = false;

  constructor(device: Device, layout: ParameterLayout) {
    checkArguments('ModelState', { device: deviceKind, layout: layoutKind }, [device, layout]);
    this.device = device;
    this.layout = chunkLayout(layout, device.chunkWords);
    this.workspace = new Workspace(device);
  }

  /**
   * The whole arena, made (zeroed) when first asked for.
   * @throws FROND-R001 when the device has not that much memory, FROND-R033 after `free`
   */
  async arena(name: ArenaName): Promise<Location> {
    this.#check();
    checkArguments('state.arena', { name: is.name }, [name]);
    const { elements, trained } = this.layout;
    const length = name === 'journal' ? journalElements : name === 'parameter' ? elements : trained;
    let memory = this.#arenas.get(name);
    if (memory === undefined) {
      memory = this.device.allocate(Math.max(1, length));
      this.#arenas.set(name, memory);
      memory.catch(() => this.#arenas.delete(name));
    }
    return { memory: await memory, offset: 0, length, dtype: 'f32' };
  }

  has(name: ArenaName): boolean {
    checkArguments('state.has', { name: is.name }, [name]);
    return this.#arenas.has(name);
  }

  /** @throws FROND-R004 for a name that the model does not have */
  entry(parameter: string): ParameterEntry {
    checkArguments('state.entry', { parameter: is.text }, [parameter]);
    const entry = this.layout.entries.get(parameter);
    if (entry === undefined) {
      throw new FrondError('FROND-R004', `the model has no parameter ${parameter}`, {
        hint: `it has: ${listed([...this.layout.entries.keys()]) || 'none'}`,
      });
    }
    return entry;
  }

  /**
   * Makes sure that every parameter of `graph` is one of this model, and that there is room for the gradients of those that it updates.
   * @throws FROND-R004 for one that the model does not have, FROND-R003 for one of another shape, FROND-R017 for one to update that
   *   the layout takes for frozen, FROND-R033 after `free`
   */
  require(graph: Graph): void {
    this.#check();
    checkArguments('state.require', { graph: irKind }, [graph]);
    for (const { node, name } of parametersOf(graph)) requireSameShape(this.entry(name), node);
    for (const name of trainedBy(graph)) requireTrained(this.entry(name));
  }

  #check(): void {
    if (!this.#freed) return;
    throw new FrondError('FROND-R033', 'the state is used, but its memory was given back', {
      hint: 'free a state after its last use, or make another one',
    });
  }

  /**
   * Makes sure that every parameter of `graph` has values: memory is zero before it gets some, and zeros would pass for weights.
   * @throws FROND-R032 naming those that have none, FROND-R033 after `free`
   */
  requireWritten(graph: Graph): void {
    this.#check();
    if (this.#written.size === this.layout.entries.size) return;
    const names = parametersOf(graph).flatMap(({ name }) => (this.#written.has(name) ? [] : [name]));
    if (names.length === 0) return;
    throw new FrondError('FROND-R032', `graph ${graph.name}: parameters without values: ${listed(names)}`, {
      hint: 'draw first weights with state.initialize(seed), or load some with state.write(name, values)',
    });
  }

  async read(parameter: string, arena: ArenaName = 'parameter'): Promise<TypedArray> {
    return this.device.read(await locate(this, parameter, arena));
  }

  /**
   * @throws FROND-R005 when the number of values is not that of the parameter's elements, FROND-R031 for one that is no number
   */
  async write(parameter: string, values: HostData, arena: ArenaName = 'parameter'): Promise<void> {
    checkArguments('state.write', { parameter: is.text, values: is.elements }, [parameter, values]);
    await this.fill(parameter, [values], arena);
  }

  /**
   * Writes a parameter piece by piece, so that a large one need not be in memory as a whole.
   * @throws as `write`
   */
  async fill(
    parameter: string,
    pieces: Iterable<HostData> | AsyncIterable<HostData>,
    arena: ArenaName = 'parameter',
  ): Promise<void> {
    checkArguments('state.fill', { parameter: is.text, pieces: piecesKind }, [parameter, pieces]);
    const { offset, length, ...place } = await locate(this, parameter, arena);
    const requireLength = (fits: boolean, given: number): void => {
      if (fits) return;
      throw new FrondError('FROND-R005', `parameter ${parameter} has ${length} elements, got ${given}`);
    };
    let at = 0;
    for await (const piece of pieces) {
      checkArguments('state.fill', { piece: is.elements }, [piece]);
      requireLength(at + piece.length <= length, at + piece.length);
      const numbers = numbersOf('f32', piece, (index, element) => {
        const where = `parameter ${parameter}: element ${at + index}`;
        return new FrondError('FROND-R031', `${where} is ${element}, f32 takes ${elementRule('f32')}`);
      });
      await this.device.write({ ...place, offset: offset + at, length: piece.length }, numbers);
      at += piece.length;
    }
    requireLength(at === length, at);
    if (arena === 'parameter') this.#written.add(parameter);
  }

  /** Fills every parameter from its initialiser; the same seed gives the same bytes. @throws FROND-S045 for a seed that is no whole number */
  async initialize(seed: number): Promise<void> {
    checkArguments('initialize', { seed: is.integer }, [seed]);
    for (const entry of this.layout.entries.values())
      await this.write(entry.name, initialValues(entry, seed));
  }

  /** Gives all memory back: what uses the state later is refused with FROND-R033. */
  free(): void {
    this.#freed = true;
    const free = (memory: Memory): void => this.device.free(memory);
    for (const memory of this.#arenas.values()) memory.then(free, () => undefined);
    this.#arenas.clear();
    void this.workspace.inTurn(() => this.workspace.drop());
  }
}

function requireTrained({ name, trained }: ParameterEntry): void {
  if (trained) return;
  throw new FrondError(
    'FROND-R017',
    `parameter ${name} has no gradient and no moments: no update changes it`,
    {
      hint: 'lay the parameters out with the graph that updates it: layoutParameters([step, prediction])',
    },
  );
}

/**
 * Where a parameter, or what belongs to it, lies.
 * @throws FROND-R017 for what does not belong to a parameter that is not trained; as `entry` and `arena`
 */
export async function locate(state: ModelState, parameter: string, arena: ArenaName): Promise<Location> {
  const entry = state.entry(parameter);
  if (arena !== 'parameter') requireTrained(entry);
  const { offset, length } = entry;
  return { ...(await state.arena(arena)), offset, length };
}
