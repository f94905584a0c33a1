import { describe, expect, it } from 'vitest';
import { type AttentionArguments, planAttention, planAttentionGradient } from '../../kernels/attention.ts';
import { planCrossEntropy, planCrossEntropyGradient } from '../../kernels/crossEntropy.ts';
import { planLayerNorm, planLayerNormGradient } from '../../kernels/layerNorm.ts';
import { planMatmul } from '../../kernels/matmul.ts';
import { planSoftmax, planSoftmaxGradient } from '../../kernels/softmax.ts';
import { printWgsl } from '../../src/backend/wgsl/index.ts';
import type { Dim } from '../../src/base/dim.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import type { LaunchPlan, Slot } from '../../src/ir/record.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { arenasFor } from '../support/arenas.ts';
import { expectClose, gaussian } from '../support/arrays.ts';
import {
  input,
  layerNormGradientSlots,
  layerNormSlots,
  output,
  runPlans,
  simulator,
  unwritten,
} from '../support/launch.ts';

const ROWS = 19;
const COLUMNS = 70;
const SIZES = { rows: ROWS, columns: COLUMNS, batch: 2, time: 35 };

/** Plans with their inputs (data, or the length of a float array) and the lengths of their outputs. */
interface Sample {
  readonly name: string;
  readonly plans: readonly LaunchPlan[];
  readonly inputs: readonly (number | Int32Array | Uint32Array)[];
  readonly outputs: readonly number[];
}

const matrix = ROWS * COLUMNS;
const labels = Int32Array.from({ length: ROWS }, (_, r) => (r % 5) - 1);

function rowSamples(columns: Dim): Sample[] {
  const dims = { rows: 'rows', columns };
  const logits = { logits: input(0), labels: input(1), rows: 'rows', columns };
  return [
    {
      name: 'softmax',
      plans: planSoftmax({ x: input(0), out: output(0), ...dims }),
      inputs: [matrix],
      outputs: [matrix],
    },
    {
      name: 'softmax gradient',
      plans: planSoftmaxGradient({ y: input(0), dy: input(1), dx: output(0), ...dims }),
      inputs: [matrix, matrix],
      outputs: [matrix],
    },
    {
      name: 'layerNorm',
      plans: planLayerNorm({
        ...layerNormSlots,
        epsilon: 1e-5,
        ...dims,
      }),
      inputs: [matrix, COLUMNS, COLUMNS],
      outputs: [matrix, ROWS, ROWS],
    },
    {
      name: 'layerNorm gradient',
      plans: planLayerNormGradient({
        ...layerNormGradientSlots,
        ...dims,
      }),
      inputs: [matrix, COLUMNS, ROWS, ROWS, matrix],
      outputs: [matrix, COLUMNS, COLUMNS],
    },
    {
      name: 'crossEntropy',
      plans: planCrossEntropy({ ...logits, loss: output(0), levels: output(1) }),
      inputs: [matrix, labels],
      outputs: [ROWS, 2 * ROWS],
    },
    {
      name: 'crossEntropy gradient',
      plans: planCrossEntropyGradient({ ...logits, levels: input(2), dloss: input(3), dlogits: output(0) }),
      inputs: [matrix, labels, 2 * ROWS, ROWS],
      outputs: [matrix],
    },
  ];
}

function attentionSamples(width: number, causal: boolean, masked: boolean, dropout: boolean): Sample[] {
  const [batch, heads, time] = [2, 2, SIZES.time];
  const model = batch * time * heads * width;
  const mask = Uint32Array.from({ length: batch * time }, (_, j) => (j % 3 ? 1 : 0));
  const shared: AttentionArguments = {
    q: input(0),
    k: input(1),
    v: input(2),
    out: output(0),
    levels: output(1),
    batch: 'batch',
    heads,
    queryTime: 'time',
    keyTime: 'time',
    width,
    scale: 0.3,
    causal,
    mask: masked ? input(3) : undefined,
    dropout: dropout ? { rate: 0.1, key: input(4), stream: 5 } : undefined,
  };
  const key = Uint32Array.of(1, 2);
  const statistics = 2 * batch * heads * time;
  const results: Record<'out' | 'levels' | 'dout' | 'dq' | 'dk' | 'dv', Slot> = {
    out: input(5),
    levels: input(6),
    dout: input(7),
    dq: output(0),
    dk: output(1),
    dv: output(2),
  };
  const flags = [causal && 'causal', masked && 'masked', dropout && 'dropout'].filter(Boolean).join(' ');
  return [
    {
      name: `attention of width ${width} ${flags}`,
      plans: planAttention(shared),
      inputs: [model, model, model, mask, key],
      outputs: [model, statistics],
    },
    {
      name: `attention gradient of width ${width} ${flags}`,
      plans: planAttentionGradient({ ...shared, ...results }),
      inputs: [model, model, model, mask, key, model, statistics, model],
      outputs: [model, model, model],
    },
  ];
}

const matmulSamples: Sample[] = [false, true].flatMap((transposeX) =>
  [false, true].map((transposeY) => ({
    name: `matmul ${transposeX ? 'xᵀ' : 'x'} ${transposeY ? 'yᵀ' : 'y'}`,
    plans: planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      rows: 'rows',
      columns: 'columns',
      inner: 40,
      transposeX,
      transposeY,
      batch: [{ size: 'batch', x: 'rows*40', y: 0, out: 'rows*columns' }],
    }),
    inputs: [2 * ROWS * 40, 40 * COLUMNS],
    outputs: [2 * matrix],
  })),
);

const samples: Sample[] = [
  ...rowSamples('columns'),
  ...rowSamples(COLUMNS).map((sample) => ({ ...sample, name: `${sample.name} of short rows` })),
  ...matmulSamples,
  ...attentionSamples(5, false, false, false),
  ...attentionSamples(8, true, true, true),
  ...attentionSamples(4, false, true, true),
];

/** Outputs of a sample in one precision, from the same inputs. */
function results(sample: Sample, precision: Precision): TypedArray[] {
  const inputs = sample.inputs.map((what, i) => {
    if (typeof what !== 'number') return what;
    const rounded = Float32Array.from(gaussian(what, `input ${i}`));
    return precision === 'f32' ? rounded : Float64Array.from(rounded);
  });
  const outputs = sample.outputs.map((length) => unwritten(length, precision));
  runPlans(sample.plans, { inputs, outputs, sizes: SIZES }, precision);
  return outputs;
}

describe('kernels', () => {
  it.each(samples)('$name in f32 stays within 1e-5 of the largest f64 result', (sample) => {
    const exact = results(sample, 'f64');
    results(sample, 'f32').forEach((rounded, i) => {
      const expected = exact[i] as TypedArray;
      const largest = Math.max(...Array.from(expected, Math.abs));
      expectClose(rounded, expected, { absolute: 1e-5 * largest, relative: 0 }, `output ${i}`);
    });
  });

  it.each(samples)('$name passes the checker', ({ plans }) => {
    for (const { kernel, slots } of plans) {
      expect(checkKernel(kernel)).toEqual([]);
      expect(Object.keys(slots).sort()).toEqual(kernel.buffers.map(({ name }) => name).sort());
    }
  });

  it.each(samples)('$name binds at most the eight buffers that WebGPU guarantees', ({ plans }) => {
    for (const { kernel } of plans) {
      const arenas = arenasFor(kernel);
      const bindings = new Set(kernel.buffers.map(({ name }) => arenas[name] ?? name));
      expect(bindings.size).toBeLessThanOrEqual(8);
    }
  });

  it.each(samples)('$name gives its kernels exactly their scalars', ({ plans }) => {
    for (const { kernel, scalars } of plans) {
      expect(Object.keys(scalars).sort()).toEqual(kernel.parameters.map(({ name }) => name).sort());
    }
  });

  it.each(samples)('$name touches only what it may, and writes every result once', (sample) => {
    const inputs = sample.inputs.map((what, i) =>
      typeof what === 'number' ? gaussian(what, `input ${i}`) : what,
    );
    const outputs = sample.outputs.map((length) => unwritten(length));
    runPlans(sample.plans, { inputs, outputs, sizes: SIZES }, 'f64', simulator);
    for (const result of outputs) expect(result.some(Number.isNaN)).toBe(false);
  });

  it.each(samples)('$name prints as WGSL under the default limits', ({ plans }) => {
    for (const { kernel } of plans)
      expect(printWgsl(kernel, { arenas: arenasFor(kernel) }).workgroupBytes).toBeLessThanOrEqual(16_384);
  });

  it.each([16, 20, 32, 64, 100, 128])(
    'attention of width %i is legal, also under WebGPU’s default limits',
    (width) => {
      for (const sample of attentionSamples(width, true, true, true)) {
        for (const { kernel } of sample.plans) {
          expect(checkKernel(kernel)).toEqual([]);
          expect(printWgsl(kernel, { arenas: arenasFor(kernel) }).workgroupBytes).toBeLessThanOrEqual(16_384);
        }
      }
    },
  );
});
