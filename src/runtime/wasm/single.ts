import { platform } from '#platform';
import { instantiateModule, type RunCells, trapped } from '../../backend/wasm/index.ts';
import { defined } from '../../base/errors.ts';
import type { WebAssemblyApi } from '../../base/webAssembly.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { BoundProgram, LaunchTime } from '../device.ts';
import type { BoundLaunch } from './commandList.ts';
import type { Heap } from './heap.ts';
import { type CompileSettings, compileKernel } from './modules.ts';
import type { Runner } from './runner.ts';
import { Scratch } from './scratch.ts';

/** Runs launches in the calling thread, one after the other, before `run` returns. */
export class SingleRunner implements Runner {
  readonly #engine: WebAssemblyApi;
  readonly #heap: Heap;
  readonly #settings: CompileSettings;
  readonly #scratch: Scratch;
  readonly #kernels = new Map<Kernel, RunCells>();

  constructor(engine: WebAssemblyApi, heap: Heap, relaxed: boolean) {
    this.#engine = engine;
    this.#settings = { shared: false, relaxed };
    this.#heap = heap;
    this.#scratch = new Scratch(heap);
  }

  async prepare(kernels: readonly Kernel[]): Promise<void> {
    const fresh = kernels.filter((kernel) => !this.#kernels.has(kernel));
    const compiled = fresh.map((kernel) => compileKernel(this.#engine, kernel, this.#settings));
    for (const [at, { module, scratchBytes }] of (await Promise.all(compiled)).entries()) {
      const scratch = this.#scratch.address(scratchBytes);
      const run = instantiateModule(this.#engine, module, this.#heap.memory, scratch);
      this.#kernels.set(defined(fresh[at], 'kernel'), run);
    }
  }

  bind(launches: readonly BoundLaunch[]): BoundProgram {
    const steps = launches.map(({ kernel, cells, numbers }) => ({
      kernel,
      run: defined(this.#kernels.get(kernel), `prepared kernel ${kernel.name}`),
      numbers: [0, cells, ...numbers] as const,
    }));
    const each = (after: (kernel: Kernel) => void): void => {
      let at = 0;
      try {
        for (; at < steps.length; at++) {
          const step = steps[at] as (typeof steps)[number];
          step.run(...step.numbers);
          after(step.kernel);
        }
      } catch (cause) {
        throw trapped(steps[at]?.kernel.name ?? 'unknown', cause);
      }
    };
    const nothing = (): void => undefined;
    return {
      run: async () => each(nothing),
      profile: async () => {
        const times: LaunchTime[] = [];
        let begin = platform.now();
        each(({ name, variant }) => {
          const end = platform.now();
          times.push({ kernel: name, variant, milliseconds: end - begin });
          begin = end;
        });
        return times;
      },
    };
  }

  /** Nothing is under way between calls. */
  async inTurn<T>(work: () => T): Promise<T> {
    return work();
  }

  close(): void {
    this.#kernels.clear();
  }
}
