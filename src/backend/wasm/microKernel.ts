import type { Integer, Local, Statement, Vector } from './code.ts';
import { branchIf, call, countUp, loop, set, tee, when } from './control.ts';
import type { FunctionBuilder, Locals } from './encode.ts';
import { f32x4, i32, plus, times, v128 } from './instructions.ts';
import type { Lowering, Pack, Place } from './lowering.ts';

export const ROWS = 4;
export const COLUMNS = 8;

const PARAMETERS = ['left', 'right', 'out', 'blocks', 'panels', 'depth', 'adds'] as const;

interface Product {
  readonly left: Pack;
  readonly right: Pack;
  readonly out: Place;
  /** not 0: what `out` holds is added */
  readonly adds: Integer;
}

/**
 * out[4 · blocks, 8 · panels] = left · right over `depth` elements, in blocks of 4 × 8; plus what `out` held where `adds`.
 *
 * A block has eight accumulators; with two vectors of the right side and one of the left that is what sixteen vector
 * registers hold. Larger blocks spill and run at half to four fifths of the speed, with fused multiply-add too, and so do
 * several iterations of the depth loop written out. A panel of the right side, [depth][8], stays in the first-level cache while
 * the blocks of the left side pass by. It is a function of its own because engines replace quickly compiled code by
 * optimised code between calls only.
 */
export function multiply(
  at: Lowering,
  product: Product,
  sizes: readonly [blocks: Integer, panels: Integer, depth: Integer],
): Statement {
  const { left, right, out, adds } = product;
  const strides = [left.rowStep, left.depthStep, left.blockStep, right.depthStep, right.blockStep];
  const name = `multiply${at.relaxed ? '_fused' : ''}_${[...strides, out.rowStride].join('_')}`;
  const reference = at.module.helper(name, 'i32', PARAMETERS, 'none', (fn, parameters) =>
    author(fn, product, at.relaxed, parameters),
  );
  return call(reference, [at.scratchAt(left), at.scratchAt(right), at.scratchAt(out), ...sizes, adds]);
}

function author(
  fn: FunctionBuilder,
  { left, right, out: { rowStride } }: Product,
  relaxed: boolean,
  [leftAt, rightAt, out, blocks, panels, depth, adds]: Locals<'i32', typeof PARAMETERS>,
): Statement[] {
  const [panel, block, a, b, c, end] = fn.several('i32', 'panel', 'block', 'a', 'b', 'c', 'end');
  const rows = Array.from({ length: ROWS }, (_, i) => fn.several('v128', `sum${i}0`, `sum${i}1`));
  const [x, y0, y1] = fn.several('v128', 'x', 'y0', 'y1');
  const eachSum = (visit: (sum: Local<'v128'>, offset: number) => Statement): Statement[] =>
    rows.flatMap((sums, i) => sums.map((sum, j) => visit(sum, i * rowStride + j * 16)));
  const addTo = (sum: Local<'v128'>, y: Vector): Statement =>
    set(sum, relaxed ? f32x4.relaxedMadd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y)));
  const addHeld = (sum: Local<'v128'>, offset: number): Statement =>
    set(sum, f32x4.add(v128.load(c, offset), sum));
  const overDepth = loop([
    set(y0, v128.load(b)),
    set(y1, v128.load(b, 16)),
    ...rows.flatMap(([sum0, sum1], i) => [
      set(x, v128.loadSplat(a, i * left.rowStep)),
      addTo(sum0, y0),
      addTo(sum1, y1),
    ]),
    set(a, plus(a, left.depthStep)),
    branchIf(0, i32.ltU(tee(b, plus(b, right.depthStep)), end)),
  ]);
  const oneBlock = [
    set(b, rightAt),
    set(a, plus(leftAt, times(block, left.blockStep))),
    ...eachSum((sum) => set(sum, f32x4.const(0))),
    when(i32.gtS(depth, 0), [overDepth]),
    // a long sum is one of the sums of tiles: what is there is not added to element by element
    when(adds, eachSum(addHeld)),
    ...eachSum((sum, offset) => v128.store(c, sum, offset)),
    set(c, plus(c, ROWS * rowStride)),
  ];
  return countUp(panel, 1, panels, [
    set(c, out),
    set(end, plus(rightAt, times(depth, right.depthStep))),
    ...countUp(block, 1, blocks, oneBlock),
    set(rightAt, plus(rightAt, right.blockStep)),
    set(out, plus(out, COLUMNS * 4)),
  ]);
}
