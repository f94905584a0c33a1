import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { Kernel } from '../src/kernel/ir.ts';
import { applyEpilogue, type Epilogue, epilogueBindings, epilogueVariant } from './epilogue.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';

/**
 * out = f(Σ_p partial[p]) of partial products [parts, rows, columns], added in their order: the second launch of a matmul
 * whose contracted dimension is split.
 *
 * Memory: the partial products are read once, out is written once.
 */
export interface MatmulSumArguments {
  readonly partial: Slot;
  readonly out: Slot;
  readonly parts: number;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly epilogue?: Epilogue | undefined;
}

function traceSum(parts: number, m: number, n: number, epilogue: Epilogue | undefined): Kernel {
  const variant = `${parts} of ${m}x${n}${epilogue ? ` ${epilogueVariant(epilogue)}` : ''}`;
  const doc = 'out = f(Σ partial products), in the order of the stretches';
  return kernelOnce({ name: 'matmulSum', variant, doc, schedule: { tiles: { m, n } } }, (k) => {
    const [partial, out] = [k.read('partial'), k.write('out')];
    const [rows, columns] = [k.parameter('rows'), k.parameter('columns')];
    const M = k.span(k.axis('m', m), k.mul(k.program(0), m), rows);
    const N = k.span(k.axis('n', n), k.mul(k.program(1), n), columns);
    const size = k.mul(rows, columns);
    const parted = Array.from({ length: parts }, (_, part) =>
      k.load(partial, [
        [part, size],
        [M, columns],
        [N, 1],
      ]),
    );
    const sum = parted.reduce((total, next) => k.add(total, next));
    const place = [
      [M, columns],
      [N, 1],
    ] as const;
    k.store(out, place, applyEpilogue(k, epilogue, sum, [M, N, []], place));
  });
}

export function planMatmulSum({
  partial,
  out,
  parts,
  rows,
  columns,
  epilogue,
}: MatmulSumArguments): LaunchPlan {
  const [m, n] = [tileExtent(rows, 16, 4), tileExtent(columns, 128, 4)];
  const { slots, scalars } = epilogueBindings(epilogue);
  return {
    kernel: traceSum(parts, m, n, epilogue),
    grid: [blocksOf(rows, m), blocksOf(columns, n)],
    scalars: { rows, columns, ...scalars },
    slots: { partial, out, ...slots },
  };
}
