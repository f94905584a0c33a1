/** The interpreter: runs kernels over typed arrays, in f32 (the product's fallback) or f64 (the oracle). */
import { checkArguments } from '../../base/arguments.ts';
import type { Precision } from '../../base/dtype.ts';
import { roundHalf } from '../../base/half.ts';
import * as is from '../../base/kinds.ts';
import { cos, erf, erfcx, powr, roundEven, sin } from '../../kernel/elementwise.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { kernelKind } from '../../kernel/kinds.ts';
import { endlessLoop, walk } from './definition.ts';
import { theMultiplier } from './dot.ts';
import { fastOf } from './expressions.ts';
import { KernelText } from './kernelText.ts';
import { type Buffers, checkLaunch, type LaunchSizes } from './launch.ts';

export type { LaunchSizes } from './launch.ts';
export { type Finding, type FindingKind, requireClean, type SimulationReport, simulate } from './simulate.ts';

/** A kernel prepared for repeated launches. */
export interface InterpretedKernel {
  /**
   * Runs every program of the grid, the first dimension fastest. Buffers go by name: floats (f16 included) in the
   * kernel's precision, i32 as Int32Array, u32 and bools as Uint32Array.
   * @throws FROND-K030 when the grid, a scalar or a buffer is missing or of another type, FROND-K031 on a loop that never ends.
   */
  run(launch: LaunchSizes, buffers: Buffers): void;
}

/**
 * Prepares `kernel`, once: as generated JavaScript, or, where a page's policy forbids making functions from text, to be walked by
 * its definition. Element-wise results are the definition's, bit for bit.
 */
export function interpretKernel(kernel: Kernel, precision: Precision): InterpretedKernel {
  const kinds = { kernel: kernelKind, precision: is.oneOf('f32', 'f64') };
  checkArguments('interpretKernel', kinds, [kernel, precision]);
  const walked: Run = (launch, buffers) => walk(kernel, launch, buffers, precision);
  const run = canGenerate() ? generated(kernel, precision) : walked;
  return {
    run(launch, buffers) {
      checkLaunch(kernel, launch, buffers, precision);
      run(launch, buffers);
    },
  };
}

type Run = InterpretedKernel['run'];

let allowed: boolean | undefined;

/** Whether this engine lets us make functions from text. */
function canGenerate(): boolean {
  try {
    allowed ??= new Function('return true')() === true;
  } catch {
    allowed = false;
  }
  return allowed;
}

function generated(kernel: Kernel, precision: Precision): Run {
  const kernelText = new KernelText(kernel, precision);
  const multiplier = theMultiplier();
  const multiply = multiplier.multiply.bind(multiplier);
  const errorFunctions =
    precision === 'f32' ? { erf: fastOf('erf'), erfcx: fastOf('erfcx') } : { erf, erfcx };
  const functions = { ...errorFunctions, sin, cos, powr, roundEven };
  const names = { loops: kernelText.loops, endlessLoop, roundHalf, multiply, ...functions };
  const launch = new Function(...Object.keys(names), kernelText.print())(...Object.values(names));
  return ({ grid, scalars }, buffers) => {
    multiplier.forgetPanels();
    launch(grid, scalars, buffers);
    multiplier.forgetPanels();
  };
}
