import { defined } from '../../base/errors.ts';
import { roundHalf } from '../../base/half.ts';
import type { Axis, Buffer, Store, Term, Value } from '../../kernel/ir.ts';
import {
  addOffsets,
  affineOffsets,
  copyBlock,
  fillOutside,
  gatherElements,
  gatherRows,
  scatterElements,
  scatterRows,
} from './loops/memory.ts';
import {
  type BoundBuffer,
  type Extent,
  extentsOf,
  ownTile,
  type Preparation,
  type Step,
  tileOf,
} from './preparation.ts';
import { type Broadcast, broadcast, denseTile, extents, strideIn, type Tile } from './tile.ts';

interface SpanPart {
  readonly start: Tile;
  readonly limit: Tile;
  readonly stride: Tile;
  readonly isRow: boolean;
}

interface IndexPart {
  readonly index: Tile;
  readonly stride: Tile;
  readonly place: Broadcast;
}

/**
 * The address of a tile's elements as prepared: an affine part, base + i·row + j·column, plus index tiles.
 * `resolve` computes base, row, column and the extents inside all spans for the program at hand.
 */
class Address {
  base = 0;
  row = 0;
  column = 0;
  validRows = 0;
  validColumns = 0;
  readonly rows: number;
  readonly columns: number;
  /** how much of the tile counts */
  readonly extent: { readonly rows: Extent; readonly columns: Extent };
  /** index tiles that vary along the rows alone, or along columns too */
  readonly indexed: 'no' | 'byRow' | 'byElement';
  readonly #scalars: readonly { readonly index: Tile; readonly stride: Tile }[];
  readonly #spans: readonly SpanPart[];
  readonly #indices: readonly IndexPart[];
  readonly #offsets: Int32Array;

  constructor(at: Preparation, terms: readonly Term[], axes: readonly Axis[]) {
    const { rows, columns } = extents(axes);
    this.rows = rows;
    this.columns = columns;
    this.extent = extentsOf(at, axes);
    const scalars: { index: Tile; stride: Tile }[] = [];
    const spans: SpanPart[] = [];
    const indices: IndexPart[] = [];
    for (const { index, stride: strideValue } of terms) {
      const stride = tileOf(at, strideValue);
      if (index.kind === 'span') {
        const [start, limit] = [tileOf(at, index.start), tileOf(at, index.limit)];
        spans.push({ start, limit, stride, isRow: axes.length === 2 && axes[0] === index.axis });
      } else if (index.axes.length === 0) scalars.push({ index: tileOf(at, index), stride });
      else indices.push({ index: tileOf(at, index), stride, place: broadcast(index.axes, axes) });
    }
    this.#scalars = scalars;
    this.#spans = spans;
    this.#indices = indices;
    const byRow = indices.every(({ place }) => place.column === 'none');
    this.indexed = indices.length === 0 ? 'no' : byRow ? 'byRow' : 'byElement';
    this.#offsets = new Int32Array(this.indexed === 'no' ? 0 : byRow ? rows : rows * columns);
  }

  resolve(): void {
    let base = 0;
    for (const { index, stride } of this.#scalars) base += numberIn(index) * numberIn(stride);
    this.row = 0;
    this.column = 0;
    this.validRows = this.extent.rows.value;
    this.validColumns = this.extent.columns.value;
    for (const { start, limit, stride, isRow } of this.#spans) {
      const [from, step] = [numberIn(start), numberIn(stride)];
      const inside = Math.max(0, numberIn(limit) - from);
      base += from * step;
      if (isRow) {
        this.row += step;
        this.validRows = Math.min(this.validRows, inside);
      } else {
        this.column += step;
        this.validColumns = Math.min(this.validColumns, inside);
      }
    }
    this.base = base;
  }

  /** Whether spans mask nothing that counts. */
  get isInterior(): boolean {
    return this.validRows === this.extent.rows.value && this.validColumns === this.extent.columns.value;
  }

  /** After `resolve`: the address of each row's first element, or of each element, index tiles included. */
  offsets(): Int32Array {
    const columns = this.indexed === 'byRow' ? 1 : this.columns;
    const offsets = this.#offsets;
    const rows = this.extent.rows.value;
    affineOffsets(offsets, this.base, this.row, this.column, rows, columns);
    for (const { index, stride, place } of this.#indices) {
      const [row, column] = [strideIn(index, place.row), strideIn(index, place.column)];
      addOffsets(offsets, index.data, index.offset, row, column, numberIn(stride), rows, columns);
    }
    return offsets;
  }
}

const numberIn = (tile: Tile): number => tile.data[tile.offset] as number;

const boundTo = (at: Preparation, buffer: Buffer): BoundBuffer =>
  defined(at.buffers.get(buffer), `buffer ${buffer.name}`);

export function loadStep(at: Preparation, value: Value & { readonly op: 'load' }): Step {
  const address = new Address(at, value.terms, value.axes);
  const buffer = boundTo(at, value.buffer);
  const tile = ownTile(at, value);
  if (value.axes.length === 0) {
    return () => {
      address.resolve();
      tile.data[0] = buffer.data[address.base] as number;
    };
  }
  if (address.indexed !== 'no') return indexedLoad(address, buffer, tile, value.otherwise);
  return affineLoad(at, value, address, buffer, tile);
}

/**
 * What no program of the launch writes need not be copied: the tile becomes a view of the buffer where no span cuts
 * it, and for `dot` also where one does, if what lies outside counts as 0 (`dot` leaves it out).
 */
function affineLoad(
  at: Preparation,
  value: Value & { readonly op: 'load' },
  address: Address,
  buffer: BoundBuffer,
  tile: Tile,
): Step {
  const { columns } = address;
  const { otherwise } = value;
  const own = tile.data;
  const isVector = value.axes.length === 1;
  const isReadOnly = value.buffer.access === 'read';
  const forDot = isReadOnly && at.analysis.feedsDotsOnly(value);
  return () => {
    address.resolve();
    const { base, row, column, validRows, validColumns, isInterior } = address;
    const asView = isReadOnly && (isInterior ? forDot || column === 1 : forDot && otherwise === 0);
    if (asView) {
      tile.data = buffer.data;
      tile.offset = base;
      tile.stride0 = isVector ? column : row;
      tile.stride1 = isVector ? 0 : column;
    } else {
      tile.data = own;
      tile.offset = 0;
      tile.stride0 = isVector ? 1 : columns;
      tile.stride1 = isVector ? 0 : 1;
      copyBlock(own, 0, columns, 1, buffer.data, base, row, column, validRows, validColumns);
      if (!isInterior) {
        const { rows: high, columns: wide } = address.extent;
        fillOutside(own, columns, high.value, wide.value, validRows, validColumns, otherwise);
      }
    }
    if (otherwise === 0) {
      tile.valid0 = isVector ? validColumns : validRows;
      tile.valid1 = isVector ? 1 : validColumns;
    }
  };
}

function indexedLoad(address: Address, buffer: BoundBuffer, tile: Tile, otherwise: number): Step {
  const { columns, indexed } = address;
  return () => {
    address.resolve();
    const { validRows, validColumns, column, isInterior } = address;
    const offsets = address.offsets();
    if (indexed === 'byRow') {
      gatherRows(tile.data, columns, buffer.data, offsets, column, validRows, validColumns);
    } else gatherElements(tile.data, buffer.data, offsets, columns, validRows, validColumns);
    if (!isInterior) {
      const { rows: high, columns: wide } = address.extent;
      fillOutside(tile.data, columns, high.value, wide.value, validRows, validColumns, otherwise);
    }
  };
}

export function storeStep(at: Preparation, { buffer: target, terms, value }: Store): Step {
  const address = new Address(at, terms, value.axes);
  const buffer = boundTo(at, target);
  const tile = tileOf(at, value);
  const place = broadcast(value.axes, value.axes);
  const { indexed, columns } = address;
  const halves =
    target.dtype === 'f16' && at.precision === 'f32' ? denseTile(value.axes, 'f32', 'f32') : undefined;
  return () => {
    address.resolve();
    const { base, row, column, validRows, validColumns } = address;
    const [tileRow, tileColumn] = [strideIn(tile, place.row), strideIn(tile, place.column)];
    if (halves !== undefined) {
      const own = halves.data;
      copyBlock(own, 0, columns, 1, tile.data, tile.offset, tileRow, tileColumn, validRows, validColumns);
      for (let i = 0; i < own.length; i++) own[i] = roundHalf(own[i] as number);
    }
    const { data, offset } = halves ?? tile;
    const [fromRow, fromColumn] = halves ? [columns, 1] : [tileRow, tileColumn];
    if (indexed === 'no') {
      copyBlock(buffer.data, base, row, column, data, offset, fromRow, fromColumn, validRows, validColumns);
    } else if (indexed === 'byRow') {
      const offsets = address.offsets();
      scatterRows(buffer.data, offsets, column, data, offset, fromRow, fromColumn, validRows, validColumns);
    } else {
      const offsets = address.offsets();
      scatterElements(
        buffer.data,
        offsets,
        columns,
        data,
        offset,
        fromRow,
        fromColumn,
        validRows,
        validColumns,
      );
    }
  };
}
