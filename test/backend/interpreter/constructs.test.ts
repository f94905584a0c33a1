import { describe, expect, it } from 'vitest';
import type { LaunchSizes } from '../../../src/backend/interpreter/index.ts';
import type { Precision } from '../../../src/base/dtype.ts';
import { threefry } from '../../../src/base/random.ts';
import type { KernelBuilder } from '../../../src/kernel/build.ts';
import type { Value } from '../../../src/kernel/ir.ts';
import { type Buffers, bothWays, distance, floats, numbers, trace, zeros } from './support.ts';

const precisions: readonly Precision[] = ['f32', 'f64'];
const blocks = (size: number, per: number): number => Math.ceil(size / per);

/** Runs a kernel by definition and as prepared, expects them equal, and returns the buffers. */
function run(
  author: (k: KernelBuilder) => void,
  launch: LaunchSizes,
  buffers: Buffers,
  precision: Precision = 'f32',
  tolerance = 0,
): Buffers {
  const { defined, prepared } = bothWays(trace(author), launch, buffers, precision);
  for (const [name, data] of Object.entries(prepared)) {
    expect(distance(data, defined[name] ?? []), name).toBeLessThanOrEqual(tolerance);
  }
  return prepared;
}

describe.each(precisions)('in %s', (precision) => {
  const ulp = precision === 'f32' ? 2 ** -22 : 0;

  it.each([
    [0, 5, 3],
    [1, 1, 1],
    [5, 0, 3],
    [7, 9, 0],
    [37, 51, 29],
    [16, 16, 16],
    [33, 16, 40],
  ])('multiplies %i × %i over %i in all four transpositions', (rows, columns, inner) => {
    for (const [transposeX, transposeY] of [
      [false, false],
      [false, true],
      [true, false],
      [true, true],
    ]) {
      const x = numbers(rows * inner, 1);
      const y = numbers(inner * columns, 2);
      const result = run(
        (k) => {
          const [X, Y, out] = [k.read('x'), k.read('y'), k.write('out')];
          const [M, N, K] = [k.parameter('M'), k.parameter('N'), k.parameter('K')];
          const [m, n, d] = [k.axis('m', 16), k.axis('n', 12), k.axis('d', 8)];
          const R = k.span(m, k.mul(k.program(0), 16), M);
          const C = k.span(n, k.mul(k.program(1), 12), N);
          const [sum] = k.loop(0, K, 8, [k.fill([m, n], 0)], (i, acc) => {
            const D = k.span(d, i, K);
            const a = k.load(X, [
              [R, transposeX ? 1 : K],
              [D, transposeX ? M : 1],
            ]);
            const b = k.load(Y, [
              [D, transposeY ? 1 : N],
              [C, transposeY ? K : 1],
            ]);
            return [k.dot(a, b, acc as Value, d)];
          });
          k.store(
            out,
            [
              [R, N],
              [C, 1],
            ],
            sum as Value,
          );
        },
        { grid: [blocks(rows, 16), blocks(columns, 12)], scalars: { M: rows, N: columns, K: inner } },
        { x: floats(x, precision), y: floats(y, precision), out: zeros(rows * columns, precision) },
        precision,
      );
      const expected = Array.from({ length: rows * columns }, (_, place) => {
        const [i, j] = [Math.floor(place / columns), place % columns];
        let total = 0;
        for (let k = 0; k < inner; k++) {
          const a = x[transposeX ? k * rows + i : i * inner + k] ?? 0;
          total += a * (y[transposeY ? j * inner + k : k * columns + j] ?? 0);
        }
        return total;
      });
      expect(distance(result.out ?? [], expected)).toBeLessThanOrEqual(precision === 'f32' ? 1e-5 : 1e-13);
    }
  });

  it.each([
    [0, 4],
    [1, 1],
    [5, 7],
    [8, 16],
    [3, 37],
  ])('normalises %i rows of %i by softmax, looped over columns', (rows, columns) => {
    const x = numbers(rows * columns);
    const result = run(
      (k) => {
        const [X, Y] = [k.read('x'), k.write('y')];
        const [n, width] = [k.parameter('rows'), k.parameter('columns')];
        const [r, c] = [k.axis('r', 4), k.axis('c', 16)];
        const R = k.span(r, k.mul(k.program(0), 4), n);
        const tile = (i: Value, otherwise: number) =>
          k.load(
            X,
            [
              [R, width],
              [k.span(c, i, width), 1],
            ],
            otherwise,
          );
        const [most] = k.loop(0, width, 16, [k.fill([r, c], -1e30)], (i, m) => [
          k.max(m as Value, tile(i, -1e30)),
        ]);
        const top = k.maximum(most as Value, c);
        const [total] = k.loop(0, width, 16, [k.fill([r, c], 0)], (i, t) => [
          k.add(t as Value, k.exp(k.sub(tile(i, -1e30), top))),
        ]);
        const sum = k.sum(total as Value, c);
        k.loop(0, width, 16, [], (i) => {
          const y = k.div(k.exp(k.sub(tile(i, 0), top)), sum);
          k.store(
            Y,
            [
              [R, width],
              [k.span(c, i, width), 1],
            ],
            y,
          );
          return [];
        });
      },
      { grid: [blocks(rows, 4)], scalars: { rows, columns } },
      { x: floats(x, precision), y: zeros(rows * columns, precision) },
      precision,
      ulp,
    );
    for (let i = 0; i < rows; i++) {
      const exps = x.slice(i * columns, (i + 1) * columns).map(Math.exp);
      const total = exps.reduce((a, b) => a + b, 0);
      const row = result.y?.slice(i * columns, (i + 1) * columns) ?? [];
      expect(
        distance(
          row,
          exps.map((e) => e / total),
        ),
      ).toBeLessThan(1e-6);
    }
  });

  it('broadcasts scalars, row vectors and column vectors, and reduces over rows, columns and both', () => {
    const [rows, columns] = [7, 10];
    const x = numbers(rows * columns);
    const [w, bias] = [numbers(rows, 3), numbers(columns, 4)];
    const result = run(
      (k) => {
        const X = k.read('x');
        const [r, c] = [k.axis('r', 8), k.axis('c', 12)];
        const [R, C] = [k.span(r, 0, rows), k.span(c, 0, columns)];
        const scale = k.load(k.read('w'), [[R, 1]]);
        const shift = k.load(k.read('bias'), [[C, 1]]);
        const gain = k.parameter('gain', 'f32');
        const both = k.and(k.inside(R), k.inside(C));
        const at = [
          [R, columns],
          [C, 1],
        ] as const;
        const y = k.mul(k.add(k.mul(k.load(X, at), scale), shift), gain);
        k.store(k.write('y'), at, y);
        const clean = k.select(both, y, 0);
        k.store(k.write('byRow'), [[R, 1]], k.sum(clean, c));
        k.store(k.write('byColumn'), [[C, 1]], k.sum(clean, r));
        k.store(k.write('top'), [[C, 1]], k.maximum(k.select(both, y, -1e30), r));
        k.store(k.write('all'), [[k.program(0), 1]], k.sum(clean, r, c));
        k.store(k.write('highest'), [[k.program(0), 1]], k.maximum(k.select(both, y, -1e30), r, c));
      },
      { grid: [1], scalars: { gain: 0.5 } },
      {
        x: floats(x, precision),
        w: floats(w, precision),
        bias: floats(bias, precision),
        y: zeros(rows * columns, precision),
        byRow: zeros(rows, precision),
        byColumn: zeros(columns, precision),
        top: zeros(columns, precision),
        all: zeros(1, precision),
        highest: zeros(1, precision),
      },
      precision,
    );
    const y = x.map(
      (value, i) => (value * (w[Math.floor(i / columns)] ?? 0) + (bias[i % columns] ?? 0)) * 0.5,
    );
    const columnOf = (j: number) => y.filter((_, i) => i % columns === j);
    const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
    const expected = {
      y,
      byRow: Array.from({ length: rows }, (_, i) => sum(y.slice(i * columns, (i + 1) * columns))),
      byColumn: Array.from({ length: columns }, (_, j) => sum(columnOf(j))),
      top: Array.from({ length: columns }, (_, j) => Math.max(...columnOf(j))),
      all: [sum(y)],
      highest: [Math.max(...y)],
    };
    for (const [name, values] of Object.entries(expected)) {
      expect(distance(result[name] ?? [], values), name).toBeLessThan(1e-5);
    }
  });

  it('multiplies what lies outside a span by its default, where that is not 0', () => {
    const [rows, inner] = [3, 5];
    const result = run(
      (k) => {
        const [r, c, d] = [k.axis('r', 4), k.axis('c', 4), k.axis('d', 8)];
        const [R, C, D] = [k.span(r, 0, rows), k.span(c, 0, 4), k.span(d, 0, inner)];
        const left = k.load(k.read('x'), [[R, inner], [D, 1]], 2); // biome-ignore format: one line per load
        const right = k.load(k.read('y'), [[D, 4], [C, 1]], 10); // biome-ignore format: one line per load
        const product = k.dot(left, right, undefined, d);
        k.store(k.write('out'), [[R, 4], [C, 1]], product); // biome-ignore format: one line
        k.store(k.write('total'), [[k.program(0), 1]], k.sum(product, r, c));
      },
      { grid: [1], scalars: {} },
      {
        x: floats(Array(rows * inner).fill(1), precision),
        y: floats(Array(inner * 4).fill(1), precision),
        out: zeros(rows * 4, precision),
        total: zeros(1, precision),
      },
      precision,
    );
    // five products of ones, three of the defaults; the fourth row is all defaults on the left
    expect([...(result.out ?? [])]).toEqual(Array(12).fill(5 + 3 * 20));
    expect(result.total?.[0]).toBe(12 * 65 + 4 * (5 * 2 + 3 * 20));
  });

  it('gathers rows, elements and columns through index tiles', () => {
    const [rows, columns, vocabulary] = [5, 70, 9];
    const table = numbers(vocabulary * columns);
    const ids = [3, 0, 8, 8, 1];
    const picks = [69, 0, 7, 31, 2];
    const result = run(
      (k) => {
        const T = k.read('table');
        const [r, c] = [k.axis('r', 4), k.axis('c', 72)];
        const [R, C] = [k.span(r, k.mul(k.program(0), 4), rows), k.span(c, 0, columns)];
        const id = k.load(k.read('ids', 'i32'), [[R, 1]]);
        const pick = k.load(k.read('picks', 'u32'), [[R, 1]]);
        k.store(
          k.write('rows'),
          [
            [R, columns],
            [C, 1],
          ],
          k.load(
            T,
            [
              [id, columns],
              [k.rem(k.add(k.arange(c), 1), columns), 1],
              [k.span(r, 0, rows), 0],
              [C, 0],
            ],
            -5,
          ),
        );
        k.store(
          k.write('elements'),
          [[R, 1]],
          k.load(T, [
            [id, columns],
            [pick, 1],
          ]),
        );
        k.store(
          k.write('whole'),
          [
            [R, columns],
            [C, 1],
          ],
          k.load(T, [
            [id, columns],
            [C, 1],
          ]),
        );
      },
      { grid: [2], scalars: {} },
      {
        table: floats(table, precision),
        ids: Int32Array.from(ids),
        picks: Uint32Array.from(picks),
        rows: zeros(rows * columns, precision),
        elements: zeros(rows, precision),
        whole: zeros(rows * columns, precision),
      },
      precision,
    );
    const at = (i: number, j: number) => table[(ids[i] ?? 0) * columns + j] ?? 0;
    const each = (f: (i: number, j: number) => number) =>
      Array.from({ length: rows * columns }, (_, p) => f(Math.floor(p / columns), p % columns));
    expect(
      distance(
        result.rows ?? [],
        each((i, j) => at(i, (j + 1) % columns)),
      ),
    ).toBe(0);
    expect(distance(result.whole ?? [], each(at))).toBe(0);
    expect(
      distance(
        result.elements ?? [],
        ids.map((_, i) => at(i, picks[i] ?? 0)),
      ),
    ).toBe(0);
  });

  it('scatters through index tiles', () => {
    const order = [4, 2, 0, 1, 3];
    const x = numbers(15);
    const result = run(
      (k) => {
        const [r, c] = [k.axis('r', 8), k.axis('c', 4)];
        const [R, C] = [k.span(r, 0, 5), k.span(c, 0, 3)];
        const to = k.load(k.read('order', 'i32'), [[R, 1]]);
        const tile = k.load(k.read('x'), [
          [R, 3],
          [C, 1],
        ]);
        k.store(
          k.write('y'),
          [
            [to, 3],
            [R, 0],
            [C, 1],
          ],
          tile,
        );
        const element = k.add(k.mul(to, 3), k.arange(c));
        k.store(
          k.write('z'),
          [
            [element, 1],
            [R, 0],
            [C, 0],
          ],
          tile,
        );
      },
      { grid: [1], scalars: {} },
      {
        order: Int32Array.from(order),
        x: floats(x, precision),
        y: zeros(15, precision),
        z: zeros(15, precision),
      },
      precision,
    );
    order.forEach((to, from) => {
      expect(distance(result.y?.slice(to * 3, to * 3 + 3) ?? [], x.slice(from * 3, from * 3 + 3))).toBe(0);
    });
    expect(result.z).toEqual(result.y);
  });

  it('carries values that change places, repeat, or come from outside', () => {
    const result = run(
      (k) => {
        const c = k.axis('c', 4);
        const base = k.load(k.read('x'), [[k.span(c, 0, 4), 1]]);
        const outside = k.add(base, 100);
        const [a, b, d, e, last] = k.loop(
          0,
          k.parameter('steps'),
          1,
          [base, k.mul(base, 10), base, base, k.constant(0, 'i32')],
          (i, a, b, d) => {
            const next = k.add(d as Value, a as Value);
            return [b as Value, a as Value, next, k.add(outside, k.cast(i, 'f32')), i];
          },
        );
        const index = [[k.span(c, 0, 4), 1]] as const;
        k.store(k.write('a'), index, a as Value);
        k.store(k.write('b'), index, b as Value);
        k.store(k.write('d'), index, d as Value);
        k.store(k.write('e'), index, e as Value);
        k.store(k.write('last', 'i32'), [[k.program(0), 1]], last as Value);
        const [twice, same] = k.loop(0, 2, 1, [base, base], (_, t) => {
          const sum = k.add(t as Value, t as Value);
          return [sum, sum];
        });
        k.store(k.write('f'), index, k.add(twice as Value, same as Value));
        const [kept] = k.loop(0, 3, 1, [base], () => [outside]);
        k.store(k.write('g'), index, k.add(kept as Value, outside));
      },
      { grid: [1], scalars: { steps: 3 } },
      {
        x: floats([1, 2, 3, 4], precision),
        ...Object.fromEntries(['a', 'b', 'd', 'e', 'f', 'g'].map((name) => [name, zeros(4, precision)])),
        last: new Int32Array(1),
      },
      precision,
    );
    expect([...(result.a ?? [])]).toEqual([10, 20, 30, 40]);
    expect([...(result.b ?? [])]).toEqual([1, 2, 3, 4]);
    expect([...(result.d ?? [])]).toEqual([13, 26, 39, 52]);
    expect([...(result.e ?? [])]).toEqual([103, 104, 105, 106]);
    expect([...(result.f ?? [])]).toEqual([8, 16, 24, 32]);
    expect([...(result.g ?? [])]).toEqual([202, 204, 206, 208]);
    expect(result.last?.[0]).toBe(2);
  });

  it('nests loops whose results are carried on, and renames a carried vector', () => {
    const result = run(
      (k) => {
        const [y, z] = [k.axis('y', 8), k.axis('z', 8)];
        const size = k.parameter('size');
        const weights = k.load(k.read('w'), [
          [k.span(y, 0, size), size],
          [k.span(z, 0, size), 1],
        ]);
        const start = k.load(k.read('x'), [[k.span(y, 0, size), 1]]);
        const [end] = k.loop(0, 3, 1, [start], (_, v) => {
          const [next] = k.loop(0, 2, 1, [v as Value], (_i, u) => [
            k.rename(k.sum(k.mul(weights, u as Value), y), z, y),
          ]);
          return [k.add(next as Value, v as Value)];
        });
        k.store(k.write('out'), [[k.span(y, 0, size), 1]], end as Value);
      },
      { grid: [1], scalars: { size: 5 } },
      {
        w: floats(
          numbers(25).map((value) => value / 4),
          precision,
        ),
        x: floats(numbers(5, 2), precision),
        out: zeros(5, precision),
      },
      precision,
    );
    let v = numbers(5, 2);
    const w = numbers(25).map((value) => Math.fround(value / 4));
    const step = (u: readonly number[]) =>
      u.map((_, z) => u.reduce((sum, value, y) => sum + value * (w[y * 5 + z] ?? 0), 0));
    for (let i = 0; i < 3; i++) v = step(step(v)).map((value, j) => value + (v[j] ?? 0));
    expect(distance(result.out ?? [], v)).toBeLessThan(1e-5);
  });

  it('runs `when` bodies where the condition holds, and loads update buffers where they stand', () => {
    const result = run(
      (k) => {
        const c = k.axis('c', 4);
        const buffer = k.buffer('x', 'f32', 'update');
        const C = k.span(c, k.mul(k.program(0), 4), 10);
        const before = k.load(buffer, [[C, 1]]);
        k.when(k.eq(k.rem(k.program(0), 2), 0), () => {
          k.store(buffer, [[C, 1]], k.mul(before, 2));
          k.when(k.lt(k.program(0), 1), () =>
            k.store(k.write('first'), [[k.program(0), 1]], k.sum(before, c)),
          );
        });
        k.store(k.write('old'), [[C, 1]], before);
      },
      { grid: [3], scalars: {} },
      {
        x: floats([1, 2, 3, 4, 5, 6, 7, 8, 9, 10], precision),
        first: zeros(1, precision),
        old: zeros(10, precision),
      },
      precision,
    );
    expect([...(result.x ?? [])]).toEqual([2, 4, 6, 8, 5, 6, 7, 8, 18, 20]);
    expect([...(result.old ?? [])]).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
    expect(result.first?.[0]).toBe(10);
  });

  it('reads back from scratch what earlier iterations wrote', () => {
    const result = run(
      (k) => {
        const c = k.axis('c', 4);
        const store = k.buffer('kept', 'f32', 'scratch');
        const start = k.load(k.read('x'), [[k.span(c, 0, 4), 1]]);
        const row = (i: Value) => [[i, 4] as const, [k.span(c, 0, 4), 1] as const];
        k.loop(0, 5, 1, [start], (i, v) => {
          k.store(store, row(i), v as Value);
          return [k.mul(v as Value, 2)];
        });
        const [sum] = k.loop(0, 5, 1, [k.fill([c], 0)], (i, total) => [
          k.add(total as Value, k.load(store, row(k.sub(4, i)))),
        ]);
        k.store(k.write('y'), [[k.span(c, 0, 4), 1]], sum as Value);
      },
      { grid: [1], scalars: {} },
      { x: floats([1, 2, 3, 4], precision), kept: zeros(20, precision), y: zeros(4, precision) },
      precision,
    );
    expect([...(result.y ?? [])]).toEqual([31, 62, 93, 124]);
  });

  it('finds the first largest element along either axis', () => {
    const x = [1, 5, 5, 0, -1, -3, -2, -1, 7, 5, 7, 7];
    const result = run(
      (k) => {
        const [r, c] = [k.axis('r', 4), k.axis('c', 8)];
        const [R, C] = [k.span(r, 0, 3), k.span(c, 0, 4)];
        const tile = k.load(
          k.read('x'),
          [
            [R, 4],
            [C, 1],
          ],
          -1e30,
        );
        k.store(k.write('along', 'i32'), [[R, 1]], k.argmax(tile, c));
        k.store(k.write('down', 'i32'), [[C, 1]], k.argmax(tile, r));
        k.store(k.write('one', 'i32'), [[k.program(0), 1]], k.argmax(k.maximum(tile, c), r));
      },
      { grid: [1], scalars: {} },
      {
        x: floats(x, precision),
        along: new Int32Array(3),
        down: new Int32Array(4),
        one: new Int32Array(1),
      },
      precision,
    );
    expect([...(result.along ?? [])]).toEqual([1, 0, 0]);
    expect([...(result.down ?? [])]).toEqual([2, 0, 2, 2]);
    expect(result.one?.[0]).toBe(2);
  });

  it('drops out by Threefry words of logical indices', () => {
    const length = 21;
    const result = run(
      (k) => {
        const c = k.axis('c', 16);
        const C = k.span(c, k.mul(k.program(0), 16), length);
        const key = k.load(k.read('key', 'u32'), [[1, 1]]);
        const index = k.cast(k.add(k.arange(c), k.mul(k.program(0), 16)), 'u32');
        const word0 = k.random([7, key], [index, 3], 0);
        const word1 = k.random([7, key], [index, 3], 1);
        k.store(k.write('a', 'u32'), [[C, 1]], word0);
        k.store(k.write('b', 'u32'), [[C, 1]], word1);
        k.store(k.write('keep', 'u32'), [[C, 1]], k.cast(k.lt(word0, 0x80000000), 'u32'));
      },
      { grid: [2], scalars: {} },
      {
        key: Uint32Array.of(1, 0xfffffff0),
        a: new Uint32Array(length),
        b: new Uint32Array(length),
        keep: new Uint32Array(length),
      },
      precision,
    );
    for (let i = 0; i < length; i++) {
      const [a, b] = threefry(7, 0xfffffff0, i, 3);
      expect([result.a?.[i], result.b?.[i], result.keep?.[i]]).toEqual([a, b, +(a < 0x80000000)]);
    }
  });

  it('reduces index and mask tiles through casts, and stores a uniform fill', () => {
    const result = run(
      (k) => {
        const [r, c, e] = [k.axis('r', 4), k.axis('c', 8), k.axis('e', 4)];
        const [R, C] = [k.span(r, 0, 3), k.span(c, 0, 5)];
        const mask = k.and(k.inside(C), k.not(k.eq(k.rem(k.arange(c), 2), 0)));
        k.store(k.write('count', 'u32'), [[k.program(0), 1]], k.sum(k.cast(mask, 'u32'), c));
        k.store(
          k.write('ones'),
          [
            [R, 5],
            [C, 1],
          ],
          k.fill([r, c], 1.5),
        );
        k.store(k.write('total'), [[k.program(0), 1]], k.sum(k.fill([r, c], 0.25), r, c));
        k.store(k.write('top', 'i32'), [[k.program(0), 1]], k.maximum(k.sub(k.arange(c), 20), c));
        const product = k.dot(k.fill([r, c], 2), k.fill([c, e], 0.5), undefined, c);
        k.store(k.write('product'), [[R, 1]], k.sum(product, e));
      },
      { grid: [1], scalars: {} },
      {
        count: new Uint32Array(1),
        ones: zeros(15, precision),
        total: zeros(1, precision),
        top: new Int32Array(1),
        product: zeros(3, precision),
      },
      precision,
    );
    expect(result.count?.[0]).toBe(2);
    expect([...(result.ones ?? [])]).toEqual(Array(15).fill(1.5));
    expect(result.total?.[0]).toBe(8);
    expect(result.top?.[0]).toBe(-13);
    expect([...(result.product ?? [])]).toEqual([32, 32, 32]);
  });
});

it('wraps, truncates and saturates integers', () => {
  const x = Int32Array.of(2147483647, -2147483648, -7, 65537);
  const y = Int32Array.of(1, -1, 2, 65537);
  const u = Uint32Array.of(4294967295, 0, 7, 65537);
  const v = Uint32Array.of(2, 1, 0, 65537);
  const w = Float32Array.of(-1.9, 3e9, Number.NaN, 5e9);
  const names = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'bitAnd', 'bitXor', 'shiftRight'] as const;
  const outputs = Object.fromEntries(
    names.flatMap((name) => [
      [`i_${name}`, new Int32Array(4)],
      [`u_${name}`, new Uint32Array(4)],
    ]),
  );
  const result = run(
    (k) => {
      const c = k.axis('c', 4);
      const at = [[k.span(c, 0, 4), 1]] as const;
      const [a, b] = [k.load(k.read('x', 'i32'), at), k.load(k.read('y', 'i32'), at)];
      const [d, e] = [k.load(k.read('u', 'u32'), at), k.load(k.read('v', 'u32'), at)];
      for (const name of names) {
        k.store(k.write(`i_${name}`, 'i32'), at, k.map(name, a, b));
        k.store(k.write(`u_${name}`, 'u32'), at, k.map(name, d, e));
      }
      const f = k.load(k.read('w'), at);
      k.store(k.write('toSigned', 'i32'), at, k.cast(f, 'i32'));
      k.store(k.write('toUnsigned', 'u32'), at, k.cast(f, 'u32'));
      k.store(k.write('neg', 'i32'), at, k.neg(a));
      k.store(k.write('abs', 'i32'), at, k.map('abs', a));
    },
    { grid: [1], scalars: {} },
    {
      x,
      y,
      u,
      v,
      w,
      ...outputs,
      toSigned: new Int32Array(4),
      toUnsigned: new Uint32Array(4),
      neg: new Int32Array(4),
      abs: new Int32Array(4),
    },
  );
  const row = (name: string) => [...(result[name] ?? [])];
  expect(row('i_add')).toEqual([-2147483648, 2147483647, -5, 131074]);
  expect(row('i_mul')).toEqual([2147483647, -2147483648, -14, 131073]);
  expect(row('i_div')).toEqual([2147483647, -2147483648, -3, 1]);
  expect(row('i_rem')).toEqual([0, 0, -1, 0]);
  expect(row('u_sub')).toEqual([4294967293, 4294967295, 7, 0]);
  expect(row('u_mul')).toEqual([4294967294, 0, 0, 131073]);
  expect(row('u_div')).toEqual([2147483647, 0, 0, 1]);
  expect(row('toSigned')).toEqual([-1, 2147483647, 0, 2147483647]);
  expect(row('toUnsigned')).toEqual([0, 3000000000, 0, 4294967295]);
  expect(row('neg')).toEqual([-2147483647, -2147483648, 7, -65537]);
  expect(row('abs')).toEqual([2147483647, -2147483648, 7, 65537]);
});
