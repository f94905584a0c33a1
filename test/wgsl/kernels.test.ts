import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import type { Kernel, Launch } from '../../src/kernel/ir.ts';
import { arenasFor, printWgsl } from '../../src/target/wgsl/index.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../support/gpu.ts';
import { interpreterOf, type RunLaunch, runPlans } from '../support/launch.ts';
import { type Data, type Sample, SIZES, samples, wideAttention } from './samples.ts';

const kernels = [
  ...new Map(
    [...samples, ...wideAttention].flatMap(({ plans }) =>
      plans.map(({ kernel }) => [`${kernel.name} ${kernel.variant}`, kernel] as const),
    ),
  ),
].map(([name, kernel]) => ({ name, kernel }));

const print = (kernel: Kernel) => printWgsl(kernel, { arenas: arenasFor(kernel) });

describe('every kernel', () => {
  let compiler: Gpu;
  beforeAll(async () => {
    compiler = defined(await openGpu('null'), 'null backend');
  });
  afterAll(() => compiler.close());

  it.each(kernels)('$name passes the checker', ({ kernel }) => {
    expect(checkKernel(kernel)).toEqual([]);
  });

  it.each(kernels)('$name compiles under default limits', async ({ kernel }) => {
    expect(await compiler.compile(print(kernel))).toEqual([]);
  });
});

/** The same numbers for every reading: drawn, rounded to f32. */
function tensors(sample: Sample, precision: Precision) {
  const make = (data: Data, name: string): TypedArray => {
    if (data instanceof Int32Array || data instanceof Uint32Array) return data.slice();
    const numbers = Float32Array.from(typeof data === 'number' ? gaussian(data, name) : data);
    return precision === 'f32' ? numbers : Float64Array.from(numbers);
  };
  const named = (group: Readonly<Record<string, Data>> = {}) =>
    Object.fromEntries(Object.entries(group).map(([name, data]) => [name, make(data, name)]));
  return {
    inputs: sample.inputs.map((data, i) => make(data, `input ${i}`)),
    outputs: sample.outputs.map((data) =>
      typeof data === 'number' ? make(new Float64Array(data).fill(Number.NaN), '') : data.slice(),
    ),
    arenas: named(sample.arenas),
    tables: named(sample.tables),
    sizes: SIZES,
  };
}

/** Plans run launch by launch on the device; every launch reads back what it wrote. */
async function runOnGpu(gpu: Gpu, sample: Sample) {
  const held = tensors(sample, 'f32');
  const launches: [Launch, Parameters<RunLaunch>[1]][] = [];
  runPlans(sample.plans, held, 'f32', (launch, buffers) => launches.push([launch, buffers]));
  for (const [launch, buffers] of launches) await gpu.run(launch, buffers);
  return held;
}

describe('executed', () => {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    gpu = await openGpu('vulkan');
    if (!gpu) console.log(NO_ADAPTER);
  });
  afterAll(() => gpu?.close());

  // the long suite executes every kernel, the quick one those named by `quick`
  const chosen = samples.filter(({ quick }) => runs(1, quick ? 1 : 0) === 1);
  it.for(chosen)('$name agrees with the f64 interpreter', async (sample, { skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    const exact = tensors(sample, 'f64');
    runPlans(sample.plans, exact, 'f64', interpreterOf('f64'));
    const got = await runOnGpu(gpu, sample);
    const results = (held: typeof exact) => [...held.outputs, ...Object.values(held.arenas)];
    results(exact).forEach((expected, i) => {
      const largest = Math.max(...Array.from(expected, Math.abs));
      const absolute = (sample.tolerance ?? 1e-5) * largest;
      expectClose(defined(results(got)[i], 'result'), expected, { absolute, relative: 0 }, `result ${i}`);
    });
  });
});
