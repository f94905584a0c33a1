import { planAccumulate } from '../../../kernels/accumulate.ts';
import { type AttentionArguments, planAttention, planAttentionGradient } from '../../../kernels/attention.ts';
import { planCopy, turned, wholeOf } from '../../../kernels/copy.ts';
import { planCrfGradient } from '../../../kernels/crfBackward.ts';
import { planCrfDecode } from '../../../kernels/crfDecode.ts';
import { planCrf } from '../../../kernels/crfForward.ts';
import { planCrossEntropy, planCrossEntropyGradient } from '../../../kernels/crossEntropy.ts';
import { planElementwise } from '../../../kernels/elementwise.ts';
import { planGather, planGatherGradient } from '../../../kernels/gather.ts';
import { journalElements, planGradientNorm } from '../../../kernels/gradientNorm.ts';
import { planLayerNorm, planLayerNormGradient } from '../../../kernels/layerNorm.ts';
import { planMatmul } from '../../../kernels/matmul.ts';
import { planArgmax, planReduce } from '../../../kernels/reduce.ts';
import { planSoftmax, planSoftmaxGradient } from '../../../kernels/softmax.ts';
import { adamWRule, planUpdate } from '../../../kernels/update.ts';
import type { LaunchPlan, Slot } from '../../../src/ir/record.ts';
import { schedulesFrom } from '../../../src/kernel/schedule.ts';
import {
  crfGradientSlots,
  crfSlots,
  input,
  layerNormGradientSlots,
  layerNormSlots,
  output,
} from '../../support/launch.ts';

/** A tensor of a sample: normal numbers of this many, or the data itself. */
export type Data = number | Float64Array | Int32Array | Uint32Array;

/** Plans at small sizes that are no multiples of tiles, with their operands. */
export interface Sample {
  readonly name: string;
  readonly plans: readonly LaunchPlan[];
  readonly inputs: readonly Data[];
  readonly outputs: readonly Data[];
  readonly arenas?: Readonly<Record<string, Data>>;
  readonly tables?: Readonly<Record<string, Data>>;
  /** largest error allowed, relative to the largest result; default 1e-5 */
  readonly tolerance?: number;
  /** executed in the quick suite too; the others only in the long one */
  readonly quick?: boolean;
}

/** Sizes of the dimensions that plans know by name only. */
export interface SampleSizes {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly batch: number;
  readonly time: number;
}
/** no multiples of tiles, nor of four */
export const ODD: SampleSizes = { rows: 19, columns: 70, inner: 37, batch: 3, time: 9 };
/** multiples of four but not of tiles: vec4 may be loaded and stored */
export const FOURS: SampleSizes = { rows: 20, columns: 72, inner: 36, batch: 3, time: 12 };

function products({ rows, columns, inner, batch }: SampleSizes): Sample[] {
  const matrix = rows * columns;
  /** gelu in its exact form over accumulator + bias, as the fusion pass joins it to a matmul. */
  const matmulWithEpilogue: Sample = {
    name: 'matmul with epilogue',
    quick: true,
    plans: planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      rows: 'rows',
      columns: 'columns',
      inner: 'inner',
      transposeY: true,
      epilogue: {
        key: 'gelu(accumulator + bias)',
        apply: (k, accumulator, [bias]) => {
          const x = bias ? k.add(accumulator, bias) : accumulator;
          return [k.mul(k.mul(x, 0.5), k.add(1, k.map('erf', k.mul(x, Math.SQRT1_2))))];
        },
        operands: [{ slot: input(2), dtype: 'f32', strides: [0, 1] }],
      },
    }),
    inputs: [rows * inner, columns * inner, columns],
    outputs: [matrix],
  };

  const matmulBatched: Sample = {
    name: 'batched matmul of transposed operands',
    plans: planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      transposeX: true,
      rows: 'rows',
      columns: 'columns',
      inner: 'inner',
      batch: [{ size: 'batch', x: 'rows*inner', y: 0, out: 'rows*columns' }],
    }),
    inputs: [batch * rows * inner, inner * columns],
    outputs: [batch * matrix],
  };

  const large = { tiles: { m: 128, n: 128, k: 64 }, stage: 16 };
  const matmulLarge: Sample = {
    name: 'matmul in large tiles',
    plans: planMatmul({
      x: input(0),
      y: input(1),
      out: output(0),
      batch: [],
      rows: 'rows',
      columns: 'columns',
      inner: 'inner',
      schedules: schedulesFrom([{ matmul: { '': large } }]),
    }),
    inputs: [rows * inner, inner * columns],
    outputs: [matrix],
  };
  return [matmulWithEpilogue, matmulBatched, matmulLarge];
}

/** Kernels along rows. */
function rowKernels({ rows, columns }: SampleSizes): Sample[] {
  const matrix = rows * columns;
  const dims = { rows: 'rows', columns: 'columns' };
  const softmaxLong: Sample = {
    name: 'softmax of long rows',
    quick: true,
    plans: planSoftmax({ x: input(0), out: output(0), ...dims }),
    inputs: [matrix],
    outputs: [matrix],
  };
  const softmaxShort: Sample = {
    name: 'softmax of short rows',
    plans: planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns }),
    inputs: [matrix],
    outputs: [matrix],
  };
  const softmaxGradient: Sample = {
    name: 'softmax gradient',
    quick: true,
    plans: planSoftmaxGradient({ y: input(0), dy: input(1), dx: output(0), ...dims }),
    inputs: [matrix, matrix],
    outputs: [matrix],
  };
  const layerNorm: Sample = {
    name: 'layer norm',
    plans: planLayerNorm({
      ...layerNormSlots,
      epsilon: 1e-5,
      ...dims,
    }),
    inputs: [matrix, columns, columns],
    outputs: [matrix, rows, rows],
  };
  const layerNormGradient: Sample = {
    name: 'layer norm gradient',
    quick: true,
    plans: planLayerNormGradient({
      ...layerNormGradientSlots,
      ...dims,
    }),
    inputs: [matrix, columns, rows, rows, matrix],
    outputs: [matrix, columns, columns],
  };

  const classes = Int32Array.from({ length: rows }, (_, r) => (r % 5) - 1);
  const logits = { logits: input(0), labels: input(1), rows: 'rows', columns: 'columns' };
  const crossEntropy: Sample = {
    name: 'cross-entropy',
    plans: planCrossEntropy({ ...logits, loss: output(0), levels: output(1) }),
    inputs: [matrix, classes],
    outputs: [rows, 2 * rows],
  };
  const crossEntropyGradient: Sample = {
    name: 'cross-entropy gradient',
    quick: true,
    plans: planCrossEntropyGradient({ ...logits, levels: input(2), dloss: input(3), dlogits: output(0) }),
    inputs: [matrix, classes, 2 * rows, rows],
    outputs: [matrix],
  };

  return [
    ...[softmaxLong, softmaxShort, softmaxGradient, layerNorm, layerNormGradient],
    ...[crossEntropy, crossEntropyGradient],
  ];
}

function attention(width: number, time: number): Sample[] {
  const [samples, heads] = [2, 2];
  const model = samples * time * heads * width;
  const mask = Uint32Array.from({ length: samples * time }, (_, j) => (j % 3 ? 1 : 0));
  const key = Uint32Array.of(1, 2);
  const shared: AttentionArguments = {
    q: input(0),
    k: input(1),
    v: input(2),
    out: output(0),
    levels: output(1),
    batch: samples,
    heads,
    queryTime: time,
    keyTime: time,
    width,
    scale: 0.3,
    causal: true,
    mask: input(3),
    dropout: { rate: 0.1, key: input(4), stream: 5 },
  };
  const results: Record<'out' | 'levels' | 'dout' | 'dq' | 'dk' | 'dv', Slot> = {
    out: input(5),
    levels: input(6),
    dout: input(7),
    dq: output(0),
    dk: output(1),
    dv: output(2),
  };
  const statistics = 2 * samples * heads * time;
  return [
    {
      name: `attention of width ${width}`,
      quick: width === 32,
      plans: planAttention(shared),
      inputs: [model, model, model, mask, key],
      outputs: [model, statistics],
    },
    {
      name: `attention gradient of width ${width}`,
      plans: planAttentionGradient({ ...shared, ...results }),
      inputs: [model, model, model, mask, key, model, statistics, model],
      outputs: [model, model, model],
    },
  ];
}

function crf(labels: number, { batch, time }: SampleSizes): Record<'loss' | 'gradient' | 'decode', Sample> {
  const tokens = batch * time;
  const sizes = { batch: 'batch', time: 'time', labels };
  const scores = { ...crfSlots, ...sizes };
  const lengths = Int32Array.from({ length: batch }, (_, b) => [time, 1, 4][b % 3] as number);
  const tags = Int32Array.from({ length: tokens }, (_, i) => (i * 7) % labels);
  const operands = [tokens * labels, labels * labels, labels, labels, lengths];
  return {
    loss: {
      name: `CRF forward at ${labels} labels`,
      quick: labels === 130,
      plans: planCrf({
        ...scores,
        tags: input(5),
        alpha: output(0),
        offset: output(1),
        loss: output(2),
        logZ: output(3),
      }),
      inputs: [...operands, tags],
      outputs: [tokens * labels, tokens, batch, batch],
    },
    gradient: {
      name: `CRF gradient at ${labels} labels`,
      plans: planCrfGradient({
        ...crfGradientSlots,
        ...sizes,
      }),
      inputs: [...operands, tags, tokens * labels, tokens, batch],
      outputs: [tokens * labels, labels * labels, labels, labels],
    },
    decode: {
      name: `CRF decoding at ${labels} labels`,
      plans: planCrfDecode({ ...scores, tags: output(0), score: output(1) }),
      inputs: operands,
      outputs: [new Int32Array(tokens), batch],
    },
  };
}

/** Element-wise functions, reductions, gathers, copies. */
function memoryKernels({ rows, columns }: SampleSizes): Sample[] {
  const matrix = rows * columns;
  const ids = Int32Array.from({ length: 23 }, (_, i) => (i * i) % 11);
  const gather: Sample = {
    name: 'gather',
    quick: true,
    plans: planGather({ table: input(0), ids: input(1), out: output(0), count: 23, width: 'columns' }),
    inputs: [11 * columns, ids],
    outputs: [23 * columns],
  };
  const gatherGradient: Sample = {
    name: 'gather gradient',
    plans: planGatherGradient({
      ids: input(0),
      dout: input(1),
      dtable: output(0),
      count: 23,
      width: 'columns',
      vocabulary: 11,
    }),
    inputs: [ids, 23 * columns],
    outputs: [11 * columns],
  };

  const x = { slot: input(0), shape: ['rows', 'columns'], dtype: 'f32' } as const;
  const reductions: Sample[] = [[1], [0], [0, 1]].flatMap((axes) =>
    (['sum', 'max'] as const).map((combine) => ({
      name: `${combine} over axes ${axes.join(' and ')}`,
      plans: planReduce(combine, x, axes, output(0)),
      inputs: [matrix],
      outputs: [axes.length === 2 ? 1 : axes[0] === 1 ? rows : columns],
    })),
  );
  const argmax: Sample = {
    name: 'argmax',
    quick: true,
    plans: planArgmax('f32', { x: input(0), out: output(0), outer: 'rows', reduced: 'columns' }),
    inputs: [Float64Array.from({ length: matrix }, (_, i) => (i * 37) % 23)],
    outputs: [new Int32Array(rows)],
  };
  const bias = { slot: input(1), shape: ['columns'], dtype: 'f32' } as const;
  const pointwise: Sample = {
    name: 'element-wise with broadcasting',
    quick: true,
    plans: planElementwise({
      key: 'tanh(x + bias) · log(1 + e^x)',
      inputs: [x, bias],
      results: [{ ...x, slot: output(0) }],
      apply: (k, [value, vector]) => {
        const sum = value && vector ? k.add(value, vector) : k.constant(0);
        return k.mul(k.map('tanh', sum), k.log(k.add(k.exp(value ?? 0), 1)));
      },
    }),
    inputs: [matrix, columns],
    outputs: [matrix],
  };
  const transpose: Sample = {
    name: 'transpose',
    quick: true,
    plans: planCopy('f32', ['columns', 'rows'], {
      from: turned(input(0), ['rows', 'columns'], [1, 0]),
      to: wholeOf(output(0), ['columns', 'rows']),
    }),
    inputs: [matrix],
    outputs: [matrix],
  };

  return [gather, gatherGradient, ...reductions, argmax, pointwise, transpose];
}

const elements = 4 * 256;
const arenas = { parameter: elements, gradient: elements, moment1: elements };
/** Groups of the four blocks: the first, a frozen one, none, the second. */
const table = { group: Int32Array.of(0, 2, -1, 1) };
const groups = Float64Array.from([
  ...[1e-3, 1.2, 1.1, 0.01, 1, 1, 0.9, 0],
  ...[5e-4, 1.1, 1.05, 0, 0, 1, 0.5, 0],
  ...[1e-3, 1.2, 1.1, 0.01, 1, 0, 0.9, 0],
]);
const adamW = (average: boolean): Sample => ({
  name: average ? 'AdamW with an average' : 'AdamW',
  quick: true,
  plans: planUpdate(adamWRule, {
    ...{ groups: input(0), gradientNorm: input(1), arena: 'gradient', average, blocks: 4 },
    settings: { beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
  }),
  inputs: [groups, Float64Array.of(4)],
  outputs: [],
  arenas: {
    ...arenas,
    ...(average ? { average: elements } : {}),
    moment2: Float64Array.from({ length: elements }, (_, i) => (i % 13) / 13),
  },
  tables: table,
});
/** In a journal that notes a step after one that went wrong. */
const gradientNorm: Sample = {
  name: 'gradient norm',
  quick: true,
  plans: planGradientNorm({ groups: input(0), out: output(0), arena: 'gradient', blocks: 4 }),
  inputs: [groups],
  outputs: [1],
  arenas: {
    gradient: elements,
    journal: Float64Array.from({ length: journalElements }, (_, i) => [1, 7][i] ?? (i % 32) / 8),
  },
  tables: table,
};
const accumulate: Sample = {
  name: 'accumulate',
  quick: true,
  plans: planAccumulate({
    ...{ shares: input(0), losses: [input(1), input(2), input(3)], blocks: 4 },
    arenas: { gradient: 'gradient', batch: 'batch' },
  }),
  inputs: [[1, 0.5, 0.25], [0.5], [0.25], [0.125]].map((values) => Float64Array.from(values)),
  outputs: [],
  arenas: { gradient: elements, batch: elements, journal: journalElements },
};

/** Every kernel of the house, under several schedules. */
export const samplesAt = (sizes: SampleSizes): readonly Sample[] => [
  ...products(sizes),
  ...rowKernels(sizes),
  ...attention(8, 40),
  ...attention(32, 40),
  ...Object.values(crf(7, sizes)),
  ...Object.values(crf(130, sizes)),
  ...memoryKernels(sizes),
  adamW(false),
  adamW(true),
  gradientNorm,
  accumulate,
];

/** Attention at the head sizes that have to fit default limits. */
export const wideAttention: readonly Sample[] = [32, 64, 128].flatMap((width) => attention(width, 40));
