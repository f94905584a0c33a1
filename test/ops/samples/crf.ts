import { f32, i32, type OpSamples, type Sample, type SampleInput, type } from './sample.ts';

/** Sequences of `lengths` over `labels` labels, padded to `time`. */
const chain = (labels: number, time: number, lengths: readonly number[], tags: readonly number[]) => {
  const batch = lengths.length;
  return {
    emissions: f32(batch, time, labels),
    tags: i32(tags, batch, time),
    lengths: i32(lengths, batch),
    scores: [f32(labels, labels), f32(labels), f32(labels)] as readonly SampleInput[],
  };
};

const loss = (op: string, { emissions, tags, lengths, scores }: ReturnType<typeof chain>): Sample => ({
  op,
  inputs: [emissions, tags, lengths, ...scores],
});

const chains = [
  chain(3, 4, [4, 2], [0, 2, 1, 1, 2, 0, 0, 0]),
  chain(2, 1, [1, 1, 1], [0, 1, 1]),
  chain(5, 3, [3], [4, 4, 0]),
  chain(4, 3, [1, 3, 0], [3, 0, 0, 1, 2, 3, 0, 0, 0]),
];

const emissions = type('f32', 'batch', 'time', 7);
const tags = type('i32', 'batch', 'time');
const lengths = type('i32', 'batch');
const square = type('f32', 7, 7);
const ends = type('f32', 7);

export const crfSamples: OpSamples = {
  valid: [
    ...chains.map((sample) => loss('crfLogLikelihood', sample)),
    ...chains.map((sample) => loss('crfLoss', sample)),
    ...chains.map((sample) => ({
      op: 'crfDecode',
      inputs: [sample.emissions, sample.lengths, ...sample.scores],
    })),
  ],
  invalid: [
    {
      op: 'crfLogLikelihood',
      inputs: [type('f32', 'time', 7), tags, lengths, square, ends, ends],
      code: 'FROND-S013',
      summary: 'crf: emissions needs 3 dimensions, has [time, 7]',
    },
    {
      op: 'crfLogLikelihood',
      inputs: [emissions, type('i32', 'time', 'batch'), lengths, square, ends, ends],
      code: 'FROND-S014',
      summary: 'crf: tags must be [batch, time], not [time, batch]',
    },
    {
      op: 'crfLogLikelihood',
      inputs: [emissions, tags, lengths, type('f32', 7, 8), ends, ends],
      code: 'FROND-S014',
      summary: 'crf: transitions must be [7, 7], not [7, 8]',
    },
    {
      op: 'crfLogLikelihood',
      inputs: [emissions, tags, type('f32', 'batch'), square, ends, ends],
      code: 'FROND-S010',
      summary: 'crf: lengths must be i32, not f32',
    },
    {
      op: 'crfDecode',
      inputs: [emissions, lengths, square, ends, type('f32', 8)],
      code: 'FROND-S014',
      summary: 'crf: stop must be [7], not [8]',
    },
    {
      op: 'crfDecode',
      inputs: [type('f32', 'batch', 'time', 'labels'), lengths, square, ends, ends],
      code: 'FROND-S026',
      summary: 'crf: the number of labels must be known, not labels',
    },
  ],
};
