import type { Precision, TypedArray } from '../../base/dtype.ts';
import { defined } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, Region, Span, Value } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import { denseTile, type Tile } from './tile.ts';

/** One prepared action: its arrays, strides and loop are chosen beforehand. */
export type Step = () => void;

/** A buffer's place in the plan; `data` is what the launch at hand has bound to it. */
export interface BoundBuffer {
  data: TypedArray;
}

/** How many elements along an axis the steps compute at the moment: its size, or fewer where the rest is not needed. */
export interface Extent {
  value: number;
}

/** The extent of an axis follows from `spans` (the longest counts, and `extra` elements more), known in `region`. */
export interface ExtentRule {
  readonly axis: Axis;
  readonly region: Region;
  readonly spans: readonly Span[];
  readonly extra: 0 | 1;
}

/** What the steps of one kernel share while they are made. */
export interface Preparation {
  readonly kernel: Kernel;
  readonly precision: Precision;
  readonly analysis: Analysis;
  /** coordinates of the program at hand */
  readonly program: Int32Array;
  readonly buffers: ReadonlyMap<Buffer, BoundBuffer>;
  readonly tiles: Map<Value, Tile>;
  readonly extents: ReadonlyMap<Axis, Extent>;
  readonly rules: readonly ExtentRule[];
}

export function beginPreparation(
  kernel: Kernel,
  precision: Precision,
  analysis: Analysis,
  rules: readonly ExtentRule[],
): Preparation {
  const empty: TypedArray = new Float32Array(0);
  return {
    kernel,
    precision,
    analysis,
    rules,
    program: new Int32Array(4),
    buffers: new Map(kernel.buffers.map((buffer) => [buffer, { data: empty }])),
    tiles: new Map(),
    extents: new Map(kernel.axes.map((axis) => [axis, { value: axis.size }])),
  };
}

export const tileOf = (at: Preparation, value: Value): Tile =>
  defined(at.tiles.get(value), `tile of value %${value.id}`);

export const extentOf = (at: Preparation, axis: Axis): Extent =>
  defined(at.extents.get(axis), `extent of axis ${axis.name}`);

/** Extents of a tile's rows and columns at the moment; a vector is one row. */
export function extentsOf(at: Preparation, axes: readonly Axis[]): { rows: Extent; columns: Extent } {
  const [first, second] = axes;
  const one: Extent = { value: 1 };
  if (second) return { rows: first ? extentOf(at, first) : one, columns: extentOf(at, second) };
  return { rows: one, columns: first ? extentOf(at, first) : one };
}

/** What the elements of `value` are kept in. */
export const precisionOf = ({ analysis, precision }: Preparation, value: Value): Precision =>
  analysis.isSum(value) ? 'f64' : precision;

/** A dense tile of its own for `value`. */
export function ownTile(at: Preparation, value: Value): Tile {
  const tile = denseTile(value.axes, value.dtype, precisionOf(at, value));
  at.tiles.set(value, tile);
  return tile;
}

export const runSteps = (steps: readonly Step[]): void => {
  for (let i = 0; i < steps.length; i++) (steps[i] as Step)();
};
