import { contiguousStrides, type JoinedDims, joinDims } from '../../kernels/dims.ts';
import type { MatmulBatch } from '../../kernels/matmul.ts';
import { printShape, type Shape, times } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import { broadcastShapes, fail } from './rules.ts';

/* How a batched product with broadcasting becomes one matrix product under at most two outer grid dims. */

type Transposes = Readonly<Partial<Record<'transposeX' | 'transposeY', boolean>>>;

const swapped = (shape: Shape, swap: boolean): Shape =>
  swap && shape.length >= 2 ? [...shape.slice(0, -2), shape.at(-1) ?? 1, shape.at(-2) ?? 1] : shape;

/** The sizes of a product; x may be a vector where y is a matrix. */
export function sidesOf(
  { shape: xShape }: TensorType,
  { shape: yShape }: TensorType,
  { transposeX = false, transposeY = false }: Transposes,
) {
  const [x, y] = [swapped(xShape, transposeX), swapped(yShape, transposeY)];
  const inner = x.at(-1) ?? fail('FROND-S013', 'matmul: left operand is a scalar');
  const [rows, columns] = y.slice(-2);
  if (rows === undefined || columns === undefined) {
    return fail('FROND-S013', `matmul: right operand needs 2 or more dimensions, has ${printShape(y)}`);
  }
  if (x.length < 2 && y.length > 2) {
    fail('FROND-S013', `matmul: left operand needs 2 or more dimensions, has ${printShape(x)}`);
  }
  if (inner !== rows) {
    const where = `in ${printShape(x)} x ${printShape(y)}`;
    fail('FROND-S015', `matmul: inner dimensions differ: ${inner} and ${rows} ${where}`);
  }
  const outer = broadcastShapes('matmul batch', x.slice(0, -2), y.slice(0, -2));
  return { outer, rows: x.at(-2) ?? 1, columns, inner };
}

// ---- layout: outer dims become rows where they can, else at most two grid dims

export type MatmulLayout = ReturnType<typeof layOut>;

const hasGrid = (grid: readonly JoinedDims[], operand: number): boolean[] =>
  grid.map(({ has }) => has[operand] === true);

const hasDim = (shape: Shape, fromRight: number): boolean => (shape.at(-1 - fromRight) ?? 1) !== 1;

export function layOut(
  operands: readonly [x: TensorType, y: TensorType, ...extras: TensorType[]],
  attributes: Transposes,
) {
  const [x, y] = operands;
  const sides = sidesOf(x, y, attributes);
  // distance from the right in shapes that end with [rows, columns]
  const fromRight = (axis: number): number => sides.outer.length - 1 - axis + 2;
  const joined = joinDims(sides.outer, (axis) => operands.map(({ shape }) => hasDim(shape, fromRight(axis))));
  const last = joined.at(-1);
  // x lies there row after row, y is the same for all: one taller matrix
  const ownRows = operands.map(({ shape }) => hasDim(shape, 1));
  const joins =
    last?.has[0] === true &&
    last.has[1] === false &&
    attributes.transposeX !== true &&
    (sides.rows === 1 || last.has.every((flag, i) => i < 2 || flag === ownRows[i]));
  const grid = joins ? joined.slice(0, -1) : joined;
  if (grid.length > 2) {
    const shapes = `${printShape(x.shape)} x ${printShape(y.shape)}`;
    fail(
      'FROND-S013',
      `matmul: ${grid.length} outer dimensions are left after joining in ${shapes}, two are possible`,
      'reshape the operands so that dimensions that both have stand together',
    );
  }
  return {
    ...sides,
    /** rows of one matrix product: those of x and the outer dims that join them */
    allRows: joins ? times(last.size, sides.rows) : sides.rows,
    /** outer dims that x, y and every extra operand have or lack together */
    grid,
    /** of x, y and the extra operands: whether it runs along those rows */
    hasRows: joins ? last.has : ownRows,
  };
}

/** The outer dims with the strides that x, y and the result have over them. */
export function batchOf({ grid, allRows, inner, columns }: MatmulLayout): MatmulBatch[] {
  const sizes = grid.map(({ size }) => size);
  const x = contiguousStrides([...sizes, allRows, inner], hasGrid(grid, 0));
  const y = contiguousStrides([...sizes, inner, columns], hasGrid(grid, 1));
  const out = contiguousStrides([...sizes, allRows, columns]);
  // the stride of an empty result is 0, which would broadcast it
  return grid.map(({ size }, i) => ({ size, x: x[i] ?? 0, y: y[i] ?? 0, out: out[i] || 1 }));
}

/** Strides of the extra operand of that number, over outer dims, rows and columns. */
export function stridesIn(
  { grid, hasRows, allRows, columns }: MatmulLayout,
  { shape }: TensorType,
  i: number,
) {
  const has = [...hasGrid(grid, 2 + i), hasRows[2 + i] === true, hasDim(shape, 0)];
  return contiguousStrides([...grid.map(({ size }) => size), allRows, columns], has);
}
