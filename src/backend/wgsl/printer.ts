import { defined } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, StorageType, Value, ValueType } from '../../kernel/ir.ts';
import { analyse } from './analysis.ts';
import type { Helper } from './functions.ts';
import { bindingsOf, DEFAULT_LIMITS, uniformsOf, type WgslBinding, type WgslOptions } from './interface.ts';
import { layOut } from './layout.ts';
import { SharedMemory } from './memory.ts';
import { spanNames } from './names.ts';
import { Writer } from './text.ts';

/** Everything that is decided before the first line is written. */
export function decide(kernel: Kernel, options: WgslOptions) {
  const { unroll = false, multiplesOf4 = [], limits = DEFAULT_LIMITS } = options;
  const { stage = 16 } = kernel.schedule;
  const separate = bindingsOf(kernel, options, limits);
  const analysis = analyse(kernel);
  const { vectors, ...layout } = layOut(kernel, analysis, limits, separate, multiplesOf4);
  const bindings = separate.map(
    (binding): WgslBinding => (vectors.has(binding.buffers[0] ?? '') ? { ...binding, lanes: 4 } : binding),
  );
  return {
    kernel,
    options,
    limits,
    analysis,
    ...layout,
    bindings,
    uniforms: uniformsOf(kernel, bindings),
    /** names for scalars that are the ends of spans */
    spanNames: spanNames(analysis.values),
    // what the schedule says; at most 8 where text is rolled, which SwiftShader compiles in less than half the time (0.3 s in
    // place of 0.7 s for a product) and runs as fast
    /** deepest chunk of a contraction in workgroup memory */
    stage: unroll ? stage : Math.min(8, stage),
    // rolled text with fewer meetings compiles slower on software Vulkan
    /** bytes of a reduction's parts above which results are reduced one after the other, in the same memory */
    partBytes: unroll && analysis.dots.length === 0 ? 8192 : 4096,
  };
}
export type Decisions = ReturnType<typeof decide>;

/** What is decided, and what is written so far, while one kernel is printed. */
export function makePrinter(decisions: Decisions, stage = decisions.stage) {
  const writer = new Writer();
  const named = [...decisions.bindings, ...decisions.kernel.parameters];
  return {
    ...decisions,
    stage,
    writer,
    /** names of bindings and parameters in the text */
    globals: new Map(named.map(({ name }) => [name, writer.declare(name)])),
    memory: new SharedMemory(writer),
    /** private arrays of tiles, and names of scalars */
    variables: new Map<Value, string>(),
    helpers: new Set<Helper>(),
    /** whether threads exchange numbers inside subgroups so far */
    usesSubgroups: false,
  };
}
export type Printer = ReturnType<typeof makePrinter>;

export const layoutOf = ({ layouts }: Decisions, axis: Axis) =>
  defined(layouts.get(axis), `layout of axis ${axis.name}`);

/** Where a buffer's elements are: in a binding of its own, or from a base on in an arena. */
export const bindingOf = ({ bindings }: Decisions, { name }: Buffer): WgslBinding =>
  defined(
    bindings.find(({ buffers }) => buffers.includes(name)),
    `binding of ${name}`,
  );

/** Registers that a thread keeps of a tile, each a number, or four along the last axis. */
export function registersOf(p: Printer, axes: readonly Axis[]) {
  const layouts = axes.map((axis) => layoutOf(p, axis));
  const lanes = layouts.at(-1)?.lanes ?? 1;
  return { count: layouts.reduce((count, { owned }) => count * owned, 1) / lanes, lanes };
}

/** Of elements in registers or in memory. */
export type ElementType = ValueType | StorageType;

export const typeOf = (dtype: ElementType, lanes: 1 | 4): string => (lanes === 4 ? `vec4<${dtype}>` : dtype);

/** `text` in every lane. */
export const splat = (dtype: ElementType, lanes: 1 | 4, text: string): string =>
  lanes === 4 ? `${typeOf(dtype, 4)}(${text})` : text;

/** Conditions under which one thread alone acts where several have the same elements of a tile with these axes. */
export function aloneIn(p: Printer, axes: readonly Axis[]): string[] {
  const used = new Set(axes.map((axis) => layoutOf(p, axis).dimension));
  return (['x', 'y'] as const)
    .filter((dimension) => p.threads[dimension] > 1 && !used.has(dimension))
    .map((dimension) => `t${dimension} == 0`);
}
