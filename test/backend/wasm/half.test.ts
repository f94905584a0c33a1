import { expect, it } from 'vitest';
import { halfBits, halfValue } from '../../../src/base/half.ts';
import { cast, f16, f32, graph, mul } from '../../../src/dsl/index.ts';
import type { KernelBuilder, TermInput } from '../../../src/kernel/build.ts';
import { compile } from '../../../src/runtime/compile.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { numbers, trace } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

/** f16 in memory: loads are exact, stores round to the nearest, ties to even. */

const run = wasmRunner();
const SIZE = 64;

const all = Uint16Array.from({ length: 65_536 }, (_, bits) => bits);
const word = new Uint32Array(1);
const real = new Float32Array(word.buffer);

/** A span of a tile per program, of `count` elements. */
function flat(k: KernelBuilder): TermInput[] {
  const c = k.axis('c', SIZE);
  return [[k.span(c, k.mul(k.program(0), SIZE), k.parameter('count')), 1]];
}

const widen = trace((k) => {
  const at = flat(k);
  k.store(k.write('out'), at, k.load(k.read('x', 'f16'), at));
});
const narrow = trace((k) => {
  const at = flat(k);
  k.store(k.write('out', 'f16'), at, k.load(k.read('x'), at));
});

function narrowed(x: Float32Array): Uint16Array {
  const out = new Uint16Array(x.length);
  run({ kernel: narrow, grid: [Math.ceil(x.length / SIZE)], scalars: { count: x.length } }, { x, out });
  return out;
}

it('loads every f16 exactly', () => {
  const out = new Float32Array(all.length);
  run({ kernel: widen, grid: [all.length / SIZE], scalars: { count: all.length } }, { x: all, out });
  const differing = all.filter((bits) => !Object.is(out[bits], halfValue(bits)));
  expect(Array.from(differing)).toEqual([]);
});

it('stores back every f16 that it loads', () => {
  const bits = narrowed(Float32Array.from(all, halfValue));
  const isNumber = (half: number) => (half & 0x7fff) <= 0x7c00;
  expect(Array.from(bits, (half) => (isNumber(half) ? half : 'NaN'))).toEqual(
    Array.from(all, (half) => (isNumber(half) ? half : 'NaN')),
  );
});

it('rounds to the nearest f16, ties to even, as the definition does', () => {
  const values: number[] = [
    65_504,
    65_519.996,
    65_520,
    65_536,
    1e30,
    3.4e38,
    1e-40,
    1e-8,
    2 ** -25,
    2 ** -24,
  ];
  for (let half = 0; half < 0x7c00; half += 7) {
    const middle = (halfValue(half) + halfValue(half + 1)) / 2;
    real[0] = Number.isFinite(middle) ? middle : 65_520;
    const tie = word[0] ?? 0;
    for (const step of [-1, 0, 1]) {
      word[0] = tie + step;
      values.push(real[0] ?? 0, -(real[0] ?? 0));
    }
  }
  const exponents = numbers(3000, 4);
  values.push(...numbers(3000, 3).map((x, i) => x * 2 ** Math.round((exponents[i] ?? 0) * 12)));
  const x = Float32Array.from(values);
  expect(narrowed(x)).toEqual(Uint16Array.from(x, halfBits));
});

it.each([1, 2, 3, 5, 63, 64, 66])('leaves what lies behind %i elements alone', (count) => {
  const x = Float32Array.from({ length: count + 4 }, (_, i) => i + 1);
  const out = new Uint16Array(count + 4).fill(0xabcd);
  run({ kernel: narrow, grid: [Math.ceil(count / SIZE)], scalars: { count } }, { x, out });
  expect(Array.from(out)).toEqual(Array.from(out, (_, i) => (i < count ? halfBits(i + 1) : 0xabcd)));
});

it('reads and writes f16 in columns, by index, as scalars and across', () => {
  const [rows, columns] = [7, 9];
  const kernel = trace((k) => {
    const [r, c] = [k.axis('r', 8), k.axis('c', 12)];
    const [height, width] = [k.parameter('rows'), k.parameter('columns')];
    const [R, C] = [k.span(r, 0, height), k.span(c, 0, width)];
    const x = k.read('x', 'f16');
    const scalar = k.load(x, [[5, 1]]);
    const index = k.load(k.read('index', 'i32'), [[C, 1]]);
    const across = k.load(x, [[R, 1], [C, height]]); // biome-ignore format: one line
    const total = k.add(k.add(k.add(across, k.load(x, [[R, 2]])), k.load(x, [[index, 3]])), scalar);
    k.store(k.write('out', 'f16'), [[R, width], [C, 1]], total); // biome-ignore format: one line
    k.store(k.write('turned', 'f16'), [[R, 1], [C, height]], total); // biome-ignore format: one line
    k.store(k.write('single', 'f16'), [[1, 1]], k.mul(scalar, 0.1));
  });
  const values = Float32Array.from({ length: rows * columns }, (_, i) => (i % 17) - 8);
  const x = Uint16Array.from(values, halfBits);
  const index = Int32Array.from({ length: columns }, (_, j) => (j * 5) % 11);
  const [out, turned] = [new Uint16Array(rows * columns), new Uint16Array(rows * columns)];
  const single = new Uint16Array(2);
  run({ kernel, grid: [1], scalars: { rows, columns } }, { x, index, out, turned, single });
  const at = (i: number): number => values[i] ?? Number.NaN;
  for (let r = 0; r < rows; r++) {
    for (let c = 0; c < columns; c++) {
      const expected = at(r + c * rows) + at(2 * r) + at(3 * (index[c] ?? 0)) + at(5);
      expect(halfValue(out[r * columns + c] ?? 0)).toBe(expected);
      expect(halfValue(turned[r + c * rows] ?? 0)).toBe(expected);
    }
  }
  expect(Array.from(single)).toEqual([0, halfBits(Math.fround(at(5) * Math.fround(0.1)))]);
});

it('holds f16 tensors of a graph on a device, on any number of threads', async () => {
  const model = graph('halves', (g) => {
    const tripled = cast(mul(cast(g.input('x', f16, [5]), f32), 3), f16);
    return { tripled, wide: cast(tripled, f32) };
  });
  const data = [1, 0.1, -2, 1e-7, 60_000];
  const expected = data.map((x) => {
    const read = halfValue(halfBits(x));
    return halfValue(halfBits(Math.fround(read * 3)));
  });
  for (const threads of [1, 2]) {
    const device = wasmDevice({ threads });
    const { executable } = await compile(model, { device });
    const { tripled, wide } = await executable.run({ x: { dtype: 'f16', shape: [5], data } });
    expect(Array.from(tripled.data)).toEqual(expected);
    expect(Array.from(wide.data)).toEqual(expected);
    await device.close();
  }
});
