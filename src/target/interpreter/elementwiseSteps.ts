import { defined } from '../../base/errors.ts';
import { elementwise } from '../../kernel/elementwise.ts';
import type { ElementwiseName, Value, ValueType } from '../../kernel/ir.ts';
import { applied, converted } from './arithmetic.ts';
import { type BinaryLoop, floatBinary, floatUnary, type UnaryLoop } from './loops/float.ts';
import { binaryLoop, selectFloat, selectInteger, unaryLoop } from './loops/general.ts';
import { boolBinary, boolUnary, copyBool, copyInteger, integerBinary } from './loops/integer.ts';
import { erfOf, expOf, tanhOf } from './loops/transcendental.ts';
import { ownTile, type Preparation, type Step, tileOf } from './preparation.ts';
import { broadcast, extents, strideIn, type Tile } from './tile.ts';

type Names<Loop> = Partial<Record<ElementwiseName, Loop>>;

function unaryOf(fn: ElementwiseName, dtype: ValueType, { precision }: Preparation): UnaryLoop {
  const float: Names<UnaryLoop> =
    precision === 'f32'
      ? { ...floatUnary, exp: unaryLoop(expOf()), tanh: unaryLoop(tanhOf()), erf: unaryLoop(erfOf()) }
      : floatUnary;
  const table: Names<UnaryLoop> = dtype === 'f32' ? float : dtype === 'bool' ? boolUnary : {};
  return table[fn] ?? unaryLoop(applied(fn, dtype, precision) as (x: number) => number);
}

function binaryOf(fn: ElementwiseName, dtype: ValueType, { precision }: Preparation): BinaryLoop {
  const table: Names<BinaryLoop> =
    dtype === 'f32' ? floatBinary : dtype === 'bool' ? boolBinary : integerBinary;
  return table[fn] ?? binaryLoop(applied(fn, dtype, precision) as (x: number, y: number) => number);
}

/** A step for a row of the element-wise table. */
export function elementwiseStep(at: Preparation, value: Value & { readonly op: 'elementwise' }): Step {
  const { fn, args } = value;
  const { arity } = elementwise[fn];
  const dtype = defined(args[arity - 1], 'argument').dtype;
  const [x, y, z] = args;
  if (value.axes.length === 0) return scalarStep(at, value, dtype);
  if (arity === 1) return unaryStep(at, value, defined(x, 'argument'), unaryOf(fn, dtype, at));
  if (arity === 3) return selectStep(at, value, defined(x, ''), defined(y, ''), defined(z, ''));
  return binaryStep(at, value, defined(x, 'argument'), defined(y, 'argument'), binaryOf(fn, dtype, at));
}

function scalarStep(at: Preparation, value: Value & { readonly op: 'elementwise' }, dtype: ValueType): Step {
  const apply = applied(value.fn, dtype, at.precision);
  const [x, y = x, z = x] = value.args.map((arg) => tileOf(at, arg)) as [Tile, Tile?, Tile?];
  const out = ownTile(at, value);
  return () => {
    out.data[out.offset] = apply(
      x.data[x.offset] as number,
      y.data[y.offset] as number,
      z.data[z.offset] as number,
    );
  };
}

/** Tiles whose operands all lie densely, or not at all, are one long row: the loops then have no outer part. */
function unaryStep(at: Preparation, value: Value, arg: Value, loop: UnaryLoop): Step {
  const a = tileOf(at, arg);
  const out = ownTile(at, value);
  const { rows, columns } = extents(value.axes);
  const place = broadcast(arg.axes, value.axes);
  return () => {
    const row = strideIn(a, place.row);
    const column = strideIn(a, place.column);
    if (row === columns * column) loop(out.data, a.data, a.offset, 0, column, 1, rows * columns);
    else loop(out.data, a.data, a.offset, row, column, rows, columns);
  };
}

function binaryStep(at: Preparation, value: Value, left: Value, right: Value, loop: BinaryLoop): Step {
  const a = tileOf(at, left);
  const b = tileOf(at, right);
  const out = ownTile(at, value);
  const { rows, columns } = extents(value.axes);
  const aPlace = broadcast(left.axes, value.axes);
  const bPlace = broadcast(right.axes, value.axes);
  return () => {
    const aRow = strideIn(a, aPlace.row);
    const aColumn = strideIn(a, aPlace.column);
    const bRow = strideIn(b, bPlace.row);
    const bColumn = strideIn(b, bPlace.column);
    const flat = aRow === columns * aColumn && bRow === columns * bColumn;
    const [n, m] = [flat ? 1 : rows, flat ? rows * columns : columns];
    loop(out.data, a.data, a.offset, aRow, aColumn, b.data, b.offset, bRow, bColumn, n, m);
  };
}

function selectStep(at: Preparation, value: Value, condition: Value, yes: Value, no: Value): Step {
  const [c, a, b] = [tileOf(at, condition), tileOf(at, yes), tileOf(at, no)];
  const out = ownTile(at, value);
  const { rows, columns } = extents(value.axes);
  const [cPlace, aPlace, bPlace] = [
    broadcast(condition.axes, value.axes),
    broadcast(yes.axes, value.axes),
    broadcast(no.axes, value.axes),
  ];
  const loop = value.dtype === 'f32' ? selectFloat : selectInteger;
  return () => {
    const cRow = strideIn(c, cPlace.row);
    const cColumn = strideIn(c, cPlace.column);
    const aRow = strideIn(a, aPlace.row);
    const aColumn = strideIn(a, aPlace.column);
    const bRow = strideIn(b, bPlace.row);
    const bColumn = strideIn(b, bPlace.column);
    const flat = cRow === columns * cColumn && aRow === columns * aColumn && bRow === columns * bColumn;
    const [n, m] = [flat ? 1 : rows, flat ? rows * columns : columns];
    loop(
      out.data,
      c.data,
      c.offset,
      cRow,
      cColumn,
      a.data,
      a.offset,
      aRow,
      aColumn,
      b.data,
      b.offset,
      bRow,
      bColumn,
      n,
      m,
    );
  };
}

/** Casts that a store into the result's array does by itself are copies; the others go element by element. */
export function castStep(at: Preparation, value: Value & { readonly op: 'cast' }): Step {
  const { arg, dtype } = value;
  const copies = arg.dtype !== 'f32' && dtype !== 'bool';
  const loop = copies
    ? arg.dtype === 'bool'
      ? copyBool
      : copyInteger
    : unaryLoop(converted(arg.dtype, dtype, at.precision));
  return unaryStep(at, value, arg, loop);
}
