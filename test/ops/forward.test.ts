import { describe, expect, test } from 'vitest';
import type { Precision } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { runs } from '../support/counts.ts';
import { builtIn, feedsOf, forward, type Naming, operandName, takesNames } from './run.ts';
import { elsewhere, references, validSamples } from './samples/all.ts';
import type { Sample } from './samples/sample.ts';

/** Differences of a computation in another order; f32 operands are rounded too. */
const TOLERANCE = {
  f64: { absolute: 1e-12, relative: 1e-11 },
  f32: { absolute: 5e-6, relative: 5e-6 },
} as const;

async function compare(
  sample: Sample,
  seed: number,
  naming: Naming = 'none',
  precision: Precision = 'f64',
): Promise<void> {
  const { absolute, relative } = TOLERANCE[precision];
  const feeds = feedsOf(sample, seed);
  const results = await forward(sample, feeds, naming, precision);
  const operands = sample.inputs.map((_, i) => defined(feeds[operandName(i)], 'operand'));
  const wanted = defined(references.get(sample.op), 'reference')(operands, sample.attributes ?? {});
  wanted.forEach(({ shape, data }, i) => {
    const result = defined(results[i], `result ${i}`);
    expect([...result.shape]).toEqual([...shape]);
    expect(result.data.length).toBe(data.length);
    Array.from(data).forEach((value, at) => {
      const found = result.data[at] as number;
      const allowed = absolute + relative * Math.abs(value);
      if (!(Math.abs(found - value) <= allowed)) {
        throw new Error(`${JSON.stringify(sample)}: result ${i}[${at}] is ${found}, not ${value}`);
      }
    });
  });
}

describe('forward agrees with the plain meaning', () => {
  const sampled = [...new Set(validSamples.map(({ op }) => op))];

  test('every op has samples and a reference', () => {
    expect([...sampled, ...elsewhere.keys()].toSorted()).toEqual(
      builtIn()
        .map(({ name }) => name)
        .toSorted(),
    );
    expect([...references.keys()].toSorted()).toEqual(sampled.toSorted());
  });

  test.each(sampled)('%s', async (op) => {
    for (const sample of validSamples.filter((each) => each.op === op)) {
      for (let seed = 1; seed <= runs(8, 1); seed++) await compare(sample, seed);
      for (const naming of ['all', 'others'] as const) {
        if (takesNames(sample, naming)) await compare(sample, 1, naming);
      }
      await compare(sample, 1, 'none', 'f32');
    }
  });
});
