import { defined, FrondError } from '../base/errors.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';

/** Losses of the device without progress between them, after which there is no further attempt. */
const MAX_LOSSES = 3;

/** What lives on a device. */
interface Living {
  /** how far it is: steps of a run, answers of a predictor */
  step: number;
  free(): void;
}

/** How something lives through losses of its device. */
export interface Survival<T extends Living> {
  /** Puts it on a device, to stand where `lost` stood, which was on the device before. */
  make(device: Device, lost: T | undefined): Promise<T>;
  /** Hears of a loss before another device is opened. `losses`: those at this step, this one included. */
  onLoss?(step: number, losses: number, reason: string): void;
  /** The error to end with where there is no device any more. */
  gaveUp(what: string, cause: unknown): unknown;
}

/** Something on a device. Where that is lost, another one is opened, and it is made again there. */
export class Survivor<T extends Living> {
  readonly #life: Survival<T>;
  #device: Device;
  /** whether `close` closes the device: those passed in belong to who made them */
  #own: boolean;
  #value: T | undefined;
  #losses = 0;
  #reached = -1;
  #restarting: Promise<void> | undefined;

  constructor(life: Survival<T>, device: Device, own: boolean) {
    this.#life = life;
    this.#device = device;
    this.#own = own;
  }

  /** Makes it for the first time. */
  async begin(): Promise<this> {
    try {
      await this.#make();
      return this;
    } catch (cause) {
      await this.close();
      throw cause;
    }
  }

  /** On the device at hand: another one after a loss. */
  get value(): T {
    return defined(this.#value, 'model on a device');
  }

  /**
   * Does `work`; where the device is lost in it, does it again on a new device, on which all is as it was.
   * @throws what `gaveUp` gives when the device is lost again and again, or there is none any more
   */
  async surviving<R>(work: (value: T) => Promise<R>): Promise<R> {
    for (;;) {
      const { value } = this;
      try {
        return await work(value);
      } catch (cause) {
        if (!isDeviceLost(cause)) throw cause;
        // of several that meet the loss the first one restarts, the others wait
        if (value !== this.#value) continue;
        this.#restarting ??= this.#make(cause).finally(() => {
          this.#restarting = undefined;
        });
        await this.#restarting;
      }
    }
  }

  /** Opens devices until it could be made on one. */
  async #make(lost?: unknown): Promise<void> {
    for (let cause = lost; ; ) {
      if (cause !== undefined) await this.#reopen(cause);
      try {
        const made = await this.#life.make(this.#device, this.#value);
        this.#value?.free();
        this.#value = made;
        return;
      } catch (again) {
        if (!isDeviceLost(again)) throw again;
        cause = again;
      }
    }
  }

  async #reopen(cause: unknown): Promise<void> {
    const lost = this.#device;
    const step = this.#value?.step ?? 0;
    this.#losses = step > this.#reached ? 1 : this.#losses + 1;
    this.#reached = step;
    const reason = cause instanceof FrondError ? cause.summary : String(cause);
    const giveUp = (why: string, last = cause): never => {
      // a new attempt may lose the device as often
      this.#losses = 0;
      throw this.#life.gaveUp(`${reason}, ${why}`, last);
    };
    if (lost.reopen === undefined) return giveUp('and cannot be opened again');
    if (this.#losses >= MAX_LOSSES) return giveUp(`${this.#losses} times at step ${step}`);
    this.#life.onLoss?.(step, this.#losses, reason);
    this.#device = await lost.reopen().catch((none: unknown) => giveUp('and there is none any more', none));
    if (this.#own) await lost.close().catch(() => undefined);
    this.#own = true;
  }

  async close(): Promise<void> {
    this.#value?.free();
    if (this.#own) await this.#device.close();
  }
}
