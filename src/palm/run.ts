import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';
import { type Configuration, configurationOf } from './configuration.ts';
import type { Metrics } from './contract.ts';
import { breather, type Listener, type StepResult, type TrainingEvent } from './events.ts';
import { Learner, type Setup } from './learner.ts';
import { type Survival, Survivor } from './survivor.ts';
import { beginCopy, type HostCopy, type NamedValues } from './weights.ts';

const numbers = is.objectOf(is.finite, 'numbers by task');
const epoch = is.withFields('an epoch', {
  epoch: is.natural,
  step: is.natural,
  /** mean over the epoch's steps: in all, and by task */
  loss: is.finite,
  losses: numbers,
  metrics: is.optional(is.typed<Metrics>(is.object)),
});
/** What is known after an epoch. */
export type EpochRecord = is.TypeOf<typeof epoch>;

/** Sums over the steps of the epoch at hand; saved, so that a resumed run reports the same means. */
const sums = is.withFields('sums over an epoch', { count: is.natural, loss: is.finite, losses: numbers });
export type Sums = is.TypeOf<typeof sums>;
export const NO_STEPS: Sums = { count: 0, loss: 0, losses: {} };

const best = is.withFields('a score with its step', { score: is.finite, step: is.natural });

/** How far a run is: with the weights and moments, all that resuming takes. */
export const progressForm = {
  configuration: is.typed<Configuration>(is.object),
  step: is.natural,
  sums,
  history: is.listOf(epoch, 'epochs'),
  best: is.nullable(best),
};
export type Progress = is.OptionsOf<typeof progressForm>;

/** Weights that did best so far. */
export type Best = is.TypeOf<typeof best> & { readonly weights: NamedValues };

/**
 * A setup on its way through its plan, on a device that may be lost. The host has a copy of weights and optimizer state of some
 * step; everything else is a function of the setup and the step. So on a new device the copy is restored, and the steps behind it
 * are run again. Devices that cannot be lost have no `reopen`, and nothing is copied.
 */
export class Run implements Survival<Learner> {
  readonly setup: Setup;
  readonly model: Survivor<Learner>;
  history: EpochRecord[] = [];
  best: Best | undefined;
  sums = NO_STEPS;
  /** the latest checkpoint that the run has written or come from, for the error when it gives up */
  checkpoint: { readonly folder: string; readonly step: number } | undefined;
  /** whether steps are under way: what is to be done between them waits its turn */
  training = false;
  /** awaited between steps */
  readonly letEventsIn = breather();
  readonly waiting: (() => Promise<void>)[] = [];
  #configuration: Promise<Configuration> | undefined;
  /** undefined: the first weights of the seed */
  #copy: HostCopy | undefined;
  /** steps behind the copy, as they went the first time */
  #results: StepResult[] = [];
  #copying: Promise<unknown> | undefined;
  /** when the latest copy was begun; the first weights of the seed need none */
  #copied = performance.now();
  /** counts changes of the weights that are no steps: a copy begun before one is of no use */
  #generation = 0;
  #listener: Listener | undefined;
  #unheard: TrainingEvent[] = [];

  constructor(setup: Setup, device: Device, own: boolean) {
    this.setup = setup;
    this.model = new Survivor(this, device, own);
  }

  /** The learner of the device at hand: another one after a loss. */
  get learner(): Learner {
    return this.model.value;
  }

  /** Settings and data of the run, computed once: they never change. */
  configuration(): Promise<Configuration> {
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

  /** Does `work` while no step is under way, so that what it reads belongs to one step: now, or after the current step. */
  betweenSteps<T>(work: () => Promise<T>): Promise<T> {
    if (!this.training) return work();
    return new Promise((resolve, reject) => {
      this.waiting.push(() => work().then(resolve, reject));
    });
  }

  async answerWaiting(): Promise<void> {
    for (let next = this.waiting.shift(); next !== undefined; next = this.waiting.shift()) await next();
  }

  get #losable(): boolean {
    return this.learner.state.device.reopen !== undefined;
  }

  /** Steps that went well. They are compared with when they have to be run again. */
  note(results: readonly StepResult[]): void {
    if (this.#losable) this.#results.push(...results);
  }

  /** Asks for a copy as of now; it is under way when this settles, and `kept` settles when it can be gone on from. */
  async #beginCopy(): Promise<{ readonly kept: Promise<HostCopy> }> {
    const { state, step } = this.learner;
    const generation = this.#generation;
    const { copy } = await beginCopy(state, step);
    const keep = (made: HostCopy): HostCopy => {
      const from = this.#copy?.step ?? 0;
      if (!this.#losable || generation !== this.#generation || step < from) return made;
      this.#results = this.#results.slice(step - from);
      this.#copy = made;
      this.#copied = performance.now();
      return made;
    };
    return { kept: copy.then(keep) };
  }

  /** A copy of this moment, to save or to go on from. Call it between steps. */
  copy(): Promise<HostCopy> {
    return this.model.surviving(async () => (await this.#beginCopy()).kept);
  }

  /** Begins a copy where the last one is older than so many seconds, and does not wait for it. Call it between steps. */
  async copyWhenDue(seconds: number): Promise<void> {
    if (!this.#losable || this.#copying !== undefined) return;
    if (performance.now() - this.#copied < 1000 * seconds) return;
    this.#copied = performance.now();
    const { step } = this.learner;
    const { kept } = await this.#beginCopy();
    const copying: Promise<unknown> = kept
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
   * Changes weights by something else than a step; `step` is where the learner stands afterwards. Where the device is lost in it,
   * all of it is done again.
   */
  change(work: (learner: Learner) => Promise<void>, step = this.learner.step): Promise<void> {
    return this.model.surviving(async (learner) => {
      await work(learner);
      this.#generation++;
      if (this.#losable) {
        this.#copy = await (await beginCopy(learner.state, step)).copy;
        this.#copied = performance.now();
      }
      this.#results = [];
      learner.step = step;
    });
  }

  /** The learner on another device, from the copy, with the steps behind it run again: a step that goes otherwise is said. */
  async make(device: Device, lost: Learner | undefined): Promise<Learner> {
    const learner = await Learner.create(this.setup, device, this.#copy);
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
    this.emit({ type: 'recovery', step, from: this.#copy?.step ?? 0, losses, reason });
  }

  gaveUp(what: string, cause: unknown): FrondError {
    const { folder, step } = this.checkpoint ?? {};
    const saved = `the last checkpoint is ${folder}, of step ${step}: resume there, on another device if need be`;
    const hint = folder === undefined ? 'nothing was saved' : saved;
    return new FrondError('FROND-T011', what, { hint, cause });
  }

  async close(): Promise<void> {
    await this.#copying;
    await this.model.close();
  }
}
