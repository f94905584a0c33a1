import { evaluate, type Sizes } from '../base/dim.ts';
import { defined } from '../base/errors.ts';
import type { OpRegistry } from '../ir/record.ts';
import { elementsOf, gridOf, planProgram } from './bind.ts';
import type { LoweredProgram } from './lower.ts';

/** What a program will do at given sizes, known before it runs. */
export interface ProgramReport {
  readonly launches: number;
  /** distinct kernel texts */
  readonly kernels: number;
  readonly flops: number;
  /** bytes read and written by all launches, each operand once */
  readonly bytesMoved: number;
  /** bytes of the arena of intermediates, as planned */
  readonly peakBytes: number;
  /** bytes that all intermediates would take side by side */
  readonly unsharedBytes: number;
}

const WORD = 4;

export function reportProgram(program: LoweredProgram, registry: OpRegistry, sizes: Sizes): ProgramReport {
  const plan = planProgram(program, sizes);
  const launches = program.steps.flatMap((step) =>
    step.launches.filter((launch) => gridOf(launch, sizes).every((count) => count > 0)),
  );
  let flops = 0;
  let bytesMoved = 0;
  for (const { node } of program.steps) {
    const inputs = node.inputs.map((ref) => defined(program.types.get(ref), `type of ${ref}`));
    const cost = registry.get(node.op)?.cost?.({ inputs, outputs: node.types, attributes: node.attributes });
    flops += cost === undefined ? 0 : evaluate(cost.flops, sizes);
    bytesMoved +=
      cost === undefined
        ? [...inputs, ...node.types].reduce((total, type) => total + WORD * elementsOf(type, sizes), 0)
        : evaluate(cost.bytes, sizes);
  }
  return {
    launches: launches.length,
    kernels: new Set(launches.map((launch) => launch.kernel)).size,
    flops,
    bytesMoved,
    peakBytes: plan.words * WORD,
    unsharedBytes: plan.unshared * WORD,
  };
}
