import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues, own } from '../base/own.ts';
import { isDeviceLost } from '../runtime/device.ts';
import type { Metrics } from './contract.ts';
import type { Slot, StepResult } from './events.ts';
import { type EpochRecord, NO_STEPS, type Run, type Sums } from './run.ts';
import { folderKind, listener } from './settings.ts';
import { tasksOf, trainingPart } from './setup.ts';
import { beginCopy, setWeights, tensorsIn } from './weights.ts';

const partOrNull = { ...is.nullable(is.text), what: 'the name of a part, or null' };
type Score = (metrics: Metrics) => number;
const scoreKind = {
  ...is.either(is.name, is.typed<Score>(is.callable)),
  what: 'a metric, such as slots.f1, or a function of the metrics, such as (metrics) => metrics.slots.f1',
};
export const trainOptions = {
  /** steps between `step` events; default 10 */
  printEvery: is.optional(is.count),
  /** part that is evaluated; null: none. Default `valid` where a reader has it */
  evaluate: is.optional(partOrNull),
  /** steps between evaluations; default: after every epoch */
  evaluateEvery: is.optional(is.count),
  /**
   * a metric of one task, or a function of those of all, the higher the better: the weights with the highest value on the evaluated part are kept, and restored at the end. They are
   * in the run's checkpoints; where nothing is saved, in memory
   */
  best: is.optional(scoreKind),
  /** evaluations without a better score after which training ends early; default: it does not */
  patience: is.optional(is.count),
  /**
   * steps between looks at the gradients of the tasks: their norms and cosines on what they share, as `gradients` events. A look costs
   * a forward and a backward pass for each task. Default: none
   */
  watchGradients: is.optional(is.count),
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
  /** `early`: as many evaluations as `patience` brought nothing better */
  readonly reason: 'done' | 'early' | 'aborted';
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
 * @throws FROND-T002 for `best` or `evaluateEvery` without a part to evaluate, `patience` without `best`, a metric that is not there
 */
export async function train(run: Run, options: TrainOptions, saving?: Saving): Promise<TrainingSummary> {
  const parts = new Set(run.setup.sources.flatMap(({ reader }) => Object.keys(reader.parts)));
  const { evaluate: part = parts.has('valid') ? 'valid' : null } = options;
  const idle = (['best', 'evaluateEvery'] as const).find((name) => options[name] !== undefined);
  if (idle !== undefined && part === null) {
    throw new FrondError('FROND-T002', `${idle} is given, but nothing is evaluated`, {
      hint: `give evaluate, one of ${[...parts].join(', ')}, or leave ${idle} out`,
    });
  }
  if (options.patience !== undefined && options.best === undefined) {
    throw new FrondError('FROND-T002', 'patience is given, but not what is to become better', {
      hint: 'give best, such as slots.f1, or leave patience out',
    });
  }
  await run.beginTraining();
  run.listen(options.on ?? (() => undefined));
  try {
    return await trainOn(run, part, options, saving);
  } finally {
    await run.answerWaiting();
    await run.learner.rest();
    run.training = false;
    run.listen(undefined);
  }
}

async function trainOn(
  run: Run,
  part: string | null,
  {
    printEvery = 10,
    best: score,
    evaluateEvery,
    patience,
    signal,
    snapshotEvery = 30,
    ...rest
  }: TrainOptions,
  saving: Saving | undefined,
): Promise<TrainingSummary> {
  const start = performance.now();
  const seconds = (): number => (performance.now() - start) / 1000;
  const { plan } = run.setup;
  const { step: from } = run.learner;
  const saveEvery = saving?.everySteps ?? Number.POSITIVE_INFINITY;
  let saved = -1;
  const save = async (): Promise<void> => {
    const folder = await saving?.save();
    saved = run.learner.step;
    if (folder !== undefined) run.emit({ type: 'checkpoint', folder, step: run.learner.step });
  };
  const scoreOf = typeof score === 'string' ? metricCalled(score) : score;
  const isEarly = (): boolean => patience !== undefined && sinceBest(run) >= patience;
  const { watchGradients: lookEvery = Number.POSITIVE_INFINITY } = rest;
  const periods = [printEvery, saveEvery, evaluateEvery ?? Number.POSITIVE_INFINITY, lookEvery];
  await emitStart(run);
  while (!run.learner.done && !isEarly() && signal?.aborted !== true) {
    const { results, failure } = await stepsUntil(run, periods, signal);
    count(run, results);
    const last = results.at(-1);
    const { step } = run.learner;
    if (last !== undefined && (step % printEvery === 0 || step === plan.steps))
      report(run, last, (step - from) / Math.max(seconds(), 1e-9));
    if (failure !== undefined) throw failure;
    if (step % lookEvery === 0) {
      const looked = await run.model.surviving((learner) => learner.sharedGradients());
      run.emit({ type: 'gradients', step, ...looked });
    }
    const endOfEpoch = plan.endsEpoch(step);
    const isDue =
      evaluateEvery === undefined ? endOfEpoch : step % evaluateEvery === 0 || step === plan.steps;
    if (endOfEpoch || isDue) await record(run, isDue ? part : null, scoreOf);
    // a checkpoint takes weights that did best; where there is none, or it could not be written, memory does
    const isBest = run.best !== undefined && run.best.weights === undefined;
    if (endOfEpoch || isDue || isBest || step % saveEvery === 0) await save().finally(() => holdBest(run));
    await run.copyWhenDue(snapshotEvery);
    await run.answerWaiting();
  }
  const { history, best } = run;
  const { done, step } = run.learner;
  const reason = done ? 'done' : isEarly() ? 'early' : 'aborted';
  if (reason === 'aborted' && saved !== step) await save();
  const { weights } = best ?? {};
  if (reason !== 'aborted' && weights !== undefined) await run.change((state) => setWeights(state, weights));
  const end = { reason, seconds: seconds() } as const;
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
    examples: setup.sources.reduce((sum, source) => sum + trainingPart(source).size, 0),
    data: run.configuration().trainingData,
    epochs: setup.plan.epochs,
    steps: setup.plan.steps,
    ...(setup.sources.length > 1 ? { planned: Object.fromEntries(setup.plan.planned) } : {}),
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
    const { copy } = await beginCopy(state, step, ['parameter', 'average']);
    return [...(await copy).arenas.values()].flatMap((values) => [...values]);
  });
  run.best = { ...best, weights: tensorsIn(run.learner.state.layout, new Map(values)) };
}

/** Adds steps that went well to the sums. */
function count(run: Run, results: readonly StepResult[]): void {
  for (const result of results) run.sums = plus(run.sums, result);
  run.note(results);
}

/** A step of a loop of one's own. */
export interface StepSummary extends StepResult {
  /** finished steps */
  readonly step: number;
  /** where tasks alternate */
  readonly slot?: Slot;
}

/** Does the next step of the plan. @returns its figures; undefined where all steps are done. @throws FROND-T010, T011 as `train` */
export async function trainStep(run: Run): Promise<StepSummary | undefined> {
  if (run.learner.done) return undefined;
  await run.beginTraining();
  try {
    const { results, failure } = await stepsUntil(run, [1], undefined);
    if (failure !== undefined) throw failure;
    count(run, results);
    const { step } = run.learner;
    if (run.setup.plan.endsEpoch(step)) await record(run, null, undefined);
    await run.copyWhenDue(30);
    return { step, ...defined(results[0], 'figures of the step'), ...slotOf(run, step - 1) };
  } finally {
    await run.answerWaiting();
    run.training = false;
  }
}

/** Evaluations since the one that did best. */
const sinceBest = ({ history, best }: Run): number =>
  history.filter(({ metrics, step }) => metrics !== undefined && step > (best?.step ?? -1)).length;

/** Numbers among metrics, by their paths. */
const numbersIn = (metrics: Metrics, prefix = ''): (readonly [string, number])[] =>
  Object.entries(metrics).flatMap(([name, value]) => {
    const path = `${prefix}${name}`;
    if (typeof value === 'number') return [[path, value] as const];
    return is.object.holds(value) ? numbersIn(value as Metrics, `${path}.`) : [];
  });

/** @throws FROND-T002 for metrics that do not have it */
const metricCalled =
  (path: string): Score =>
  (metrics) => {
    const numbers = new Map(numbersIn(metrics));
    const value = numbers.get(path);
    if (value !== undefined) return value;
    throw new FrondError('FROND-T002', `best is ${path}, which is not among the metrics`, {
      hint: `give one of ${[...numbers.keys()].join(', ')}`,
    });
  };

/** Notes the means since the last record, and evaluates `part` where there is one. */
async function record(run: Run, part: string | null, scoreOf: Score | undefined): Promise<void> {
  const { step } = run.learner;
  const epoch = run.setup.plan.epochsAfter(step - 1) + 1;
  const { count: steps, loss, losses, counts } = run.sums;
  run.sums = NO_STEPS;
  const means = mapValues(losses, (sum, task) => sum / (own(counts, task) ?? steps));
  const known = { epoch, step, loss: loss / steps, losses: means };
  if (part === null) {
    run.history.push(known);
    return;
  }
  // not given up half-way: what this epoch reached is measured, then saved
  const metrics = await run.model.surviving((learner) => learner.evaluate(part));
  run.history.push({ ...known, metrics });
  const score = scoreOf?.(metrics);
  // a score that is not a number, such as a mean over nothing, is never the best
  const finite = score !== undefined && Number.isFinite(score);
  const best = finite && (run.best === undefined || score > run.best.score);
  if (best) run.best = { score, step, weights: undefined };
  run.emit({ type: 'evaluation', part, epoch, step, metrics, best });
}
