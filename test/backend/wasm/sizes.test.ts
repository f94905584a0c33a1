import fc from 'fast-check';
import { expect, it } from 'vitest';
import { planAttention } from '../../../kernels/attention.ts';
import { planCrf } from '../../../kernels/crfForward.ts';
import { planLayerNormGradient } from '../../../kernels/layerNorm.ts';
import { planMatmul } from '../../../kernels/matmul.ts';
import { planSoftmax } from '../../../kernels/softmax.ts';
import type { TypedArray } from '../../../src/base/dtype.ts';
import type { LaunchPlan } from '../../../src/ir/record.ts';
import type { Schedule } from '../../../src/kernel/ir.ts';
import { schedulesFrom } from '../../../src/kernel/schedule.ts';
import { expectClose, gaussian } from '../../support/arrays.ts';
import { runs } from '../../support/counts.ts';
import { input, interpreterOf, layerNormGradientSlots, output, runPlans } from '../../support/launch.ts';
import { wasmRunner } from './support.ts';

/** Kernels at sizes around their tiles, against the f64 interpreter. */

const run = wasmRunner();
const exact = interpreterOf('f64');

/** Largest error allowed, relative to the largest result, or to 0.1 where operands of size 1 cancel. */
const TOLERANCE = 2e-5;

function compare(
  plans: readonly LaunchPlan[],
  inputs: readonly (number | Float32Array | Int32Array | Uint32Array)[],
  outputs: readonly number[],
  sizes: Readonly<Record<string, number>> = {},
): void {
  const numbers = inputs.map((data, i) =>
    typeof data === 'number' ? Float32Array.from(gaussian(data, `input ${i}`)) : data,
  );
  const wide = numbers.map(
    (data): TypedArray => (data instanceof Float32Array ? Float64Array.from(data) : data),
  );
  const expected = outputs.map((length) => new Float64Array(length).fill(Number.NaN));
  const got = outputs.map((length) => new Float32Array(length).fill(Number.NaN));
  runPlans(plans, { inputs: wide, outputs: expected, sizes }, 'f64', exact);
  runPlans(plans, { inputs: numbers, outputs: got, sizes }, 'f32', run);
  expected.forEach((data, i) => {
    const largest = data.reduce((most, x) => Math.max(most, Math.abs(x)), 0.1);
    expectClose(got[i] ?? [], data, { absolute: TOLERANCE * largest, relative: 0 }, `result ${i}`);
  });
}

/** A table that gives every product these tiles. */
const tiled = (tiles: Schedule['tiles']) => schedulesFrom([{ matmul: { '': { tiles } } }]);

const cube: readonly (readonly [number, number, number])[] = [1, 3, 4, 7, 8, 9, 16, 17, 33].flatMap(
  (m, i, all) => {
    const at = (step: number) => all[(i * step + 5) % all.length] ?? 1;
    return [[m, at(2), at(4)] as const, [at(5), m, at(7)] as const, [at(1), at(8), m] as const];
  },
);

it.each([
  [false, false],
  [false, true],
  [true, false],
  [true, true],
])('matmul with transposed operands %s, %s', (transposeX, transposeY) => {
  for (const [rows, columns, inner] of cube) {
    const plans = planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      transposeX,
      transposeY,
      rows: 'rows',
      columns: 'columns',
      inner: 'inner',
      schedules: tiled({ m: 8, n: 16, k: 8 }),
    });
    compare(plans, [rows * inner, columns * inner], [rows * columns], { rows, columns, inner });
  }
});

it('matmul whose tiles are cut to the sizes, some of them no multiple of a panel', () => {
  for (const [rows, columns, inner] of cube) {
    const literal = planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      rows,
      columns,
      inner,
      schedules: tiled({ m: 12, n: 12, k: 12 }),
    });
    compare(literal, [rows * inner, columns * inner], [rows * columns]);
  }
});

/** One below, at and above where blocks of rows, panels, tiles and the tiles of a device's schedule end. */
const BOUNDARIES = [4, 8, 64, 128, 256].flatMap((size) => [size - 1, size, size + 1]);

it('matmul around the ends of blocks and tiles, with tiles as large as a device takes', () => {
  const side = fc.oneof(fc.constantFrom(...BOUNDARIES), fc.integer({ min: 1, max: 300 }));
  const shape = fc.tuple(side, side, side).filter(([m, n, k]) => m * n * k < 4e6);
  const property = fc.property(
    shape,
    fc.boolean(),
    fc.boolean(),
    fc.boolean(),
    ([rows, columns, inner], transposeX, transposeY, named) => {
      const dims = named ? { rows: 'rows', columns: 'columns', inner: 'inner' } : { rows, columns, inner };
      const plans = planMatmul({
        x: input(0),
        y: input(1),
        out: output(0),
        batch: [],
        transposeX,
        transposeY,
        ...dims,
        schedules: tiled({ m: 128, n: 256, k: 256 }),
      });
      compare(plans, [rows * inner, columns * inner], [rows * columns], { rows, columns, inner });
    },
  );
  fc.assert(property, { seed: 20260815, numRuns: runs(400, 16) });
});

it('matmul of few rows, which reads y where it lies', () => {
  const side = fc.oneof(fc.constantFrom(...BOUNDARIES), fc.integer({ min: 1, max: 40 }));
  const rows = fc.integer({ min: 1, max: 6 });
  const tile = fc.constantFrom(8, 24, 256);
  const property = fc.property(rows, side, side, tile, fc.boolean(), fc.boolean(), (...chosen) => {
    const [m, columns, inner, extent, transposeX, transposeY] = chosen;
    const plans = planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      transposeX,
      transposeY,
      rows: 'm',
      columns: 'columns',
      inner: 'inner',
      schedules: tiled({ m: 4, n: extent, k: extent }),
    });
    compare(plans, [m * inner, columns * inner], [m * columns], { m, columns, inner });
  });
  fc.assert(property, { seed: 20260816, numRuns: runs(2000, 60) });
});

it.each([false, true])(
  'matmul of few rows takes in nothing from beside a column, transposed %s',
  (transposeY) => {
    const [rows, columns, inner] = [1, 7, 9];
    const plans = planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      transposeY,
      rows,
      columns,
      inner,
    });
    for (let poisoned = 0; poisoned < columns; poisoned++) {
      const y = new Float32Array(columns * inner).fill(1);
      for (let k = 0; k < inner; k++)
        y[transposeY ? poisoned * inner + k : k * columns + poisoned] = Number.NaN;
      const out = new Float32Array(columns);
      runPlans(plans, { inputs: [new Float32Array(inner).fill(1), y], outputs: [out] }, 'f32', run);
      expect(Array.from(out)).toEqual(Array.from(out, (_, i) => (i === poisoned ? Number.NaN : inner)));
    }
  },
);

it('softmax and the gradient of layer norm', () => {
  for (const [rows, columns] of [
    [1, 1],
    [3, 5],
    [16, 64],
    [17, 65],
    [15, 63],
    [5, 256],
    [4, 300],
    [33, 7],
  ]) {
    const [r, c] = [rows ?? 1, columns ?? 1];
    for (const dims of [
      { rows: 'rows', columns: 'columns' },
      { rows: r, columns: c },
    ]) {
      compare(planSoftmax({ x: input(0), out: output(0), ...dims }), [r * c], [r * c], {
        rows: r,
        columns: c,
      });
      const plans = planLayerNormGradient({
        ...layerNormGradientSlots,
        ...dims,
      });
      compare(plans, [r * c, c, r, r, r * c], [r * c, c, c], { rows: r, columns: c });
    }
  }
});

it('attention at times and widths around the blocks', () => {
  for (const [queryTime, keyTime, width] of [
    [1, 1, 1],
    [31, 33, 4],
    [32, 32, 12],
    [33, 31, 20],
    [5, 70, 32],
  ]) {
    const [q, k, w] = [queryTime ?? 1, keyTime ?? 1, width ?? 1];
    for (const causal of [false, true]) {
      const plans = planAttention({
        q: input(0),
        k: input(1),
        v: input(2),
        out: output(0),
        levels: output(1),
        batch: 2,
        heads: 2,
        queryTime: 'q',
        keyTime: 'k',
        width: w,
        scale: 0.4,
        causal,
        mask: input(3),
      });
      const mask = Uint32Array.from({ length: 2 * k }, (_, j) => (j % 3 === 1 ? 0 : 1));
      compare(plans, [4 * q * w, 4 * k * w, 4 * k * w, mask], [4 * q * w, 8 * q], { q, k });
    }
  }
});

it('the forward recursion of a CRF, with sequences of no and one step, also where sums underflow', () => {
  for (const labels of [1, 3, 4, 9, 130]) {
    const [batch, time] = [11, 6];
    const lengths = Int32Array.from({ length: batch }, (_, b) => [6, 0, 1, 5][b % 4] ?? 1);
    const tags = Int32Array.from({ length: batch * time }, (_, i) => (i * 7) % labels);
    const tokens = batch * time;
    const plans = planCrf({
      emissions: input(0),
      transitions: input(1),
      start: input(2),
      stop: input(3),
      lengths: input(4),
      tags: input(5),
      alpha: output(0),
      offset: output(1),
      loss: output(2),
      logZ: output(3),
      batch: 'batch',
      time: 'time',
      labels,
    });
    // one label has one path, whose loss is what rounding leaves of 0
    for (const scale of labels === 1 ? [1] : [1, 100]) {
      const transitions = Float32Array.from(gaussian(labels * labels, 'transitions', scale));
      const inputs = [tokens * labels, transitions, labels, labels, lengths, tags];
      compare(plans, inputs, [tokens * labels, tokens, batch, batch], { batch, time });
    }
  }
});

it('nothing at all where a size is 0', () => {
  const plans = planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns: 'columns' });
  expect(() => compare(plans, [0], [0], { rows: 0, columns: 5 })).not.toThrow();
  expect(() => compare(plans, [0], [0], { rows: 5, columns: 0 })).not.toThrow();
});
