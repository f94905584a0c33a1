import { ceilDivide, type Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Schedule, Span, Value } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { type Epilogue, epilogueBindings, epilogueVariant, storeThrough } from './epilogue.ts';
import { addUp } from './longSum.ts';
import { blocksOf, kernelOnce } from './plan.ts';
import {
  launchRows,
  overColumns,
  type RowBlock,
  type RowSchedule,
  rowBlock,
  rowSchedule,
  sumsOverColumns,
  traceRows,
} from './rows.ts';

/**
 * Layer normalisation along the rows of x [rows, columns] with gain γ and bias β [columns]:
 *   μ = mean x,  σ² = mean (x − μ)²,  rstd = (σ² + ε)^(−1/2),  x̂ = (x − μ) rstd,  y = γ x̂ + β.
 * The variance takes its own pass over (x − μ)²: mean x² − μ² would cancel for rows far from zero.
 *
 * Gradient, with g = γ dy and n columns. x̂ depends on x_j directly, through μ and through rstd:
 *   ∂x̂_i/∂x_j = rstd (δ_ij − 1/n − x̂_i x̂_j / n), hence
 *   dx = rstd (g − mean g − x̂ mean(g x̂)),   dγ = Σ_rows dy x̂,   dβ = Σ_rows dy.
 * An epilogue of element-wise functions, such as the sum with the gradient that bypasses the layer, may be applied to dx.
 *
 * The sums over rows cross programs: each block of rows writes partial sums [block, columns], and a second launch adds
 * them up in the order of the blocks. Order and rounding depend on shape and schedule alone.
 *
 * Memory: forward reads x once (short rows) or three times, writes y; gradient reads x and dy once or twice, writes dx
 * and 2/16 of its size in partial sums, which the second launch reads once.
 */
function layerNormProgram(k: KernelBuilder, schedule: RowSchedule): void {
  const [x, gamma, beta] = [k.read('x'), k.read('gamma'), k.read('beta')];
  const [out, mean, rstd] = [k.write('out'), k.write('mean'), k.write('rstd')];
  const epsilon = k.parameter('epsilon', 'f32');
  const block = rowBlock(k, schedule);
  const { c, columns } = block;
  const perColumn = reciprocalOfColumns(k, block);
  // Elements past the end would be 0 − μ.
  const square = (C: Span, deviation: Value) => block.cut(k.mul(deviation, deviation), C);
  const finish = (C: Span, deviation: Value, scale: Value) => {
    const normalised = k.mul(deviation, scale);
    const [gain, bias] = [k.load(gamma, [[C, 1]]), k.load(beta, [[C, 1]])];
    block.store(out, C, k.add(k.mul(normalised, gain), bias));
  };
  const rstdOf = (squares: Value) => k.rsqrt(k.add(k.mul(k.sum(squares, c), perColumn), epsilon));
  let scale: Value;
  let centre: Value;
  if (schedule.whole) {
    const C = k.span(c, 0, columns);
    const tile = block.load(x, C);
    centre = k.mul(k.sum(tile, c), perColumn);
    const deviation = k.sub(tile, centre);
    k.name({ deviation });
    scale = rstdOf(square(C, deviation));
    finish(C, deviation, scale);
  } else {
    const [total] = sumsOverColumns(k, block, schedule, 1, (C, [sum]) => [
      k.add(sum as Value, block.load(x, C)),
    ]);
    const middle = k.mul(k.sum(total as Value, c), perColumn);
    const [squares] = sumsOverColumns(k, block, schedule, 1, (C, [sum]) => [
      k.add(sum as Value, square(C, k.sub(block.load(x, C), middle))),
    ]);
    const factor = rstdOf(squares as Value);
    overColumns(k, block, schedule, [], (C) => {
      finish(C, k.sub(block.load(x, C), middle), factor);
      return [];
    });
    centre = middle;
    scale = factor;
  }
  k.name({ centre, scale });
  block.storeVector(mean, centre);
  block.storeVector(rstd, scale);
}

/** 1 / columns; 1 for rows without elements, whose mean is then 0. */
const reciprocalOfColumns = (k: KernelBuilder, { columns }: RowBlock): Value =>
  typeof columns === 'number' ? k.constant(1 / columns) : k.div(1, k.cast(k.max(columns, 1), 'f32'));

interface Tiles {
  readonly upstream: Value;
  /** x̂ */
  readonly normalised: Value;
  /** g = γ dy */
  readonly gained: Value;
}

function layerNormGradientProgram(
  k: KernelBuilder,
  schedule: RowSchedule,
  epilogue: Epilogue | undefined,
): void {
  const [x, gamma, mean] = [k.read('x'), k.read('gamma'), k.read('mean')];
  const [rstd, dy, dx] = [k.read('rstd'), k.read('dy'), k.write('dx')];
  const partials = { gamma: k.write('gammaPartial'), beta: k.write('betaPartial') };
  const block = rowBlock(k, schedule);
  const { c, columns } = block;
  const perColumn = reciprocalOfColumns(k, block);
  const centre = block.loadVector(mean);
  const scale = block.loadVector(rstd);
  const tiles = (C: Span): Tiles => {
    const upstream = block.load(dy, C);
    const normalised = k.mul(k.sub(block.load(x, C), centre), scale);
    return { upstream, normalised, gained: k.mul(upstream, k.load(gamma, [[C, 1]])) };
  };
  const storeGradients = (C: Span, all: Tiles, meanG: Value, meanGx: Value) => {
    const direct = k.sub(k.sub(all.gained, meanG), k.mul(all.normalised, meanGx));
    storeThrough(k, epilogue, [dx, block.at(C)], k.mul(scale, direct), [block.R, C, []]);
    storePartials(k, block, C, all, partials);
  };
  const meanOf = (tile: Value) => k.mul(k.sum(tile, c), perColumn);
  if (schedule.whole) {
    const C = k.span(c, 0, columns);
    const all = tiles(C);
    storeGradients(C, all, meanOf(all.gained), meanOf(k.mul(all.gained, all.normalised)));
    return;
  }
  const [sumG, sumGx] = sumsOverColumns(k, block, schedule, 2, (C, [g, gx]) => {
    const { gained, normalised } = tiles(C);
    return [k.add(g as Value, gained), k.add(gx as Value, k.mul(gained, normalised))];
  });
  const [meanG, meanGx] = [meanOf(sumG as Value), meanOf(sumGx as Value)];
  overColumns(k, block, schedule, [], (C) => {
    storeGradients(C, tiles(C), meanG, meanGx);
    return [];
  });
}

/** This block's sums of dy x̂ and dy over its rows, at [block, columns]. */
function storePartials(
  k: KernelBuilder,
  { r, columns }: RowBlock,
  C: Span,
  { upstream, normalised }: Tiles,
  partials: { readonly gamma: Buffer; readonly beta: Buffer },
): void {
  const at = [
    [k.program(0), columns],
    [C, 1],
  ] as const;
  k.store(partials.gamma, at, k.sum(k.mul(upstream, normalised), r));
  k.store(partials.beta, at, k.sum(upstream, r));
}

const traceLayerNorm = (schedule: RowSchedule): Kernel =>
  traceRows('layerNorm', 'y = γ (x − mean) rstd + β along rows', schedule, layerNormProgram);

const traceLayerNormGradient = (schedule: RowSchedule, epilogue: Epilogue | undefined): Kernel =>
  traceRows(
    'layerNormGradient',
    'dx = f(rstd (g − mean g − x̂ mean(g x̂))), and partial sums of dγ, dβ per block of rows',
    schedule,
    (k) => layerNormGradientProgram(k, schedule, epilogue),
    epilogue && epilogueVariant(epilogue),
  );

const OWN_REDUCTION: Schedule = { tiles: { b: 16, c: 64 }, workgroup: [16, 16] };

/** dγ and dβ from the partial sums [blocks, columns]: a program adds up one tile of columns. */
function traceLayerNormReduction(schedule: Schedule): Kernel {
  const { b: blockTile = 16, c: columnTile = 64 } = schedule.tiles;
  return kernelOnce(
    {
      name: 'layerNormReduction',
      variant: [`${blockTile}x${columnTile}`, ...scheduleWords(schedule, OWN_REDUCTION)].join(' '),
      doc: 'dγ and dβ as sums over the blocks of rows',
      schedule,
    },
    (k) => {
      const partials = [k.read('gammaPartial'), k.read('betaPartial')];
      const results = [k.write('dgamma'), k.write('dbeta')];
      const [blocks, columns] = [k.parameter('blocks'), k.parameter('columns')];
      const b = k.axis('b', blockTile);
      const c = k.axis('c', columnTile);
      const C = k.span(c, k.mul(k.program(0), columnTile), columns);
      const zero = k.fill([b, c], 0);
      const stretch = { from: 0, to: blocks, step: blockTile, long: true };
      const sums = addUp(k, stretch, [zero, zero], (start, carried) => {
        const B = k.span(b, start, blocks);
        return carried.map((sum, i) =>
          k.add(
            sum,
            k.load(partials[i] as Buffer, [
              [B, columns],
              [C, 1],
            ]),
          ),
        );
      });
      sums.forEach((sum, i) => {
        k.store(results[i] as Buffer, [[C, 1]], k.sum(sum, b));
      });
    },
  );
}

interface Normalised {
  readonly rows: Dim;
  readonly columns: Dim;
  /** f32 [rows, columns] */
  readonly x: Slot;
  /** f32 [columns] */
  readonly gamma: Slot;
  /** f32 [rows]: written by the forward, read by the gradient */
  readonly mean: Slot;
  readonly rstd: Slot;
  readonly schedules?: Schedules | undefined;
}

/** out f32 [rows, columns], mean and rstd f32 [rows]. One launch. */
export function planLayerNorm(
  args: Normalised & { readonly beta: Slot; readonly out: Slot; readonly epsilon: number },
): LaunchPlan[] {
  const { rows, columns, x, gamma, beta, out, mean, rstd, schedules } = args;
  const schedule = rowSchedule(rows, columns, { name: 'layerNorm', schedules });
  const slots = { x, gamma, beta, out, mean, rstd };
  return [launchRows(traceLayerNorm(schedule), schedule, args, slots, { epsilon: { value: args.epsilon } })];
}

/** dx f32 [rows, columns], dgamma and dbeta f32 [columns]. Two launches: rows, then the sum over blocks of rows. */
export function planLayerNormGradient(
  args: Normalised & {
    readonly dy: Slot;
    readonly dx: Slot;
    readonly dgamma: Slot;
    readonly dbeta: Slot;
    /** applied to dx */
    readonly epilogue?: Epilogue | undefined;
  },
): LaunchPlan[] {
  const { rows, columns, x, gamma, mean, rstd, dy, dx, dgamma, dbeta, epilogue, schedules } = args;
  const bound = epilogueBindings(epilogue);
  const schedule = rowSchedule(rows, columns, { name: 'layerNormGradient', schedules });
  const blocks = ceilDivide(rows, schedule.rows);
  const partial = (name: string): Slot => ({
    kind: 'temporary',
    name,
    type: { dtype: 'f32', shape: [blocks, columns] },
  });
  const partials = { gammaPartial: partial('gammaPartial'), betaPartial: partial('betaPartial') };
  const shapeClass = shapeClassOf('', { b: blocks, c: columns });
  const reduction = traceLayerNormReduction(
    chooseSchedule(schedules, 'layerNormReduction', shapeClass, OWN_REDUCTION),
  );
  return [
    launchRows(
      traceLayerNormGradient(schedule, epilogue),
      schedule,
      args,
      { ...{ x, gamma, mean, rstd, dy, dx }, ...partials, ...bound.slots },
      bound.scalars,
    ),
    {
      kernel: reduction,
      grid: [blocksOf(columns, reduction.schedule.tiles.c ?? 1)],
      scalars: { blocks, columns },
      slots: { ...partials, dgamma, dbeta },
      shapeClass,
    },
  ];
}
