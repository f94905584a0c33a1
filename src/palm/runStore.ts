import { defined, FrondError } from '../base/errors.ts';
import { loadLatest, saveCheckpoint } from '../store/checkpoint.ts';
import { floatsOf, readSafetensors, storeFloats, writeSafetensors } from '../store/safetensors.ts';
import type { Listener } from './events.ts';
import { fingerprint } from './fingerprint.ts';
import { modelRecord } from './modelRecord.ts';
import type { EpochRecord, Run, Sums } from './run.ts';
import { scheduleRecord } from './schedule.ts';
import {
  type Configuration,
  checkConfiguration,
  decodeJson,
  encodeJson,
  graphFingerprint,
  loadArena,
  momentsFile,
  weightsFile,
} from './snapshot.ts';

export const WEIGHTS = 'weights.safetensors';
export const BEST = 'best.safetensors';
export const MOMENTS = 'moments.safetensors';
export const PROGRESS = 'progress.json';
export const MODEL = 'model.json';

/** How far a run is: with the weights and moments, all that resuming takes. */
interface Progress {
  readonly configuration: Configuration;
  readonly step: number;
  readonly sums: Sums;
  readonly history: readonly EpochRecord[];
  readonly best: { readonly score: number; readonly step: number } | null;
}

/** Settings and data that a resumed run must share with the one it continues. */
function configurationOf({ learner: { plan } }: Run): Configuration {
  const { rate, rule, settings } = plan.optimizer;
  const examples = fingerprint(JSON.stringify(plan.reader.parts.train ?? []));
  return {
    tasks: plan.tasks.map(({ name, weight }) => ({ name, weight })),
    graph: graphFingerprint(plan.step),
    optimizer: { name: rule.name, ...settings },
    schedule: { ...scheduleRecord(rate) },
    clipNorm: plan.clipNorm,
    epochs: plan.epochs,
    batchSize: plan.batchSize,
    seed: plan.seed,
    trainingData: examples,
    reader: fingerprint(JSON.stringify(plan.reader.record ?? null)),
  };
}

/** @returns the folder of the checkpoint */
export async function saveRun(run: Run, folder: string, keep: number): Promise<string> {
  const { learner, best } = run;
  const progress: Progress = {
    configuration: configurationOf(run),
    step: learner.step,
    sums: run.sums,
    history: run.history,
    best: best === undefined ? null : { score: best.score, step: best.step },
  };
  const files = new Map([
    [WEIGHTS, await weightsFile(learner.state)],
    [MOMENTS, await momentsFile(learner.state)],
    [PROGRESS, encodeJson(progress)],
    [MODEL, encodeJson(modelRecord(learner))],
  ]);
  if (best !== undefined) {
    const tensors = [...best.weights].map(
      ([name, values]) => [name, storeFloats(values, learner.state.entry(name).shape)] as const,
    );
    files.set(
      BEST,
      writeSafetensors({ tensors: new Map(tensors), metadata: new Map([['step', String(best.step)]]) }),
    );
  }
  const summary = { name: learner.plan.name, epoch: learner.epoch, steps: learner.totalSteps };
  return saveCheckpoint(folder, learner.step, { files, summary }, { keep });
}

/** Puts a run where its newest whole checkpoint stands; damaged newer ones are passed over with a warning. */
export async function resumeRun(run: Run, folder: string, on: Listener | undefined): Promise<void> {
  const { files, skipped, folder: found, step } = await loadLatest(folder);
  for (const { name, reason } of skipped) {
    on?.({
      type: 'warning',
      message: `checkpoint ${name} was passed over: ${reason}; going on from ${found}`,
    });
  }
  const file = (name: string): Uint8Array => {
    const bytes = files.get(name);
    if (bytes !== undefined) return bytes;
    throw new FrondError('FROND-F013', `checkpoint ${found} has no ${name}`, {
      place: { file: found },
      hint: 'it was not saved by a training run; load its weights with loadCheckpoint instead',
    });
  };
  const progress = decodeJson(file(PROGRESS)) as Progress;
  checkConfiguration(progress.configuration, configurationOf(run), found);
  const { state } = run.learner;
  await loadArena(state, file(WEIGHTS), `${found}/${WEIGHTS}`);
  await loadArena(state, file(MOMENTS), `${found}/${MOMENTS}`, 'moment1');
  await loadArena(state, file(MOMENTS), `${found}/${MOMENTS}`, 'moment2');
  run.learner.step = step;
  run.sums = { ...progress.sums, losses: { ...progress.sums.losses } };
  run.history = [...progress.history];
  if (progress.best !== null) {
    const { tensors } = readSafetensors(file(BEST), `${found}/${BEST}`);
    const weights = [...state.layout.entries.keys()].map(
      (name) => [name, floatsOf(defined(tensors.get(name), `best weights of ${name}`), name)] as const,
    );
    run.best = { ...progress.best, weights: new Map(weights) };
  }
}
