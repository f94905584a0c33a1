import { journalElements } from '../../kernels/journal.ts';
import type { TypedArray } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import type { Graph } from '../ir/graph.ts';
import type { Device, Location, Memory } from './device.ts';
import {
  chunkLayout,
  initialValues,
  type ParameterEntry,
  type ParameterLayout,
  requireSameShape,
} from './parameters.ts';

/**
 * Flat arenas of equal layout: the weights, and what the optimizer keeps beside each of them. Beside them the journal of the
 * latest steps, of a layout of its own (`kernels/journal.ts`).
 */
export type ArenaName = 'parameter' | 'gradient' | 'moment1' | 'moment2' | 'journal';

/** Names that a hint lists before it breaks off. */
const LISTED = 8;

/**
 * A model's weights and optimizer state on a device. Executables compiled against one state share it, so a predictor
 * sees what the trainer learnt, and nothing is kept anywhere else.
 */
export class ModelState {
  readonly device: Device;
  readonly layout: ParameterLayout;
  /** promises, so that executables that ask at the same time get the same memory */
  readonly #arenas = new Map<ArenaName, Promise<Memory>>();

  constructor(device: Device, layout: ParameterLayout) {
    this.device = device;
    this.layout = chunkLayout(layout, device.chunkWords);
  }

  /** The whole arena, made (zeroed) when first asked for. @throws FROND-R001 when the device has not that much memory */
  async arena(name: ArenaName): Promise<Location> {
    const known = this.#arenas.get(name);
    const length = name === 'journal' ? journalElements : this.layout.elements;
    const memory = known ?? this.device.allocate(Math.max(1, length));
    if (known === undefined) {
      this.#arenas.set(name, memory);
      memory.catch(() => this.#arenas.delete(name));
    }
    return { memory: await memory, offset: 0, length, dtype: 'f32' };
  }

  has(name: ArenaName): boolean {
    return this.#arenas.has(name);
  }

  /** @throws FROND-R004 for a name that the model does not have */
  entry(parameter: string): ParameterEntry {
    const entry = this.layout.entries.get(parameter);
    if (entry === undefined) {
      const names = [...this.layout.entries.keys()];
      const shown = [...names.slice(0, LISTED), ...(names.length > LISTED ? ['…'] : [])];
      throw new FrondError('FROND-R004', `the model has no parameter ${parameter}`, {
        hint: `it has: ${shown.join(', ') || 'none'}`,
      });
    }
    return entry;
  }

  /**
   * Makes sure that every parameter of `graph` is one of this model.
   * @throws FROND-R004 for one that the model does not have, FROND-R003 for one of another shape
   */
  require(graph: Graph): void {
    for (const node of Object.values(graph.nodes)) {
      if (node.op === 'parameter') requireSameShape(this.entry(String(node.attributes.name)), node);
    }
  }

  async #location(parameter: string, arena: ArenaName): Promise<Location> {
    const { offset, length } = this.entry(parameter);
    return { ...(await this.arena(arena)), offset, length };
  }

  async read(parameter: string, arena: ArenaName = 'parameter'): Promise<TypedArray> {
    return this.device.read(await this.#location(parameter, arena));
  }

  /** @throws FROND-R005 when the number of values is not that of the parameter's elements */
  async write(parameter: string, values: ArrayLike<number>, arena: ArenaName = 'parameter'): Promise<void> {
    const location = await this.#location(parameter, arena);
    if (values.length !== location.length) {
      throw new FrondError(
        'FROND-R005',
        `parameter ${parameter} has ${location.length} elements, got ${values.length}`,
      );
    }
    await this.device.write(location, values);
  }

  /** Fills every parameter from its initialiser; the same seed gives the same bytes. */
  async initialize(seed: number): Promise<void> {
    for (const entry of this.layout.entries.values())
      await this.write(entry.name, initialValues(entry, seed));
  }

  /** Gives all memory back; asked for again, it is zeroed. */
  free(): void {
    const free = (memory: Memory): void => this.device.free(memory);
    for (const memory of this.#arenas.values()) memory.then(free, () => undefined);
    this.#arenas.clear();
  }
}
