import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import {
  callable,
  count,
  kind,
  notNegative,
  type OptionsOf,
  optional,
  signal,
  typed,
} from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { isDeviceLost } from '../runtime/device.ts';
import { type Configuration, configurationOf } from './configuration.ts';
import type { Metrics } from './contract.ts';
import { breather, type Listener } from './events.ts';
import { valuesIn } from './hostCopy.ts';
import type { Learner, StepResult } from './learner.ts';
import type { Recovery } from './recovery.ts';
import { folderKind, listener } from './settings.ts';

const partOrNull = kind<string | null>(
  'the name of a part, or null',
  (value) => value === null || typeof value === 'string',
);
const scoreKind = typed<(metrics: Metrics) => number>({
  ...callable,
  what: 'a function of the metrics, such as (metrics) => metrics.slots.f1',
});
export const trainOptions = {
  /** steps between `step` events; default 10 */
  printEvery: optional(count),
  /** part that is evaluated after every epoch; null: none. Default `valid` where the reader has it */
  evaluate: optional(partOrNull),
  /** the higher the better: the weights with the highest value on the evaluated part are kept, and restored at the end */
  best: optional(scoreKind),
  /** folder to save to; the same as `setSaver({ folder })` */
  saveTo: optional(folderKind),
  /** stops after the step at hand, saved if there is a saver */
  signal: optional(signal),
  /**
   * seconds between copies of the weights in host memory, from which training goes on when the device is lost; default 30. Checkpoints
   * are such copies too. Devices that cannot be lost are not copied
   */
  snapshotEvery: optional(notNegative),
  on: listener,
};
export type TrainOptions = OptionsOf<typeof trainOptions>;

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

/** Weights that did best so far. */
export interface Best {
  readonly score: number;
  readonly step: number;
  readonly weights: ReadonlyMap<string, Float32Array>;
}

/** Sums over the steps of the epoch at hand; saved, so that a resumed run reports the same means. */
export interface Sums {
  count: number;
  loss: number;
  losses: Record<string, number>;
}

/** Milliseconds of work that the device may be ahead of what the host knows, so that a stop or a fault is soon noticed. */
const MOST_UNSEEN = 250;

const printEvery = (options: TrainOptions): number => options.printEvery ?? 10;

/** Steps that went well, and what ended them early. */
interface Stretch {
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

  /** Settings and data of the run, looked at once: they never change. */
  configuration(): Promise<Configuration> {
    this.#configuration ??= configurationOf(this.learner.plan);
    return this.#configuration;
  }

  /** Does `work` while no step is under way, so that what it reads belongs to one step: at once, or after the step at hand. */
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
    const part = this.#evaluated(options);
    if (options.best !== undefined && part === null) {
      throw new FrondError('FROND-T002', 'best is given, but nothing is evaluated', {
        hint: `give evaluate, one of ${Object.keys(this.learner.plan.reader.parts).join(', ')}, or leave best out`,
      });
    }
    this.#training = true;
    this.recovery.listen(options.on ?? (() => undefined));
    try {
      return await this.#train(options, saving);
    } finally {
      await this.#answerWaiting();
      this.#training = false;
      this.recovery.listen(undefined);
    }
  }

  async #train(options: TrainOptions, saving: Saving | undefined): Promise<TrainingSummary> {
    const start = platform.now();
    const from = this.learner.step;
    const { totalSteps, perEpoch } = this.learner;
    const emit: Listener = (event) => this.recovery.tell(event);
    const goOn = (): boolean => !this.learner.done && options.signal?.aborted !== true;
    emit(await this.#startEvent());
    for (const message of this.learner.plan.reader.notes ?? []) emit({ type: 'warning', message });
    while (goOn()) {
      const { results, failure } = await this.#stretch(options, saving);
      for (const result of results) this.#add(result);
      this.recovery.note(results);
      const last = results.at(-1);
      const { step } = this.learner;
      if (last !== undefined && (step % printEvery(options) === 0 || step === totalSteps))
        this.#report(last, step - from, (platform.now() - start) / 1000, emit);
      if (failure !== undefined) throw failure;
      const endOfEpoch = step % perEpoch === 0;
      if (endOfEpoch) await this.#finishEpoch(options, emit);
      const due = saving?.everySteps !== undefined && step % saving.everySteps === 0;
      if (saving !== undefined && (endOfEpoch || due)) await this.#save(saving, emit);
      await this.recovery.copyWhenDue(options.snapshotEvery ?? 30);
      await this.#answerWaiting();
    }
    const { learner } = this;
    const reason = learner.done ? 'done' : 'aborted';
    const midEpoch = learner.step % perEpoch !== 0;
    if (saving !== undefined && reason === 'aborted' && (midEpoch || learner.step === 0))
      await this.#save(saving, emit);
    if (reason === 'done' && this.best !== undefined) await this.#restoreBest(this.best);
    const seconds = (platform.now() - start) / 1000;
    emit({ type: 'end', step: learner.step, reason, seconds });
    const best = this.best === undefined ? {} : { bestStep: this.best.step };
    return { steps: learner.step, reason, seconds, history: this.history, ...best };
  }

  /**
   * Submits steps up to the next one after which the host has to know something, then waits for all of them. Where the device
   * is lost, all of them are submitted again.
   */
  #stretch(options: TrainOptions, saving: Saving | undefined): Promise<Stretch> {
    const periods = [
      printEvery(options),
      this.learner.perEpoch,
      saving?.everySteps ?? this.learner.totalSteps,
    ];
    return this.recovery.surviving(async (learner) => {
      const start = platform.now();
      const goOn = (): boolean =>
        !learner.full &&
        learner.submitted < learner.totalSteps &&
        options.signal?.aborted !== true &&
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

  async #startEvent() {
    const { plan, state, totalSteps, step } = this.learner;
    return {
      type: 'start',
      tasks: plan.tasks.map(({ name }) => name),
      device: state.device.name,
      parameters: [...state.layout.entries.values()].reduce((total, { length }) => total + length, 0),
      examples: (plan.reader.parts.train ?? []).length,
      data: (await this.configuration()).trainingData,
      epochs: plan.epochs,
      steps: totalSteps,
      from: step,
    } as const;
  }

  #add({ loss, losses }: StepResult): void {
    this.sums.count++;
    this.sums.loss += loss;
    for (const [task, value] of Object.entries(losses))
      this.sums.losses[task] = (own(this.sums.losses, task) ?? 0) + value;
  }

  #report(result: StepResult, done: number, seconds: number, emit: Listener): void {
    const { learner } = this;
    const stepsPerSecond = done / Math.max(seconds, 1e-9);
    emit({
      type: 'step',
      step: learner.step,
      steps: learner.totalSteps,
      epoch: Math.ceil(learner.step / learner.perEpoch),
      ...result,
      stepsPerSecond,
      secondsLeft: (learner.totalSteps - learner.step) / stepsPerSecond,
    });
  }

  /** The part that is evaluated after every epoch. */
  #evaluated({ evaluate }: TrainOptions): string | null {
    if (evaluate !== undefined) return evaluate;
    return this.learner.plan.reader.parts.valid === undefined ? null : 'valid';
  }

  async #finishEpoch(options: TrainOptions, emit: Listener): Promise<void> {
    const { learner } = this;
    const { count, loss, losses } = this.sums;
    const means = Object.fromEntries(Object.entries(losses).map(([task, sum]) => [task, sum / count]));
    this.sums = emptySums();
    const part = this.#evaluated(options);
    const record = { epoch: learner.epoch, step: learner.step, loss: loss / count, losses: means };
    if (part === null) {
      this.history.push(record);
      return;
    }
    // not given up half-way: what this epoch reached is measured, then saved
    const metrics = await this.recovery.surviving((current) => current.evaluate(part));
    this.history.push({ ...record, metrics });
    const score = options.best?.(metrics);
    // a score that is no number, such as a mean over nothing, is never the best
    const finite = score !== undefined && Number.isFinite(score);
    const better = finite && (this.best === undefined || score > this.best.score);
    if (better) this.best = { score, step: learner.step, weights: await this.#weights() };
    emit({ type: 'evaluation', part, epoch: learner.epoch, step: learner.step, metrics, best: better });
  }

  async #weights(): Promise<Map<string, Float32Array>> {
    const copy = await this.recovery.copy();
    const { entries } = this.learner.state.layout;
    return new Map([...entries].map(([name, entry]) => [name, valuesIn(copy, 'parameter', entry)]));
  }

  async #restoreBest({ weights }: Best): Promise<void> {
    await this.recovery.change(async ({ state }) => {
      for (const [name, values] of weights) await state.write(name, values);
    });
  }

  async #save(saving: Saving, emit: Listener): Promise<void> {
    const folder = await saving.save();
    emit({ type: 'checkpoint', folder, step: this.learner.step });
  }
}
