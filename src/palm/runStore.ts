import { platform } from '#platform';
import type { ArenaName } from '../runtime/state.ts';
import { loadLatest, saveCheckpoint } from '../store/checkpoint.ts';
import { checkConfiguration } from './configuration.ts';
import type { Listener } from './events.ts';
import { checkConstants, MODEL, modelOf, modelRecord, otherDevice } from './modelRecord.ts';
import { checkSeal, fileOf, malformed, pathOf, readRecord, sealedFile } from './record.ts';
import { type Progress, progressForm, type Run } from './run.ts';
import { matchArena, valuesFile, writeValues } from './weights.ts';

export const WEIGHTS = 'weights.safetensors';
export const BEST = 'best.safetensors';
export const MOMENTS = 'moments.safetensors';
export const PROGRESS = 'progress.json';

/** Where a run has its checkpoints. */
export const checkpointsOf = (folder: string): string => platform.files.join(folder, 'checkpoints');

/** @returns the folder of the checkpoint */
export async function saveRun(run: Run, folder: string, keep = 2): Promise<string> {
  run.setup.sources.forEach(checkConstants);
  const copy = await run.copy();
  const { learner, best } = run;
  const { layout } = learner.state;
  const progress: Progress = {
    configuration: await run.configuration(),
    step: copy.step,
    sums: run.sums,
    history: run.history,
    best: best === undefined ? null : { score: best.score, step: best.step },
  };
  const { arenas } = copy;
  const files = new Map([
    [WEIGHTS, valuesFile(layout, { '': arenas.get('parameter') })],
    [MOMENTS, valuesFile(layout, { 'moment1/': arenas.get('moment1'), 'moment2/': arenas.get('moment2') })],
    [PROGRESS, await sealedFile(progress)],
    [MODEL, await sealedFile(modelRecord(learner))],
  ]);
  if (best !== undefined) files.set(BEST, valuesFile(layout, { '': best.weights }, ['step', `${best.step}`]));
  const { name, plan } = run.setup;
  const summary = { name, epoch: plan.epochsAfter(learner.step), steps: plan.steps };
  const saved = await saveCheckpoint(checkpointsOf(folder), copy.step, { files, summary }, { keep });
  run.checkpoint = { folder: saved, step: copy.step };
  return saved;
}

/** Puts a run where its newest whole checkpoint stands; damaged newer ones are passed over with a warning. */
export async function resumeRun(run: Run, folder: string, on: Listener | undefined): Promise<void> {
  const checkpoint = await loadLatest(checkpointsOf(folder));
  const { skipped, folder: found, step } = checkpoint;
  // without a listener, training warns when it begins
  const warn = (message: string): void =>
    on === undefined ? run.warn(message) : on({ type: 'warning', message });
  for (const { name, reason } of skipped)
    warn(`checkpoint ${name} was passed over: ${reason}; going on from ${found}`);
  const progress = readRecord(checkpoint, PROGRESS, progressForm);
  if (progress.step !== step) throw malformed(pathOf(checkpoint, PROGRESS), 'it is of another step');
  await checkSeal(checkpoint, PROGRESS);
  checkConfiguration(progress.configuration, await run.configuration(), found);
  const { layout } = run.learner.state;
  const match = (name: string, arena?: ArenaName) => matchArena(layout, fileOf(checkpoint, name), arena);
  // all is read and checked before the first weight changes
  const matches = [match(WEIGHTS), match(MOMENTS, 'moment1'), match(MOMENTS, 'moment2')];
  const best = progress.best === null ? undefined : { ...progress.best, weights: match(BEST).values };
  await run.change(async ({ state }) => {
    for (const { values, arena } of matches) await writeValues(state, values, arena);
  }, step);
  run.checkpoint = { folder: found, step };
  run.sums = progress.sums;
  run.history = [...progress.history];
  run.best = best;
  const other = otherDevice(checkpoint.files.has(MODEL) ? modelOf(checkpoint) : {}, run.learner);
  if (other !== undefined)
    warn(`${found}: ${other}; the bytes may differ from those of a run without a break`);
}
