import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AttentionArguments, planAttention, planAttentionGradient } from '../../kernels/attention.ts';
import type { Dim } from '../../src/base/dim.ts';
import { threefry } from '../../src/base/random.ts';
import type { Slot } from '../../src/ir/record.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import { input, output, runPlans, unwritten } from '../support/launch.ts';

const RATE = 0.3;
const STREAM = 77;
const KEY = Uint32Array.of(0xdeadbeef, 12345);

interface Case {
  readonly batch: number;
  readonly heads: number;
  readonly queryTime: number;
  readonly keyTime: number;
  readonly width: number;
  readonly causal?: boolean;
  /** number of keys of each sample that may be attended to */
  readonly lengths?: readonly number[];
  readonly dropout?: boolean;
}

interface Tensors {
  readonly q: Float64Array;
  readonly k: Float64Array;
  readonly v: Float64Array;
  readonly mask: Uint32Array;
}

function tensorsFor({ batch, heads, queryTime, keyTime, width, lengths }: Case): Tensors {
  const model = heads * width;
  const mask = Uint32Array.from({ length: batch * keyTime }, (_, i) => {
    const sample = Math.floor(i / keyTime);
    return i % keyTime < (lengths?.[sample] ?? keyTime) ? 1 : 0;
  });
  return {
    q: gaussian(batch * queryTime * model, 'q'),
    k: gaussian(batch * keyTime * model, 'k'),
    v: gaussian(batch * keyTime * model, 'v'),
    mask,
  };
}

/** What dropout multiplies probability (b, h, i, j) by. */
function keepFactor(c: Case, b: number, h: number, i: number, j: number): number {
  if (!c.dropout) return 1;
  const element = ((b * c.heads + h) * c.queryTime + i) * c.keyTime + j;
  const [word] = threefry(((KEY[0] as number) ^ STREAM) >>> 0, KEY[1] as number, element, 0);
  return word < Math.floor((1 - RATE) * 2 ** 32) ? 1 / (1 - RATE) : 0;
}

/** Attention by its definition, one query at a time. */
function naive(c: Case, { q, k, v, mask }: Tensors): { out: Float64Array; levels: Float64Array } {
  const { batch, heads, queryTime, keyTime, width } = c;
  const model = heads * width;
  const out = new Float64Array(batch * queryTime * model);
  const levels = new Float64Array(batch * heads * 2 * queryTime);
  for (let b = 0; b < batch; b++) {
    for (let h = 0; h < heads; h++) {
      for (let i = 0; i < queryTime; i++) {
        const at = (b * queryTime + i) * model + h * width;
        const row = q.subarray(at, at + width);
        const keys = Array.from({ length: keyTime }, (_, j) => j).filter(
          (j) => mask[b * keyTime + j] === 1 && (!c.causal || j <= i),
        );
        const start = (j: number) => (b * keyTime + j) * model + h * width;
        const scores = keys.map((j) => inner(row, k.subarray(start(j), start(j) + width)) / Math.sqrt(width));
        const largest = Math.max(...scores);
        const total = largest + Math.log(scores.reduce((sum, s) => sum + Math.exp(s - largest), 0));
        const place = (b * heads + h) * 2 * queryTime + i;
        levels[place] = keys.length > 0 ? largest : 0;
        levels[place + queryTime] = keys.length > 0 ? total - largest : 0;
        keys.forEach((j, n) => {
          const p = Math.exp((scores[n] as number) - total) * keepFactor(c, b, h, i, j);
          for (let d = 0; d < width; d++) {
            out[at + d] = (out[at + d] as number) + p * (v[start(j) + d] as number);
          }
        });
      }
    }
  }
  return { out, levels };
}

/** q, k, v, mask and key are inputs 0 … 4, out and levels outputs 0 and 1. */
function argumentsFor(c: Case, symbolic: boolean): AttentionArguments {
  const name = (text: string, size: number): Dim => (symbolic ? text : size);
  return {
    q: input(0),
    k: input(1),
    v: input(2),
    out: output(0),
    levels: output(1),
    mask: c.lengths ? input(3) : undefined,
    batch: name('batch', c.batch),
    heads: c.heads,
    queryTime: name('queryTime', c.queryTime),
    keyTime: name('keyTime', c.keyTime),
    width: c.width,
    scale: 1 / Math.sqrt(c.width),
    causal: c.causal ?? false,
    dropout: c.dropout ? { rate: RATE, key: input(4), stream: STREAM } : undefined,
  };
}

function forward(c: Case, { q, k, v, mask }: Tensors, symbolic = true) {
  const out = unwritten(q.length) as Float64Array;
  const levels = unwritten(c.batch * c.heads * 2 * c.queryTime) as Float64Array;
  const { batch, queryTime, keyTime } = c;
  runPlans(planAttention(argumentsFor(c, symbolic)), {
    inputs: [q, k, v, mask, KEY],
    outputs: [out, levels],
    sizes: { batch, queryTime, keyTime },
  });
  return { out, levels };
}

function gradients(c: Case, tensors: Tensors, dout: Float64Array) {
  const { q, k, v, mask } = tensors;
  const { out, levels } = forward(c, tensors);
  const [dq, dk, dv] = [q, k, v].map(({ length }) => unwritten(length) as Float64Array) as [
    Float64Array,
    Float64Array,
    Float64Array,
  ];
  const extra: Record<'out' | 'levels' | 'dout' | 'dq' | 'dk' | 'dv', Slot> = {
    out: input(5),
    levels: input(6),
    dout: input(7),
    dq: output(0),
    dk: output(1),
    dv: output(2),
  };
  const { batch, queryTime, keyTime } = c;
  runPlans(planAttentionGradient({ ...argumentsFor(c, true), ...extra }), {
    inputs: [q, k, v, mask, KEY, out, levels, dout],
    outputs: [dq, dk, dv],
    sizes: { batch, queryTime, keyTime },
  });
  return { dq, dk, dv };
}

const cases: [string, Case][] = [
  ['one token', { batch: 1, heads: 1, queryTime: 1, keyTime: 1, width: 4 }],
  ['several blocks', { batch: 2, heads: 2, queryTime: 35, keyTime: 37, width: 8 }],
  ['a causal mask', { batch: 1, heads: 2, queryTime: 37, keyTime: 37, width: 8, causal: true }],
  [
    'causal, more keys than queries',
    { batch: 1, heads: 1, queryTime: 5, keyTime: 40, width: 4, causal: true },
  ],
  [
    'causal, more queries than keys',
    { batch: 1, heads: 1, queryTime: 40, keyTime: 5, width: 4, causal: true },
  ],
  ['lengths', { batch: 3, heads: 2, queryTime: 5, keyTime: 34, width: 3, lengths: [34, 1, 33] }],
  ['a sample without keys', { batch: 2, heads: 1, queryTime: 5, keyTime: 7, width: 5, lengths: [0, 3] }],
  ['dropout', { batch: 2, heads: 2, queryTime: 34, keyTime: 5, width: 2, dropout: true }],
  [
    'causal, lengths and dropout',
    {
      batch: 2,
      heads: 1,
      queryTime: 33,
      keyTime: 33,
      width: 4,
      causal: true,
      lengths: [20, 33],
      dropout: true,
    },
  ],
];

describe('attention', () => {
  it.each(cases)('with %s agrees with the definition', (_, c) => {
    const tensors = tensorsFor(c);
    const expected = naive(c, tensors);
    for (const symbolic of [true, false]) {
      const got = forward(c, tensors, symbolic);
      expectClose(got.out, expected.out);
      expectClose(got.levels, expected.levels, { absolute: 1e-12, relative: 1e-7 });
    }
  });

  it.each([16, 32, 64, 128])('heads of %i elements agree with the definition', (width) => {
    const c: Case = { batch: 1, heads: 2, queryTime: 33, keyTime: 34, width };
    const tensors = tensorsFor(c);
    expectClose(forward(c, tensors).out, naive(c, tensors).out);
  });

  it.each(cases)('gradients with %s match differences', (_, whole) => {
    // differences cost two evaluations per element: one sample and head suffice where they do not differ
    const c = whole.lengths || whole.dropout ? whole : { ...whole, batch: 1, heads: 1, width: 4 };
    const tensors = tensorsFor(c);
    const dout = gaussian(tensors.q.length, 'dout');
    const got = gradients(c, tensors, dout);
    const loss = () => inner(naive(c, tensors).out, dout);
    for (const name of ['q', 'k', 'v'] as const) {
      expectClose(got[`d${name}`], differences(tensors[name], loss), DIFFERENCES, `d${name}`);
    }
  });

  it('gives exact zeros, and zero gradients, to queries none of whose keys is allowed', () => {
    const c: Case = { batch: 2, heads: 1, queryTime: 5, keyTime: 7, width: 4, lengths: [0, 3] };
    const tensors = tensorsFor(c);
    const { out } = forward(c, tensors);
    const { dq, dk, dv } = gradients(c, tensors, gaussian(40, 'dout'));
    expect([...out.subarray(0, 20)]).toEqual(new Array(20).fill(0));
    const zeros = [...dq.subarray(0, 20), ...dk.subarray(0, 28), ...dv.subarray(0, 28)];
    expect(zeros.every((value) => value === 0)).toBe(true);
    expect(dq.subarray(20).some((value) => value !== 0)).toBe(true);
  });

  it('without queries, keys or samples writes zeros or nothing', () => {
    const base: Case = { batch: 1, heads: 2, queryTime: 3, keyTime: 0, width: 4 };
    const noKeys = forward(base, tensorsFor(base));
    expect([...noKeys.out]).toEqual(new Array(24).fill(0));
    const noQueries: Case = { ...base, queryTime: 0, keyTime: 3 };
    const tensors = tensorsFor(noQueries);
    const { dk, dv } = gradients(noQueries, tensors, new Float64Array(0));
    expect([...dk, ...dv].every((value) => value === 0)).toBe(true);
    expect(forward({ ...base, batch: 0 }, tensorsFor({ ...base, batch: 0 })).out).toHaveLength(0);
  });

  it('agrees with the definition for random sizes, masks and switches', () => {
    const size = (most: number) => fc.integer({ min: 1, max: most });
    const anyCase = fc
      .record({ batch: size(3), heads: size(3), queryTime: size(40), keyTime: size(70), width: size(18) })
      .chain((dims) =>
        fc
          .record({
            causal: fc.boolean(),
            dropout: fc.boolean(),
            lengths: fc.option(
              fc.array(fc.integer({ min: 0, max: dims.keyTime }), {
                minLength: dims.batch,
                maxLength: dims.batch,
              }),
              { nil: undefined },
            ),
          })
          .map((switches): Case => {
            const { lengths, ...rest } = switches;
            return { ...dims, ...rest, ...(lengths ? { lengths } : {}) };
          }),
      );
    fc.assert(
      fc.property(anyCase, (c) => {
        const tensors = tensorsFor(c);
        expectClose(forward(c, tensors).out, naive(c, tensors).out);
      }),
      { seed: 5, numRuns: runs(500, 25) },
    );
  });
});
