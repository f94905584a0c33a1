import fc from 'fast-check';
import { expect, it } from 'vitest';
import { checkKernel } from '../../../src/kernel/check.ts';
import { runs } from '../../support/counts.ts';
import { interpreterOf } from '../../support/launch.ts';
import { kernelOf, launchOf, type Recipe, recipes } from '../../support/randomKernel.ts';
import { distance } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

/** Without transcendentals both backends round each operation alike, but for the order of sums. */
function check(recipe: Recipe): void {
  const kernel = kernelOf(recipe, false);
  // Placement on threads does not matter here; everything else that is illegal may not be spelled.
  fc.pre(checkKernel(kernel).every(({ code }) => code === 'FROND-K103'));
  const { launch, buffers: expected } = launchOf(recipe, kernel, 'f32');
  const { buffers: got } = launchOf(recipe, kernel, 'f32');
  interpreterOf('f32')(launch, expected);
  wasmRunner({ checked: true })(launch, got);
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
