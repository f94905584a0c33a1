import type { Attributes } from '../../../src/ir/graph.ts';
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

export const attentionSamples: OpSamples = {
  valid: [
    heads(3, 3, 4, { heads: 2 }),
    heads(2, 4, 6, { heads: 1 }),
    heads(4, 4, 3, { heads: 1, causal: true }),
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
    refused('attention: attribute heads must be a number, not absent', 'FROND-S019', [q, q, q], {}),
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
