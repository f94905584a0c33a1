import { expect, it } from 'vitest';
import { roundHalf } from '../../../src/base/half.ts';
import type { KernelBuilder } from '../../../src/kernel/build.ts';
import { bothWays, numbers, trace } from './support.ts';

const [rows, columns] = [8, 7];
const x = Float32Array.from(numbers(rows * columns), (value) => value * 1000);

/** Stores 3x to f16 by rows, by columns, and to places that an index tile names, and to f32. */
const kernel = trace((k: KernelBuilder) => {
  const [r, c] = [k.axis('r', 8), k.axis('c', 8)];
  const [R, C] = [k.span(r, 0, rows), k.span(c, 0, columns)];
  const tripled = k.mul(
    k.load(k.read('x'), [
      [R, columns],
      [C, 1],
    ]),
    3,
  );
  k.store(
    k.write('straight', 'f16'),
    [
      [R, columns],
      [C, 1],
    ],
    tripled,
  );
  k.store(
    k.write('turned', 'f16'),
    [
      [R, 1],
      [C, rows],
    ],
    tripled,
  );
  const place = k.load(k.read('places', 'i32'), [[R, 1]]);
  k.store(
    k.write('placed', 'f16'),
    [
      [place, columns],
      [C, 1],
    ],
    tripled,
  );
  k.store(
    k.write('full'),
    [
      [R, columns],
      [C, 1],
    ],
    tripled,
  );
});

it.each(['f32', 'f64'] as const)(
  'memory of f16 holds what f16 can, except in the oracle: %s',
  (precision) => {
    const floats = (length: number) =>
      precision === 'f64' ? new Float64Array(length) : new Float32Array(length);
    const out = () => floats(rows * columns);
    const given = out();
    given.set(x);
    const buffers = {
      x: given,
      straight: out(),
      turned: out(),
      placed: out(),
      full: out(),
      places: Int32Array.from({ length: 8 }, (_, i) => rows - 1 - i),
    };
    const { defined, prepared } = bothWays(kernel, { grid: [1], scalars: {} }, buffers, precision);
    expect(prepared).toEqual(defined);
    const tripled = Array.from(given, (value) => (precision === 'f32' ? Math.fround(value * 3) : value * 3));
    const stored = precision === 'f32' ? tripled.map(roundHalf) : tripled;
    const { straight, turned, placed, full } = prepared;
    expect(Array.from(full ?? [])).toEqual(tripled);
    expect(Array.from(straight ?? [])).toEqual(stored);
    expect(
      Array.from(turned ?? [], (_, i) => turned?.[(i % columns) * rows + Math.floor(i / columns)]),
    ).toEqual(stored);
    expect(
      Array.from(
        placed ?? [],
        (_, i) => placed?.[(rows - 1 - Math.floor(i / columns)) * columns + (i % columns)],
      ),
    ).toEqual(stored);
  },
);
