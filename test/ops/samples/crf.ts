import { get, indexOf, logSum, type Reference, type Tensor, tensor, total } from '../../support/tensor.ts';
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

/** All labellings of a sequence with their scores. */
function* labellings(
  inputs: readonly Tensor[],
  b: number,
  length: number,
): Generator<{ readonly tags: readonly number[]; readonly score: number }> {
  const [emissions, transitions, start, stop] = inputs as [Tensor, Tensor, Tensor, Tensor];
  const labels = emissions.shape[2] ?? 1;
  for (let code = 0; code < labels ** length; code++) {
    const tags = indexOf(code, Array<number>(length).fill(labels));
    const parts = tags.map((tag, t) => {
      const before = tags[t - 1];
      return (
        get(emissions, [b, t, tag]) +
        (before === undefined ? get(start, [tag]) : get(transitions, [before, tag]))
      );
    });
    const last = tags.at(-1);
    yield { tags, score: total(parts) + (last === undefined ? 0 : get(stop, [last])) };
  }
}

function crfLoss([emissions, tags, lengths, ...scores]: readonly Tensor[]): Tensor {
  const chain = [emissions as Tensor, ...scores];
  return tensor((lengths as Tensor).shape, ([b = 0]) => {
    const length = get(lengths as Tensor, [b]);
    const all = [...labellings(chain, b, length)];
    const own = Array.from({ length }, (_, t) => get(tags as Tensor, [b, t]));
    const gold = all.find((path) => path.tags.every((tag, t) => tag === own[t]));
    return length === 0 ? 0 : logSum(all.map(({ score }) => score)) - (gold?.score ?? Number.NaN);
  });
}

function crfDecode([emissions, lengths, ...scores]: readonly Tensor[]): readonly Tensor[] {
  const [batch, time] = (emissions as Tensor).shape as [number, number];
  const best = Array.from({ length: batch }, (_, b) => {
    const length = get(lengths as Tensor, [b]);
    const all = [...labellings([emissions as Tensor, ...scores], b, length)];
    return length === 0
      ? { tags: [], score: 0 }
      : all.reduce((x, y) => (y.score > x.score ? y : x), all[0] as { tags: number[]; score: number });
  });
  return [
    tensor([batch, time], ([b = 0, t = 0]) => best[b]?.tags[t] ?? 0),
    tensor([batch], ([b = 0]) => best[b]?.score ?? 0),
  ];
}

const negated = ({ shape, data }: Tensor): Tensor => ({ shape, data: Array.from(data, (x) => -x) });

const references: Readonly<Record<string, Reference>> = {
  crfLogLikelihood: (inputs) => [negated(crfLoss(inputs))],
  crfLoss: (inputs) => [crfLoss(inputs)],
  crfDecode,
};

const FAR_SCORES = { most: 1e4, tolerance: { absolute: 0.1, relative: 0 } };

export const crfSamples: OpSamples = {
  references,
  // the log-partition is exact to 1e-5 · max(1, log Z), for scores of ±1e4
  reach: { crfLoss: FAR_SCORES, crfLogLikelihood: FAR_SCORES },
  elsewhere: { crfGradient: 'finite differences of crfLogLikelihood' },
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
