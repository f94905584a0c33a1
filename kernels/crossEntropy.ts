import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Span, Value } from '../src/kernel/ir.ts';
import type { Schedules } from '../src/kernel/schedule.ts';
import { blocksOf } from './plan.ts';
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
 * Cross-entropy of logits x [rows, classes] against one label per row (i32; −1 = ignored; other labels must be below
 * `classes`):
 *   loss = (m − x[label]) + log l,  m = max x,  l = Σ exp(x − m);  ignored rows have loss 0.
 * Both parts are ≥ 0, nothing cancels.
 *
 * Gradient:  dx_c = dloss · (exp((x_c − m) − log l) − [c = label]), and 0 in ignored rows. m and log l are kept apart: large logits would
 * swallow the logarithm.
 *
 * Memory: forward reads x once (short rows) or twice, writes two numbers per row; gradient reads x and writes dx once.
 */
function crossEntropyProgram(k: KernelBuilder, schedule: RowSchedule): void {
  const logits = k.read('logits');
  const labels = k.read('labels', 'i32');
  const loss = k.write('loss');
  const levels = k.write('levels');
  const block = rowBlock(k, schedule);
  const { r, c, columns } = block;
  const label = block.loadVector(labels, -1);
  const exps = (tile: Value, C: Span, largest: Value) => block.cut(k.exp(k.sub(tile, largest)), C);
  const picked = (tile: Value, C: Span) => k.select(k.eq(k.add(k.arange(c), C.start), label), tile, 0);
  const finish = (largest: Value, total: Value, chosen: Value) => {
    const logTotal = k.log(total);
    const ignored = k.lt(label, 0);
    block.storeVector(loss, k.select(ignored, 0, k.add(k.sub(largest, chosen), logTotal)));
    block.storeVector(levels, largest);
    block.storeVector(levels, logTotal, 1);
  };
  if (schedule.whole) {
    const C = k.span(c, 0, columns);
    const tile = block.load(logits, C, lowest);
    const largest = k.maximum(tile, c);
    finish(largest, k.sum(exps(tile, C, largest), c), k.sum(picked(tile, C), c));
    return;
  }
  const [highest] = overColumns(k, block, schedule, [k.fill([r, c], lowest)], (C, [most]) => [
    k.max(most as Value, block.load(logits, C, lowest)),
  ]);
  const largest = k.maximum(highest as Value, c);
  const [totals, chosen] = sumsOverColumns(k, block, schedule, 2, (C, [total, at]) => {
    const tile = block.load(logits, C, lowest);
    return [k.add(total as Value, exps(tile, C, largest)), k.add(at as Value, picked(tile, C))];
  });
  finish(largest, k.sum(totals as Value, c), k.sum(chosen as Value, c));
}

/** Every tile of dlogits by itself: no reduction is left to do. */
function crossEntropyGradientProgram(k: KernelBuilder, schedule: RowSchedule): void {
  const logits = k.read('logits');
  const labels = k.read('labels', 'i32');
  const levels = k.read('levels');
  const dloss = k.read('dloss');
  const dlogits = k.write('dlogits');
  const block = rowBlock(k, schedule);
  const C = k.span(block.c, k.mul(k.program(1), schedule.columns), block.columns);
  const label = block.loadVector(labels, -1);
  const shifted = k.sub(block.load(logits, C), block.loadVector(levels));
  const probability = k.exp(k.sub(shifted, block.loadVector(levels, 0, 1)));
  const target = k.select(k.eq(k.add(k.arange(block.c), C.start), label), k.constant(1), 0);
  const gradient = k.mul(k.sub(probability, target), block.loadVector(dloss));
  block.store(dlogits, C, k.select(k.lt(label, 0), 0, gradient));
}

const traceCrossEntropy = (schedule: RowSchedule): Kernel =>
  traceRows('crossEntropy', 'loss = log Σ exp(logits) − logits[label]', schedule, crossEntropyProgram);

function traceCrossEntropyGradient(schedule: RowSchedule): Kernel {
  return traceRows(
    'crossEntropyGradient',
    'dlogits = (softmax(logits) − [c = label]) · dloss',
    schedule,
    crossEntropyGradientProgram,
  );
}

interface Logits {
  readonly rows: Dim;
  readonly classes: Dim;
  /** f32 [rows, classes] */
  readonly logits: Slot;
  /** i32 [rows], −1 = ignored */
  readonly labels: Slot;
  /** f32 [2, rows], m and log l of each row, saved for the gradient */
  readonly levels: Slot;
  readonly schedules?: Schedules | undefined;
}

/** loss f32 [rows] and levels f32 [2, rows]. One launch. */
export function planCrossEntropy(args: Logits & { readonly loss: Slot }): LaunchPlan[] {
  const { rows, classes, logits, labels, loss, levels, schedules } = args;
  const schedule = rowSchedule(rows, classes, { name: 'crossEntropy', schedules });
  const dims = { rows, columns: classes };
  return [launchRows(traceCrossEntropy(schedule), schedule, dims, { logits, labels, loss, levels })];
}

/** dlogits f32 [rows, classes] from dloss f32 [rows]. One launch. */
export function planCrossEntropyGradient(
  args: Logits & { readonly dloss: Slot; readonly dlogits: Slot },
): LaunchPlan[] {
  const { rows, classes, logits, labels, levels, dloss, dlogits, schedules } = args;
  const schedule = rowSchedule(rows, classes, { name: 'crossEntropyGradient', schedules });
  const dims = { rows, columns: classes };
  const slots = { logits, labels, levels, dloss, dlogits };
  const plan = launchRows(traceCrossEntropyGradient(schedule), schedule, dims, slots);
  return [{ ...plan, grid: [...plan.grid, blocksOf(classes, schedule.columns)] }];
}
