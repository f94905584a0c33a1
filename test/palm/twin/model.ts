import { readFile } from 'node:fs/promises';
import { defined } from '../../../src/base/errors.ts';
import { palm } from '../../../src/index.ts';
import { lossName, predictionGraph, type Task, trainingGraph } from '../../../src/palm/graphs.ts';
import { trainingPlan } from '../../../src/palm/plan.ts';
import { plannedSource, type Setup } from '../../../src/palm/setup.ts';
import { buildPrograms } from '../../../src/palm/step.ts';

/** Everything about the run that frond and `twin.py` share. */
export const settings = {
  width: 32,
  layers: 2,
  heads: 4,
  inner: 96,
  batchSize: 16,
  seed: 7,
  steps: 100,
  weightDecay: 0.01,
  clipNorm: 1,
  rate: 2e-3,
} as const;

const readUtf8 = (path: string): Promise<string> => readFile(path, 'utf8');

/** The joint model over the data in `folder`, dropout off. */
export async function twinSetup(folder: string, readText = readUtf8): Promise<Setup> {
  const { width, layers, heads, inner, batchSize, seed, weightDecay, clipNorm, rate } = settings;
  const reader = await palm.reader.jointReader({
    folder,
    parts: ['train'],
    readText,
  });
  const backbone = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width,
    layers,
    heads,
    inner,
    dropout: 0,
    outerDropout: 0,
  });
  const tasks = [
    { name: 'intent', head: palm.head.classify({ classes: reader.intents.names }), weight: 1 },
    { name: 'slots', head: palm.head.sequenceLabel({ labels: reader.tags.names }), weight: 1 },
  ] as unknown as readonly Task[];
  const optimizer = palm.adamW({ rate: palm.triangular({ warmup: 0.1 }, rate) });
  const forward = trainingGraph('twin', backbone as unknown as palm.Backbone, tasks);
  const losses = tasks.map(({ name }) => lossName(name));
  const programs = buildPrograms([{ graph: forward, losses }], { optimizer, weightDecay, clipNorm });
  const source = {
    name: 'twin',
    tasks,
    reader: reader as unknown as palm.Reader,
    forward,
    step: defined(programs.steps[0], 'step'),
    rate: 1,
  };
  const prediction = predictionGraph('twin', backbone as unknown as palm.Backbone, tasks);
  const plan = trainingPlan({ tasks: [plannedSource(source, { batchSize })], epochs: 1, seed });
  return {
    name: 'twin',
    sources: [source],
    inferences: [{ ...source, prediction }],
    plan,
    programs,
    seed,
    jointMetrics: undefined,
    settings: {},
  };
}
