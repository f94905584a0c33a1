import type { Dim } from '../src/base/dim.ts';
import { defined } from '../src/base/errors.ts';
import type { ElementContext, LaunchScalars, Slot } from '../src/ir/record.ts';
import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Buffer, Span, Value } from '../src/kernel/ir.ts';
import { strided, strideKind, strideScalars } from './dims.ts';
import { elementContext, valuesOf, widen } from './elementwise.ts';
import type { Bindings } from './kernel.ts';

/** Element-wise functions that a kernel applies to the tiles of its result before it stores them. */

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
  /** with strides over the outer dims of the result, its rows, and its columns */
  readonly operands: readonly {
    readonly slot: Slot;
    readonly dtype: 'f32' | 'i32' | 'u32';
    readonly strides: readonly Dim[];
  }[];
  /** where results behind the first go, which lies where the kernel's own result would: all have its shape */
  readonly others?: readonly Slot[];
  /** numbers given at launch, so that they are no part of the text */
  readonly scalars?: LaunchScalars;
}

/** What an epilogue adds to the variant of a kernel. */
export const epilogueVariant = ({ key, operands }: Epilogue): string =>
  `${key}(${operands.map(({ dtype, strides }) => `${dtype} ${strides.map(strideKind).join(',')}`).join('; ')})`;

const operandName = (i: number): string => `operand${i}`;
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
  const buffers = epilogue.operands.map(({ dtype }, i) => k.read(operandName(i), dtype));
  const loaded = buffers.map((buffer, i) => {
    const terms = strided(k, operandName(i), [...outer, M, N], epilogue.operands[i]?.strides ?? []);
    return k.load(buffer, terms.length > 0 ? terms : [[0, 1]]);
  });
  const outs = [out, ...(epilogue.others ?? []).map((_, i) => k.write(otherName(i)))];
  const context = elementContext(k, place, buffers, epilogue.scalars);
  epilogue.apply(k, result, loaded, context).forEach((value, i) => {
    k.store(defined(outs[i], 'buffer of a result'), place, widen(k, value, [M.axis, N.axis]));
  });
}

/** Slots and scalars of the operands at launch. */
export function epilogueBindings(epilogue: Epilogue | undefined): Bindings {
  const { operands = [], others = [], scalars = {} } = epilogue ?? {};
  const strides = operands.flatMap((operand, i) => strideScalars(operandName(i), operand.strides));
  return {
    slots: Object.fromEntries([
      ...others.map((slot, i) => [otherName(i), slot] as const),
      ...operands.map(({ slot }, i) => [operandName(i), slot] as const),
    ]),
    scalars: { ...valuesOf(scalars), ...Object.fromEntries(strides) },
  };
}
