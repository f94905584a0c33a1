import { describe, expect, it } from 'vitest';
import { assembleKernel } from '../../../src/backend/wasm/index.ts';
import type { Precision, TypedArray } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { webAssembly } from '../../../src/base/webAssembly.ts';
import { expectClose, gaussian } from '../../support/arrays.ts';
import { interpreterOf, runPlans } from '../../support/launch.ts';
import {
  type Data,
  FOURS,
  ODD,
  type Sample,
  type SampleSizes,
  samplesAt,
  wideAttention,
} from '../wgsl/samples.ts';
import { wasmRunner } from './support.ts';

/** The same numbers for every backend: drawn, rounded to f32. */
function tensors(sample: Sample, precision: Precision, sizes: SampleSizes) {
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

const run = wasmRunner();

describe('kernels on generated WebAssembly', () => {
  const placed = [ODD, FOURS].flatMap((sizes) => samplesAt(sizes).map((sample) => ({ ...sample, sizes })));
  const wide = wideAttention.map((sample) => ({ ...sample, sizes: ODD }));
  const names = ({ name, sizes }: { name: string; sizes: SampleSizes }) =>
    `${name}, ${sizes.columns} columns`;
  const cases = [...placed, ...wide].map((sample) => [names(sample), sample] as const);

  it.each(cases)('%s: agrees with the f64 interpreter', (_, sample) => {
    const exact = tensors(sample, 'f64', sample.sizes);
    runPlans(sample.plans, exact, 'f64', interpreterOf('f64'));
    const got = tensors(sample, 'f32', sample.sizes);
    runPlans(sample.plans, got, 'f32', run);
    const results = (held: typeof exact) => [...held.outputs, ...Object.values(held.arenas)];
    results(exact).forEach((expected, i) => {
      const largest = Math.max(...Array.from(expected, Math.abs));
      const absolute = (sample.tolerance ?? 1e-5) * largest;
      expectClose(defined(results(got)[i], 'result'), expected, { absolute, relative: 0 }, `result ${i}`);
    });
  });

  it.each(samplesAt(ODD))('$name makes a valid module', ({ plans }) => {
    for (const { kernel } of plans) {
      expect(webAssembly()?.validate(assembleKernel(kernel).bytes)).toBe(true);
    }
  });
});
