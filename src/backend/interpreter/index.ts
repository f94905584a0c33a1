/** The interpreter: reads kernels over typed arrays, in f32 (the product's fallback) or f64 (the oracle). */
import { checkArguments } from '../../base/arguments.ts';
import type { Precision, TypedArray } from '../../base/dtype.ts';
import { oneOf } from '../../base/kinds.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { analyse } from './analysis.ts';
import { checkLaunch } from './checkLaunch.ts';
import { type LaunchSizes, walk } from './definition.ts';
import { extentRules } from './extents.ts';
import { canGenerate } from './generated/group.ts';
import { forgetPanels } from './loops/dot.ts';
import { beginPreparation, type Preparation, runSteps } from './preparation.ts';
import { type Plan, preparePlan } from './prepare.ts';

export type { LaunchSizes } from './definition.ts';
export { type Finding, type FindingKind, requireClean, type SimulationReport, simulate } from './simulate.ts';

/** A kernel prepared for repeated launches. */
export interface InterpretedKernel {
  /**
   * Runs every program of the grid, the first dimension fastest. Buffers go by name: floats (f16 included) in the
   * kernel's precision, i32 as Int32Array, u32 and bools as Uint32Array.
   * @throws FROND-K030 when the grid, a scalar or a buffer is missing or of another type, FROND-K031 on a loop that never ends.
   */
  run(launch: LaunchSizes, buffers: Readonly<Record<string, TypedArray>>): void;
}

/** Prepares `kernel`: tiles are allocated and loops chosen here, once. Element-wise results are the definition's, bit for bit. */
export function interpretKernel(kernel: Kernel, precision: Precision): InterpretedKernel {
  const kinds = { kernel: kernelKind, precision: oneOf('f32', 'f64') };
  checkArguments('interpretKernel', kinds, [kernel, precision]);
  if (!canGenerate()) return walkKernel(kernel, precision);
  const analysis = analyse(kernel);
  const at = beginPreparation(kernel, precision, analysis, extentRules(kernel, analysis));
  const plan = preparePlan(at);
  return {
    run(launch, buffers) {
      bind(at, launch, buffers);
      forgetPanels();
      runGrid(at, plan, launch.grid);
      forgetPanels();
    },
  };
}

/** A kernel that runs by the definition of the language, slowly: where a page's policy forbids making functions. */
function walkKernel(kernel: Kernel, precision: Precision): InterpretedKernel {
  const unwatched = { load: () => true, store: () => true };
  return {
    run(launch, buffers) {
      checkLaunch(kernel, launch, buffers, precision);
      walk(kernel, launch, buffers, precision, unwatched);
    },
  };
}

function bind(at: Preparation, launch: LaunchSizes, buffers: Readonly<Record<string, TypedArray>>): void {
  const { kernel, precision } = at;
  checkLaunch(kernel, launch, buffers, precision);
  for (const parameter of kernel.parameters) {
    const tile = at.tiles.get(parameter);
    if (tile) tile.data[0] = launch.scalars[parameter.name] as number;
  }
  for (const [{ name }, bound] of at.buffers) bound.data = buffers[name] as TypedArray;
}

function runGrid({ program }: Preparation, plan: Plan, grid: readonly number[]): void {
  const [g0, g1, g2, g3] = [0, 1, 2, 3].map((dimension) => grid[dimension] ?? 1) as [
    number,
    number,
    number,
    number,
  ];
  if (g0 * g1 * g2 * g3 === 0) return;
  runSteps(plan.perLaunch);
  for (let d = 0; d < g3; d++) {
    program[3] = d;
    for (let c = 0; c < g2; c++) {
      program[2] = c;
      for (let b = 0; b < g1; b++) {
        program[1] = b;
        for (let a = 0; a < g0; a++) {
          program[0] = a;
          runSteps(plan.perProgram);
        }
      }
    }
  }
}
