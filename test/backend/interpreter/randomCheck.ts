import { expect } from 'vitest';
import type { Precision } from '../../../src/base/dtype.ts';
import { kernelOf, launchOf, type Recipe } from '../../support/randomKernel.ts';
import { bothWays, distance, type Interpret } from './support.ts';

/** Grows a kernel and compares what `interpret` makes of it with the definition, bit for bit. */
export function check(recipe: Recipe, precision: Precision, interpret?: Interpret): void {
  const kernel = kernelOf(recipe, precision === 'f64');
  const { launch, buffers } = launchOf(recipe, kernel, precision);
  const { defined: expected, prepared } = bothWays(kernel, launch, buffers, precision, interpret);
  for (const [name, data] of Object.entries(prepared)) {
    expect(distance(data, expected[name] ?? []), name).toBe(0);
  }
}
