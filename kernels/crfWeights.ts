import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel } from '../src/kernel/ir.ts';
import { ABSENT, finite, temporary } from './crfBlock.ts';
import { blocksOf, kernelOnce, roundUp, tileExtent } from './plan.ts';

/**
 * Transitions in the exponential domain:  level[z] = max_y T[y, z],  weights[y, z] = exp(T[y, z] − level[z]).
 * A label that nothing may go on to has a finite level and weights of 0.
 *
 * Computed once per direction, so that a time step costs a multiply per transition and not an exponential.
 * A program takes a block of columns. Memory: reads and writes labels² numbers once.
 */
function weightsProgram(k: KernelBuilder, rows: number, columns: number): void {
  const transitions = k.read('transitions');
  const labels = k.parameter('labels');
  const y = k.axis('y', rows);
  const z = k.axis('z', columns);
  const Y = k.span(y, 0, labels);
  const Z = k.span(z, k.mul(k.program(0), columns), labels);
  const at = [
    [Y, labels],
    [Z, 1],
  ] as const;
  const scores = k.load(transitions, at, ABSENT);
  const level = finite(k, k.maximum(scores, y));
  k.store(k.write('level'), [[Z, 1]], level);
  k.store(k.write('weights'), at, k.exp(k.sub(scores, level)));
}

const traceCrfWeights = (rows: number, columns: number): Kernel =>
  kernelOnce(
    {
      name: 'crfWeights',
      variant: `${rows}x${columns}`,
      doc: 'column maxima of the transitions and exp(transition − maximum)',
      schedule: { tiles: { y: rows, z: columns }, workgroup: [16, 16] },
    },
    (k) => weightsProgram(k, rows, columns),
  );

/** Temporaries that `planCrfWeights` fills. */
export const crfWeights = (labels: number): { readonly weights: Slot; readonly level: Slot } => ({
  weights: temporary('Weights', [labels, labels]),
  level: temporary('Level', [labels]),
});

export function planCrfWeights(transitions: Slot, labels: number): LaunchPlan {
  const columns = tileExtent(labels, 64, 4);
  return {
    kernel: traceCrfWeights(roundUp(labels, 4), columns),
    grid: [blocksOf(labels, columns)],
    scalars: { labels },
    slots: { transitions, ...crfWeights(labels) },
  };
}
