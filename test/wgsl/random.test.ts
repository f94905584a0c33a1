import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { arenasFor, printWgsl } from '../../src/target/wgsl/index.ts';
import { distance } from '../interpreter/support.ts';
import { runs } from '../support/counts.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../support/gpu.ts';
import { interpreterOf } from '../support/launch.ts';
import { kernelOf, launchOf, recipes } from '../support/randomKernel.ts';

/** Random kernels that the checker passes. Without transcendentals: f32 readings then differ by the order of sums only. */
function drawn(count: number, seed: number) {
  return fc
    .sample(recipes, { seed, numRuns: count })
    .map((recipe) => ({ recipe, kernel: kernelOf(recipe, false) }))
    .filter(({ kernel }) => checkKernel(kernel).length === 0);
}

describe('random kernels that the checker passes', () => {
  let compiler: Gpu;
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    compiler = defined(await openGpu('null'), 'null backend');
    gpu = await openGpu('vulkan');
    if (!gpu) console.log(NO_ADAPTER);
  });
  afterAll(() => {
    compiler.close();
    gpu?.close();
  });

  it('compile under default limits, rolled and written out', async () => {
    const count = runs(500, 40);
    const legal = drawn(count, 11);
    expect(legal.length).toBeGreaterThan(count / 2);
    for (const { kernel } of legal) {
      for (const unroll of [false, true]) {
        const module = printWgsl(kernel, { arenas: arenasFor(kernel), unroll });
        expect(await compiler.compile(module), module.code).toEqual([]);
      }
    }
  });

  it('agree with the interpreter when executed', async ({ skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    for (const { recipe, kernel } of drawn(runs(150, 12), 12)) {
      const expected = launchOf(recipe, kernel, 'f32');
      interpreterOf('f32')(expected.launch, expected.buffers);
      const got = launchOf(recipe, kernel, 'f32');
      await gpu.run(got.launch, got.buffers);
      for (const [name, data] of Object.entries(got.buffers)) {
        const wanted = defined(expected.buffers[name], name);
        expect(distance(data, wanted), `${name} of ${JSON.stringify(recipe)}`).toBeLessThan(1e-4);
      }
    }
  });
});
