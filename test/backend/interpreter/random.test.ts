import fc from 'fast-check';
import { it } from 'vitest';
import { runs } from '../../support/counts.ts';
import { recipes } from '../../support/randomKernel.ts';
import { check } from './randomCheck.ts';

it.each(['f32', 'f64'] as const)('prepared kernels compute what the definition says, in %s', (precision) => {
  fc.assert(
    fc.property(recipes, (recipe) => check(recipe, precision)),
    { seed: 20260731, numRuns: runs(2000, 100) },
  );
});
