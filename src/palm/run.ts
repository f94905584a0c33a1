import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { isDeviceLost } from '../runtime/device.ts';
import { type Configuration, configurationOf } from './configuration.ts';
import type { Metrics } from './contract.ts';
import { breather } from './events.ts';
import { valuesOf } from './hostCopy.ts';
import type { Learner, StepResult } from './learner.ts';
import type { Recovery } from './recovery.ts';
import { folderKind, listener } from './settings.ts';
import { type Best, writeValues } from './snapshot.ts';

const partOrNull = is.kind<string | null>(
  'the name of a part, or null',
  (value) => value === null || typeof value === 'string',
);
const scoreKind = is.typed<(metrics: Metrics) => number>({
  ...is.callable,
  what: 'a function of the metrics, such as (metrics) => metrics.slots.f1',
});
export const trainOptions = {
  /** steps between `step` events; default 10 */
  printEvery: is.optional(is.count),
  /** part that is evaluated after every epoch; null: none. Default `valid` where the reader has it */
  evaluate: is.optional(partOrNull),
  /** the higher the better: the weights with the highest value on the evaluated part are kept, and restored at the end */
  best: is.optional(scoreKind),
  /** folder to save to; the same as `setSaver({ folder })` */
  saveTo: is.optional(folderKind),
  /** stops after the step at hand, saved if there is a saver */
  signal: is.optional(is.signal),
  /**
   * seconds between copies of the weights in host memory, from which training goes on when the device is lost; default 30. Checkpoints
   * are such copies too. Devices that cannot be lost are not copied
   */
  snapshotEvery: is.optional(is.notNegative),
  on: listener,
};
export type TrainOptions = is.OptionsOf<typeof trainOptions>;

/** What is known after an epoch. */
export interface EpochRecord {
  readonly epoch: number;
  readonly step: number;
  /** mean over the epoch's steps: in all, and by task */
  readonly loss: number;
  readonly losses: Readonly<Record<string, number>>;
  readonly metrics?: Metrics;
}

export interface TrainingSummary {
  readonly steps: number;
  readonly reason: 'done' | 'aborted';
  readonly seconds: number;
  readonly history: readonly EpochRecord[];
  /** step whose weights the model now has, when `best` was given */
  readonly bestStep?: number;
}

/** Sums over the steps of the epoch at hand; saved, so that a resumed run reports the same means. */
export interface Sums {
  count: number;
  loss: number;
  losses: Record<string, number>;
}

/** With what is left out filled in. */
type Settled = TrainOptions & Required<Pick<TrainOptions, 'printEvery' | 'evaluate'>>;

/** Milliseconds of work that the device may be ahead of what the host knows, so that a stop or a fault is soon noticed. */
const MOST_UNSEEN = 250;

/** Steps between two readings of the journal: those that went well, and what ended them early. */
interface Window {
  readonly results: readonly StepResult[];
  readonly failure: unknown;
}

interface Saving {
  readonly save: () => Promise<string>;
  readonly everySteps: number | undefined;
}

/** Without a prototype: a task may be called `constructor`. */
export const emptyLosses = (): Record<string, number> => Object.create(null);
const emptySums = (): Sums => ({ count: 0, loss: 0, losses: emptyLosses() });

/** A learner on its way through the epochs: events, evaluations, checkpoints. */
export class Run {
  readonly recovery: Recovery;
  history: EpochRecord[] = [];
  best: Best | undefined;
  sums: Sums = emptySums();
  #configuration: Promise<Configuration> | undefined;
  #training = false;
  readonly #waiting: (() => Promise<void>)[] = [];
  readonly #letEventsIn = breather();

  constructor(recovery: Recovery) {
    this.recovery = recovery;
  }

  /** The learner of the device at hand: another one after a loss. */
  get learner(): Learner {
    return this.recovery.learner;
  }

  /** Settings and data of the run, computed once: they never change. */
  configuration(): Promise<Configuration> {
    this.#configuration ??= configurationOf(this.learner.plan);
    return this.#configuration;
  }

  /** Does `work` while no step is under way, so that what it reads belongs to one step: now, or after the current step. */
  betweenSteps<T>(work: () => Promise<T>): Promise<T> {
    if (!this.#training) return work();
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject));
    });
  }

  async #answerWaiting(): Promise<void> {
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) await next();
  }

  /** @throws FROND-T002 for `best` without a part to evaluate */
  async train(options: TrainOptions, saving: Saving | undefined): Promise<TrainingSummary> {
    const { parts } = this.learner.plan.reader;
    const { printEvery = 10, evaluate = parts.valid === undefined ? null : 'valid' } = options;
    if (options.best !== undefined && evaluate === null) {
      throw new FrondError('FROND-T002', 'best is given, but nothing is evaluated', {
        hint: `give evaluate, one of ${Object.keys(parts).join(', ')}, or leave best out`,
      });
    }
    this.#training = true;
    this.recovery.listen(options.on ?? (() => undefined));
    try {
      return await this.#train({ ...options, printEvery, evaluate }, saving);
    } finally {
      await this.#answerWaiting();
      this.#training = false;
      this.recovery.listen(undefined);
    }
  }

  async #train(options: Settled, saving: Saving | undefined): Promise<TrainingSummary> {
    const { recovery } = this;
    const start = platform.now();
    const seconds = (): number => (platform.now() - start) / 1000;
    const from = this.learner.step;
    const { totalSteps, perEpoch } = this.learner;
    await this.#tellStart();
    while (!this.learner.done && options.signal?.aborted !== true) {
      const { results, failure } = await this.#window(options, saving);
      for (const result of results) this.#add(result);
      recovery.note(results);
      const last = results.at(-1);
      const { step } = this.learner;
      if (last !== undefined && (step % options.printEvery === 0 || step === totalSteps))
        this.#report(last, (step - from) / Math.max(seconds(), 1e-9));
      if (failure !== undefined) throw failure;
      const endOfEpoch = step % perEpoch === 0;
      if (endOfEpoch) await this.#finishEpoch(options);
      const due = saving?.everySteps !== undefined && step % saving.everySteps === 0;
      if (endOfEpoch || due) await this.#save(saving);
      await recovery.copyWhenDue(options.snapshotEvery ?? 30);
      await this.#answerWaiting();
    }
    const { learner, best } = this;
    const reason = learner.done ? 'done' : 'aborted';
    const midEpoch = learner.step % perEpoch !== 0;
    if (reason === 'aborted' && (midEpoch || learner.step === 0)) await this.#save(saving);
    if (reason === 'done' && best !== undefined)
      await recovery.change(({ state }) => writeValues(state, best.weights));
    const end = { step: learner.step, reason, seconds: seconds() } as const;
    recovery.tell({ type: 'end', ...end });
    return {
      steps: end.step,
      reason,
      seconds: end.seconds,
      history: this.history,
      ...(best === undefined ? {} : { bestStep: best.step }),
    };
  }

  /**
   * Submits steps up to the next one after which the host has to know something, then waits for all of them. Where the device
   * is lost, all of them are submitted again.
   */
  #window({ printEvery, signal }: Settled, saving: Saving | undefined): Promise<Window> {
    const { perEpoch, totalSteps } = this.learner;
    const periods = [printEvery, perEpoch, saving?.everySteps ?? totalSteps];
    return this.recovery.surviving(async (learner) => {
      const start = platform.now();
      const goOn = (): boolean =>
        !learner.full &&
        learner.submitted < totalSteps &&
        signal?.aborted !== true &&
        this.#waiting.length === 0 &&
        platform.now() - start < MOST_UNSEEN &&
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
        await this.#letEventsIn();
      } while (failure === undefined && goOn());
      const collected = await learner.collect();
      return { results: collected.results, failure: collected.failure ?? failure };
    });
  }

  async #tellStart(): Promise<void> {
    const { plan, state, totalSteps, step } = this.learner;
    this.recovery.tell({
      type: 'start',
      tasks: plan.tasks.map(({ name }) => name),
      device: state.device.name,
      parameters: [...state.layout.entries.values()].reduce((total, { length }) => total + length, 0),
      examples: (plan.reader.parts.train ?? []).length,
      data: (await this.configuration()).trainingData,
      epochs: plan.epochs,
      steps: totalSteps,
      from: step,
    });
    for (const message of plan.reader.notes ?? []) this.recovery.tell({ type: 'warning', message });
  }

  #add({ loss, losses }: StepResult): void {
    this.sums.count++;
    this.sums.loss += loss;
    for (const [task, value] of Object.entries(losses))
      this.sums.losses[task] = (own(this.sums.losses, task) ?? 0) + value;
  }

  #report(result: StepResult, stepsPerSecond: number): void {
    const { step, totalSteps, perEpoch } = this.learner;
    this.recovery.tell({
      type: 'step',
      step,
      steps: totalSteps,
      epoch: Math.ceil(step / perEpoch),
      ...result,
      stepsPerSecond,
      secondsLeft: (totalSteps - step) / stepsPerSecond,
    });
  }

  async #finishEpoch({ evaluate: part, best: scoreOf }: Settled): Promise<void> {
    const { recovery } = this;
    const { epoch, step } = this.learner;
    const { count, loss, losses } = this.sums;
    const means = Object.fromEntries(Object.entries(losses).map(([task, sum]) => [task, sum / count]));
    this.sums = emptySums();
    const record = { epoch, step, loss: loss / count, losses: means };
    if (part === null) {
      this.history.push(record);
      return;
    }
    // not given up half-way: what this epoch reached is measured, then saved
    const metrics = await recovery.surviving((learner) => learner.evaluate(part));
    this.history.push({ ...record, metrics });
    const score = scoreOf?.(metrics);
    // a score that is not a number, such as a mean over nothing, is never the best
    const finite = score !== undefined && Number.isFinite(score);
    const best = finite && (this.best === undefined || score > this.best.score);
    if (best) {
      const weights = valuesOf(this.learner.state.layout, await recovery.copy(), 'parameter');
      this.best = { score, step, weights };
    }
    recovery.tell({ type: 'evaluation', part, epoch, step, metrics, best });
  }

  async #save(saving: Saving | undefined): Promise<void> {
    if (saving === undefined) return;
    const folder = await saving.save();
    this.recovery.tell({ type: 'checkpoint', folder, step: this.learner.step });
  }
}
