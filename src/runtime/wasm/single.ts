import { instantiateModule, type RunCells, trapped } from '../../backend/wasm/index.ts';
import { defined } from '../../base/errors.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { BoundProgram, LaunchTime } from '../device.ts';
import { type Heap, scratchOf } from './heap.ts';
import { type BoundLaunch, compileFresh, type Runner } from './launches.ts';

/** Runs launches in the calling thread, one after the other, before `run` returns. */
export function singleRunner(heap: Heap, relaxed: boolean): Runner {
  const scratch = scratchOf(heap);
  const kernels = new Map<Kernel, RunCells>();

  function bind(launches: readonly BoundLaunch[]): BoundProgram {
    const calls = launches.map(({ kernel, cells, numbers }) => ({
      kernel,
      run: defined(kernels.get(kernel), `prepared kernel ${kernel.name}`),
      numbers: [0, cells, ...numbers] as const,
    }));
    const each = (after?: (kernel: Kernel) => void): void => {
      for (const { kernel, run, numbers } of calls) {
        try {
          run(...numbers);
        } catch (cause) {
          throw trapped(kernel.name, cause);
        }
        after?.(kernel);
      }
    };
    return {
      run: async () => each(),
      profile: async () => {
        const times: LaunchTime[] = [];
        let begin = performance.now();
        each(({ name, variant }) => {
          const end = performance.now();
          times.push({ kernel: name, variant, milliseconds: end - begin });
          begin = end;
        });
        return times;
      },
    };
  }

  return {
    bind,
    async prepare(asked) {
      const fresh = await compileFresh(asked, kernels, { shared: false, relaxed });
      for (const { kernel, module, scratchBytes } of fresh) {
        kernels.set(kernel, instantiateModule(module, heap.memory, scratch(scratchBytes)));
      }
    },
    // nothing is under way between calls
    inTurn: async (work) => work(),
    close: () => kernels.clear(),
  };
}
