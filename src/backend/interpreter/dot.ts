/**
 * Matrix product of two tiles: both operands are packed into panels of doubles (narrow strips in the order in which the
 * micro-kernel reads them), then a 2 × 4 block of the result at a time is summed up in eight registers.
 * Doubles because a scalar engine converts each f32 it loads anyway: packing converts once instead of 16 times.
 *
 * Two things make the micro-kernel half again as fast in V8, without changing what it does. Its panels are constants
 * of a closure that exists once, so that their addresses are part of the machine code; and positions are kept in
 * 32-bit integers by `| 0`, so that their additions are not checked for overflow.
 */
export type Elements = Float32Array | Float64Array;

const LEFT_WIDTH = 2;
const RIGHT_WIDTH = 4;
/** Doubles in each of the two panels, a multiple of both widths: a tile of 128 × 256. */
const CAPACITY = 32768;
/** Right panels of up to 64 × 64 that are kept for the programs to come, which often multiply by the same tiles. */
const KEPT = 16;
const KEPT_SIZE = 4096;

/** An operand: element (free, k) stands at offset + free·`free` + k·`depth`, k running along the contracted axis. */
export interface Factor {
  readonly data: Elements;
  readonly offset: number;
  readonly free: number;
  readonly depth: number;
  /** how many elements there are of each; the others count as 0 */
  readonly count: number;
  readonly length: number;
  /** nothing writes the data during this launch */
  readonly isStable: boolean;
}

/** The result or what it begins with: element (i, j) stands at i·`row` + j·`column`. */
export interface Tile {
  readonly data: Elements;
  readonly row: number;
  readonly column: number;
}

/** panel[start + [f / width][k][f % width]] = data[f, k], and 0 for the lines that the last strip lacks. */
type Pack = (panel: Float64Array, start: number, factor: Factor) => void;

const lines = (count: number, text: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => text(i)).join('\n');

const makePack = (width: number): Pack =>
  new Function(
    ...['panel', 'start', '{ data, offset, free, depth, count, length }'],
    `let to = start | 0;
    for (let f = 0; f < count; f += ${width}) {
      let p = (offset + f * free) | 0;
      ${lines(width, (i) => `const d${i} = Math.imul(Math.min(${i}, count - 1 - f), free);`)}
      for (const end = (to + ${width} * length) | 0; to < end; to = (to + ${width}) | 0, p = (p + depth) | 0) {
        ${lines(width, (i) => `panel[(to + ${i}) | 0] = data[(p + d${i}) | 0];`)}
      }
    }
    for (let f = count; f % ${width} !== 0; f++) {
      for (let k = 1; k <= length; k++) panel[to - k * ${width} + (f % ${width})] = 0;
    }`,
  ) as Pack;

/** out[i, j] = initial[i, j] + Σ over `length` for `rows` × 4 elements of what is packed. */
type Strip = (
  panel: number,
  rows: number,
  length: number,
  out: Tile,
  place: number,
  initial: Tile,
  from: number,
) => void;

const perCell = (text: (i: number, j: number) => string): string =>
  lines(LEFT_WIDTH, (i) => lines(RIGHT_WIDTH, (j) => text(i, j)));

/** The strip's loop, whose panels are constants of its own closure: parameters would not become part of the machine code. */
const makeStrip = (left: Float64Array, right: Float64Array): Strip =>
  new Function(
    `return (leftPanel, rightPanel) => {
      const left = leftPanel, right = rightPanel;
      return (panel, rows, length, { data: out, row: outRow }, place, { data: initial, row, column }, from) => {
        let p = 0;
        for (let i = 0; i < rows; i += ${LEFT_WIDTH}) {
          ${perCell((i, j) => `let c${i}${j} = 0;`)}
          let q = panel | 0;
          const end = (p + ${LEFT_WIDTH} * length) | 0;
          for (; p < end; p = (p + ${LEFT_WIDTH}) | 0, q = (q + ${RIGHT_WIDTH}) | 0) {
            ${lines(LEFT_WIDTH, (i) => `const a${i} = left[(p + ${i}) | 0];`)}
            ${lines(RIGHT_WIDTH, (j) => `const b${j} = right[(q + ${j}) | 0];`)}
            ${perCell((i, j) => `c${i}${j} += a${i} * b${j};`)}
          }
          ${lines(LEFT_WIDTH, storeRow)}
        }
      };
    };`,
  )()(left, right) as Strip;

const storeRow = (i: number): string => `
  ${lines(RIGHT_WIDTH, (j) => `out[(place + ${j}) | 0] = initial[(from + ${j} * column) | 0] + c${i}${j};`)}
  place = (place + outRow) | 0;
  from = (from + row) | 0;`;

/** The elements of a factor from (f, k) on. */
const partOf = (factor: Factor, f: number, count: number, k: number, length: number): Factor => ({
  ...factor,
  offset: factor.offset + f * factor.free + k * factor.depth,
  count,
  length,
});

/** The panels, what packs them and what multiplies them: made once, when the first product is. */
class Multiplier {
  readonly #left = new Float64Array(CAPACITY);
  readonly #right = new Float64Array(CAPACITY + KEPT * KEPT_SIZE);
  readonly #packLeft = makePack(LEFT_WIDTH);
  readonly #packRight = makePack(RIGHT_WIDTH);
  readonly #strip = makeStrip(this.#left, this.#right);
  readonly #kept: Factor[] = [];
  #oldest = 0;

  forgetPanels(): void {
    this.#kept.length = 0;
    this.#oldest = 0;
  }

  /** Packs a part of the right operand, unless that has been done in this launch; gives the panel's place. */
  #rightPanel(part: Factor): number {
    const size = Math.ceil(part.count / RIGHT_WIDTH) * RIGHT_WIDTH * part.length;
    if (!part.isStable || size > KEPT_SIZE) {
      this.#packRight(this.#right, 0, part);
      return 0;
    }
    const known = this.#kept.findIndex(
      (kept) =>
        kept.offset === part.offset &&
        kept.data === part.data &&
        kept.free === part.free &&
        kept.depth === part.depth &&
        kept.count === part.count &&
        kept.length === part.length,
    );
    if (known >= 0) return CAPACITY + known * KEPT_SIZE;
    const place = CAPACITY + this.#oldest * KEPT_SIZE;
    this.#kept[this.#oldest] = part;
    this.#oldest = (this.#oldest + 1) % KEPT;
    this.#packRight(this.#right, place, part);
    return place;
  }

  /**
   * out = initial + left · right for the first `high` × `wide` of a tile. Operands that outgrow the panels go in parts; a part of the
   * depth adds to what the part before left in `out`.
   */
  multiply(left: Factor, right: Factor, high: number, wide: number, out: Tile, initial: Tile): void {
    const [rows, columns] = [Math.min(high, left.count), Math.min(wide, right.count)];
    const depth = Math.min(left.length, right.length);
    const depthPart = Math.min(Math.max(depth, 1), CAPACITY / RIGHT_WIDTH);
    const part = Math.floor(CAPACITY / depthPart / RIGHT_WIDTH) * RIGHT_WIDTH;
    for (let k = 0; k === 0 || k < depth; k += depthPart) {
      const length = Math.min(depthPart, depth - k);
      const before = k === 0 ? initial : out;
      for (let j = 0; j < columns; j += part) {
        const width = Math.min(part, columns - j);
        const panel = this.#rightPanel(partOf(right, j, width, k, length));
        for (let i = 0; i < rows; i += part) {
          const height = Math.min(part, rows - i);
          this.#packLeft(this.#left, 0, partOf(left, i, height, k, length));
          for (let n = j; n < j + width; n += RIGHT_WIDTH) {
            const from = i * before.row + n * before.column;
            this.#strip(panel + (n - j) * length, height, length, out, i * out.row + n, before, from);
          }
        }
      }
    }
    // past the strips, where all is 0
    const below = Math.ceil(rows / LEFT_WIDTH) * LEFT_WIDTH;
    const beside = Math.ceil(columns / RIGHT_WIDTH) * RIGHT_WIDTH;
    for (let i = 0; i < high; i++) {
      for (let j = i < below ? beside : 0; j < wide; j++) {
        out.data[i * out.row + j] = initial.data[i * initial.row + j * initial.column] as number;
      }
    }
  }
}

let multiplier: Multiplier | undefined;

export function theMultiplier(): Multiplier {
  multiplier ??= new Multiplier();
  return multiplier;
}
