import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { withStorage } from '../../../kernels/plan.ts';
import { printWgsl, type WgslOptions } from '../../../src/backend/wgsl/index.ts';
import type { Precision, TypedArray } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { checkKernel } from '../../../src/kernel/check.ts';
import type { Kernel, Launch } from '../../../src/kernel/ir.ts';
import { arenasFor } from '../../support/arenas.ts';
import { expectClose, gaussian } from '../../support/arrays.ts';
import { runs } from '../../support/counts.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../../support/gpu.ts';
import { interpreterOf, type RunLaunch, runPlans } from '../../support/launch.ts';
import { type Data, FOURS, ODD, type Sample, type SampleSizes, samplesAt, wideAttention } from './samples.ts';

/** Ways to spell a kernel that are no matter of its schedule. */
interface Spelling {
  readonly unroll: boolean;
  /** every size is a multiple of 4 */
  readonly fours: boolean;
  readonly subgroups: WgslOptions['subgroups'];
  /** floats are stored as f16 */
  readonly halves: boolean;
}
const choices = [false, true];
const spellings = choices.flatMap((unroll) =>
  choices.flatMap((fours) =>
    [undefined, { min: 32, max: 32 }].flatMap((subgroups) =>
      choices.map((halves): Spelling => ({ unroll, fours, subgroups, halves })),
    ),
  ),
);

const all = [...samplesAt(ODD), ...samplesAt(FOURS), ...wideAttention];
const kernels = [
  ...new Map(
    all.flatMap(({ plans }) =>
      plans.map(({ kernel }) => [`${kernel.name} ${kernel.variant}`, kernel] as const),
    ),
  ),
].map(([name, kernel]) => ({ name, kernel }));

function print(kernel: Kernel, { unroll, fours, subgroups, halves }: Spelling) {
  const floats = kernel.buffers.filter(({ dtype }) => dtype === 'f32');
  const stored = halves
    ? withStorage(kernel, Object.fromEntries(floats.map(({ name }) => [name, 'f16'])))
    : kernel;
  const multiplesOf4 = fours ? kernel.parameters.map(({ name }) => name) : [];
  return printWgsl(stored, { arenas: arenasFor(stored), unroll, subgroups, multiplesOf4, shaderF16: halves });
}

describe('every kernel', () => {
  let compiler: Gpu;
  beforeAll(async () => {
    compiler = defined(await openGpu('null'), 'null backend');
  });
  afterAll(() => compiler.close());

  it.each(kernels)('$name passes the checker', ({ kernel }) => {
    expect(checkKernel(kernel)).toEqual([]);
  });

  // the quick suite has one for each, in turn of the two that differ in everything
  const extremes = [spellings.slice(0, 1), spellings.slice(-1)];
  it.each(kernels)('$name compiles under default limits', async ({ name, kernel }) => {
    const chosen = runs(1, 0) === 1 ? spellings : (extremes[name.length % 2] ?? []);
    expect(chosen).not.toEqual([]);
    for (const spelling of chosen) {
      const module = print(kernel, spelling);
      expect(await compiler.compile(module), `${JSON.stringify(spelling)}\n${module.code}`).toEqual([]);
    }
  });
});

/** The same numbers for every backend: drawn, rounded to f32. */
function tensors(sample: Sample, sizes: SampleSizes, precision: Precision) {
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
    sizes: { ...sizes },
  };
}

/** Plans run launch by launch on the device; every launch reads back what it wrote. */
async function runOnGpu(gpu: Gpu, sample: Sample, sizes: SampleSizes, options: WgslOptions) {
  const held = tensors(sample, sizes, 'f32');
  const launches: [Launch, Parameters<RunLaunch>[1]][] = [];
  runPlans(sample.plans, held, 'f32', (launch, buffers) => launches.push([launch, buffers]));
  for (const [launch, buffers] of launches) {
    const multiplesOf4 = Object.keys(launch.scalars).filter((name) => (launch.scalars[name] ?? 1) % 4 === 0);
    await gpu.run(launch, buffers, { ...options, multiplesOf4 });
  }
  return held;
}

async function compare(gpu: Gpu, sample: Sample, sizes: SampleSizes, options: WgslOptions): Promise<void> {
  const exact = tensors(sample, sizes, 'f64');
  runPlans(sample.plans, exact, 'f64', interpreterOf('f64'));
  const got = await runOnGpu(gpu, sample, sizes, options);
  const results = (held: typeof exact) => [...held.outputs, ...Object.values(held.arenas)];
  results(exact).forEach((expected, i) => {
    const largest = Math.max(...Array.from(expected, Math.abs));
    const absolute = (sample.tolerance ?? 1e-5) * largest;
    expectClose(defined(results(got)[i], 'result'), expected, { absolute, relative: 0 }, `result ${i}`);
  });
}

describe('executed', () => {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    gpu = await openGpu('vulkan');
    if (!gpu) console.log(NO_ADAPTER);
  });
  afterAll(() => gpu?.close());

  // the long suite executes every kernel in every way, the quick one those named by `quick` in turns
  const chosen = (sizes: SampleSizes, part: number, of: number) => {
    const all = samplesAt(sizes);
    return runs(1, 0) === 1 ? all : all.filter(({ quick }) => quick).filter((_, i) => i % of === part);
  };
  it.for(chosen(ODD, 0, 3))('$name agrees with the f64 interpreter', async (sample, { skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    await compare(gpu, sample, ODD, {});
  });

  it.for(chosen(FOURS, 1, 3))('$name in vec4, with subgroups, agrees', async (sample, { skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    await compare(gpu, sample, FOURS, { subgroups: gpu.subgroups });
  });

  // which software Vulkan compiles slowly where there is much of it
  const short = (sample: Sample) => runs(1, /attention|CRF/.test(sample.name) ? 0 : 1) === 1;
  it.for(chosen(FOURS, 2, 3).filter(short))('$name written out agrees', async (sample, { skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    await compare(gpu, sample, FOURS, { unroll: true, subgroups: gpu.subgroups });
  });
});
