import { expect } from 'vitest';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { kernelOf, type Recipe } from '../support/randomKernel.ts';
import { bothWays, distance, floats, type Interpret, numbers, zeros } from './support.ts';

/** Grows a kernel and compares what `interpret` makes of it with the definition, bit for bit. */
export function check(recipe: Recipe, precision: Precision, interpret?: Interpret): void {
  const [rows, columns, inner] = recipe.sizes;
  const kernel = kernelOf(recipe, precision === 'f64');
  const buffers: Record<string, TypedArray> = {
    x: floats(numbers(rows * columns + 1), precision),
    y: floats(numbers(rows * inner + 1, 2), precision),
    z: floats(numbers(columns * inner + 1, 3), precision),
    ids: Int32Array.from({ length: rows }, (_, i) => (i * 5 + 2) % rows),
    scalar: zeros(64, precision),
  };
  for (let i = 0; i < 3; i++) {
    buffers[`tile${i}`] = zeros(rows * columns, precision);
    buffers[`vector${i}`] = zeros(rows, precision);
  }
  const grid = [Math.ceil(rows / recipe.tiles[0]), Math.ceil(columns / recipe.tiles[1])];
  const { defined: expected, prepared } = bothWays(
    kernel,
    { grid, scalars: { rows, columns, inner } },
    buffers,
    precision,
    interpret,
  );
  for (const [name, data] of Object.entries(prepared)) {
    expect(distance(data, expected[name] ?? []), name).toBe(0);
  }
}
