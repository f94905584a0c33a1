import { describe, expect, test } from 'vitest';
import { isFloating } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { runs } from '../support/counts.ts';
import {
  build,
  builtIn,
  draw,
  elements,
  feedsOf,
  type Naming,
  operandName,
  runner,
  shapeOf,
  takesNames,
} from './run.ts';
import { validSamples } from './samples/all.ts';
import type { Sample } from './samples/sample.ts';

/*
 * The full Jacobian of every differentiable op in f64, against central differences. The op stands in the middle of a graph: each
 * operand is multiplied by a random coefficient before it, the result by another one after it, and the upstream gradient of
 * one result element at a time is a random number too.
 */

const EPSILON = 1e-6;
const ABSOLUTE = 1e-7;
const RELATIVE = 1e-5;

type Run = (feeds: Feeds) => Promise<Record<string, TensorValue>>;

interface Subject {
  readonly feeds: Feeds;
  readonly shape: readonly number[];
  readonly forward: Run;
  readonly backward: Run;
  /** names of the operands that have a gradient */
  readonly floating: readonly string[];
}

async function subjectOf(sample: Sample, seed: number, naming: Naming): Promise<Subject> {
  const { builder, inputs, outputs } = build(sample, naming, (b, ref, i) =>
    isFloating(b.typeOf(ref).dtype) ? b.mul(ref, b.input(`a${i}`, b.typeOf(ref))) : ref,
  );
  const y = defined(outputs[0], 'result');
  const type = builder.typeOf(y);
  const result = builder.mul(y, builder.input('c', type));
  builder.output('y', result);
  const plain = builder.finish();
  const upstream = builder.input('dy', type);
  const floating = sample.inputs.flatMap(({ dtype }, i) => (isFloating(dtype) ? [operandName(i)] : []));
  const wrt = inputs.filter((_, i) => isFloating(sample.inputs[i]?.dtype ?? 'i32'));
  const { graph, gradients } = differentiate(builder.finish(), ops, { loss: result, wrt, upstream });
  const named = floating.map((name, i) => [
    `d${name}`,
    defined(gradients[wrt[i] ?? ''], `gradient of ${name}`),
  ]);
  const shape = shapeOf(builder, y, sample);
  const coefficients = sample.inputs.map(({ shape: own }, i) => [
    `a${i}`,
    { dtype: 'f32', shape: own, data: draw(elements(own), `a${i}`, seed, [0.8, 1.2]) },
  ]);
  const used = coefficients.filter((_, i) => isFloating(sample.inputs[i]?.dtype ?? 'i32'));
  const c = { dtype: 'f32', shape, data: draw(elements(shape), 'c', seed) };
  return {
    feeds: { ...feedsOf(sample, seed), ...Object.fromEntries(used), c } as Feeds,
    shape,
    forward: await runner(plain),
    backward: await runner({
      ...graph,
      outputs: { ...Object.fromEntries(named), y: result } as Record<string, string>,
    }),
    floating,
  };
}

/** Rows of the numerical Jacobian with respect to one operand: ∂ result / ∂ element. */
async function differences({ forward, feeds }: Subject, name: string): Promise<number[][]> {
  const value = defined(feeds[name], name);
  const rows: number[][] = [];
  for (let i = 0; i < value.data.length; i++) {
    const at = async (step: number) => {
      const data = Array.from(value.data, Number);
      data[i] = (data[i] ?? 0) + step;
      const { y } = await forward({ ...feeds, [name]: { ...value, data } });
      return Array.from(defined(y, 'result').data);
    };
    const [high, low] = [await at(EPSILON), await at(-EPSILON)];
    rows.push(high.map((yes, j) => (yes - (low[j] ?? 0)) / (2 * EPSILON)));
  }
  return rows;
}

async function checkGradient(sample: Sample, seed: number, naming: Naming): Promise<number> {
  const subject = await subjectOf(sample, seed, naming);
  const { feeds, shape, floating, backward } = subject;
  const numerical = new Map<string, number[][]>();
  for (const name of floating) numerical.set(name, await differences(subject, name));
  const scales = draw(elements(shape), 'dy', seed, [0.5, 2]);
  let checked = 0;
  for (let j = 0; j < scales.length; j++) {
    const data = scales.map((scale, i) => (i === j ? scale : 0));
    const gradients = await backward({ ...feeds, dy: { dtype: 'f32', shape, data } });
    for (const name of floating) {
      const analytic = Array.from(defined(gradients[`d${name}`], name).data);
      analytic.forEach((found, i) => {
        const wanted = (numerical.get(name)?.[i]?.[j] ?? 0) * (scales[j] ?? 0);
        const allowed = ABSOLUTE + RELATIVE * Math.abs(wanted);
        if (!(Math.abs(found - wanted) <= allowed)) {
          throw new Error(`∂y[${j}]/∂${name}[${i}] is ${found}, differences say ${wanted}`);
        }
        checked++;
      });
    }
  }
  return checked;
}

const differentiable = builtIn().filter((record) => record.vjp !== undefined || record.expand !== undefined);

const samplesOf = (op: string): Sample[] =>
  validSamples.filter(({ op: own, inputs }) => own === op && inputs.some(({ dtype }) => isFloating(dtype)));

const hasGradient = (sample: Sample): boolean => {
  const { builder, outputs } = build(sample);
  return isFloating(builder.typeOf(outputs[0] ?? '').dtype);
};

/** Checks `count` draws of the samples in turn; an error names the sample. Gives the number of samples. */
async function checkSamples(samples: readonly Sample[], count: number, naming: Naming): Promise<void> {
  let checked = 0;
  for (let i = 0; i < count; i++) {
    const sample = defined(samples[i % samples.length], 'sample');
    try {
      checked += await checkGradient(sample, i + 1, naming);
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      throw new Error(`${JSON.stringify(sample)}, names: ${naming}: ${message}`, { cause: error });
    }
  }
  expect(checked).toBeGreaterThan(0);
}

/** Of ops that are made of others, some give no floats. */
const names = differentiable
  .filter(({ name, vjp }) => vjp !== undefined || samplesOf(name).some(hasGradient))
  .map(({ name }) => name);

describe('gradients agree with finite differences', () => {
  test.each(names)('%s', async (op) => {
    const samples = samplesOf(op).filter(hasGradient);
    const count = runs(Math.max(24, samples.length), Math.max(3, samples.length));
    await checkSamples(samples, count, 'none');
  });
});

/** Not those whose shapes are attributes, or too small to name. */
const named = names.filter((op) =>
  samplesOf(op).some((sample) => takesNames(sample, 'all') || takesNames(sample, 'others')),
);

describe('gradients agree with finite differences when sizes are names', () => {
  test.each(named)('%s', async (op) => {
    const samples = samplesOf(op).filter(hasGradient);
    let tried = 0;
    for (const naming of ['all', 'others'] as const) {
      const some = samples.filter((sample) => takesNames(sample, naming));
      if (some.length > 0) await checkSamples(some, runs(2 * some.length, Math.min(some.length, 3)), naming);
      tried += some.length;
    }
    expect(tried).toBeGreaterThan(0);
  });
});
