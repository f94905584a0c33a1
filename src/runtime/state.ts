import type { TypedArray } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import type { Device, Location, Memory } from './device.ts';
import { initialValues, type ParameterEntry, type ParameterLayout } from './parameters.ts';

/** Flat arenas of equal layout: the weights, and what the optimizer keeps beside each of them. */
export type ArenaName = 'parameter' | 'gradient' | 'moment1' | 'moment2';

/**
 * A model's weights and optimizer state on a device. Executables compiled against one state share it, so a predictor
 * sees what the trainer learnt, and nothing is kept anywhere else.
 */
export class ModelState {
  readonly device: Device;
  readonly layout: ParameterLayout;
  readonly #arenas = new Map<ArenaName, Memory>();

  constructor(device: Device, layout: ParameterLayout) {
    this.device = device;
    this.layout = layout;
  }

  /** The whole arena, made (zeroed) when first asked for. */
  async arena(name: ArenaName): Promise<Location> {
    const memory = this.#arenas.get(name) ?? (await this.device.allocate(Math.max(1, this.layout.elements)));
    this.#arenas.set(name, memory);
    return { memory, offset: 0, length: this.layout.elements, dtype: 'f32' };
  }

  has(name: ArenaName): boolean {
    return this.#arenas.has(name);
  }

  /** @throws FROND-R004 for a name that the model does not have */
  entry(parameter: string): ParameterEntry {
    const entry = this.layout.entries.get(parameter);
    if (entry === undefined) {
      throw new FrondError('FROND-R004', `the model has no parameter ${parameter}`, {
        hint: `it has: ${[...this.layout.entries.keys()].slice(0, 8).join(', ')}…`,
      });
    }
    return entry;
  }

  async #location(parameter: string, arena: ArenaName): Promise<Location> {
    const { offset, length } = this.entry(parameter);
    return { ...(await this.arena(arena)), offset, length };
  }

  async read(parameter: string, arena: ArenaName = 'parameter'): Promise<TypedArray> {
    return this.device.read(await this.#location(parameter, arena));
  }

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

  free(): void {
    for (const memory of this.#arenas.values()) this.device.free(memory);
    this.#arenas.clear();
  }
}
