import { ceilDivide } from '../src/base/dim.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { Schedule, Span } from '../src/kernel/ir.ts';
import { type Epilogue, epilogueBindings, epilogueVariant, storeThrough } from './epilogue.ts';
import { type Choice, choose, kernel, type Slots } from './kernel.ts';
import { addUp } from './longSum.ts';
import { extentsOf, matrix, temporaries, tileOf } from './plan.ts';
import { type Matrix, rowKernel } from './rows.ts';

/**
 * Layer normalisation along the rows of x [rows, columns] with gain γ and bias β [columns]; mean μ and rstd [rows] are kept:
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
export const { plan: planLayerNorm } = rowKernel(
  {
    name: 'layerNorm',
    doc: 'y = γ (x − mean) rstd + β along rows',
    reads: { x: 'f32', gamma: 'f32', beta: 'f32' },
    writes: { out: 'f32', mean: 'f32', rstd: 'f32' },
    parameters: { epsilon: 'f32' },
  },
  (k, block, { x, gamma, beta, out, mean, rstd, epsilon }) => {
    const { load, loadColumns, store, storeVector, cut, sums, each } = block;
    const perColumn = block.perColumn();
    const [total] = sums((C) => load(x, C));
    const centre = k.mul(total, perColumn);
    const deviation = (C: Span) => k.sub(load(x, C), centre);
    // elements past the end would be 0 − μ
    const [squares] = sums((C) => cut(k.mul(deviation(C), deviation(C)), C));
    const scale = k.rsqrt(k.add(k.mul(squares, perColumn), epsilon));
    k.name({ centre, scale });
    each((C) => {
      const gained = k.mul(k.mul(deviation(C), scale), loadColumns(gamma, C));
      store(out, C, k.add(gained, loadColumns(beta, C)));
    });
    storeVector(mean, centre);
    storeVector(rstd, scale);
  },
);

const layerNormGradient = (epilogue: Epilogue | undefined) =>
  rowKernel(
    {
      name: 'layerNormGradient',
      doc: 'dx = f(rstd (g − mean g − x̂ mean(g x̂))), and partial sums of dγ, dβ per block of rows',
      variant: [epilogue && epilogueVariant(epilogue)],
      reads: { x: 'f32', gamma: 'f32', mean: 'f32', rstd: 'f32', dy: 'f32' },
      writes: { dx: 'f32', gammaPartial: 'f32', betaPartial: 'f32' },
    },
    (k, block, { x, gamma, mean, rstd, dy, dx, gammaPartial, betaPartial }) => {
      const { r, R, columns, load, loadVector, loadColumns, sums, each } = block;
      const perColumn = block.perColumn();
      const [centre, scale] = [loadVector(mean), loadVector(rstd)];
      const normalised = (C: Span) => k.mul(k.sub(load(x, C), centre), scale);
      const gained = (C: Span) => k.mul(load(dy, C), loadColumns(gamma, C));
      const [sumG, sumGx] = sums(gained, (C) => k.mul(gained(C), normalised(C)));
      const [meanG, meanGx] = [k.mul(sumG, perColumn), k.mul(sumGx, perColumn)];
      each((C) => {
        const direct = k.sub(k.sub(gained(C), meanG), k.mul(normalised(C), meanGx));
        storeThrough(k, epilogue, [dx, matrix(R, C, columns)], k.mul(scale, direct), [R, C, []]);
        // this block's sums over its rows, at [block, columns]
        const at = matrix(k.program(0), C, columns);
        k.store(gammaPartial, at, k.sum(k.mul(load(dy, C), normalised(C)), r));
        k.store(betaPartial, at, k.sum(load(dy, C), r));
      });
    },
  );

const OWN = { tiles: { b: 16, c: 64 }, workgroup: [16, 16] } satisfies Schedule;

/** dγ and dβ from the partial sums [blocks, columns]: a program adds up one tile of columns. */
const layerNormReduction = (choice: Choice<typeof OWN.tiles>) =>
  kernel(
    {
      name: 'layerNormReduction',
      doc: 'dγ and dβ as sums over the blocks of rows',
      variant: [extentsOf(choice.schedule.tiles)],
      choice,
      tiles: choice.schedule.tiles,
      reads: { gammaPartial: 'f32', betaPartial: 'f32' },
      writes: { dgamma: 'f32', dbeta: 'f32' },
      parameters: { blocks: 'i32', columns: 'i32' },
    },
    (k, { b, c, gammaPartial, betaPartial, dgamma, dbeta, blocks, columns }) => {
      const C = tileOf(k, c, 0, columns);
      const zero = k.fill([b, c], 0);
      const range = { from: 0, to: blocks, step: b.size, long: true };
      const [gammaSum, betaSum] = addUp(k, range, [zero, zero], (start, [gamma, beta]) => {
        const at = matrix(k.span(b, start, blocks), C, columns);
        return [k.add(gamma, k.load(gammaPartial, at)), k.add(beta, k.load(betaPartial, at))];
      });
      k.store(dgamma, [[C, 1]], k.sum(gammaSum, b));
      k.store(dbeta, [[C, 1]], k.sum(betaSum, b));
    },
  );

/** dx f32 [rows, columns], dgamma and dbeta f32 [columns]. Two launches: rows, then the sum over blocks of rows. */
export function planLayerNormGradient(
  args: Matrix &
    Slots<'x' | 'gamma' | 'mean' | 'rstd' | 'dy' | 'dx' | 'dgamma' | 'dbeta'> & {
      /** applied to dx */
      readonly epilogue?: Epilogue | undefined;
    },
): LaunchPlan[] {
  const { rows, columns, epilogue, schedules } = args;
  const gradient = layerNormGradient(epilogue).over(args);
  const blocks = ceilDivide(rows, gradient.tiles.r);
  const sums = temporaries('f32', [blocks, columns], 'gammaPartial', 'betaPartial');
  const choice = choose('layerNormReduction', OWN, { b: blocks, c: columns }, schedules);
  return [
    gradient.with({ ...args, ...sums }, epilogueBindings(epilogue)),
    layerNormReduction(choice)
      .over({ c: columns })
      .with({ ...args, ...sums, blocks }),
  ];
}
