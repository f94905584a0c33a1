import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Epilogue } from '../../kernels/epilogue.ts';
import { type MatmulBatch, planMatmul } from '../../kernels/matmul.ts';
import type { Dim } from '../../src/base/dim.ts';
import { schedulesFrom } from '../../src/kernel/schedule.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, output, runPlans, unwritten } from '../support/launch.ts';

interface Product {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly transposeX?: boolean;
  readonly transposeY?: boolean;
}

/** x · y for matrices that start at offsets `atX` and `atY`. */
function naive(x: Float64Array, y: Float64Array, p: Product, atX = 0, atY = 0): Float64Array {
  const out = new Float64Array(p.rows * p.columns);
  for (let m = 0; m < p.rows; m++) {
    for (let n = 0; n < p.columns; n++) {
      let sum = 0;
      for (let k = 0; k < p.inner; k++) {
        const left = x[atX + (p.transposeX ? k * p.rows + m : m * p.inner + k)] as number;
        const right = y[atY + (p.transposeY ? n * p.inner + k : k * p.columns + n)] as number;
        sum += left * right;
      }
      out[m * p.columns + n] = sum;
    }
  }
  return out;
}

const slots = { x: input(0), y: input(1), out: output(0) };
const symbolic = { rows: 'rows', columns: 'columns', inner: 'inner' } as const;

const sizes: [number, number, number][] = [
  [1, 1, 1],
  [37, 51, 29],
  [64, 64, 64],
  [65, 20, 130],
  [3, 100, 5],
];

describe('matmul', () => {
  it.each(sizes)(
    '%i × %i over %i, every transposition, static and symbolic sizes',
    (rows, columns, inner) => {
      const x = gaussian(rows * inner, 'x');
      const y = gaussian(inner * columns, 'y');
      for (const [transposeX, transposeY] of [
        [false, false],
        [true, false],
        [false, true],
        [true, true],
      ] as const) {
        const product = { rows, columns, inner, transposeX, transposeY };
        for (const dims of [{ rows, columns, inner }, symbolic]) {
          const out = unwritten(rows * columns);
          const plans = planMatmul({ ...slots, ...dims, batch: [], transposeX, transposeY });
          runPlans(plans, { inputs: [x, y], outputs: [out], sizes: { rows, columns, inner } });
          expectClose(out, naive(x, y, product));
        }
      }
    },
  );

  it('takes the tiles it is given, cut to static sizes', () => {
    const [rows, columns, inner] = [70, 30, 41];
    const x = gaussian(rows * inner, 'x');
    const y = gaussian(inner * columns, 'y');
    const out = unwritten(rows * columns);
    const plans = planMatmul({
      ...slots,
      rows,
      columns,
      inner,
      batch: [],
      schedules: schedulesFrom([{ matmul: { '': { tiles: { m: 16, n: 24, k: 8 } } } }]),
    });
    expect(plans[0]?.kernel.schedule.tiles).toEqual({ m: 16, n: 16, k: 8 });
    runPlans(plans, { inputs: [x, y], outputs: [out] });
    expectClose(out, naive(x, y, { rows, columns, inner }));
  });

  it('runs over outer dims, broadcasting where a stride is 0', () => {
    const product = { rows: 5, columns: 9, inner: 6, transposeY: true };
    const [outer, heads] = [3, 2];
    const x = gaussian(outer * heads * 30, 'x');
    const y = gaussian(heads * 54, 'y');
    const out = unwritten(outer * heads * 45);
    const batch: MatmulBatch[] = [
      { size: 'outer', x: 'heads*30', y: 0, out: 'heads*45' },
      { size: 'heads', x: 30, y: 54, out: 45 },
    ];
    const plans = planMatmul({ ...slots, ...product, batch });
    runPlans(plans, { inputs: [x, y], outputs: [out], sizes: { outer, heads } });
    for (let i = 0; i < outer * heads; i++) {
      const expected = naive(x, y, product, i * 30, (i % heads) * 54);
      expectClose(out.subarray(i * 45, (i + 1) * 45), expected);
    }
  });

  it('applies an epilogue with a bias per column, a scale per batch, and a residual', () => {
    const [batch, rows, columns, inner] = [2, 7, 10, 12];
    const product = { rows, columns, inner };
    const x = gaussian(batch * rows * inner, 'x');
    const y = gaussian(inner * columns, 'y');
    const bias = gaussian(columns, 'bias');
    const scale = gaussian(batch, 'scale');
    const residual = gaussian(batch * rows * columns, 'residual');
    const epilogue: Epilogue = {
      key: 'tanh(acc + bias) * scale + residual',
      apply: (k, accumulator, [b, s, r]) => {
        if (!b || !s || !r) throw new Error('three operands');
        return [k.add(k.mul(k.map('tanh', k.add(accumulator, b)), s), r)];
      },
      operands: [
        { slot: input(2), dtype: 'f32', strides: [0, 0, 1] },
        { slot: input(3), dtype: 'f32', strides: [1, 0, 0] },
        {
          slot: input(4),
          dtype: 'f32',
          strides: ['rows*columns', 'columns', 1],
        },
      ],
    };
    const out = unwritten(batch * rows * columns);
    const plans = planMatmul({
      ...slots,
      ...symbolic,
      batch: [{ size: batch, x: 'rows*inner', y: 0, out: 'rows*columns' }],
      epilogue,
    });
    runPlans(plans, {
      inputs: [x, y, bias, scale, residual],
      outputs: [out],
      sizes: { rows, columns, inner },
    });
    const expected = Float64Array.from({ length: batch * rows * columns }, (_, i) => {
      const b = Math.floor(i / (rows * columns));
      const sum = naive(x, y, product, b * rows * inner)[i % (rows * columns)] as number;
      return Math.tanh(sum + (bias[i % columns] as number)) * (scale[b] as number) + (residual[i] as number);
    });
    expectClose(out, expected);
  });

  it('splits a long sum where the result has fewer tiles than the device wants programs', () => {
    const [rows, columns, inner] = [40, 24, 333];
    const x = gaussian(rows * inner, 'x');
    const y = gaussian(inner * columns, 'y');
    const bias = gaussian(columns, 'bias');
    const epilogue: Epilogue = {
      key: 'acc * 2 + bias',
      apply: (k, sum, [b]) => [k.add(k.mul(sum, 2), b ?? 0)],
      operands: [{ slot: input(2), dtype: 'f32', strides: [0, 1] }],
    };
    const sizes = { rows, columns, inner };
    const plan = (programs: number, k: Dim) =>
      planMatmul({
        ...slots,
        rows,
        columns,
        inner: k,
        batch: [],
        epilogue,
        schedules: schedulesFrom([], programs),
      });
    expect(plan(1, 'inner')).toHaveLength(1);
    // a stretch has two tiles of 64 at least
    expect(plan(8, inner)[0]?.kernel.schedule.split).toBe(3);
    const plans = plan(8, 'inner');
    expect(plans.map(({ kernel }) => kernel.name)).toEqual(['matmul', 'matmulSum']);
    expect(plans[0]?.kernel.schedule.split).toBe(8);
    const out = unwritten(rows * columns);
    runPlans(plans, { inputs: [x, y, bias], outputs: [out], sizes });
    const expected = naive(x, y, sizes).map((sum, i) => 2 * sum + (bias[i % columns] as number));
    expectClose(out, expected);
  });

  it.each([1, 3])('adds up the columns of the right side on the way, split in %i', (split) => {
    const [rows, columns, inner] = [70, 90, 131];
    const x = gaussian(rows * inner, 'x');
    const y = gaussian(inner * columns, 'y');
    const [out, sums] = [unwritten(rows * columns), unwritten(columns)];
    const plans = planMatmul({
      ...slots,
      ...symbolic,
      batch: [],
      transposeX: true,
      sums: output(1),
      schedules: schedulesFrom([{ matmul: { '': { split, tiles: { k: 16 } } } }]),
    });
    expect(plans).toHaveLength(split > 1 ? 2 : 1);
    const sizes = { rows, columns, inner };
    runPlans(plans, { inputs: [x, y], outputs: [out, sums], sizes });
    expectClose(out, naive(x, y, { ...sizes, transposeX: true }));
    const ones = new Float64Array(inner).fill(1);
    expectClose(sums, naive(ones, y, { rows: 1, columns, inner }));
  });

  it('gives one kernel to plans that differ in sizes only', () => {
    const kernelFor = (rows: Dim, columns: Dim) =>
      planMatmul({ ...slots, rows, columns, inner: 128, batch: [] })[0]?.kernel;
    expect(kernelFor('batch*time', 256)).toBe(kernelFor('batch', 512));
    expect(kernelFor('batch*time', 256)).not.toBe(kernelFor('batch', 20));
  });

  it('over nothing is zero, and of nothing writes nothing', () => {
    const out = unwritten(6);
    const none = new Float64Array(0);
    const run = (rows: number, columns: number, inner: number) =>
      runPlans(planMatmul({ ...slots, ...symbolic, batch: [] }), {
        inputs: [none, none],
        outputs: [out],
        sizes: { rows, columns, inner },
      });
    run(0, 6, 4);
    run(6, 0, 4);
    expect([...out].every(Number.isNaN)).toBe(true);
    run(2, 3, 0);
    expect([...out]).toEqual([0, 0, 0, 0, 0, 0]);
  });

  it('agrees with the definition for random sizes, transpositions and tiles', () => {
    const size = fc.integer({ min: 0, max: 80 });
    const tile = fc.constantFrom(8, 16, 24, 64);
    const anyCase = fc.record({
      rows: size,
      columns: size,
      inner: size,
      m: tile,
      n: tile,
      k: tile,
      transposeX: fc.boolean(),
      transposeY: fc.boolean(),
      symbolic: fc.boolean(),
      split: fc.constantFrom(1, 2, 5),
    });
    fc.assert(
      fc.property(anyCase, ({ rows, columns, inner, m, n, k, transposeX, transposeY, split, ...rest }) => {
        const x = gaussian(rows * inner, 'x');
        const y = gaussian(inner * columns, 'y');
        const out = unwritten(rows * columns);
        const dims = rest.symbolic ? symbolic : { rows, columns, inner };
        const schedules = schedulesFrom([{ matmul: { '': { tiles: { m, n, k }, split } } }]);
        const plans = planMatmul({ ...slots, ...dims, batch: [], transposeX, transposeY, schedules });
        runPlans(plans, { inputs: [x, y], outputs: [out], sizes: { rows, columns, inner } });
        expectClose(out, naive(x, y, { rows, columns, inner, transposeX, transposeY }));
      }),
      { seed: 5, numRuns: runs(500, 40) },
    );
  });
});
