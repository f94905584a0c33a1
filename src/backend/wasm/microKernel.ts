import {
  branchIf,
  type Code,
  type FunctionReference,
  type Local,
  loop,
  type Statement,
  set,
  tee,
  when,
} from './code.ts';
import { countUp, type FunctionBuilder, type Locals, type ModuleBuilder } from './encode.ts';
import { f32x4, i32, plus, times, v128 } from './instructions.ts';

/**
 * out[4 · blocks, 8 · panels] (+)= left · right over `depth` elements, in blocks of 4 × 8.
 *
 * A block has eight accumulators; with two vectors of the right side and one of the left that is what sixteen vector
 * registers hold. Larger blocks spill and run at half to four fifths of the speed, with fused multiply-add too, and so do
 * several steps of the depth loop written out. A panel of the right side, [depth][8], stays in the first-level cache while
 * the blocks of the left side pass by. It is a function of its own because engines replace quickly compiled code by
 * optimised code between calls only.
 */
export interface MicroKernelShape {
  /** bytes: left[row + 1], left[depth + 1], left[block + 1] */
  readonly leftRow: number;
  readonly leftDepth: number;
  readonly leftBlock: number;
  readonly rightDepth: number;
  readonly rightPanel: number;
  readonly outRow: number;
  /** adds to what `out` holds */
  readonly accumulate: boolean;
  /** multiplies and adds in one instruction of relaxed SIMD */
  readonly fused: boolean;
}

export const ROWS = 4;
export const COLUMNS = 8;

const PARAMETERS = ['left', 'right', 'out', 'blocks', 'panels', 'depth'] as const;

export function microKernel(module: ModuleBuilder, shape: MicroKernelShape): FunctionReference<'none'> {
  const { leftRow, leftDepth, leftBlock, rightDepth, rightPanel, outRow } = shape;
  const key = [leftRow, leftDepth, leftBlock, rightDepth, rightPanel, outRow].join('_');
  const name = `multiply${shape.accumulate ? '_add' : ''}${shape.fused ? '_fused' : ''}_${key}`;
  return module.helper(name, 'i32', PARAMETERS, 'none', (fn, parameters) => author(fn, shape, parameters));
}

function author(
  fn: FunctionBuilder,
  shape: MicroKernelShape,
  [left, right, out, blocks, panels, depth]: Locals<'i32', typeof PARAMETERS>,
): Statement[] {
  const [panel, row, a, b, c, end] = fn.several('i32', 'panel', 'block', 'a', 'b', 'c', 'end');
  const sums = Array.from({ length: ROWS }, (_, i) => [
    fn.local('v128', `sum${i}0`),
    fn.local('v128', `sum${i}1`),
  ]).flat();
  const depthLoop = multiplyBlock(fn, shape, { a, b, end, sums });
  const eachSum = (visit: (sum: Local<'v128'>, offset: number) => Statement): Statement[] =>
    sums.map((sum, i) => visit(sum, Math.floor(i / 2) * shape.outRow + (i % 2) * 16));
  const oneBlock = [
    set(b, right),
    set(a, plus(left, times(row, shape.leftBlock))),
    ...eachSum((sum) => set(sum, f32x4.const(0))),
    when(i32.gtS(depth, 0), depthLoop),
    // a long sum is one of the sums of tiles: what is there is not added to element by element
    ...eachSum((sum, offset) =>
      v128.store(c, shape.accumulate ? f32x4.add(v128.load(c, offset), sum) : sum, offset),
    ),
    set(c, plus(c, ROWS * shape.outRow)),
  ];
  return countUp(panel, 1, panels, [
    set(c, out),
    set(end, plus(right, times(depth, shape.rightDepth))),
    ...countUp(row, 1, blocks, oneBlock),
    set(right, plus(right, shape.rightPanel)),
    set(out, plus(out, COLUMNS * 4)),
  ]);
}

function multiplyBlock(
  fn: FunctionBuilder,
  { leftRow, leftDepth, rightDepth, fused }: MicroKernelShape,
  at: {
    readonly a: Local<'i32'>;
    readonly b: Local<'i32'>;
    readonly end: Local<'i32'>;
    readonly sums: readonly Local<'v128'>[];
  },
): Statement[] {
  const { a, b, end, sums } = at;
  const [x, y0, y1] = fn.several('v128', 'x', 'y0', 'y1');
  const addTo = (sum: Local<'v128'>, y: Code<'v128'>): Statement =>
    set(sum, fused ? f32x4.relaxedMadd(x, y, sum) : f32x4.add(sum, f32x4.mul(x, y)));
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const [left, right] = [sums[2 * i], sums[2 * i + 1]] as [Local<'v128'>, Local<'v128'>];
    return [set(x, v128.loadSplat(a, i * leftRow)), addTo(left, y0), addTo(right, y1)];
  }).flat();
  return [
    loop([
      set(y0, v128.load(b)),
      set(y1, v128.load(b, 16)),
      ...rows,
      set(a, plus(a, leftDepth)),
      branchIf(0, i32.ltU(tee(b, plus(b, rightDepth)), end)),
    ]),
  ];
}
