import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import { type Epilogue, epilogueBindings, epilogueVariant, storeThrough } from './epilogue.ts';
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
  /** sums over the columns of y, [parts, columns] and [columns] */
  readonly partialSums?: Slot | undefined;
  readonly sums?: Slot | undefined;
  readonly parts: number;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly epilogue?: Epilogue | undefined;
}

interface SumOptions {
  readonly parts: number;
  readonly m: number;
  readonly n: number;
  readonly epilogue: Epilogue | undefined;
  readonly sums: boolean;
}

function traceSum(options: SumOptions): Kernel {
  const { parts, m, n, epilogue, sums } = options;
  const variant = [
    `${parts} of ${m}x${n}`,
    ...(sums ? ['sums'] : []),
    ...(epilogue ? [epilogueVariant(epilogue)] : []),
  ].join(' ');
  const doc = 'out = f(Σ partial products), in the order of the stretches';
  return kernelOnce({ name: 'matmulSum', variant, doc, schedule: { tiles: { m, n } } }, (k) =>
    sumProgram(k, options),
  );
}

function sumProgram(k: KernelBuilder, { parts, m, n, epilogue, sums }: SumOptions): void {
  const [partial, out] = [k.read('partial'), k.write('out')];
  const [rows, columns] = [k.parameter('rows'), k.parameter('columns')];
  const M = k.span(k.axis('m', m), k.mul(k.program(0), m), rows);
  const N = k.span(k.axis('n', n), k.mul(k.program(1), n), columns);
  const add = (read: (part: number) => Value): Value =>
    Array.from({ length: parts }, (_, part) => read(part)).reduce((total, next) => k.add(total, next));
  const size = k.mul(rows, columns);
  const place = [
    [M, columns],
    [N, 1],
  ] as const;
  const sum = add((part) => k.load(partial, [[part, size], ...place]));
  storeThrough(k, epilogue, [out, place], sum, [M, N, []]);
  if (!sums) return;
  const [from, to] = [k.read('partialSums'), k.write('sums')];
  k.when(k.eq(k.program(0), 0), () => {
    const total = add((part) =>
      k.load(from, [
        [part, columns],
        [N, 1],
      ]),
    );
    k.store(to, [[N, 1]], total);
  });
}

export function planMatmulSum(args: MatmulSumArguments): LaunchPlan {
  const { partial, partialSums, out, sums, parts, rows, columns, epilogue } = args;
  // one width for all: few texts, and what a narrow matrix wastes is small
  const [m, n] = [tileExtent(rows, 16, 4), 64];
  const { slots, scalars } = epilogueBindings(epilogue);
  return {
    kernel: traceSum({ parts, m, n, epilogue, sums: sums !== undefined }),
    grid: [{ ...blocksOf(rows, m), least: sums ? 1 : 0 }, blocksOf(columns, n)],
    scalars: { rows, columns, ...scalars },
    slots: { partial, out, ...(partialSums && sums && { partialSums, sums }), ...slots },
  };
}
