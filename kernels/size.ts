import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/** Writes a size, a scalar of the launch, into a tensor of one element. */
export function planSize(size: Dim, out: Slot): readonly LaunchPlan[] {
  const kernel = kernelOnce({ name: 'size', doc: 'out[0] = size', schedule: { tiles: {} } }, (k) => {
    const buffer = k.write('out');
    k.store(buffer, [[k.program(0), 1]], k.parameter('size', 'f32'));
  });
  return [{ kernel, grid: [blocksOf(1, 1)], scalars: { size }, slots: { out } }];
}
