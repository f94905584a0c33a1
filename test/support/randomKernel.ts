import fc from 'fast-check';
import { allocate, type Precision, type TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { KernelBuilder } from '../../src/kernel/build.ts';
import type { Axis, Kernel, Span, Value } from '../../src/kernel/ir.ts';
import { numbers, trace } from '../backend/interpreter/support.ts';

/** What a random kernel is grown from. */
export interface Recipe {
  readonly choices: readonly number[];
  readonly sizes: readonly [rows: number, columns: number, inner: number];
  readonly tiles: readonly [rows: number, columns: number, inner: number];
}

export const recipes = fc.record({
  choices: fc.array(fc.nat(1000), { minLength: 30, maxLength: 90 }),
  sizes: fc.tuple(fc.nat(19), fc.nat(21), fc.nat(13)),
  tiles: fc.tuple(fc.constantFrom(4, 8), fc.constantFrom(4, 12), fc.constantFrom(4, 8)),
});

/** Grows a kernel from numbers: each step takes values made before and makes another. */
class Grower {
  readonly k: KernelBuilder;
  readonly #choices: readonly number[];
  #next = 0;
  readonly axes: readonly [Axis, Axis, Axis];
  readonly spans: readonly [Span, Span, Span];
  readonly sizes: readonly Value[];
  readonly pool: Value[] = [];

  constructor(k: KernelBuilder, { choices, tiles }: Recipe) {
    this.k = k;
    this.#choices = choices;
    this.sizes = ['rows', 'columns', 'inner'].map((name) => k.parameter(name));
    const [rows, columns, inner] = tiles;
    this.axes = [k.axis('r', rows), k.axis('c', columns), k.axis('d', inner)];
    const [r, c, d] = this.axes;
    const [n, m, depth] = this.sizes as [Value, Value, Value];
    this.spans = [
      k.span(r, k.mul(k.program(0), rows), n),
      k.span(c, k.mul(k.program(1), columns), m),
      k.span(d, 0, depth),
    ];
  }

  get done(): boolean {
    return this.#next >= this.#choices.length;
  }

  choose(count: number): number {
    return (this.#choices[this.#next++ % this.#choices.length] ?? 0) % count;
  }

  /** A value made before that passes `wanted`. */
  pick(wanted: (value: Value) => boolean): Value | undefined {
    const candidates = this.pool.filter(wanted);
    return candidates[this.choose(Math.max(1, candidates.length))];
  }

  add(value: Value): void {
    this.pool.push(value);
  }
}

const isFloat = (value: Value): boolean => value.dtype === 'f32';
const fits = (x: Value, y: Value): boolean => new Set([...x.axes, ...y.axes]).size <= 2;

function loads(g: Grower): void {
  const { k } = g;
  const [R, C, D] = g.spans;
  const [rows, columns, inner] = g.sizes as [Value, Value, Value];
  const [x, y, z] = [k.read('x'), k.read('y'), k.read('z')];
  const otherwise = [0, -2, 1.5][g.choose(3)] ?? 0;
  g.add(k.load(x, [[R, columns], [C, 1]], otherwise)); // biome-ignore format: one line per load
  g.add(k.load(y, [[R, 1], [D, rows]])); // biome-ignore format: one line per load
  g.add(k.load(z, [[C, inner], [D, 1]])); // biome-ignore format: one line per load
  g.add(k.load(z, [[C, inner]], otherwise));
  g.add(k.load(x, [[R, columns]]));
  const ids = k.load(k.read('ids', 'i32'), [[R, 1]]);
  g.add(ids);
  g.add(k.load(y, [[ids, 1], [R, 0], [D, rows]])); // biome-ignore format: one line per load
  g.add(k.load(y, [[k.add(ids, k.mul(k.arange(g.axes[2]), 0)), 1], [R, 0], [D, rows]], otherwise)); // biome-ignore format: one line per load
  g.add(k.fill([g.axes[0], g.axes[1]], 0.5));
  g.add(k.constant(1.25));
  g.add(k.inside(C));
  g.add(k.arange(g.axes[0]));
}

/** One more value; float results stay within ±8, so that no case drowns in infinities. */
function grow(g: Grower, transcendental: boolean): readonly Value[] {
  const { k } = g;
  const tame = (value: Value) => [k.max(k.min(value, 8), -8)];
  const x = g.pick(isFloat) as Value;
  const y = g.pick((value) => isFloat(value) && fits(x, value)) as Value;
  switch (g.choose(12)) {
    case 0:
      return tame(k.map((['add', 'sub', 'mul', 'min', 'max'] as const)[g.choose(5)] ?? 'add', x, y));
    case 1:
      return tame(k.map((['neg', 'abs', 'floor', 'sqrt'] as const)[g.choose(4)] ?? 'neg', k.max(x, 0.25)));
    case 2:
      return tame(k.div(x, k.max(k.map('abs', y), 0.5)));
    case 3:
      if (!transcendental) return tame(k.add(x, 0.125));
      return tame(k.map((['exp', 'tanh', 'erf', 'log'] as const)[g.choose(4)] ?? 'exp', k.max(x, 0.01)));
    case 4:
      return [k.map((['lt', 'le', 'eq', 'ne'] as const)[g.choose(4)] ?? 'lt', x, y)];
    case 5: {
      const condition = g.pick((value) => value.dtype === 'bool' && fits(value, x)) as Value | undefined;
      return condition ? [k.select(condition, x, 0.75)] : [];
    }
    case 6: {
      const tile = g.pick((value) => isFloat(value) && value.axes.length > 0) as Value;
      const axis = defined(tile.axes[g.choose(tile.axes.length)], 'axis');
      const over = g.choose(3) === 0 ? tile.axes : [axis];
      return tame(g.choose(2) === 0 ? k.sum(tile, ...over) : k.maximum(tile, ...over));
    }
    case 7: {
      const tile = g.pick((value) => isFloat(value) && value.axes.length > 0) as Value;
      return tame(k.cast(k.argmax(tile, defined(tile.axes[g.choose(tile.axes.length)], 'axis')), 'f32'));
    }
    case 8: {
      const [r, c, d] = g.axes;
      const left = g.pick((value) => isFloat(value) && value.axes[0] === r && value.axes[1] === d);
      const right = g.pick((value) => isFloat(value) && value.axes[0] === c && value.axes[1] === d);
      const sum = g.pick((value) => isFloat(value) && value.axes[0] === r && value.axes[1] === c);
      return left && right ? tame(k.dot(left, right, g.choose(2) === 0 ? sum : undefined, d)) : [];
    }
    case 9: {
      const index = g.pick((value) => value.dtype === 'i32') as Value;
      return [k.rem(k.add(k.mul(index, 7), 3), 5)];
    }
    case 10: {
      const bits = k.random([3, 4], [k.cast(g.pick((value) => value.dtype === 'i32') as Value, 'u32'), 1], 0);
      return [k.lt(bits, 0x60000000)];
    }
    default:
      return loop(g, x, y);
  }
}

/** A loop that carries two values, which change places where they have the same axes. */
function loop(g: Grower, x: Value, y: Value): readonly Value[] {
  const { k } = g;
  const sameAxes = x.axes.length === y.axes.length && x.axes.every((axis, i) => axis === y.axes[i]);
  const trips = g.choose(4);
  return k.loop(0, trips, 1, [x, y], (i, a, b) => {
    const [first, second] = [a as Value, b as Value];
    const step = k.mul(k.add(first, k.cast(i, 'f32')), 0.5);
    if (!sameAxes) return [step, second];
    return g.choose(2) === 0 ? [second, step] : [k.max(step, second), first];
  });
}

/** Stores the last tiles over (r, c), the last vectors over r, and one scalar per program. */
function stores(g: Grower): void {
  const { k } = g;
  const [R, C] = g.spans;
  const [r, c] = g.axes;
  const columns = g.sizes[1] as Value;
  const whole = g.pool.filter((value) => isFloat(value) && value.axes[0] === r && value.axes[1] === c);
  whole.slice(-3).forEach((value, i) => {
    k.store(k.write(`tile${i}`), [[R, columns], [C, 1]], value); // biome-ignore format: one line
  });
  const vectors = g.pool.filter((value) => isFloat(value) && value.axes.length === 1 && value.axes[0] === r);
  vectors.slice(-2).forEach((value, i) => {
    k.when(k.eq(k.program(1), 0), () => k.store(k.write(`vector${i}`), [[R, 1]], value));
  });
  const scalar = g.pool.filter((value) => isFloat(value) && value.axes.length === 0).at(-1) as Value;
  k.store(k.write('scalar'), [[k.program(0), 8], [k.program(1), 1]], scalar); // biome-ignore format: one line
}

/** The kernel of a recipe; not every one passes the checker. */
export function kernelOf(recipe: Recipe, transcendental: boolean): Kernel {
  return trace((k) => {
    const g = new Grower(k, recipe);
    loads(g);
    while (!g.done) for (const value of grow(g, transcendental)) g.add(value);
    stores(g);
  });
}

/** Buffers and launch for the kernel of a recipe. */
export function launchOf(recipe: Recipe, kernel: Kernel, precision: Precision) {
  const [rows, columns, inner] = recipe.sizes;
  const floats = (values: readonly number[]): TypedArray => {
    const array = allocate('f32', values.length, precision);
    array.set(values);
    return array;
  };
  const all: Record<string, TypedArray> = {
    x: floats(numbers(rows * columns + 1)),
    y: floats(numbers(rows * inner + 1, 2)),
    z: floats(numbers(columns * inner + 1, 3)),
    ids: Int32Array.from({ length: rows }, (_, i) => (i * 5 + 2) % rows),
    scalar: allocate('f32', 64, precision),
  };
  for (let i = 0; i < 3; i++) {
    all[`tile${i}`] = allocate('f32', rows * columns, precision);
    all[`vector${i}`] = allocate('f32', rows, precision);
  }
  const buffers = Object.fromEntries(kernel.buffers.map(({ name }) => [name, defined(all[name], name)]));
  const grid = [Math.ceil(rows / recipe.tiles[0]), Math.ceil(columns / recipe.tiles[1])];
  return { launch: { kernel, grid, scalars: { rows, columns, inner } }, buffers };
}
