import { walk } from '../../../src/backend/interpreter/definition.ts';
import { interpretKernel, type LaunchSizes } from '../../../src/backend/interpreter/index.ts';
import { allocate, type Precision, type TypedArray } from '../../../src/base/dtype.ts';
import { type KernelBuilder, traceKernel } from '../../../src/kernel/build.ts';
import type { Kernel } from '../../../src/kernel/ir.ts';

export type Buffers = Readonly<Record<string, TypedArray>>;

export const trace = (author: (k: KernelBuilder) => void, name = 'test'): Kernel =>
  traceKernel({ name, doc: 'a kernel of a test', schedule: { tiles: {} } }, author);

/** Numbers that repeat after a long while and are exact in f32. */
export const numbers = (length: number, seed = 1): number[] =>
  Array.from({ length }, (_, i) => Math.fround(3 * Math.sin((i + 1) * 12.9898 * seed)));

export function floats(values: readonly number[], precision: Precision): TypedArray {
  return precision === 'f64' ? Float64Array.from(values) : Float32Array.from(values);
}

export const zeros = (length: number, precision: Precision): TypedArray => allocate('f32', length, precision);

export const copyOf = (buffers: Buffers): Record<string, TypedArray> =>
  Object.fromEntries(Object.entries(buffers).map(([name, data]) => [name, data.slice()]));

export type Interpret = typeof interpretKernel;

/** Buffers after a launch, by the definition and by the prepared steps (which run twice: the second must not differ). */
export function bothWays(
  kernel: Kernel,
  launch: LaunchSizes,
  buffers: Buffers,
  precision: Precision,
  interpret: Interpret = interpretKernel,
): { defined: Buffers; prepared: Buffers } {
  const defined = copyOf(buffers);
  walk(kernel, launch, defined, precision);
  const interpreted = interpret(kernel, precision);
  interpreted.run(launch, copyOf(buffers));
  const prepared = copyOf(buffers);
  interpreted.run(launch, prepared);
  return { defined, prepared };
}

/** Largest distance, relative to 1 + |expected|; NaN equals NaN. */
export function distance(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let worst = actual.length === expected.length ? 0 : Number.POSITIVE_INFINITY;
  for (let i = 0; i < expected.length; i++) {
    const [a, b] = [actual[i] ?? Number.NaN, expected[i] ?? Number.NaN];
    if (Object.is(a, b) || a === b) continue;
    const d = Math.abs(a - b) / (1 + Math.abs(b));
    worst = d >= 0 ? Math.max(worst, d) : Number.POSITIVE_INFINITY;
  }
  return worst;
}
