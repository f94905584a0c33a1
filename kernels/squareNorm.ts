import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import { kernelOnce } from './plan.ts';

/**
 * Squared norm of the gradient arena: out[0] = Σ gradient² over the blocks of 256 elements whose rate is not 0.
 *
 * Two launches in a fixed order: 64 programs each sum every 64th group of 16 blocks, then one program sums their 64
 * results. What a frozen block (rate 0) holds, NaN included, is not looked at.
 *
 * Memory: reads 4 bytes per element once.
 */
const blockElements = 256;
const group = 16;
const partials = 64;

export interface SquareNormArguments {
  /** f32 [1] */
  readonly out: Slot;
  /** number of 256-element blocks of the arena */
  readonly blocks: Dim;
}

function partialProgram(k: KernelBuilder): void {
  const gradient = k.read('gradient');
  const rates = k.read('rate');
  const out = k.write('out');
  const blocks = k.parameter('blocks');
  const g = k.axis('g', group);
  const e = k.axis('e', blockElements);
  const program = k.program(0);
  const E = k.span(e, 0, blockElements);
  const initial = [k.fill([g, e], 0)];
  const [total] = k.loop(k.mul(program, group), blocks, group * partials, initial, (start, sum) => {
    const G = k.span(g, start, blocks);
    const tile = k.load(gradient, [
      [G, blockElements],
      [E, 1],
    ]);
    const live = k.lt(0, k.load(rates, [[G, 1]]));
    return [k.add(sum as Value, k.select(live, k.mul(tile, tile), 0))];
  });
  k.store(out, [[program, 1]], k.sum(total as Value, g, e));
}

function totalProgram(k: KernelBuilder): void {
  const parts = k.read('parts');
  const out = k.write('out');
  const e = k.axis('e', partials);
  k.store(out, [[0, 1]], k.sum(k.load(parts, [[k.span(e, 0, partials), 1]]), e));
}

const traceSquareNormPartial = (): Kernel =>
  kernelOnce(
    {
      name: 'squareNormPartial',
      doc: 'sums of squares of every 64th group of gradient blocks that are not frozen',
      schedule: { tiles: { g: group, e: blockElements }, workgroup: [64, 4] },
    },
    partialProgram,
  );

const traceSquareNormTotal = (): Kernel =>
  kernelOnce(
    {
      name: 'squareNormTotal',
      doc: 'sum of the partial sums of squares',
      schedule: { tiles: { e: partials }, workgroup: [64, 1] },
    },
    totalProgram,
  );

/** Squared global norm of the gradient arena without its frozen blocks. Two launches. */
export function planSquareNorm({ out, blocks }: SquareNormArguments): LaunchPlan[] {
  const parts: Slot = {
    kind: 'temporary',
    name: 'squareNormParts',
    type: { dtype: 'f32', shape: [partials] },
  };
  return [
    {
      kernel: traceSquareNormPartial(),
      grid: [{ size: partials, per: 1 }],
      scalars: { blocks },
      slots: {
        gradient: { kind: 'arena', name: 'gradient' },
        rate: { kind: 'table', name: 'rate' },
        out: parts,
      },
    },
    {
      kernel: traceSquareNormTotal(),
      grid: [{ size: 1, per: 1 }],
      scalars: {},
      slots: { parts, out },
    },
  ];
}
