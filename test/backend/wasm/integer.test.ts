import { expect, it } from 'vitest';
import type { TypedArray } from '../../../src/base/dtype.ts';
import { elementwise } from '../../../src/kernel/elementwise.ts';
import type { ElementwiseName, Kernel, ValueType } from '../../../src/kernel/ir.ts';
import { interpreterOf } from '../../support/launch.ts';
import { trace } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

/** Integers, casts and arg-maxima, exactly as the interpreter has them: by vectors and by scalars. */

const run = wasmRunner();
const interpret = interpreterOf('f32');

function expectSame(
  kernel: Kernel,
  count: number,
  per: number,
  buffers: () => Record<string, TypedArray>,
): void {
  const launch = { kernel, grid: [Math.ceil(count / per)], scalars: { count } };
  const [expected, got] = [buffers(), buffers()];
  interpret(launch, expected);
  run(launch, got);
  for (const [name, data] of Object.entries(expected))
    expect(Array.from(got[name] ?? []), name).toEqual(Array.from(data));
}

const EDGES = [0, 1, -1, 2, -2, 3, 7, -7, 31, 32, 33, 0x7fffffff, -0x80000000, 0x12345678, -0x12345678];
const PAIRS = EDGES.flatMap((x) => EDGES.map((y) => [x, y] as const));

const integerRows = (Object.keys(elementwise) as ElementwiseName[]).filter((name) => {
  const { accepts, arity } = elementwise[name];
  return (accepts === 'number' || accepts === 'integer') && arity < 3;
});

/** x and y → fn(x, y) for every element; by tiles of 8, or one scalar per program. */
function mapped(fn: ElementwiseName, dtype: 'i32' | 'u32', byTile: boolean): Kernel {
  return trace((k) => {
    const c = k.axis('c', 8);
    const index = byTile ? k.span(c, k.mul(k.program(0), 8), k.parameter('count')) : k.program(0);
    const at = [[index, 1]] as const;
    const args = ['x', 'y'].slice(0, elementwise[fn].arity).map((name) => k.load(k.read(name, dtype), at));
    const result = k.map(fn, ...args);
    k.store(k.write('out', result.dtype === 'bool' ? 'u32' : dtype), at, result);
  });
}

it.each(integerRows.flatMap((fn) => (['i32', 'u32'] as const).map((dtype) => [fn, dtype] as const)))(
  '%s of %s',
  (fn, dtype) => {
    const Numbers = dtype === 'i32' ? Int32Array : Uint32Array;
    const Out = elementwise[fn].result === 'bool' ? Uint32Array : Numbers;
    const buffers = () => ({
      x: Numbers.from(PAIRS.map(([x]) => x)),
      y: Numbers.from(PAIRS.map(([, y]) => y)),
      out: new Out(PAIRS.length),
    });
    expectSame(mapped(fn, dtype, true), PAIRS.length, 8, buffers);
    expectSame(mapped(fn, dtype, false), PAIRS.length, 1, buffers);
  },
);

const FLOATS = [
  0, -0, 0.9, -0.9, 1.5, -1.5, 2147483520, 2147483648, -2147483648, -4e9, 4294967040, 4294967296, 1e30,
];
const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];

const arrays: Readonly<Record<Exclude<ValueType, 'bool'>, (numbers: readonly number[]) => TypedArray>> = {
  f32: (numbers) => Float32Array.from(numbers),
  i32: (numbers) => Int32Array.from(numbers),
  u32: (numbers) => Uint32Array.from(numbers),
};

const casts = (['f32', 'i32', 'u32'] as const).flatMap((from) =>
  (['f32', 'i32', 'u32', 'bool'] as const).map((to) => [from, to] as const),
);

it.each(casts)('casts %s to %s', (from, to) => {
  const numbers = from === 'f32' ? [...FLOATS, ...SPECIAL] : EDGES;
  for (const byTile of [true, false]) {
    const kernel = trace((k) => {
      const c = k.axis('c', 8);
      const index = byTile ? k.span(c, k.mul(k.program(0), 8), k.parameter('count')) : k.program(0);
      const at = [[index, 1]] as const;
      const value = k.cast(k.load(k.read('x', from), at), to);
      k.store(k.write('out', to === 'bool' ? 'u32' : to), at, value);
      const again = to === 'bool' ? value : k.map('ne', value, 0);
      k.store(k.write('flags'), at, k.cast(again, 'f32'));
    });
    expectSame(kernel, numbers.length, byTile ? 8 : 1, () => ({
      x: arrays[from](numbers),
      out: arrays[to === 'bool' ? 'u32' : to](numbers.map(() => 0)),
      flags: new Float32Array(numbers.length),
    }));
  }
});

it.each(['f32', 'i32', 'u32'] as const)(
  'arg-maxima of %s: the first of equals, of NaN and of the lowest',
  (dtype) => {
    const lowest = dtype === 'f32' ? Number.NEGATIVE_INFINITY : dtype === 'i32' ? -0x80000000 : 0;
    const beyond = dtype === 'f32' ? -3.4028234663852886e38 : lowest;
    const odd = dtype === 'f32' ? Number.NaN : 3;
    const rows = [
      [1, 5, 5, 2, 5, 0, 5, 5, 5],
      [lowest, lowest, lowest, lowest, lowest, lowest, lowest, lowest, lowest],
      [odd, 1, 2, odd, 2, 1, 1, 1, 2],
      [7, 6, 5, 4, 3, 2, 1, 0, 7],
      [lowest, lowest, lowest, lowest, lowest, lowest, lowest, 1, lowest],
      [odd, odd, odd, odd, odd, odd, odd, odd, odd],
    ];
    const kernel = trace((k) => {
      const [r, c, v] = [k.axis('r', 8), k.axis('c', 12), k.axis('v', 12)];
      const [R, C] = [k.span(r, 0, rows.length), k.span(c, 0, 9)];
      const x = k.read('x', dtype);
      const tile = k.load(x, [[R, 9], [C, 1]], beyond); // biome-ignore format: one line
      const row = k.program(0);
      k.when(k.eq(row, 0), () => {
        k.store(k.write('across', 'i32'), [[R, 1], [row, 8]], k.argmax(tile, c)); // biome-ignore format: one line
        k.store(k.write('down', 'i32'), [[C, 1], [row, 9]], k.argmax(tile, r)); // biome-ignore format: one line
      });
      const vector = k.load(x, [[row, 9], [k.span(v, 0, 9), 1]], beyond); // biome-ignore format: one line
      k.store(k.write('scalar', 'i32'), [[row, 1]], k.argmax(vector, v));
    });
    expectSame(kernel, rows.length, 1, () => ({
      x: arrays[dtype](rows.flat()),
      across: new Int32Array(rows.length),
      down: new Int32Array(9),
      scalar: new Int32Array(rows.length),
    }));
  },
);

it('random words by tile and by scalar, and their comparison as unsigned numbers', () => {
  const count = 21;
  for (const byTile of [true, false]) {
    const kernel = trace((k) => {
      const c = k.axis('c', 8);
      const start = k.mul(k.program(0), 8);
      const index = byTile ? k.add(k.arange(c), start) : k.program(0);
      const at = [[byTile ? k.span(c, start, k.parameter('count')) : index, 1]] as const;
      for (const word of [0, 1] as const) {
        const drawn = k.random([0x9e3779b9, 7], [k.cast(index, 'u32'), 0xffffffff], word);
        k.store(k.write(`word${word}`, 'u32'), at, drawn);
        k.store(k.write(`kept${word}`, 'u32'), at, k.lt(drawn, 0xc0000000));
      }
    });
    expectSame(kernel, count, byTile ? 8 : 1, () =>
      Object.fromEntries(['word0', 'word1', 'kept0', 'kept1'].map((name) => [name, new Uint32Array(count)])),
    );
  }
});
