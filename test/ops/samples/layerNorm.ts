import { f32, type OpSamples, type Sample, type } from './sample.ts';

const normalised = (...shape: readonly number[]): Sample => {
  const width = shape.at(-1) ?? 1;
  return { op: 'layerNorm', inputs: [f32(...shape), f32(width), f32(width)], attributes: { epsilon: 1e-3 } };
};

export const layerNormSamples: OpSamples = {
  valid: [normalised(3, 5), normalised(2, 3, 4), normalised(7), normalised(19, 3), normalised(2, 1)],
  invalid: [
    {
      op: 'layerNorm',
      inputs: [type('f32', 'batch', 128), type('f32', 64), type('f32', 128)],
      attributes: { epsilon: 1e-5 },
      code: 'FROND-S014',
      summary: 'layerNorm: gamma must be [128], not [64]',
    },
    {
      op: 'layerNorm',
      inputs: [type('f32'), type('f32', 1), type('f32', 1)],
      attributes: { epsilon: 1e-5 },
      code: 'FROND-S013',
      summary: 'layerNorm: the input is a scalar',
    },
    {
      op: 'layerNorm',
      inputs: [type('f32', 4), type('f32', 4), type('f32', 4)],
      code: 'FROND-S019',
      summary: 'layerNorm: attribute epsilon must be a number, not absent',
    },
  ],
};
