import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues, own } from '../base/own.ts';
import { isDeviceLost } from '../runtime/device.ts';
import type { Metrics } from './contract.ts';
import type { Slot, StepResult } from './events.ts';
import { type EpochRecord, NO_STEPS, type Run, type Sums } from './run.ts';
import { folderKind, listener } from './settings.ts';
import { tasksOf, trainingPart } from './setup.ts';
import { beginCopy, tensorsIn, writeTensors } from './weights.ts';

const partOrNull = { ...is.nullable(is.text), what: 'the name of a part, or null' };
const scoreKind = is.typed<(metrics: Metrics) => number>({
  ...is.callable,
  what: 'a function of the metrics, such as (metrics) => metrics.slots.f1',
});
export const trainOptions = {
  /** steps between `step` events; default 10 */
  printEvery: is.optional(is.count),
  /** part that is evaluated after every epoch; null: none. Default `valid` where the reader has it */
  evaluate: is.optional(partOrNull),
  /**
   * the higher the better: the weights with the highest value on the evaluated part are kept, and restored at the end. They are
   * in the run's checkpoints; where nothing is saved, in memory
   */
  best: is.optional(scoreKind),
  /** folder to save to; the same as `setSaver({ folder })` */
  saveTo: is.optional(folderKind),
  /** stops after the step at hand, saved if there is a saver */
  signal: is.optional(is.signal),
  /**
   * seconds between copies of weights and optimizer state in host memory, from which training goes on when the device is lost;
   * default 30. It goes on from checkpoints too. Not copied are devices that cannot be lost, and models on the processor whose
   * weights and optimizer state take more than 256 MiB
   */
  snapshotEvery: is.optional(is.notNegative),
  on: listener,
};
export type TrainOptions = is.OptionsOf<typeof trainOptions>;

export interface TrainingSummary {
  readonly steps: number;
  readonly reason: 'done' | 'aborted';
  readonly seconds: number;
  readonly history: readonly EpochRecord[];
  /** step whose weights the model now has, when `best` was given */
  readonly bestStep?: number;
}

interface Saving {
  readonly save: () => Promise<string>;
  readonly everySteps: number | undefined;
}

/** Milliseconds of work that the device may be ahead of what the host knows, so that a stop or a fault is soon noticed. */
const MOST_UNSEEN = 250;

/**
 * Trains to the end of the epochs, or until it is stopped.
 * @throws FROND-T002 for `best` without a part to evaluate
 */
export async function train(run: Run, options: TrainOptions, saving?: Saving): Promise<TrainingSummary> {
  const parts = new Set(run.setup.sources.flatMap(({ reader }) => Object.keys(reader.parts)));
  const { evaluate: part = parts.has('valid') ? 'valid' : null } = options;
  if (options.best !== undefined && part === null) {
    throw new FrondError('FROND-T002', 'best is given, but nothing is evaluated', {
      hint: `give evaluate, one of ${[...parts].join(', ')}, or leave best out`,
    });
  }
  await run.beginTraining();
  run.listen(options.on ?? (() => undefined));
  try {
    return await trainOn(run, part, options, saving);
  } finally {
    await run.answerWaiting();
    run.training = false;
    run.listen(undefined);
  }
}

async function trainOn(
  run: Run,
  part: string | null,
  { printEvery = 10, best: scoreOf, signal, snapshotEvery = 30 }: TrainOptions,
  saving: Saving | undefined,
): Promise<TrainingSummary> {
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const { plan } = run.setup;
  const { step: from } = run.learner;
  const saveEvery = saving?.everySteps ?? Number.POSITIVE_INFINITY;
  const save = async (): Promise<void> => {
    const folder = await saving?.save();
    if (folder !== undefined) run.emit({ type: 'checkpoint', folder, step: run.learner.step });
  };
  await emitStart(run);
  while (!run.learner.done && signal?.aborted !== true) {
    const { results, failure } = await stepsUntil(run, [printEvery, saveEvery], signal);
    for (const result of results) run.sums = plus(run.sums, result);
    run.note(results);
    const last = results.at(-1);
    const { step } = run.learner;
    if (last !== undefined && (step % printEvery === 0 || step === plan.steps))
      report(run, last, (step - from) / Math.max(seconds(), 1e-9));
    if (failure !== undefined) throw failure;
    const endOfEpoch = plan.endsEpoch(step);
    if (endOfEpoch) await finishEpoch(run, part, scoreOf);
    // a checkpoint takes weights that did best; where there is none, or it could not be written, memory does
    const isBest = run.best !== undefined && run.best.weights === undefined;
    if (endOfEpoch || isBest || step % saveEvery === 0) await save().finally(() => holdBest(run));
    await run.copyWhenDue(snapshotEvery);
    await run.answerWaiting();
  }
  const { history, best } = run;
  const { done, step } = run.learner;
  if (!done && !plan.endsEpoch(step)) await save();
  const { weights } = best ?? {};
  if (done && weights !== undefined) await run.change((state) => writeTensors(state, weights));
  const end = { reason: done ? 'done' : 'aborted', seconds: seconds() } as const;
  run.emit({ type: 'end', step, ...end });
  return { steps: step, ...end, history, ...(best === undefined ? {} : { bestStep: best.step }) };
}

/**
 * Submits steps up to the end of an epoch or the next multiple of a period, after which the host has to know something, then waits
 * for all of them. Where the device is lost, all of them are submitted again.
 * @returns those that went well, and what ended them early
 */
const stepsUntil = (run: Run, periods: readonly number[], signal: AbortSignal | undefined) =>
  run.model.surviving(async (learner) => {
    const start = performance.now();
    const goOn = (): boolean =>
      !learner.full &&
      !run.setup.plan.endsEpoch(learner.submitted) &&
      signal?.aborted !== true &&
      run.waiting.length === 0 &&
      performance.now() - start < MOST_UNSEEN &&
      periods.every((period) => learner.submitted % period !== 0);
    let failure: unknown;
    do {
      try {
        await learner.submit();
      } catch (cause) {
        if (isDeviceLost(cause)) throw cause;
        // such as a batch that does not fit: the steps before it count
        failure = cause;
      }
      await run.letEventsIn();
    } while (failure === undefined && goOn());
    const collected = await learner.collect();
    return { results: collected.results, failure: collected.failure ?? failure };
  });

async function emitStart(run: Run): Promise<void> {
  const { setup } = run;
  const { state, step } = run.learner;
  run.emit({
    type: 'start',
    tasks: tasksOf(setup).map(({ name }) => name),
    device: state.device.name,
    parameters: [...state.layout.entries.values()].reduce((total, { length }) => total + length, 0),
    examples: setup.sources.reduce((sum, source) => sum + trainingPart(source).length, 0),
    data: (await run.configuration()).trainingData,
    epochs: setup.plan.epochs,
    steps: setup.plan.steps,
    from: step,
  });
  const notes = new Set(setup.sources.flatMap(({ reader }) => reader.notes ?? []));
  for (const message of notes) run.warn(message);
}

const plus = ({ count, loss, losses, counts }: Sums, step: StepResult): Sums => ({
  count: count + 1,
  loss: loss + step.loss,
  losses: { ...losses, ...mapValues(step.losses, (value, task) => (own(losses, task) ?? 0) + value) },
  counts: { ...counts, ...mapValues(step.losses, (_, task) => (own(counts, task) ?? 0) + 1) },
});

function report(run: Run, result: StepResult, stepsPerSecond: number): void {
  const { step } = run.learner;
  const { plan } = run.setup;
  run.emit({
    type: 'step',
    step,
    steps: plan.steps,
    epoch: plan.epochsAfter(step - 1) + 1,
    ...result,
    ...slotOf(run, step - 1),
    stepsPerSecond,
    secondsLeft: (plan.steps - step) / stepsPerSecond,
  });
}

/** Whose step it was, where tasks alternate. */
function slotOf({ setup: { sources, plan } }: Run, step: number): { readonly slot?: Slot } {
  if (sources.length === 1) return {};
  const { task, epoch, index } = plan.turn(step);
  return { slot: { task, step: index + 1, steps: plan.passes.get(task) ?? 0, epoch } };
}

/** Copies weights that did best, while they are those on the device, to memory. */
async function holdBest(run: Run): Promise<void> {
  const { best } = run;
  if (best === undefined || best.weights !== undefined) return;
  const values = await run.model.surviving(async ({ state, step }) => {
    const { copy } = await beginCopy(state, step, ['parameter']);
    return (await copy).arenas.get('parameter');
  });
  run.best = { ...best, weights: tensorsIn(run.learner.state.layout, values ?? new Map()) };
}

async function finishEpoch(run: Run, part: string | null, scoreOf: TrainOptions['best']): Promise<void> {
  const { step } = run.learner;
  const epoch = run.setup.plan.epochsAfter(step);
  const { count, loss, losses, counts } = run.sums;
  run.sums = NO_STEPS;
  const means = mapValues(losses, (sum, task) => sum / (own(counts, task) ?? count));
  const record = { epoch, step, loss: loss / count, losses: means };
  if (part === null) {
    run.history.push(record);
    return;
  }
  // not given up half-way: what this epoch reached is measured, then saved
  const metrics = await run.model.surviving((learner) => learner.evaluate(part));
  run.history.push({ ...record, metrics });
  const score = scoreOf?.(metrics);
  // a score that is not a number, such as a mean over nothing, is never the best
  const finite = score !== undefined && Number.isFinite(score);
  const best = finite && (run.best === undefined || score > run.best.score);
  if (best) run.best = { score, step, weights: undefined };
  run.emit({ type: 'evaluation', part, epoch, step, metrics, best });
}
