import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { isFloating } from '../../src/base/dtype.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Feeds, TensorValue } from '../../src/runtime/feeds.ts';
import { openOracle, subjects } from '../runtime/agreement/devices.ts';
import { expectClose } from '../support/arrays.ts';
import { build, feedsOf } from './run.ts';
import { validSamples } from './samples/all.ts';
import type { Sample } from './samples/sample.ts';

/** f16 holds 11 bits, and what an op works out in f16 on its way adds its own roundings. */
const HALF = { absolute: 1e-2, relative: 1e-2 };

/** The sample with its first `count` operands of f32 in f16. */
function inHalves(sample: Sample, count: number): Sample {
  let left = count;
  const inputs = sample.inputs.map((input) =>
    input.dtype === 'f32' && left-- > 0 ? { ...input, dtype: 'f16' as const } : input,
  );
  return { ...sample, inputs };
}

/** The sample's results, and the gradients of the sum of its first one; undefined where the op refuses its operands where it is written. */
function graphOf(sample: Sample): Graph | undefined {
  let built: ReturnType<typeof build>;
  try {
    built = build(sample);
  } catch (error) {
    expect(error).toMatchObject({ code: 'FROND-S010', message: expect.stringMatching(/f16|must be f32/) });
    return undefined;
  }
  const { builder, inputs, outputs } = built;
  outputs.forEach((ref, i) => {
    builder.output(`y${i}`, ref);
  });
  const floats = (refs: readonly string[]) => refs.filter((ref) => isFloating(builder.typeOf(ref).dtype));
  const { vjp, expand } = ops.get(sample.op) ?? {};
  const [y, wrt] = [floats(outputs)[0], floats(inputs)];
  if (y === undefined || wrt.length === 0 || (vjp === undefined && expand === undefined))
    return builder.finish();
  const wide = builder.one('cast', [y], { dtype: 'f32' });
  const loss = builder.sum(
    wide,
    builder.typeOf(wide).shape.map((_, axis) => axis),
  );
  builder.output('loss', loss);
  const { graph, gradients } = differentiate(builder.finish(), ops, { loss, wrt });
  const named = Object.entries(gradients).map(([ref, gradient]) => [`gradientOf_${ref}`, gradient]);
  return { ...graph, outputs: { ...graph.outputs, ...Object.fromEntries(named) } };
}

async function run(graph: Graph, feeds: Feeds, device: Device): Promise<Record<string, TensorValue>> {
  const { executable } = await compile(graph, { device, check: true });
  return executable.run(feeds);
}

/** One sample per op and number of operands that takes f32 at all: with all of these in f16, and with the first one. */
const samples = new Map<string, readonly [wide: Sample, half: Sample]>();
for (const sample of validSamples) {
  const floats = sample.inputs.filter(({ dtype }) => dtype === 'f32').length;
  for (const count of new Set([floats, Math.min(floats, 1)])) {
    const key = `${sample.op}, ${count} of ${sample.inputs.length} operands`;
    if (count > 0 && !samples.has(key)) samples.set(key, [sample, inHalves(sample, count)]);
  }
}

const devices: Device[] = [];

beforeAll(async () => {
  // software GPUs have no f16 (FROND-K202)
  for (const subject of subjects.filter(({ gpu }) => !gpu)) {
    const device = await subject.open();
    if (device !== undefined) devices.push(device);
  }
});

afterAll(async () => {
  for (const device of devices) await device.close?.();
});

describe('an op takes f16 with its gradient, or refuses it where it is written', () => {
  test.each([...samples])('%s', async (_name, [sample, narrow]) => {
    const half = graphOf(narrow);
    if (half === undefined) return;
    const drawn = feedsOf(sample, 3);
    const oracle = await run(graphOf(sample) as Graph, drawn, openOracle());
    const feeds = Object.fromEntries(
      Object.entries(drawn).map(([name, value], i) => [
        name,
        { ...value, dtype: narrow.inputs[i]?.dtype ?? value.dtype },
      ]),
    );
    for (const device of devices) {
      const results = await run(half, feeds, device);
      expect(Object.keys(results)).toEqual(Object.keys(oracle));
      for (const [name, { data }] of Object.entries(oracle)) {
        expectClose(results[name]?.data ?? [], data, HALF, `${device.name}: ${name}`);
      }
    }
  });
});
