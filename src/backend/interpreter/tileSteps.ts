/** Steps for reductions and products. */
import type { Value } from '../../kernel/ir.ts';
import { multiplyTiles } from './loops/dot.ts';
import { copyBlock } from './loops/memory.ts';
import {
  argmaxColumns,
  maxAll,
  maxColumns,
  maxRows,
  type ReduceLoop,
  sumAll,
  sumColumns,
  sumRows,
} from './loops/reduce.ts';
import { extentOf, extentsOf, ownTile, type Preparation, type Step, tileOf } from './preparation.ts';
import { broadcast, extents, strideIn, uniformTile } from './tile.ts';

export function reduceStep(at: Preparation, value: Value & { readonly op: 'reduce' }): Step {
  const { arg, combine, over } = value;
  const tile = tileOf(at, arg);
  const out = ownTile(at, value);
  const place = broadcast(arg.axes, arg.axes);
  const { rows, columns } = extents(arg.axes);
  const extent = extentsOf(at, arg.axes);
  const overRows = arg.axes.length === 2 && over.length === 1 && over[0] === arg.axes[0];
  const all = value.axes.length === 0;
  const totals = () => new Float64Array(columns);
  if (overRows && combine === 'argmax') {
    // a column's elements, read as a row
    return () => {
      const [high, wide] = [extent.rows.value, extent.columns.value];
      argmaxColumns(out.data, tile.data, tile.offset, tile.stride1, tile.stride0, wide, high, 0, 0);
    };
  }
  let loop: ReduceLoop = argmaxColumns;
  if (combine === 'sum') loop = all ? sumAll : overRows ? sumRows(totals()) : sumColumns;
  if (combine === 'max') loop = all ? maxAll : overRows ? maxRows(totals()) : maxColumns;
  return () => {
    const [row, column] = [strideIn(tile, place.row), strideIn(tile, place.column)];
    const [high, wide] = [extent.rows.value, extent.columns.value];
    loop(out.data, tile.data, tile.offset, row, column, high, wide, rows - high, columns - wide);
  };
}

export function dotStep(at: Preparation, value: Value & { readonly op: 'dot' }): Step {
  const { left: leftValue, right: rightValue, over, row, column } = value;
  const [left, right] = [tileOf(at, leftValue), tileOf(at, rightValue)];
  const accumulator = value.accumulator
    ? tileOf(at, value.accumulator)
    : uniformTile(value.axes, 'f32', at.precision, 0);
  const out = ownTile(at, value);
  const leftByRow = leftValue.axes[0] === row;
  const rightByDepth = rightValue.axes[0] === over;
  const stable =
    rightValue.op === 'load' && rightValue.buffer.access === 'read'
      ? at.buffers.get(rightValue.buffer)
      : undefined;
  const [rowExtent, columnExtent] = [extentOf(at, row), extentOf(at, column)];
  return () => {
    const [high, wide] = [rowExtent.value, columnExtent.value];
    const rows = Math.min(high, leftByRow ? left.valid0 : left.valid1);
    const columns = Math.min(wide, rightByDepth ? right.valid1 : right.valid0);
    const depth = Math.min(leftByRow ? left.valid1 : left.valid0, rightByDepth ? right.valid0 : right.valid1);
    const leftFactor = {
      data: left.data,
      offset: left.offset,
      free: leftByRow ? left.stride0 : left.stride1,
      depth: leftByRow ? left.stride1 : left.stride0,
      isStable: false,
    };
    const rightFactor = {
      data: right.data,
      offset: right.offset,
      free: rightByDepth ? right.stride1 : right.stride0,
      depth: rightByDepth ? right.stride0 : right.stride1,
      isStable: right.data === stable?.data,
    };
    const { data, offset, stride0, stride1 } = accumulator;
    if (rows < high || columns < wide) {
      copyBlock(out.data, 0, column.size, 1, data, offset, stride0, stride1, high, wide);
    }
    multiplyTiles(
      leftFactor,
      rightFactor,
      rows,
      columns,
      depth,
      out.data,
      column.size,
      data,
      offset,
      stride0,
      stride1,
    );
  };
}
