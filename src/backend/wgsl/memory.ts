import type { Value, ValueType } from '../../kernel/ir.ts';
import type { Writer } from './text.ts';

export interface SharedArray {
  readonly name: string;
  readonly dtype: ValueType;
  readonly lanes: 1 | 4;
  /** in elements of `lanes`; 0 for a single value */
  length: number;
}

export const bytesOf = ({ lanes, length }: Pick<SharedArray, 'lanes' | 'length'>): number =>
  Math.max(1, length) * lanes * 4;

/** One access to a buffer that the program writes: threads meet before the next one that does not match it. */
export interface StorageAccess {
  readonly buffer: string;
  readonly writes: boolean;
  /** equal keys: every thread touches the elements that it touched before; undefined: never equal */
  readonly key: string | undefined;
}

/** Where barriers stand matters only through these: what may still be read, or was written without a barrier since. */
export interface Hazards {
  readonly shared: ReadonlySet<string>;
  readonly storage: readonly StorageAccess[];
}

/**
 * Workgroup memory and barriers. Nothing in workgroup memory outlives the statement that uses it, so arrays are shared by
 * all statements of a kernel; before one is written again, its readers must have passed a barrier.
 */
export class SharedMemory {
  readonly #arrays = new Map<string, SharedArray>();
  readonly #writer: Writer;
  /** replaced, never changed: who writes a branch or a loop keeps the one of before */
  hazards: Hazards = { shared: new Set(), storage: [] };

  constructor(writer: Writer) {
    this.#writer = writer;
  }

  /** An array of at least `length` vectors of `lanes`, ready to be written: a barrier stands where one is needed. */
  claim(wanted: string, dtype: ValueType, lanes: 1 | 4, length: number): string {
    const name = [wanted, ...(dtype === 'f32' ? [] : [dtype]), ...(lanes === 4 ? ['vec4'] : [])].join('_');
    const known = this.#arrays.get(name);
    if (known) known.length = Math.max(known.length, length);
    else this.#arrays.set(name, { name, dtype, lanes, length });
    // somebody may still be reading it
    if (this.hazards.shared.has(name)) this.barrier();
    return name;
  }

  barrier(): void {
    this.#writer.line('workgroupBarrier();');
    this.#passed();
  }

  /**
   * Gives all threads what one writes to a single value, under a name like `wanted`, as a value that WGSL knows to be uniform; that
   * waits like a barrier.
   */
  broadcast({ id, dtype }: Value, wanted: string, write: (shared: string) => void): string {
    const name = `uniform_${id}`;
    this.#arrays.set(name, { name, dtype, lanes: 1, length: 0 });
    write(name);
    this.#passed();
    return this.#writer.let(wanted, `workgroupUniformLoad(&${name})`);
  }

  #passed(): void {
    this.hazards = { ...this.hazards, shared: new Set() };
  }

  reading(...names: readonly string[]): void {
    this.hazards = { ...this.hazards, shared: new Set([...this.hazards.shared, ...names]) };
  }

  /** Says that all threads are about to access a buffer that the program writes. */
  access(next: StorageAccess): void {
    const { shared, storage } = this.hazards;
    const conflict = storage.some(
      (earlier) =>
        earlier.buffer === next.buffer &&
        (earlier.writes || next.writes) &&
        (earlier.key === undefined || earlier.key !== next.key),
    );
    if (conflict) this.#writer.line('storageBarrier();');
    this.hazards = { shared, storage: conflict ? [next] : [...storage, next] };
  }

  get arrays(): readonly SharedArray[] {
    return [...this.#arrays.values()];
  }

  get bytes(): number {
    return this.arrays.reduce((sum, array) => sum + bytesOf(array), 0);
  }
}

/** Hazards after one of two ways through a program; accesses of an earlier round of a loop match nothing. */
export const joinHazards = (x: Hazards, y: Hazards, round: 'same' | 'next'): Hazards => ({
  shared: new Set([...x.shared, ...y.shared]),
  storage: [
    ...x.storage,
    ...(round === 'same' ? y.storage : y.storage.map((access) => ({ ...access, key: undefined }))),
  ],
});
