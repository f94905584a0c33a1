import {
  type DeviceSchedules,
  type PartialSchedule,
  type Schedules,
  type ScheduleTable,
  schedulesFrom,
} from '../kernel/schedule.ts';
import type { DeviceName } from './device.ts';

type Classes = Readonly<Record<string, PartialSchedule>>;

const inClasses = (classes: readonly string[], schedule: PartialSchedule): Classes =>
  Object.fromEntries(classes.map((shapeClass) => [shapeClass, schedule]));

/** The interpreter takes what the plan functions choose: it has one thread, and no caches to fit. */
const interpreter: DeviceSchedules = { table: {}, programs: 1 };

/**
 * Narrow heads go with short sequences, in whose last blocks small tiles waste less: 13 positions of 4 heads of 16 take half
 * of the time, 64 positions the same. Heads of 32 keep 32 × 32: larger blocks take 0.93 of the time of 128 positions, but half as much
 * again of 130 and twice as much of 32, and what a feed will bring is not known here.
 */
const narrowHeads = inClasses(['d≤4', 'd≤8', 'd≤16'], { tiles: { i: 16, j: 16 } });

/** Half as many programs pack the same tile of y. */
const manyRows = inClasses(['m≤1024', 'm≤2048', 'm≤4096', 'm>4096'], { tiles: { m: 128 } });

/**
 * Sixteen rows of up to 1024 elements, 64 KiB, stay in the second-level cache, so that a row comes from its tile in all but the first of
 * the passes over it: 256 rows of 512 to 1024 elements take 0.7 of the time of softmax, 0.78 of layer norm's, 0.8 of its gradient's.
 */
const cachedRows = inClasses(['c≤512', 'c≤1024'], { tiles: { c: 1024 } });

/** Nothing is carried from tile to tile, so that wide ones only save turns: 0.88 to 0.93 of the time of 258 to 1500 columns. */
const wideTiles = inClasses(['c≤512', 'c≤1024', 'c≤2048', 'c≤4096', 'c>4096'], { tiles: { c: 512 } });

/**
 * Generated WebAssembly on a few cores. Eight programs let two threads end within an eighth of each other, and four have
 * two each; more would make tiles so small that packing them costs more than it spreads.
 *
 * A panel of y, 8 columns wide and k deep, stays in the first-level cache while the rows of x pass by, and a packed tile of y
 * in the second. Up to four rows y is read where it lies, and k is as long as it can be.
 */
const wasm: DeviceSchedules = {
  table: {
    matmul: {
      '': { tiles: { m: 64, n: 256, k: 256 } },
      'm≤4': { tiles: { n: 256, k: 512 } },
      'k>4096': { blocks: true },
      ...manyRows,
    },
    attention: narrowHeads,
    attentionQueryGradient: narrowHeads,
    attentionKeyGradient: narrowHeads,
    softmax: cachedRows,
    layerNorm: cachedRows,
    layerNormGradient: cachedRows,
    crossEntropyGradient: wideTiles,
  },
  programs: 8,
};

/**
 * 8 × 8 elements per thread in both: 64 or 256 threads. A larger tile reads its operands less often (128: 1/64 number from
 * memory per multiply-add, 64: 1/32), which matters once the product occupies every multiprocessor several times over; smaller
 * ones share out more evenly what is left (`backend/wgsl/dot.ts` derives the rest).
 */
const smallTile: PartialSchedule = { tiles: { m: 64, n: 64, k: 64 }, stage: 16 };
const largeTile: PartialSchedule = { tiles: { m: 128, n: 128, k: 64 }, stage: 16 };

/** Rows and columns of at least 1,025; rows that only a feed will tell are all tokens of a batch. */
const largeClasses = ['m', 'm≤2048', 'm≤4096', 'm>4096'].flatMap((rows) =>
  ['n≤2048', 'n≤4096', 'n>4096'].map((columns) => `${rows} ${columns}`),
);

/**
 * Rows of 257 to 1024 elements are kept whole: each element is read from memory once, and not once for each of three passes. Four rows
 * then are at most 16 elements, four vec4, in the registers of each of 256 threads; 64 threads side by side read 1 KiB in a row. The
 * gradient of layer norm keeps 16 rows a program, since its partial sums are one row for each block of rows. Derived, not measured.
 */
const wholeRows = inClasses(['c≤512', 'c≤1024'], { tiles: { r: 4, c: 1024 }, workgroup: [64, 4] });

/** GPUs of any size: the tiles fit the default limits, and 64 programs occupy a small one. */
const webgpu: DeviceSchedules = {
  table: {
    matmul: { '': smallTile, ...inClasses(largeClasses, largeTile) },
    softmax: wholeRows,
    layerNorm: wholeRows,
  },
  programs: 64,
};

/** What the tables of each kind of device say where no tuning was done. */
const BUILT_IN: Readonly<Record<DeviceName, DeviceSchedules>> = { interpreter, wasm, webgpu };

/** The schedules of a device, `overlays` (such as those of a tuning cache) laid over its own, the later over the earlier. */
export function schedulesOf(device: DeviceName, overlays: readonly ScheduleTable[] = []): Schedules {
  const { table, programs } = BUILT_IN[device];
  return schedulesFrom([table, ...overlays], programs);
}
