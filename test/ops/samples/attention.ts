import type { Attributes } from '../../../src/ir/graph.ts';
import { get, levelOf, logSum, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
import { kept } from './dropout.ts';
import {
  bool,
  f32,
  type InvalidSample,
  type OpSamples,
  type Sample,
  type SampleInput,
  type,
  u32,
} from './sample.ts';

const heads = (
  time: number,
  keys: number,
  width: number,
  attributes: Attributes,
  ...extra: readonly SampleInput[]
): Sample => ({
  op: 'attention',
  inputs: [f32(2, time, width), f32(2, keys, width), f32(2, keys, width), ...extra],
  attributes,
});

const key = u32([99, 7], 2);

const refused = (
  summary: string,
  code: InvalidSample['code'],
  inputs: InvalidSample['inputs'],
  attributes: Attributes = { heads: 4 },
): InvalidSample => ({ op: 'attention', inputs, attributes, code, summary });

const q = type('f32', 'batch', 'time', 128);

function attention(inputs: readonly Tensor[], attributes: Attributes): readonly Tensor[] {
  const [q, k, v, ...rest] = inputs as [Tensor, Tensor, Tensor, ...Tensor[]];
  const [batch, time, all] = q.shape as [number, number, number];
  const keys = k.shape[1] ?? 1;
  const heads = Number(attributes.heads);
  const width = all / heads;
  const mask = attributes.masked === true ? rest[0] : undefined;
  const key = rest.at(-1);
  const allowed = (b: number, i: number, j: number): boolean =>
    (mask === undefined || get(mask, [b, j]) !== 0) &&
    (attributes.causal !== true || j <= i) &&
    (attributes.window === undefined || Math.abs(i - j) < Number(attributes.window));
  const scores = (b: number, h: number, i: number): number[] =>
    Array.from({ length: keys }, (_, j) => {
      const terms = Array.from(
        { length: width },
        (_, d) => get(q, [b, i, h * width + d]) * get(k, [b, j, h * width + d]),
      );
      const slope = attributes.alibi === true ? 2 ** ((-8 * (h + 1)) / heads) : 0;
      const score = total(terms) / Math.sqrt(width) - slope * Math.abs(i - j);
      return allowed(b, i, j) ? score : Number.NEGATIVE_INFINITY;
    });
  const lse = tensor([batch, heads, time], ([b = 0, h = 0, i = 0]) => logSum(scores(b, h, i)));
  const out = tensor(q.shape, ([b = 0, i = 0, column = 0]) => {
    const h = Math.floor(column / width);
    const normaliser = get(lse, [b, h, i]);
    const terms = scores(b, h, i).map((score, j) => {
      const element = ((b * heads + h) * time + i) * keys + j;
      const drops = attributes.rate !== undefined && !kept(element, key as Tensor, attributes);
      const scale = attributes.rate === undefined ? 1 : 1 / (1 - Number(attributes.rate));
      const probability = score === Number.NEGATIVE_INFINITY || drops ? 0 : Math.exp(score - normaliser);
      return probability * scale * get(v, [b, j, column]);
    });
    return total(terms);
  });
  const levels = tensor([batch, heads, 2, time], ([b = 0, h = 0, line = 0, i = 0]) =>
    levelOf(scores(b, h, i), line),
  );
  return [out, levels];
}

const references: Readonly<Record<string, Reference>> = {
  attention,
};

export const attentionSamples: OpSamples = {
  references,
  // gradients of keys and queries are as inexact as probabilities, times the other operand
  reach: { attention: { most: 30, tolerance: { absolute: 1e-5, relative: 1e-5 } } },
  elsewhere: { attentionGradient: 'finite differences of attention' },
  valid: [
    heads(3, 3, 4, { heads: 2 }),
    heads(2, 4, 6, { heads: 1 }),
    heads(4, 4, 3, { heads: 1, causal: true }),
    heads(5, 5, 2, { heads: 1, window: 2 }),
    heads(6, 6, 4, { heads: 2, causal: true, window: 3, alibi: true }),
    heads(3, 5, 4, { heads: 2, alibi: true }),
    heads(3, 4, 4, { heads: 2, masked: true }, bool([1, 1, 0, 1, 0, 0, 0, 0], 2, 4)),
    heads(3, 3, 4, { heads: 2, rate: 0.4, stream: 5 }, key),
    heads(
      3,
      3,
      2,
      { heads: 1, causal: true, masked: true, rate: 0.2, stream: 1 },
      bool([1, 0, 1, 1, 1, 1], 2, 3),
      key,
    ),
  ],
  invalid: [
    refused('attention: query needs 3 dimensions, has [time, 128]', 'FROND-S013', [
      type('f32', 'time', 128),
      q,
      q,
    ]),
    refused('attention: key needs 3 dimensions, has [time, 128]', 'FROND-S013', [
      q,
      type('f32', 'time', 128),
      q,
    ]),
    refused('attention: query and key batches differ: batch and 2', 'FROND-S014', [
      q,
      type('f32', 2, 'time', 128),
      q,
    ]),
    refused('attention: query and key widths differ: 128 and 64', 'FROND-S014', [
      q,
      type('f32', 'batch', 'time', 64),
      q,
    ]),
    refused('attention: key and value lengths differ: keys and time', 'FROND-S014', [
      q,
      type('f32', 'batch', 'keys', 128),
      q,
    ]),
    refused('attention: 128 is not divisible by 3 heads', 'FROND-S014', [q, q, q], { heads: 3 }),
    refused(
      'attention: attribute heads must be a positive whole number, not absent',
      'FROND-S019',
      [q, q, q],
      {},
    ),
    refused(
      'attention: the mask must be bool, not f32',
      'FROND-S010',
      [q, q, q, type('f32', 'batch', 'time')],
      {
        heads: 4,
        masked: true,
      },
    ),
    refused(
      'attention: the mask must be [batch, time], not [time, time]',
      'FROND-S014',
      [q, q, q, type('bool', 'time', 'time')],
      { heads: 4, masked: true },
    ),
  ],
};
