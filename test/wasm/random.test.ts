import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { distance, floats, numbers, zeros } from '../interpreter/support.ts';
import { runs } from '../support/counts.ts';
import { interpreterOf } from '../support/launch.ts';
import { kernelOf, type Recipe, recipes } from '../support/randomKernel.ts';
import { wasmRunner } from './support.ts';

function buffersOf(recipe: Recipe, precision: Precision): Record<string, TypedArray> {
  const [rows, columns, inner] = recipe.sizes;
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
  return buffers;
}

/** Without transcendentals both readings round each operation alike, but for the order of sums. */
function check(recipe: Recipe): void {
  const kernel = kernelOf(recipe, false);
  // Placement on threads does not matter here; everything else that is illegal may not be spelled.
  fc.pre(checkKernel(kernel).every(({ code }) => code === 'FROND-K103'));
  const [rows, columns, inner] = recipe.sizes;
  const grid = [Math.ceil(rows / recipe.tiles[0]), Math.ceil(columns / recipe.tiles[1])];
  const launch = { kernel, grid, scalars: { rows, columns, inner } };
  const [expected, got] = [buffersOf(recipe, 'f32'), buffersOf(recipe, 'f32')];
  interpreterOf('f32')(launch, expected);
  wasmRunner({ judged: true })(launch, got);
  for (const [name, data] of Object.entries(expected)) {
    expect(distance(got[name] ?? [], data), name).toBeLessThan(1e-4);
  }
}

it('random kernels compute what the f32 interpreter computes', () => {
  fc.assert(
    fc.property(recipes, (recipe) => check(recipe)),
    { seed: 20260801, numRuns: runs(2000, 60) },
  );
});
