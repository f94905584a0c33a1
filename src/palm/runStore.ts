import { platform } from '#platform';
import * as is from '../base/kinds.ts';
import type { Pieces } from '../platform/types.ts';
import type { ParameterLayout } from '../runtime/parameters.ts';
import type { ArenaName } from '../runtime/state.ts';
import { type LoadedCheckpoint, loadLatest, readCheckpoint, saveCheckpoint } from '../store/checkpoint.ts';
import { storedFile } from '../store/file.ts';
import { openSafetensors } from '../store/safetensors.ts';
import { checkConfiguration, notResumable } from './configuration.ts';
import type { Listener } from './events.ts';
import { checkConstants, MODEL, modelOf, modelRecord, otherDevice } from './modelRecord.ts';
import type { TrainingPlan } from './plan.ts';
import { checkSeal, type FilesOf, fileOf, malformed, pathOf, readRecord, sealedFile } from './record.ts';
import { type Progress, progressForm, type Run } from './run.ts';
import type { Programs } from './step.ts';
import {
  MOMENT_ARENAS,
  matchArena,
  type Point,
  tensorsFile,
  tensorsOn,
  weightsOn,
  writeTensors,
} from './weights.ts';

export const WEIGHTS = 'weights.safetensors';
export const BEST = 'best.safetensors';
/** of the weights: what a model predicts with that keeps one */
export const AVERAGE = 'average.safetensors';
export const MOMENTS = 'moments.safetensors';
export const PROGRESS = 'progress.json';

/** Where a run has its checkpoints. */
export const checkpointsOf = (folder: string): string => platform.files.join(folder, 'checkpoints');

/** The tensors of a file of a checkpoint. @throws FROND-F013 where it has none of this name, FROND-W001, W002 */
export async function tensorsOf(checkpoint: FilesOf, name: string) {
  const file = fileOf(checkpoint, name);
  return { file: file.path, ...(await openSafetensors(file, file.path)) };
}

const momentsOf = ({ optimizer }: Programs): readonly ArenaName[] =>
  MOMENT_ARENAS.slice(0, optimizer.rule.moments);

/** Finds the whole state of a run in a checkpoint, and checks that it fits; nothing is written yet. */
async function stateIn(
  checkpoint: FilesOf,
  programs: Programs,
  layout: ParameterLayout,
): Promise<Point['restore']> {
  const match = async (name: string, arena?: ArenaName) =>
    matchArena(layout, await tensorsOf(checkpoint, name), arena);
  const matches = [await match(WEIGHTS)];
  for (const arena of momentsOf(programs)) matches.push(await match(MOMENTS, arena));
  if (programs.average !== undefined) matches.push(await match(AVERAGE, 'average'));
  return async (state) => {
    for (const { tensors, arena } of matches) await writeTensors(state, tensors, arena);
  };
}

/**
 * Saves what is on the device, piece by piece: call it between steps.
 * @returns the folder of the checkpoint
 */
export async function saveRun(run: Run, folder: string, keep = 2): Promise<string> {
  const { name, plan, programs } = run.setup;
  const moments = momentsOf(programs);
  checkConstants(run.setup);
  const configuration = run.configuration();
  const saved = await run.model.surviving(async (learner) => {
    const { state, step } = learner;
    const { sums, history, best } = run;
    const progress: Progress = {
      configuration,
      step,
      sums,
      history,
      best: best === undefined ? null : { score: best.score, step: best.step },
      ...(plan.followed.length === 0 ? {} : { followed: plan.followed }),
    };
    const on = (arena: ArenaName) => tensorsOn(state, arena);
    const files = new Map<string, Uint8Array | Pieces>([
      [WEIGHTS, tensorsFile({ parameter: on('parameter') })],
      ...(moments.length > 0
        ? [[MOMENTS, tensorsFile(Object.fromEntries(moments.map((arena) => [arena, on(arena)])))] as const]
        : []),
      ...(programs.average === undefined
        ? []
        : [[AVERAGE, tensorsFile({ parameter: weightsOn(state) })] as const]),
      [PROGRESS, await sealedFile(progress)],
      [MODEL, await sealedFile(modelRecord(learner))],
    ]);
    if (best !== undefined) {
      const weights = best.weights ?? weightsOn(state);
      files.set(BEST, tensorsFile({ parameter: weights }, ['step', `${best.step}`]));
    }
    const summary = { name, epoch: plan.epochsAfter(step), steps: plan.steps };
    return saveCheckpoint(checkpointsOf(folder), step, { files, summary }, { keep });
  });
  run.checkpoint = { folder: saved, step: run.learner.step };
  if (run.folder === checkpointsOf(folder)) await goOnFrom(run, saved);
  return saved;
}

/** From a checkpoint in its own folder a run goes on when its device is lost, and there its best weights are. */
async function goOnFrom(run: Run, folder: string): Promise<void> {
  if (run.best !== undefined) {
    const path = platform.files.join(folder, BEST);
    const { tensors } = await openSafetensors(await storedFile(path, platform.files), path);
    run.best = { ...run.best, weights: tensors };
  }
  const restore: Point['restore'] = async (state) => {
    const checkpoint = { folder, ...(await readCheckpoint(folder)) };
    await (await stateIn(checkpoint, run.setup.programs, state.layout))(state);
  };
  run.wasSaved({ step: run.learner.step, restore });
}

const short = (rate: number): number => Number(rate.toPrecision(3));

/**
 * What another number of epochs changes for a run that goes on; undefined where it changes nothing.
 * @throws FROND-F030 where the run is beyond its end already
 */
function otherEpochs(
  { setup }: Run,
  plan: TrainingPlan,
  epochs: unknown,
  { step, summary, folder }: LoadedCheckpoint,
) {
  const { rate } = setup.programs.optimizer;
  if (epochs === plan.epochs) return undefined;
  if (step > plan.steps) {
    const why = `it has done ${step} steps, and epochs is now ${plan.epochs}, ${plan.steps} steps`;
    throw notResumable(folder, why, 'give it more epochs');
  }
  const before = is.count.holds(summary.steps) ? summary.steps : plan.steps;
  const [next, was] = [rate.at(step, plan.steps), rate.at(step, before)];
  if (next === was || step === plan.steps) return undefined;
  const rates = `the next rate is ${short(next)}, not ${short(was)}`;
  const covers = `its schedule ${rate.name} now covers ${plan.steps} steps instead of ${before}, ${rates}`;
  return `the run was planned with epochs ${JSON.stringify(epochs)}, and goes on with ${plan.epochs}: ${covers}`;
}

/** The plan of a run that goes on: behind those that it followed before, where tasks alternate. */
function planOf(
  { setup: { plan, sources } }: Run,
  { followed = [], configuration, step }: Progress,
): TrainingPlan {
  const { epochs } = configuration;
  if (sources.length === 1 || !is.count.holds(epochs)) return plan;
  return plan.behind(epochs === plan.epochs ? followed : [...followed, { epochs, until: step }]);
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
  const progress = await readRecord(checkpoint, PROGRESS, progressForm);
  if (progress.step !== step) throw malformed(pathOf(checkpoint, PROGRESS), 'it is of another step');
  await checkSeal(checkpoint, PROGRESS);
  const unknown = checkConfiguration(progress.configuration, run.configuration(), found);
  const plan = planOf(run, progress);
  const changed = otherEpochs(run, plan, progress.configuration.epochs, checkpoint);
  const { layout } = run.learner.state;
  // all is checked before the first weight changes
  const restore = await stateIn(checkpoint, run.setup.programs, layout);
  const weights = progress.best && matchArena(layout, await tensorsOf(checkpoint, BEST)).tensors;
  run.follow(plan);
  await run.change(restore, step);
  run.checkpoint = { folder: found, step };
  run.folder = checkpointsOf(folder);
  run.sums = progress.sums;
  run.history = [...progress.history];
  run.best = progress.best === null ? undefined : { ...progress.best, weights: weights ?? undefined };
  for (const said of [unknown, changed]) if (said !== undefined) warn(said);
  const other = otherDevice(checkpoint.files.has(MODEL) ? await modelOf(checkpoint) : {}, run.learner);
  if (other !== undefined)
    warn(`${found}: ${other}; the bytes may differ from those of a run without a break`);
}
