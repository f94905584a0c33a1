import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Span, Value } from '../src/kernel/ir.ts';
import type { Schedules } from '../src/kernel/schedule.ts';
import { identity } from './reduce.ts';
import {
  launchRows,
  overColumns,
  type RowSchedule,
  rowBlock,
  rowSchedule,
  sumsOverColumns,
  traceRows,
} from './rows.ts';

const lowest = identity('max', 'f32');

/**
 * Softmax along the rows of x [rows, columns]:  y = exp(x − max x) / Σ exp(x − max x).
 *
 * Gradient: with y_i = e^{x_i} / Σ e^{x_j},  ∂y_i/∂x_j = y_i (δ_ij − y_j), hence
 *   dx_j = Σ_i dy_i y_i (δ_ij − y_j) = y_j (dy_j − Σ_i y_i dy_i).
 *
 * A program takes a block of rows. Rows of up to 256 elements are one tile. Longer rows are walked in three passes
 * (maximum, sum, result) that carry [r, c] tiles and reduce across the tile only once per pass.
 *
 * Memory: forward reads x once (whole) or three times (looped; the later two from cache), writes y once;
 * gradient reads y and dy once or twice, writes dx once.
 */
function softmaxProgram(k: KernelBuilder, schedule: RowSchedule): void {
  const x = k.read('x');
  const out = k.write('out');
  const block = rowBlock(k, schedule);
  const { r, c, columns } = block;
  // Elements past the end add nothing even to a row whose own maximum is the lowest number, hence the cut.
  const exps = (tile: Value, C: Span, largest: Value) => block.cut(k.exp(k.sub(tile, largest)), C);
  if (schedule.whole) {
    const C = k.span(c, 0, columns);
    const tile = block.load(x, C, lowest);
    const largest = k.maximum(tile, c);
    const shifted = exps(tile, C, largest);
    const total = k.sum(shifted, c);
    k.name({ largest, shifted, total });
    block.store(out, C, k.div(shifted, total));
    return;
  }
  const [highest] = overColumns(k, block, schedule, [k.fill([r, c], lowest)], (C, [most]) => [
    k.max(most as Value, block.load(x, C, lowest)),
  ]);
  const largest = k.maximum(highest as Value, c);
  const [totals] = sumsOverColumns(k, block, schedule, 1, (C, [total]) => [
    k.add(total as Value, exps(block.load(x, C, lowest), C, largest)),
  ]);
  const sum = k.sum(totals as Value, c);
  k.name({ highest, largest, totals, sum });
  overColumns(k, block, schedule, [], (C) => {
    block.store(out, C, k.div(k.exp(k.sub(block.load(x, C), largest)), sum));
    return [];
  });
}

function softmaxGradientProgram(k: KernelBuilder, schedule: RowSchedule): void {
  const y = k.read('y');
  const dy = k.read('dy');
  const dx = k.write('dx');
  const block = rowBlock(k, schedule);
  const { c, columns } = block;
  if (schedule.whole) {
    const C = k.span(c, 0, columns);
    const [yTile, dyTile] = [block.load(y, C), block.load(dy, C)];
    const inner = k.sum(k.mul(yTile, dyTile), c);
    block.store(dx, C, k.mul(yTile, k.sub(dyTile, inner)));
    return;
  }
  const [products] = sumsOverColumns(k, block, schedule, 1, (C, [total]) => [
    k.add(total as Value, k.mul(block.load(y, C), block.load(dy, C))),
  ]);
  const inner = k.sum(products as Value, c);
  overColumns(k, block, schedule, [], (C) => {
    block.store(dx, C, k.mul(block.load(y, C), k.sub(block.load(dy, C), inner)));
    return [];
  });
}

export const traceSoftmax = (schedule: RowSchedule): Kernel =>
  traceRows('softmax', 'y = exp(x − max x) / Σ exp(x − max x) along rows', schedule, softmaxProgram);

const traceSoftmaxGradient = (schedule: RowSchedule): Kernel =>
  traceRows('softmaxGradient', 'dx = y (dy − Σ y dy) along rows', schedule, softmaxGradientProgram);

interface Matrix {
  readonly rows: Dim;
  readonly columns: Dim;
  readonly schedules?: Schedules | undefined;
}

/** out = softmax(x) along the rows of [rows, columns]. One launch. */
export function planSoftmax(args: Matrix & { readonly x: Slot; readonly out: Slot }): LaunchPlan[] {
  const { rows, columns, schedules } = args;
  const schedule = rowSchedule(rows, columns, { name: 'softmax', schedules });
  return [launchRows(traceSoftmax(schedule), schedule, args, { x: args.x, out: args.out })];
}

/** dx = y (dy − Σ y dy) along the rows of [rows, columns], where y is the forward's result. One launch. */
export function planSoftmaxGradient(
  args: Matrix & { readonly y: Slot; readonly dy: Slot; readonly dx: Slot },
): LaunchPlan[] {
  const { rows, columns, y, dy, dx, schedules } = args;
  const schedule = rowSchedule(rows, columns, { name: 'softmaxGradient', schedules });
  return [launchRows(traceSoftmaxGradient(schedule), schedule, args, { y, dy, dx })];
}
