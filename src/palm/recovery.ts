import { platform } from '#platform';
import { defined, FrondError } from '../base/errors.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';
import type { Listener, TrainingEvent } from './events.ts';
import { beginCopy, type HostCopy } from './hostCopy.ts';
import { Learner, type LearnerPlan, type StepResult } from './learner.ts';

/** Losses of the device without a step of progress between them, after which a run gives up. */
export const MAX_LOSSES = 3;

/**
 * Keeps a learner alive whose device may be lost. The host has a copy of weights and optimizer state of some step; everything
 * else is a function of the plan and the step. So on a new device the copy is restored, and the steps behind it are run again.
 * Devices that cannot be lost have no `reopen`, and nothing is copied.
 */
export class Recovery {
  /** the latest checkpoint that the run has written or come from, for the error when it gives up */
  checkpoint: { readonly folder: string; readonly step: number } | undefined;
  readonly #plan: LearnerPlan;
  #device: Device;
  /** whether `close` closes the device: those passed in belong to who made them */
  #own: boolean;
  #learner: Learner | undefined;
  /** undefined: the first weights of the seed */
  #copy: HostCopy | undefined;
  /** steps behind the copy, as they went the first time */
  #results: StepResult[] = [];
  #copying: Promise<void> | undefined;
  /** when the latest copy was begun; the first weights of the seed need none */
  #copied = platform.now();
  /** counts changes of the weights that are no steps: a copy begun before one is of no use */
  #generation = 0;
  #losses = 0;
  #reached = -1;
  #restarting: Promise<void> | undefined;
  #listener: Listener | undefined;
  #unheard: TrainingEvent[] = [];

  private constructor(plan: LearnerPlan, device: Device, own: boolean) {
    this.#plan = plan;
    this.#device = device;
    this.#own = own;
  }

  static async create(plan: LearnerPlan, device: Device, own: boolean): Promise<Recovery> {
    const recovery = new Recovery(plan, device, own);
    try {
      recovery.#learner = await Learner.create(plan, device);
    } catch (cause) {
      if (!isDeviceLost(cause)) throw cause;
      await recovery.#restart(cause);
    }
    return recovery;
  }

  get learner(): Learner {
    return defined(this.#learner, 'learner');
  }

  get #losable(): boolean {
    return this.#device.reopen !== undefined;
  }

  /** Sets the listener; events that came before there was one are sent to it now. */
  listen(listener: Listener | undefined): void {
    this.#listener = listener;
    if (listener === undefined) return;
    for (const event of this.#unheard) listener(event);
    this.#unheard = [];
  }

  tell(event: TrainingEvent): void {
    if (this.#listener === undefined) this.#unheard.push(event);
    else this.#listener(event);
  }

  /**
   * Does `work`; where the device is lost in it, does it again on a new device whose learner stands at the same step.
   * @throws FROND-T011 when the device is lost again and again, or there is none any more
   */
  async surviving<T>(work: (learner: Learner) => Promise<T>): Promise<T> {
    for (;;) {
      const { learner } = this;
      try {
        return await work(learner);
      } catch (cause) {
        if (!isDeviceLost(cause)) throw cause;
        // of several that meet the loss the first one restarts, the others wait
        if (learner !== this.#learner) continue;
        this.#restarting ??= this.#restart(cause).finally(() => {
          this.#restarting = undefined;
        });
        await this.#restarting;
      }
    }
  }

  /** Steps that went well. They are compared with when they have to be run again. */
  note(results: readonly StepResult[]): void {
    if (this.#losable) this.#results.push(...results);
  }

  /** A copy of this moment, to save or to go on from. Call it between steps. */
  copy(): Promise<HostCopy> {
    return this.surviving(async ({ state, step }) => {
      const { copy } = await beginCopy(state, step);
      const generation = this.#generation;
      const made = await copy;
      this.#keep(made, generation);
      return made;
    });
  }

  /**
   * Changes weights by something else than a step; `step` is where the learner stands afterwards. Where the device is lost in it,
   * all of it is done again.
   */
  async change(work: (learner: Learner) => Promise<void>, step = this.learner.step): Promise<void> {
    await this.surviving(async (learner) => {
      await work(learner);
      this.#generation++;
      if (this.#losable) {
        const { copy } = await beginCopy(learner.state, step);
        this.#copy = await copy;
        this.#copied = platform.now();
      }
      this.#results = [];
      learner.step = step;
    });
  }

  /** Begins a copy where the last one is older than so many seconds, and does not wait for it. Call it between steps. */
  async copyWhenDue(seconds: number): Promise<void> {
    if (!this.#losable || this.#copying !== undefined) return;
    if (platform.now() - this.#copied < 1000 * seconds) return;
    this.#copied = platform.now();
    const { state, step } = this.learner;
    const generation = this.#generation;
    const { copy } = await beginCopy(state, step);
    const copying: Promise<void> = copy
      .then((made) => this.#keep(made, generation))
      .catch((cause: unknown) => {
        // of a lost device the next step tells
        if (isDeviceLost(cause)) return;
        const why = cause instanceof Error ? cause.message : String(cause);
        this.tell({ type: 'warning', message: `the weights could not be copied at step ${step}: ${why}` });
      })
      .finally(() => {
        if (this.#copying === copying) this.#copying = undefined;
      });
    this.#copying = copying;
  }

  #keep(copy: HostCopy, generation: number): void {
    if (!this.#losable || generation !== this.#generation || copy.step < (this.#copy?.step ?? 0)) return;
    this.#results = this.#results.slice(copy.step - (this.#copy?.step ?? 0));
    this.#copy = copy;
    this.#copied = platform.now();
  }

  /** Opens devices until one has run all steps again. */
  async #restart(first: unknown): Promise<void> {
    const step = this.#learner?.step ?? 0;
    if (step > this.#reached) this.#losses = 0;
    this.#reached = step;
    for (let cause = first; ; ) {
      const device = await this.#reopen(step, cause);
      const lost = this.#learner;
      try {
        const learner = await Learner.create(this.#plan, device, this.#copy);
        await this.#replay(learner, step);
        lost?.free();
        this.#learner = learner;
        // a copy of the lost device may never come
        this.#copying = undefined;
        this.#copied = Number.NEGATIVE_INFINITY;
        return;
      } catch (again) {
        if (!isDeviceLost(again)) throw again;
        cause = again;
      }
    }
  }

  /** @throws FROND-T011 */
  async #reopen(step: number, cause: unknown): Promise<Device> {
    const reason = cause instanceof FrondError ? cause.summary : String(cause);
    const lost = this.#device;
    this.#losses++;
    if (lost.reopen === undefined) throw this.#gaveUp(`${reason}, and cannot be opened again`, cause);
    if (this.#losses >= MAX_LOSSES)
      throw this.#gaveUp(`${reason}, ${this.#losses} times at step ${step}`, cause);
    this.tell({ type: 'recovery', step, from: this.#copy?.step ?? 0, losses: this.#losses, reason });
    const device = await lost.reopen().catch((none: unknown) => {
      throw this.#gaveUp(`${reason}, and there is none any more`, none);
    });
    if (this.#own) await lost.close().catch(() => undefined);
    this.#device = device;
    this.#own = true;
    return device;
  }

  #gaveUp(what: string, cause: unknown): FrondError {
    // a new attempt may lose the device as often
    this.#losses = 0;
    const saved =
      this.checkpoint === undefined
        ? 'nothing was saved'
        : `the last checkpoint is ${this.checkpoint.folder}, of step ${this.checkpoint.step}: resume there, on another device if need be`;
    return new FrondError('FROND-T011', what, { hint: saved, cause });
  }

  /** Runs the steps behind the copy again, and says where they do not go as they did. */
  async #replay(learner: Learner, to: number): Promise<void> {
    const from = learner.step;
    const different = (step: number, { loss, gradientNorm }: StepResult): boolean => {
      const known = this.#results[step - from];
      return known !== undefined && (known.loss !== loss || known.gradientNorm !== gradientNorm);
    };
    let deviates: number | undefined;
    while (learner.step < to) {
      const start = learner.step;
      while (learner.submitted < to && !learner.full) await learner.submit();
      const { results, failure } = await learner.collect();
      if (failure !== undefined) throw failure;
      const odd = results.findIndex((result, i) => different(start + i, result));
      if (odd >= 0) deviates ??= start + odd + 1;
    }
    if (deviates === undefined) return;
    const message = `step ${deviates} went another way than before the device was lost: it is not the same device, and the run will not be byte for byte what it would have been`;
    this.tell({ type: 'warning', message });
  }

  async close(): Promise<void> {
    await this.#copying;
    this.#learner?.free();
    if (this.#own) await this.#device.close();
  }
}
