import { append, encodeCode, nameBytes, unsigned } from './bytes.ts';
import type { Body, Code, FunctionReference, Kind, Local, Result, Statement, Vector } from './code.ts';
import { set } from './control.ts';
import { f32x4, i32x4 } from './instructions.ts';

const KIND: Readonly<Record<Kind, number>> = { i32: 0x7f, f32: 0x7d, v128: 0x7b };

const localOf = <T extends Kind>(kind: T, index: number, name: string): Local<T> => ({
  result: kind,
  text: `$${name}`,
  operands: [],
  bytes: [0x20, ...unsigned(index)],
  index,
  name,
});

/** A local of kind `K` for each of several names. */
export type Locals<K extends Kind, N extends readonly string[]> = { readonly [I in keyof N]: Local<K> };

/** A function under construction: its locals. Parameters are its first ones. */
export class FunctionBuilder {
  readonly parameters: readonly Local[];
  readonly #kinds: Kind[] = [];
  readonly #free: Record<Kind, number[]> = { i32: [], f32: [], v128: [] };
  readonly #names = new Set<string>();
  /** suffixes below this are taken, for names of which there are several; until a scope ends */
  readonly #taken = new Map<string, number>();
  #scope: Local[] | undefined;
  readonly #constants = new Map<string | number, Vector>();
  /** sets the constants, which has to run first */
  readonly prologue: Statement[] = [];

  constructor(parameters: readonly (readonly [name: string, kind: Kind])[]) {
    this.parameters = parameters.map(([name, kind]) => this.local(kind, name));
  }

  /** A local variable; inside `scoped`, until its end only. */
  local<T extends Kind>(kind: T, name: string): Local<T> {
    const index = this.#free[kind].pop() ?? this.#kinds.push(kind) - 1;
    const local = localOf(kind, index, this.#unused(name));
    this.#names.add(local.name);
    this.#scope?.push(local);
    return local;
  }

  /** A local variable of each name. */
  several<K extends Kind, const N extends readonly string[]>(kind: K, ...names: N): Locals<K, N> {
    return names.map((name) => this.local(kind, name)) as readonly Local<K>[] as Locals<K, N>;
  }

  /** Runs `body`; the locals that it makes may be used again for others afterwards. */
  scoped<T>(body: () => T): T {
    const outer = this.#scope;
    const mine: Local[] = [];
    this.#scope = mine;
    const result = body();
    this.#scope = outer;
    this.#taken.clear();
    for (const { result, index, name } of mine.reverse()) {
      this.#free[result].push(index);
      this.#names.delete(name);
    }
    return result;
  }

  /** `name`, or the first of name_2, name_3, … that no live local has. */
  #unused(name: string): string {
    if (!this.#names.has(name)) return name;
    let i = this.#taken.get(name) ?? 2;
    while (this.#names.has(`${name}_${i}`)) i++;
    this.#taken.set(name, i + 1);
    return `${name}_${i}`;
  }

  /** A vector constant, set once where the function begins: engines load literals anew at every use. */
  constant(value: Vector): Vector {
    return this.#constant(value.bytes.join(' '), () => value);
  }

  /** The integer `value` in every lane. */
  readonly word = (value: number): Vector => this.#constant(value | 0, () => i32x4.const(value));

  /** The number `value` in every lane. */
  readonly float = (value: number): Vector => {
    const rounded = Math.fround(value);
    return this.#constant(`f${Object.is(rounded, -0) ? '-0' : rounded}`, () => f32x4.const(rounded));
  };

  #constant(key: string | number, make: () => Vector): Vector {
    const known = this.#constants.get(key);
    if (known) return known;
    const value = make();
    const local = localOf('v128', this.#kinds.push('v128') - 1, value.text);
    this.prologue.push(set(local, value));
    this.#constants.set(key, local);
    return local;
  }

  /** Kinds of the locals after the parameters, in runs. */
  get locals(): readonly (readonly [count: number, kind: Kind])[] {
    const runs: [number, Kind][] = [];
    for (const kind of this.#kinds.slice(this.parameters.length)) {
      const last = runs.at(-1);
      if (last?.[1] === kind) last[0]++;
      else runs.push([1, kind]);
    }
    return runs;
  }
}

export interface WasmFunction<T extends Result = Result> extends FunctionReference<T> {
  readonly builder: FunctionBuilder;
  /** set after it is declared, so that functions may call later ones */
  body: Body;
}

/** Limits of the imported memory, in pages of 64 KiB. */
export interface MemoryLimits {
  readonly initial: number;
  readonly maximum?: number | undefined;
  readonly shared?: boolean | undefined;
}

/** A module under construction. It imports a memory and the base address of scratch memory (global 0). */
export class ModuleBuilder {
  readonly functions: WasmFunction[] = [];
  readonly #helpers = new Map<string, FunctionReference>();

  /** A function whose body is still to be set. */
  declare<T extends Result>(name: string, builder: FunctionBuilder, result: T): WasmFunction<T> {
    const made: WasmFunction<T> = { index: this.functions.length, name, result, builder, body: [] };
    this.functions.push(made);
    return made;
  }

  /**
   * The function of this name, made once, whose parameters are all of one kind. The last code of its body is its result.
   */
  helper<K extends Kind, const N extends readonly string[], T extends Result>(
    name: string,
    kind: K,
    parameters: N,
    result: T,
    author: (builder: FunctionBuilder, parameters: Locals<K, N>) => readonly Code[],
  ): FunctionReference<T> {
    const known = this.#helpers.get(name);
    if (known) return known as FunctionReference<T>;
    const builder = new FunctionBuilder(parameters.map((parameter) => [parameter, kind]));
    const reference = this.declare(name, builder, result);
    this.#helpers.set(name, reference);
    const locals = builder.parameters as readonly Local[] as Locals<K, N>;
    reference.body = author(builder, locals) as Body;
    return reference;
  }

  encode(memory: MemoryLimits, exported: readonly string[]): Uint8Array {
    const bytes = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
    const section = (id: number, entries: readonly (readonly number[])[], count = entries.length): void => {
      const head = unsigned(count);
      const length = entries.reduce((sum, entry) => sum + entry.length, head.length);
      bytes.push(id, ...unsigned(length), ...head);
      for (const entry of entries) append(bytes, entry);
    };
    const types = this.functions.map(typeBytes);
    const distinct = new Map(types.map((type) => [type.join(' '), type]));
    const keys = [...distinct.keys()];
    const typeIndices = types.map((type) => unsigned(keys.indexOf(type.join(' '))));
    const exports = this.functions
      .filter(({ name }) => exported.includes(name))
      .map(({ name, index }) => [...nameBytes(name), 0x00, ...unsigned(index)]);
    section(1, [...distinct.values()]);
    section(2, [
      [...nameBytes('frond'), ...nameBytes('memory'), 0x02, ...limitBytes(memory)],
      [...nameBytes('frond'), ...nameBytes('scratch'), 0x03, KIND.i32, 0x00],
    ]);
    section(3, typeIndices);
    section(7, exports);
    const bodies = this.functions.map(functionBytes).flatMap((body) => [unsigned(body.length), body]);
    section(10, bodies, this.functions.length);
    return new Uint8Array(bytes);
  }
}

function typeBytes({ builder: { parameters }, result }: WasmFunction): number[] {
  const kinds = parameters.map((parameter) => KIND[parameter.result]);
  const results = result === 'none' ? [] : [KIND[result]];
  return [0x60, ...unsigned(kinds.length), ...kinds, ...unsigned(results.length), ...results];
}

function limitBytes({ initial, maximum, shared }: MemoryLimits): number[] {
  const flags = (maximum === undefined ? 0 : 1) | (shared ? 2 : 0);
  return [flags, ...unsigned(initial), ...(maximum === undefined ? [] : unsigned(maximum))];
}

function functionBytes({ builder, body }: WasmFunction): number[] {
  const { locals } = builder;
  const bytes = unsigned(locals.length);
  for (const [count, kind] of locals) bytes.push(...unsigned(count), KIND[kind]);
  encodeCode(builder.prologue, bytes);
  encodeCode(body, bytes);
  bytes.push(0x0b);
  return bytes;
}
