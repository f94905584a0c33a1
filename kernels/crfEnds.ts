import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import type { CrfSizes } from './crfArguments.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';

/**
 * Gradients of the start and stop scores of a CRF:
 *
 *   dstart[y] = Σ_b demissions[b, 0, y],   dstop[y] = Σ_b demissions[b, length_b − 1, y],
 *
 * over sequences that are not empty. A program takes a block of labels and walks the batch in order.
 * Memory: reads 2 · batch · labels numbers.
 */
const sequences = 16;

function endsProgram(k: KernelBuilder, tile: number): void {
  const demissions = k.read('demissions');
  const lengths = k.read('lengths', 'i32');
  const [batch, time, labels] = [k.parameter('batch'), k.parameter('time'), k.parameter('labels')];
  const [b, y] = [k.axis('b', sequences), k.axis('y', tile)];
  const Y = k.span(y, k.mul(k.program(0), tile), labels);
  const zeros = k.fill([b, y], 0);
  const some = k.select(k.lt(0, time), batch, 0);
  const [starts, stops] = k.loop(0, some, sequences, [zeros, zeros], (from, start, stop) => {
    const B = k.span(b, from, batch);
    const length = k.load(lengths, [[B, 1]]);
    const at = (t: Value | number) =>
      k.load(demissions, [
        [B, k.mul(time, labels)],
        [t, labels],
        [Y, 1],
      ]);
    // an empty sequence has demissions of 0 at every step
    const last = k.max(k.sub(length, 1), 0);
    return [k.add(start as Value, at(0)), k.add(stop as Value, at(last))];
  });
  k.store(k.write('dstart'), [[Y, 1]], k.sum(starts as Value, b));
  k.store(k.write('dstop'), [[Y, 1]], k.sum(stops as Value, b));
}

const traceCrfEnds = (tile: number): Kernel =>
  kernelOnce(
    {
      name: 'crfEnds',
      variant: `${tile}`,
      doc: 'gradients of the start and stop scores of a CRF',
      schedule: { tiles: { b: sequences, y: tile }, workgroup: [16, 16] },
    },
    (k) => endsProgram(k, tile),
  );

export function planCrfEnds(
  { batch, time, labels }: CrfSizes,
  slots: Readonly<Record<'demissions' | 'lengths' | 'dstart' | 'dstop', Slot>>,
): LaunchPlan {
  const tile = tileExtent(labels, 64, 4);
  return {
    kernel: traceCrfEnds(tile),
    grid: [blocksOf(labels, tile)],
    scalars: { batch, time, labels },
    slots,
  };
}
