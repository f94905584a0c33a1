import type { DeviceSchedules, PartialSchedule } from '../../kernel/schedule.ts';

/**
 * Narrow heads go with short sequences, in whose last blocks small tiles waste less: 13 positions of 4 heads of 16 take half
 * of the time, 64 positions the same. Heads of 32 keep 32 × 32: larger blocks take 0.93 of the time of 128 positions, but half as much
 * again of 130 and twice as much of 32, and what a feed will bring is not known here.
 */
const narrowHeads: Readonly<Record<string, PartialSchedule>> = {
  'd≤4': { tiles: { i: 16, j: 16 } },
  'd≤8': { tiles: { i: 16, j: 16 } },
  'd≤16': { tiles: { i: 16, j: 16 } },
};

/** Half as many programs pack the same tile of y. */
const manyRows: PartialSchedule = { tiles: { m: 128 } };

/**
 * Sixteen rows of up to 1024 elements, 64 KiB, stay in the second-level cache, so that a row comes from its tile in all but the first of
 * the passes over it: 256 rows of 512 to 1024 elements take 0.7 of the time of softmax, 0.78 of layer norm's, 0.8 of its gradient's.
 */
const wholeRows: Readonly<Record<string, PartialSchedule>> = {
  'c≤512': { tiles: { c: 1024 } },
  'c≤1024': { tiles: { c: 1024 } },
};

/** Nothing is carried from tile to tile, so that wide ones only save turns: 0.88 to 0.93 of the time of 258 to 1500 columns. */
const wideTiles = Object.fromEntries(
  ['c≤512', 'c≤1024', 'c≤2048', 'c≤4096', 'c>4096'].map((key) => [key, { tiles: { c: 512 } }]),
);

/**
 * Generated WebAssembly on a few cores. Eight programs let two threads end within an eighth of each other, and four have
 * two each; more would make tiles so small that packing them costs more than it spreads.
 *
 * A panel of y, 8 columns wide and k deep, stays in the first-level cache while the rows of x pass by, and a packed tile of y
 * in the second. Up to four rows y is read where it lies, and k is as long as it can be.
 */
export const wasmSchedules: DeviceSchedules = {
  table: {
    matmul: {
      '': { tiles: { m: 64, n: 256, k: 256 } },
      'm≤4': { tiles: { n: 256, k: 512 } },
      'k>4096': { blocks: true },
      ...Object.fromEntries(['m≤1024', 'm≤2048', 'm≤4096', 'm>4096'].map((rows) => [rows, manyRows])),
    },
    attention: narrowHeads,
    attentionQueryGradient: narrowHeads,
    attentionKeyGradient: narrowHeads,
    softmax: wholeRows,
    layerNorm: wholeRows,
    layerNormGradient: wholeRows,
    crossEntropyGradient: wideTiles,
  },
  programs: 8,
};
