import { threefry } from '../../../src/base/random.ts';
import type { Attributes } from '../../../src/ir/graph.ts';
import type { Reference, Tensor } from '../../support/tensor.ts';
import { f32, type OpSamples, type Sample, type, u32 } from './sample.ts';

const dropped = (rate: number, ...shape: readonly number[]): Sample => ({
  op: 'dropout',
  inputs: [f32(...shape), u32([12345, 678], 2)],
  attributes: { rate, stream: 3 },
});

const refused = (attributes: Attributes, summary: string) =>
  ({
    op: 'dropout',
    inputs: [type('f32', 'batch', 8), type('u32', 2)],
    attributes,
    code: 'FROND-S019',
    summary,
  }) as const;

/** Whether dropout keeps element `flat`. */
export const kept = (flat: number, key: Tensor, { rate, stream }: Attributes): boolean => {
  const [key0, key1] = [key.data[0] as number, key.data[1] as number];
  const [word] = threefry((key0 ^ Number(stream)) >>> 0, key1, flat, 0);
  return word < Math.floor((1 - Number(rate)) * 0x100000000);
};

function dropout([x, key]: readonly Tensor[], attributes: Attributes): Tensor {
  const input = x as Tensor;
  const data = Array.from(input.data, (value, i) =>
    kept(i, key as Tensor, attributes) ? value / (1 - Number(attributes.rate)) : 0,
  );
  return { ...input, data };
}

const references: Readonly<Record<string, Reference>> = {
  dropout: (inputs, attributes) => [dropout(inputs, attributes)],
};

export const dropoutSamples: OpSamples = {
  references,
  valid: [dropped(0.5, 4, 5), dropped(0.1, 30), dropped(0, 3), dropped(0.3, 2, 1, 7)],
  invalid: [
    refused({ rate: 1, stream: 0 }, 'dropout: attribute rate must be a number from 0 on, below 1, not 1'),
    refused({ stream: 0 }, 'dropout: attribute rate must be a number from 0 on, below 1, not absent'),
    refused({ rate: 0.5 }, 'dropout: attribute stream must be a whole number, not absent'),
    {
      op: 'dropout',
      inputs: [type('f32', 3), type('u32', 3)],
      attributes: { rate: 0.5, stream: 0 },
      code: 'FROND-S014',
      summary: 'dropout: the key must be [2], not [3]',
    },
    {
      op: 'dropout',
      inputs: [type('f32', 3), type('i32', 2)],
      attributes: { rate: 0.5, stream: 0 },
      code: 'FROND-S010',
      summary: 'dropout: the key must be u32, not i32',
    },
  ],
};
