import fc from 'fast-check';
import type { Dim, Sizes } from '../../src/base/dim.ts';
import type { LaunchPlan } from '../../src/ir/record.ts';
import { assertKernel } from '../../src/kernel/check.ts';
import { count } from '../support/tensor.ts';

/** Shapes of rank 0 to 5: small and odd sizes, one of them now and then longer than a tile. */
export const shapes = (longest: number): fc.Arbitrary<number[]> =>
  fc
    .tuple(
      fc.array(fc.constantFrom(1, 1, 2, 3, 4, 5), { maxLength: 5 }),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 6, max: longest }),
    )
    .map(([shape, place, long]) => shape.map((size, i) => (i === place ? long : size)))
    .filter((shape) => count(shape) <= 6000);

/** A shape as a plan may see it: some sizes literal, others names (size 1 stays literal, it decides broadcasting). */
export function asDims(shape: readonly number[], named: readonly boolean[]): { dims: Dim[]; sizes: Sizes } {
  const dims = shape.map((size, i): Dim => (named[i % named.length] && size !== 1 ? `d${i}` : size));
  return { dims, sizes: Object.fromEntries(shape.map((size, i) => [`d${i}`, size])) };
}

/** Every kernel of the plans is legal for all backends. */
export function assertLegal(plans: readonly LaunchPlan[]): void {
  for (const { kernel } of plans) assertKernel(kernel);
}

export const flags = fc.array(fc.boolean(), { minLength: 3, maxLength: 3 });
