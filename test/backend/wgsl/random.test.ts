import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { printWgsl } from '../../../src/backend/wgsl/index.ts';
import { defined } from '../../../src/base/errors.ts';
import { checkKernel } from '../../../src/kernel/check.ts';
import type { Kernel } from '../../../src/kernel/ir.ts';
import { arenasFor } from '../../support/arenas.ts';
import { runs } from '../../support/counts.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../../support/gpu.ts';
import { interpreterOf } from '../../support/launch.ts';
import { kernelOf, launchOf, recipes } from '../../support/randomKernel.ts';
import { distance } from '../interpreter/support.ts';

/** Random kernels that the checker passes. Without transcendentals: f32 backends then differ by the order of sums only. */
function drawn(count: number, seed: number) {
  return fc
    .sample(recipes, { seed, numRuns: count })
    .map((recipe) => ({ recipe, kernel: kernelOf(recipe, false) }))
    .filter(({ kernel }) => checkKernel(kernel).length === 0);
}

/** Few threads own four neighbours of every axis, many threads one element. */
const workgroups = [undefined, [3, 2], [1, 2], [1, 1]] as const;
const inWorkgroup = (kernel: Kernel, i: number): Kernel => ({
  ...kernel,
  schedule: { ...kernel.schedule, workgroup: workgroups[i % workgroups.length] },
});

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
    for (const [i, { kernel }] of legal.entries()) {
      const multiplesOf4 = kernel.parameters.map(({ name }) => name);
      const ways = [
        { unroll: i % 2 === 0 },
        { unroll: i % 2 === 1, multiplesOf4, subgroups: { min: 4, max: 4 } },
      ];
      for (const way of ways) {
        const module = printWgsl(inWorkgroup(kernel, i), { arenas: arenasFor(kernel), ...way });
        expect(await compiler.compile(module), module.code).toEqual([]);
      }
    }
  });

  it('agree with the interpreter when executed', async ({ skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    for (const [i, { recipe, kernel }] of drawn(runs(300, 16), 12).entries()) {
      const expected = launchOf(recipe, kernel, 'f32');
      interpreterOf('f32')(expected.launch, expected.buffers);
      const got = launchOf(recipe, kernel, 'f32');
      const multiplesOf4 = Object.entries(got.launch.scalars).flatMap(([name, size]) =>
        size % 4 === 0 ? [name] : [],
      );
      const launch = { ...got.launch, kernel: inWorkgroup(kernel, i) };
      await gpu.run(launch, got.buffers, { unroll: i % 8 === 5, multiplesOf4, subgroups: gpu.subgroups });
      for (const [name, data] of Object.entries(got.buffers)) {
        const wanted = defined(expected.buffers[name], name);
        expect(distance(data, wanted), `${name} of ${JSON.stringify(recipe)}`).toBeLessThan(1e-4);
      }
    }
  });
});
