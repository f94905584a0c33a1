import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { defined } from '../../../src/base/errors.ts';
import { palm } from '../../../src/index.ts';
import { lossName, trainingGraph } from '../../../src/palm/graphs.ts';
import { Learner } from '../../../src/palm/learner.ts';
import { trainingPlan } from '../../../src/palm/plan.ts';
import { plannedSource, type Setup } from '../../../src/palm/setup.ts';
import { beginCopy, type HostCopy, pointOf } from '../../../src/palm/weights.ts';
import type { Device } from '../../../src/runtime/device.ts';
import { twinSetup } from '../../palm/twin/model.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { stepOf } from '../../support/step.ts';
import { trainStep } from '../../support/trainStep.ts';
import { openOracle, subjects } from './devices.ts';

const home = fileURLToPath(new URL('../../../examples/data/home', import.meta.url));

/** The joint model, small, with every kind of dropout. Nobody predicts here, so that prediction gets no kernels of its own. */
async function setup(): Promise<Setup> {
  const twin = await twinSetup(home);
  const source = defined(twin.sources[0], 'source');
  const { tasks } = source;
  const reader = source.reader as unknown as { readonly vocabulary: palm.Vocabulary };
  const backbone = palm.backbone.compactEncoder({
    vocabulary: reader.vocabulary.tokens.length,
    width: 16,
    layers: 1,
    heads: 2,
    inner: 32,
    dropout: 0.1,
    attentionDropout: 0.1,
    outerDropout: 0.1,
    wordDropout: 0.1,
  });
  const forward = trainingGraph('joint', backbone as unknown as palm.Backbone, tasks);
  const losses = tasks.map(({ name }) => lossName(name));
  const { optimizer, clipNorm } = twin.programs;
  const { step, programs } = stepOf(forward, { optimizer, clipNorm, weightDecay: 0.01 }, losses);
  const plan = trainingPlan({ tasks: [plannedSource(source, { batchSize: 4 })], epochs: 1, seed: twin.seed });
  return {
    ...twin,
    plan,
    programs,
    sources: [{ ...source, forward, step }],
    inferences: [{ ...source, prediction: forward }],
  };
}

interface Trained {
  readonly losses: readonly number[];
  readonly copy: HostCopy;
}

/** Some steps, from a checkpoint where there is one. */
async function train(device: Device, steps: number, from?: HostCopy): Promise<Trained> {
  const learner = await Learner.create(await setup(), device, from && pointOf(from));
  const losses: number[] = [];
  for (let i = 0; i < steps; i++) losses.push((await trainStep(learner)).loss);
  const { copy } = await beginCopy(learner.state, learner.step);
  return { losses, copy: await copy };
}

/** What all devices start from, and the losses of the oracle. */
async function prepare(): Promise<{ readonly checkpoint: HostCopy; readonly exact: readonly number[] }> {
  const [first, oracle] = [defined(subjects[0], 'device'), openOracle()];
  const { copy } = await train(defined(await first.open(), first.name), 3);
  return { checkpoint: copy, exact: (await train(oracle, STEPS, copy)).losses };
}

const STEPS = runs(20, 8);
const prepared = prepare();
const results = new Map<string, Trained>();

// software Vulkan compiles for half a minute of a core's time: only the long suite waits for it
describe('steps of the joint model from one checkpoint', { timeout: 600_000 }, () => {
  it.for(subjects.filter(({ gpu }) => !gpu || runs(1, 0) === 1))(
    '$name has the losses of the oracle, and the same bytes twice',
    async (subject, { skip }) => {
      const device = await subject.open();
      if (device === undefined) return skip(NO_ADAPTER);
      const { checkpoint, exact } = await prepared;
      const first = await train(device, STEPS, checkpoint);
      first.losses.forEach((loss, i) => {
        const wanted = defined(exact[i], 'loss');
        expect(Math.abs(loss - wanted) / wanted, `step ${i + 1}`).toBeLessThan(1e-3);
      });
      expect(await train(device, STEPS, checkpoint)).toEqual(first);
      results.set(subject.name, first);
      await device.close();
    },
  );

  it('wasm has the same bytes on one thread and on two', () => {
    const [one, two] = ['wasm, one thread', 'wasm, two threads'].map((name) =>
      defined(results.get(name), name),
    );
    expect(two).toEqual(one);
  });
});
