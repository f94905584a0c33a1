import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';
import type { ModelState } from '../runtime/state.ts';
import { type Configuration, configurationOf } from './configuration.ts';
import type { Metrics } from './contract.ts';
import { breather, type Listener, type StepResult, type TrainingEvent } from './events.ts';
import { firstPoint, Learner } from './learner.ts';
import type { TrainingPlan } from './plan.ts';
import type { Setup } from './setup.ts';
import { type Survival, Survivor } from './survivor.ts';
import { beginCopy, type Point, pointOf, type Tensors } from './weights.ts';

const numbers = is.objectOf(is.finite, 'numbers by task');
const epoch = is.withFields('an epoch', {
  epoch: is.natural,
  step: is.natural,
  /** mean over the epoch's steps: in all, and by task */
  loss: is.finite,
  losses: numbers,
  metrics: is.optional(is.typed<Metrics>(is.object)),
});
/** What is known after an epoch, or an evaluation within one: means are those since the record before. */
export type EpochRecord = is.TypeOf<typeof epoch>;

/** Sums over the steps of the epoch at hand; saved, so that a resumed run reports the same means. */
const sums = is.withFields('sums over an epoch', {
  count: is.natural,
  loss: is.finite,
  losses: numbers,
  /** steps of each task; without it, all of them are of every task */
  counts: is.optional(numbers),
});
export type Sums = is.TypeOf<typeof sums>;
export const NO_STEPS: Sums = { count: 0, loss: 0, losses: {}, counts: {} };

const best = is.withFields('a score with its step', { score: is.finite, step: is.natural });

/** How far a run is: with the weights and moments, all that resuming takes. */
export const progressForm = {
  configuration: is.typed<Configuration>(is.object),
  step: is.natural,
  sums,
  history: is.listOf(epoch, 'epochs'),
  best: is.nullable(best),
  /** what the run was planned with before, where tasks alternate: see `TrainingPlan` */
  followed: is.optional(is.listOf(is.withFields('a plan', { epochs: is.count, until: is.natural }), 'plans')),
};
export type Progress = is.OptionsOf<typeof progressForm>;

/** What did best so far; its weights are undefined while they are those on the device, which are saved before the next step. */
export type Best = is.TypeOf<typeof best> & { readonly weights: Tensors | undefined };

/** Bytes of weights and what is kept beside them up to which a model on the processor is copied. */
const MOST_COPIED = 2 ** 28;

/**
 * A setup on its way through its plan, on a device that may be lost. The host can restore weights and optimizer state of some
 * step, from a copy in its memory or from a checkpoint; everything else is a function of the setup and the step. So they are
 * restored on a new device, and the steps behind them are run again. Devices that cannot be lost have no `reopen`, and nothing is
 * copied; nor is a model beyond 256 MiB on the processor, where a copy would take as much memory again: such a run goes on
 * from its last checkpoint.
 */
export class Run implements Survival<Learner> {
  setup: Setup;
  readonly model: Survivor<Learner>;
  history: EpochRecord[] = [];
  best: Best | undefined;
  sums = NO_STEPS;
  /** where its own checkpoints are, those that it may go on from */
  folder: string | undefined;
  /** the latest checkpoint that the run has written or come from, for the error when it gives up */
  checkpoint: { readonly folder: string; readonly step: number } | undefined;
  /** whether steps are under way: what is to be done between them waits its turn */
  training = false;
  /** awaited between steps */
  readonly letEventsIn = breather();
  readonly waiting: (() => Promise<void>)[] = [];
  #configuration: Configuration | undefined;
  /** where a lost run goes on */
  #point: Point;
  /** steps behind that point, as they went the first time */
  #results: StepResult[] = [];
  #copying: Promise<unknown> | undefined;
  /** when the latest copy was begun, or the point was set; the first weights of the seed need none */
  #copied = performance.now();
  /** counts changes of the weights that are no steps: a copy begun before one is of no use */
  #generation = 0;
  /** ends when what was begun between steps, before training, has ended */
  #settled: Promise<unknown> = Promise.resolve();
  #listener: Listener | undefined;
  #unheard: TrainingEvent[] = [];

  constructor(setup: Setup, device: Device, own: boolean) {
    this.setup = setup;
    this.model = new Survivor(this, device, own);
    this.#point = firstPoint(setup);
  }

  /** The learner of the device at hand: another one after a loss. */
  get learner(): Learner {
    return this.model.value;
  }

  /** From now on the run follows another plan. */
  follow(plan: TrainingPlan): void {
    this.setup = { ...this.setup, plan };
    this.learner.setup = this.setup;
  }

  /** Settings and data of the run, computed once: they never change. */
  configuration(): Configuration {
    this.#configuration ??= configurationOf(this.setup);
    return this.#configuration;
  }

  /** Sets the listener; events that came before there was one are sent to it now. */
  listen(listener: Listener | undefined): void {
    this.#listener = listener;
    if (listener === undefined) return;
    for (const event of this.#unheard) listener(event);
    this.#unheard = [];
  }

  emit(event: TrainingEvent): void {
    if (this.#listener === undefined) this.#unheard.push(event);
    else this.#listener(event);
  }

  warn(message: string): void {
    this.emit({ type: 'warning', message });
  }

  /**
   * Does `work` while no step is under way and no other such work, so that what it reads belongs to one step: now, or after the
   * current step.
   */
  betweenSteps<T>(work: () => Promise<T>): Promise<T> {
    if (this.training) {
      return new Promise((resolve, reject) => {
        this.waiting.push(() => work().then(resolve, reject));
      });
    }
    const doing = this.#settled.then(work);
    this.#settled = doing.catch(() => undefined);
    return doing;
  }

  /** No step is run before what was begun between steps has ended. */
  async beginTraining(): Promise<void> {
    this.training = true;
    await this.#settled;
  }

  async answerWaiting(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) await next();
  }

  get #losable(): boolean {
    return this.learner.state.device.reopen !== undefined;
  }

  /** Whether the host's memory may hold a copy of the state. */
  get #copyable(): boolean {
    const { device, layout } = this.learner.state;
    const { optimizer, average } = this.setup.programs;
    const beside = optimizer.rule.moments + (average === undefined ? 0 : 1);
    return device.adapter !== undefined || 4 * (layout.elements + beside * layout.trained) <= MOST_COPIED;
  }

  /** Steps that went well. They are compared with when they have to be run again. */
  note(results: readonly StepResult[]): void {
    if (this.#losable) this.#results.push(...results);
  }

  /** From `point` on a lost run goes on; the steps up to there are forgotten. */
  #goOnFrom(point: Point): void {
    this.#results = this.#results.slice(point.step - this.#point.step);
    this.#point = point;
    this.#copied = performance.now();
  }

  /** A checkpoint of this moment was saved, from which the run can go on. Call it between steps. */
  wasSaved(point: Point): void {
    if (this.#losable) this.#goOnFrom(point);
  }

  /** Begins a copy where the last one is older than so many seconds, and does not wait for it. Call it between steps. */
  async copyWhenDue(seconds: number): Promise<void> {
    if (!this.#losable || this.#copying !== undefined || !this.#copyable) return;
    if (performance.now() - this.#copied < 1000 * seconds) return;
    this.#copied = performance.now();
    const { state, step } = this.learner;
    const generation = this.#generation;
    const { copy } = await beginCopy(state, step);
    const copying: Promise<unknown> = copy
      .then((made) => {
        const isNew = generation === this.#generation && step > this.#point.step;
        if (isNew) this.#goOnFrom(pointOf(made));
      })
      .catch((cause: unknown) => {
        // that the device is lost, the next step finds out
        if (isDeviceLost(cause)) return;
        const why = cause instanceof Error ? cause.message : String(cause);
        this.warn(`the weights could not be copied at step ${step}: ${why}`);
      })
      .finally(() => {
        if (this.#copying === copying) this.#copying = undefined;
      });
    this.#copying = copying;
  }

  /**
   * Changes the state by something else than a step; where the device is lost in it, all of it is done again.
   * @param to for work that sets all of the state: the step where it stands afterwards
   */
  change(work: Point['restore'], to?: number): Promise<void> {
    return this.model.surviving(async (learner) => {
      await work(learner.state);
      this.#generation++;
      if (this.#losable) this.#point = await this.#pointAfter(work, to);
      this.#copied = performance.now();
      this.#results = [];
      learner.step = to ?? learner.step;
    });
  }

  /** How what `work` has left can be had again: from a copy, or from the files that it was read from. */
  async #pointAfter(work: Point['restore'], to: number | undefined): Promise<Point> {
    const { state, step } = this.learner;
    if (!this.#copyable && to !== undefined) return { step: to, restore: work };
    const before = this.#point;
    if (this.#copyable || before.step !== step)
      return pointOf(await (await beginCopy(state, to ?? step)).copy);
    const restore = async (next: ModelState): Promise<void> => {
      await before.restore(next);
      await work(next);
    };
    return { step, restore };
  }

  /** The learner on another device, from the point to go on from, with the steps behind it run again: a step that goes otherwise is said. */
  async make(device: Device, lost: Learner | undefined): Promise<Learner> {
    const learner = await Learner.create(this.setup, device, this.#point, () => this.history);
    if (lost === undefined) return learner;
    const from = learner.step;
    const results: StepResult[] = [];
    while (learner.step < lost.step) {
      while (learner.submitted < lost.step && !learner.full) await learner.submit();
      const collected = await learner.collect();
      if (collected.failure !== undefined) throw collected.failure;
      results.push(...collected.results);
    }
    const odd = results.findIndex(({ loss, gradientNorm }, i) => {
      const known = this.#results[i];
      return known !== undefined && (known.loss !== loss || known.gradientNorm !== gradientNorm);
    });
    if (odd >= 0) {
      this.warn(
        `step ${from + odd + 1} went another way than before the device was lost: it is not the same device, and the run will not be byte for byte what it would have been`,
      );
    }
    // a copy of the lost device may never come
    this.#copying = undefined;
    this.#copied = Number.NEGATIVE_INFINITY;
    return learner;
  }

  onLoss(step: number, losses: number, reason: string): void {
    this.emit({ type: 'recovery', step, from: this.#point.step, losses, reason });
  }

  gaveUp(what: string, cause: unknown): FrondError {
    const { folder, step } = this.checkpoint ?? {};
    const saved = `the last checkpoint is ${folder}, of step ${step}: resume there, on another device if need be`;
    const hint = folder === undefined ? 'nothing was saved' : saved;
    return new FrondError('FROND-T011', what, { hint, cause });
  }

  async close(): Promise<void> {
    await this.#copying;
    await this.learner.rest();
    await this.model.close();
  }
}
