import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { ElementContext, LaunchPlan, LaunchScalars, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Kernel, Span, Value } from '../src/kernel/ir.ts';
import { blocksOf, kernelOnce, type StrideKind, strided, strideKind, tileExtent } from './plan.ts';
import { elementContext } from './pointwise.ts';

/**
 * out[…, m, n] = f(Σ_k x[…, m, k] · y[…, k, n])
 *
 * x is [rows, inner] (or [inner, rows] where `transposeX`), y is [inner, columns] (or [columns, inner]), out is
 * [rows, columns], row-major, under up to two outer dims with strides of their own. A program makes one m × n tile of
 * out, looping over k; f is an epilogue of element-wise functions on the finished tile.
 *
 * Gradients are matmuls again: dx = dout · yᵀ, dy = xᵀ · dout; the transposes are strides, nothing is copied.
 *
 * Memory: x is read ceil(columns / n) times, y ceil(rows / m) times, out written once.
 */

/** An operand of an epilogue, addressed at row · rowStride + column · columnStride + Σ batch · batchStride. */
export interface EpilogueOperand {
  readonly slot: Slot;
  readonly dtype: 'f32' | 'i32' | 'u32';
  readonly rowStride: Dim;
  readonly columnStride: Dim;
  /** one per outer dim of the matmul */
  readonly batchStrides: readonly Dim[];
}

/** Element-wise functions applied to the accumulator before it is stored. `key` must determine what `apply` does. */
export interface Epilogue {
  apply(
    k: KernelBuilder,
    accumulator: Value,
    operands: readonly Value[],
    /** elements are those of `operands`, by their number */
    context: ElementContext,
  ): Value;
  readonly key: string;
  readonly operands: readonly EpilogueOperand[];
  /** numbers given at launch, so that they are no part of the text */
  readonly scalars?: LaunchScalars;
}

export interface MatmulTiles {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** An outer dim: its size and the stride, in elements, that it has in each operand; 0 broadcasts. */
export interface MatmulBatch {
  readonly size: Dim;
  readonly x: Dim;
  readonly y: Dim;
  readonly out: Dim;
}

export interface MatmulArguments {
  readonly x: Slot;
  readonly y: Slot;
  readonly out: Slot;
  readonly rows: Dim;
  readonly columns: Dim;
  readonly inner: Dim;
  /** at most two, outermost first */
  readonly batch: readonly MatmulBatch[];
  readonly transposeX?: boolean | undefined;
  readonly transposeY?: boolean | undefined;
  readonly epilogue?: Epilogue | undefined;
  /** largest tile extents; default 64 × 64 × 64 */
  readonly tiles?: MatmulTiles | undefined;
}

/** How an operand is addressed, as far as it shapes the text. */
interface StrideKinds {
  readonly row: StrideKind;
  readonly column: StrideKind;
  readonly batch: readonly StrideKind[];
}

export interface MatmulOptions {
  readonly tiles: MatmulTiles;
  readonly transposeX: boolean;
  readonly transposeY: boolean;
  readonly batch: readonly Readonly<Record<'x' | 'y' | 'out', StrideKind>>[];
  readonly epilogue?:
    | {
        readonly key: string;
        readonly apply: Epilogue['apply'];
        readonly scalars?: LaunchScalars | undefined;
        readonly operands: readonly (StrideKinds & { readonly dtype: 'f32' | 'i32' | 'u32' })[];
      }
    | undefined;
}

function variantOf({ tiles, transposeX, transposeY, batch, epilogue }: MatmulOptions): string {
  const operands = epilogue?.operands.map(
    ({ dtype, row, column, batch: outer }) => `${dtype} ${[row, column, ...outer].join(',')}`,
  );
  return [
    `${tiles.m}x${tiles.n}x${tiles.k}`,
    `${transposeX ? 't' : 'n'}${transposeY ? 't' : 'n'}`,
    ...batch.map(({ x, y, out }) => `batch(${x},${y},${out})`),
    ...(epilogue ? [`${epilogue.key}(${operands?.join('; ')})`] : []),
  ].join(' ');
}

/** The kernel for one schedule, transposition, batch pattern and epilogue. */
function traceMatmul(options: MatmulOptions): Kernel {
  const variant = variantOf(options);
  const { m, n, k: depth } = options.tiles;
  return kernelOnce(
    {
      name: 'matmul',
      variant,
      doc: 'out = f(x · y), one tile of out per program',
      schedule: { tiles: { m, n, k: depth }, workgroup: [16, 16], stage: 16 },
    },
    (k) => matmulProgram(k, options),
  );
}

function matmulProgram(k: KernelBuilder, options: MatmulOptions): void {
  const { tiles, transposeX, transposeY, batch, epilogue } = options;
  const x = k.read('x');
  const y = k.read('y');
  const out = k.write('out');
  const rows = k.parameter('rows');
  const columns = k.parameter('columns');
  const inner = k.parameter('inner');
  const m = k.axis('m', tiles.m);
  const n = k.axis('n', tiles.n);
  const depth = k.axis('k', tiles.k);
  const M = k.span(m, k.mul(k.program(0), tiles.m), rows);
  const N = k.span(n, k.mul(k.program(1), tiles.n), columns);
  const outer = batch.map((_, i) => k.program(i === 0 ? 2 : 3));
  const base = (name: 'x' | 'y' | 'out'): TermInput[] =>
    outer.flatMap((index, i) =>
      strided(index, batch[i]?.[name] ?? 'none', () => k.parameter(`${name}Batch${i}`)),
    );
  const baseX = base('x');
  const baseY = base('y');
  const [product] = k.loop(0, inner, tiles.k, [k.fill([m, n], 0)], (start, sum) => {
    const K = k.span(depth, start, inner);
    const left = k.load(x, [...baseX, [M, transposeX ? 1 : inner], [K, transposeX ? rows : 1]]);
    const right = k.load(y, [...baseY, [K, transposeY ? 1 : columns], [N, transposeY ? inner : 1]]);
    return [k.dot(left, right, sum as Value, depth)];
  });
  const buffers = (epilogue?.operands ?? []).map(({ dtype }, i) => k.read(`operand${i}`, dtype));
  const operands = (epilogue?.operands ?? []).map((operand, i) =>
    k.load(defined(buffers[i], 'buffer'), operandTerms(k, operand, i, M, N, outer)),
  );
  const place: TermInput[] = [...base('out'), [M, columns], [N, 1]];
  const context = elementContext(k, place, buffers, epilogue?.scalars);
  const result = epilogue ? epilogue.apply(k, product as Value, operands, context) : (product as Value);
  k.store(out, place, result);
}

function operandTerms(
  k: KernelBuilder,
  { row, column, batch }: StrideKinds,
  i: number,
  M: Span,
  N: Span,
  outer: readonly Value[],
): TermInput[] {
  const terms = [
    ...outer.flatMap((index, dim) =>
      strided(index, batch[dim] ?? 'none', () => k.parameter(`operand${i}Batch${dim}`)),
    ),
    ...strided(M, row, () => k.parameter(`operand${i}Row`)),
    ...strided(N, column, () => k.parameter(`operand${i}Column`)),
  ];
  return terms.length > 0 ? terms : [[0, 1]];
}

/** Matrix product with fused epilogue: one launch. */
export function planMatmul(args: MatmulArguments): LaunchPlan[] {
  const { rows, columns, inner, batch, epilogue } = args;
  const largest = args.tiles ?? { m: 64, n: 64, k: 64 };
  const tiles: MatmulTiles = {
    m: tileExtent(rows, largest.m, 4),
    n: tileExtent(columns, largest.n, 8),
    k: tileExtent(inner, largest.k, 8),
  };
  const kernel = traceMatmul({
    tiles,
    transposeX: args.transposeX ?? false,
    transposeY: args.transposeY ?? false,
    batch: batch.map(({ x, y, out }) => ({ x: strideKind(x), y: strideKind(y), out: strideKind(out) })),
    epilogue: epilogue && {
      key: epilogue.key,
      apply: epilogue.apply,
      scalars: epilogue.scalars,
      operands: epilogue.operands.map(({ dtype, rowStride, columnStride, batchStrides }) => ({
        dtype,
        row: strideKind(rowStride),
        column: strideKind(columnStride),
        batch: batchStrides.map(strideKind),
      })),
    },
  });
  const scalars: Record<string, ScalarExpression> = { rows, columns, inner };
  batch.forEach((strides, dim) => {
    for (const name of ['x', 'y', 'out'] as const) {
      if (strideKind(strides[name]) === 'parameter') scalars[`${name}Batch${dim}`] = strides[name];
    }
  });
  for (const [name, [, value]] of Object.entries(epilogue?.scalars ?? {})) scalars[name] = value;
  const slots: Record<string, Slot> = { x: args.x, y: args.y, out: args.out };
  epilogue?.operands.forEach(({ slot, rowStride, columnStride, batchStrides }, i) => {
    slots[`operand${i}`] = slot;
    const strides = { Row: rowStride, Column: columnStride } as Record<string, Dim>;
    batchStrides.forEach((stride, dim) => {
      strides[`Batch${dim}`] = stride;
    });
    for (const [name, stride] of Object.entries(strides)) {
      if (strideKind(stride) === 'parameter') scalars[`operand${i}${name}`] = stride;
    }
  });
  const grid = [
    blocksOf(rows, tiles.m),
    blocksOf(columns, tiles.n),
    ...batch.map(({ size }) => blocksOf(size, 1)),
  ];
  return [{ kernel, grid, scalars, slots }];
}
