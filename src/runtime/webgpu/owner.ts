import { FrondError } from '../../base/errors.ts';
import { deviceClosed, deviceLost } from '../device.ts';

/** How long a failed call waits to learn whether the GPU was lost, in milliseconds: the loss is announced by itself. */
const PATIENCE = 500;

/** Errors of a GPU have a message, but are no `Error`. */
function messageOf(cause: unknown): string {
  const { message = String(cause) }: { readonly message?: unknown } = Object(cause);
  return String(message).split('\n')[0] ?? '';
}

/** What a failure of the GPU is called: a loss, memory that it has not, or anything else that it refuses. */
function gpuError(what: string, cause: unknown, outOfMemory = false): FrondError {
  return outOfMemory
    ? new FrondError('FROND-R001', `the GPU has not enough memory: ${what}`, {
        hint: 'use a smaller batch or a smaller model, or close other programs that use the GPU',
        cause,
      })
    : new FrondError('FROND-R024', `the GPU refuses ${what}: ${messageOf(cause)}`, {
        hint: 'this is a defect of frond or of the driver: please report it with the output of frond doctor',
        cause,
      });
}

/**
 * The one holder of a GPU device. Every promise of the GPU is awaited through it, so that a loss ends each wait with a typed error:
 * a lost device leaves some promises open for ever, and most of its calls only pretend to succeed.
 */
export class GpuOwner {
  readonly device: GPUDevice;
  /** adapter and entry point: collected, they take the device with them */
  readonly kept: unknown[];
  #ended: FrondError | undefined;
  /** an error that no scope has caught: numbers read after it cannot be trusted */
  #failed: FrondError | undefined;
  readonly #waiting = new Set<(error: FrondError) => void>();

  constructor(device: GPUDevice, kept: readonly unknown[]) {
    this.device = device;
    this.kept = [...kept];
    device.lost.then(({ reason, message }) => {
      const said = [reason || 'unknown', message.split('\n')[0]].filter(Boolean);
      this.#end(deviceLost('webgpu', said.join(': ')));
    });
    device.addEventListener('uncapturederror', (event) => {
      event.preventDefault();
      this.#failed ??= gpuError('a call', event.error);
    });
  }

  #end(error: FrondError): void {
    this.#ended ??= error;
    for (const reject of this.#waiting) reject(this.#ended);
    this.#waiting.clear();
    this.kept.length = 0;
  }

  /** @throws FROND-R030 after a loss, FROND-R024 after an error of an earlier call, FROND-R026 after `close` */
  check(): void {
    const error = this.#ended ?? this.#failed;
    if (error !== undefined) throw error;
  }

  /** What `promise` gives, unless the GPU is lost before. `what` is named where it fails by itself. */
  async guard<T>(what: string, promise: Promise<T>): Promise<T> {
    try {
      return await this.#unlessEnded(promise);
    } catch (cause) {
      if (cause instanceof FrondError) throw cause;
      throw await this.#verdict(what, cause);
    }
  }

  /** @throws FROND-R030, FROND-R026 as soon as the device ends */
  async #unlessEnded<T>(promise: Promise<T>): Promise<T> {
    // also where nobody waits for it any more
    promise.catch(() => undefined);
    this.check();
    let stop: (error: FrondError) => void = () => undefined;
    const ended = new Promise<never>((_, reject) => {
      stop = reject;
      this.#waiting.add(reject);
    });
    try {
      return await Promise.race([promise, ended]);
    } finally {
      this.#waiting.delete(stop);
    }
  }

  /** A loss makes calls fail, and memory seem short, before it is announced: that is waited for, for a while. */
  async #verdict(what: string, cause: unknown, outOfMemory = false): Promise<FrondError> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    try {
      await this.#unlessEnded(patience);
    } catch (ended) {
      if (ended instanceof FrondError) return ended;
    } finally {
      clearTimeout(timer);
    }
    return gpuError(what, cause, outOfMemory);
  }

  /**
   * Does `work` and learns of every error that it caused.
   * @throws FROND-R001 where memory is short, FROND-R030 after a loss, FROND-R024 where a call is refused
   */
  async scoped<T>(what: string, work: () => T): Promise<T> {
    this.check();
    const filters = ['internal', 'out-of-memory', 'validation'] as const;
    for (const filter of filters) this.device.pushErrorScope(filter);
    // at once; what it throws is told when the scopes are closed
    const done = (async (): Promise<T> => work())();
    done.catch(() => undefined);
    const pops = [...filters].reverse().map(() => this.device.popErrorScope());
    const [validation, memory, internal] = await this.guard(what, Promise.all(pops));
    this.check();
    // a buffer that could not be had makes whatever uses it invalid
    const error = memory ?? validation ?? internal;
    if (error) throw await this.#verdict(what, error, error === memory);
    return this.guard(what, done);
  }

  /** Ends the device: every pending and later call fails with FROND-R026. */
  close(): void {
    this.#end(deviceClosed('webgpu'));
    this.device.destroy();
  }
}
