import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { ElementContext, LaunchScalars, ScalarExpression, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Buffer, Span, Value } from '../src/kernel/ir.ts';
import { elementContext, widen } from './elementwise.ts';
import { type StrideKind, strided, strideKind } from './plan.ts';

/** Element-wise functions that a kernel applies to the tiles of its result before it stores them. */

/** An operand of an epilogue, addressed at row · rowStride + column · columnStride + Σ batch · batchStride. */
export interface EpilogueOperand {
  readonly slot: Slot;
  readonly dtype: 'f32' | 'i32' | 'u32';
  readonly rowStride: Dim;
  readonly columnStride: Dim;
  /** one per outer dim of the result */
  readonly batchStrides: readonly Dim[];
}

/** `key` must determine what `apply` does. */
export interface Epilogue {
  apply(
    k: KernelBuilder,
    accumulator: Value,
    operands: readonly Value[],
    /** elements are those of `operands`, by their number */
    context: ElementContext,
  ): readonly Value[];
  readonly key: string;
  readonly operands: readonly EpilogueOperand[];
  /** where results behind the first go, which lies where the kernel's own result would: all have its shape */
  readonly others?: readonly Slot[];
  /** numbers given at launch, so that they are no part of the text */
  readonly scalars?: LaunchScalars;
}

const kindsOf = ({ rowStride, columnStride, batchStrides }: EpilogueOperand): StrideKind[] =>
  [rowStride, columnStride, ...batchStrides].map(strideKind);

/** What an epilogue adds to the variant of a kernel. */
export const epilogueVariant = ({ key, operands }: Epilogue): string =>
  `${key}(${operands.map((operand) => `${operand.dtype} ${kindsOf(operand).join(',')}`).join('; ')})`;

const otherName = (i: number): string => `other${i}`;

/** Stores f(result), for the tile over `M` and `N` of outer index `outer`, at `place` of `out` and of further results. */
export function storeThrough(
  k: KernelBuilder,
  epilogue: Epilogue | undefined,
  [out, place]: readonly [Buffer, readonly TermInput[]],
  result: Value,
  [M, N, outer]: readonly [M: Span, N: Span, outer: readonly Value[]],
): void {
  if (epilogue === undefined) {
    k.store(out, place, result);
    return;
  }
  const buffers = epilogue.operands.map(({ dtype }, i) => k.read(`operand${i}`, dtype));
  const loaded = epilogue.operands.map((operand, i) => {
    const [row = 'none', column = 'none', ...batch] = kindsOf(operand);
    const terms = [
      ...outer.flatMap((index, dim) =>
        strided(index, batch[dim] ?? 'none', () => k.parameter(`operand${i}Batch${dim}`)),
      ),
      ...strided(M, row, () => k.parameter(`operand${i}Row`)),
      ...strided(N, column, () => k.parameter(`operand${i}Column`)),
    ];
    return k.load(defined(buffers[i], 'buffer'), terms.length > 0 ? terms : [[0, 1]]);
  });
  const outs = [out, ...(epilogue.others ?? []).map((_, i) => k.write(otherName(i)))];
  const context = elementContext(k, place, buffers, epilogue.scalars);
  epilogue.apply(k, result, loaded, context).forEach((value, i) => {
    k.store(defined(outs[i], 'buffer of a result'), place, widen(k, value, [M.axis, N.axis]));
  });
}

/** Slots and scalars of the operands at launch. */
export function epilogueBindings(epilogue: Epilogue | undefined): {
  readonly slots: Readonly<Record<string, Slot>>;
  readonly scalars: Readonly<Record<string, ScalarExpression>>;
} {
  const slots: Record<string, Slot> = {};
  const scalars: Record<string, ScalarExpression> = {};
  for (const [name, [, value]] of Object.entries(epilogue?.scalars ?? {})) scalars[name] = value;
  epilogue?.others?.forEach((slot, i) => {
    slots[otherName(i)] = slot;
  });
  epilogue?.operands.forEach(({ slot, rowStride, columnStride, batchStrides }, i) => {
    slots[`operand${i}`] = slot;
    const strides = [
      ['Row', rowStride],
      ['Column', columnStride],
      ...batchStrides.map((stride, dim) => [`Batch${dim}`, stride] as const),
    ] as const;
    for (const [name, stride] of strides) {
      if (strideKind(stride) === 'parameter') scalars[`operand${i}${name}`] = stride;
    }
  });
  return { slots, scalars };
}
