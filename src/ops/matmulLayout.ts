import type { MatmulBatch } from '../../kernels/matmul.ts';
import { type Dim, printShape, type Shape, times } from '../base/dim.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { broadcastShapes, fail } from './rules.ts';

/* How a batched product with broadcasting becomes one matrix product under at most two outer grid dims. */

interface Sides {
  readonly outer: Shape;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inner: Dim;
}

export const swapped = (shape: Shape, swap: boolean): Shape =>
  swap && shape.length >= 2 ? [...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1] : shape;

export function sidesOf(x: TensorType, y: TensorType, attributes: Attributes): Sides {
  const xShape = swapped(x.shape, attributes.transposeX === true);
  const yShape = swapped(y.shape, attributes.transposeY === true);
  return {
    outer: broadcastShapes('matmul batch', xShape.slice(0, -2), yShape.slice(0, -2)),
    rows: xShape.at(-2) ?? 1,
    inner: xShape.at(-1) ?? 1,
    columns: yShape.at(-1) ?? 1,
  };
}

// ---- layout: outer dims become rows where they can, else at most two grid dims

/** Outer dims that x, y and every epilogue operand have or lack together. */
interface Group {
  readonly size: Dim;
  /** of x, y and the epilogue operands */
  readonly has: readonly boolean[];
}

export interface MatmulLayout extends Sides {
  /** rows of one matrix product: those of x and the outer dims that join them */
  readonly allRows: Dim;
  readonly groups: readonly Group[];
  /** of x, y and the epilogue operands: whether it runs along those rows */
  readonly hasRows: readonly boolean[];
}

export const hasDim = (shape: Shape, fromRight: number): boolean => (shape.at(-1 - fromRight) ?? 1) !== 1;

export function layOut(
  operands: readonly [x: TensorType, y: TensorType, ...extras: TensorType[]],
  attributes: Attributes,
): MatmulLayout {
  const [x, y] = operands;
  const sides = sidesOf(x, y, attributes);
  const groups: Group[] = [];
  sides.outer.forEach((size, axis) => {
    if (size === 1) return;
    // distance from the right in shapes that end with [rows, columns]
    const fromRight = sides.outer.length - 1 - axis + 2;
    const has = operands.map(({ shape }) => hasDim(shape, fromRight));
    const last = groups.at(-1);
    if (last?.has.every((flag, i) => flag === has[i])) {
      groups[groups.length - 1] = { size: times(last.size, size), has };
    } else groups.push({ size, has });
  });
  const last = groups.at(-1);
  // x lies there row after row, y is the same for all: one taller matrix
  const ownRows = operands.map(({ shape }) => hasDim(shape, 1));
  const joins =
    last?.has[0] === true &&
    last.has[1] === false &&
    attributes.transposeX !== true &&
    (sides.rows === 1 || last.has.every((flag, i) => i < 2 || flag === ownRows[i]));
  const kept = joins ? groups.slice(0, -1) : groups;
  if (kept.length > 2) {
    const shapes = `${printShape(x.shape)} x ${printShape(y.shape)}`;
    fail(
      'FROND-S013',
      `matmul: ${kept.length} outer dimensions are left after joining in ${shapes}, two are possible`,
      'reshape the operands so that dimensions that both have stand together',
    );
  }
  return {
    ...sides,
    allRows: joins ? times(last.size, sides.rows) : sides.rows,
    groups: kept,
    hasRows: joins ? last.has : ownRows,
  };
}

/** Strides of an operand over the kept outer groups: 0 where it lacks one. */
export function groupStrides(groups: readonly Group[], index: number, matrix: Dim): readonly Dim[] {
  const strides: Dim[] = [];
  let stride = matrix;
  for (const { size, has } of groups.toReversed()) {
    strides.unshift(has[index] ? stride : 0);
    if (has[index]) stride = times(size, stride);
  }
  return strides;
}

export function batchOf({ groups, allRows, inner, columns }: MatmulLayout): MatmulBatch[] {
  const strides = {
    x: groupStrides(groups, 0, times(allRows, inner)),
    y: groupStrides(groups, 1, times(inner, columns)),
  };
  const all = groups.map(({ size }) => ({ size, has: [true] }));
  const out = groupStrides(all, 0, times(allRows, columns));
  return groups.map(({ size }, i) => ({
    size,
    x: strides.x[i] ?? 0,
    y: strides.y[i] ?? 0,
    out: out[i] ?? 0,
  }));
}
