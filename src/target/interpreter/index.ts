/** The interpreter: reads kernels over typed arrays, in f32 (the product's fallback) or f64 (the oracle). */
import type { Precision, TypedArray } from '../../base/dtype.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { walk } from './definition.ts';

/** A kernel prepared for repeated launches. */
export interface InterpretedKernel {
  /** Runs every program of the grid over `buffers` by name: floats in the kernel's precision, bool and u32 as Uint32Array. */
  run(
    launch: { readonly grid: readonly number[]; readonly scalars: Readonly<Record<string, number>> },
    buffers: Readonly<Record<string, TypedArray>>,
  ): void;
}

export function interpretKernel(kernel: Kernel, precision: Precision): InterpretedKernel {
  const watcher = { load: () => true, store: () => true };
  return { run: (launch, buffers) => walk(kernel, launch, buffers, precision, watcher) };
}
