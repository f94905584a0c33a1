import { interpretKernel, requireClean, simulate } from '../../src/backend/interpreter/index.ts';
import { evaluate, type Sizes } from '../../src/base/dim.ts';
import { allocate, isFloating, type Precision, type TypedArray } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../../src/ir/record.ts';
import type { Kernel, Launch } from '../../src/kernel/ir.ts';
import { gridOf } from '../../src/runtime/bind.ts';

export const input = (index: number): Slot => ({ kind: 'input', index });
export const output = (index: number): Slot => ({ kind: 'output', index });

/** The slots of operands and results, by their names in order. */
const slots = <const I extends string, const O extends string>(inputs: readonly I[], outputs: readonly O[]) =>
  Object.fromEntries([
    ...inputs.map((name, i) => [name, input(i)]),
    ...outputs.map((name, i) => [name, output(i)]),
  ]) as Readonly<Record<I | O, Slot>>;

export const layerNormSlots = slots(['x', 'gamma', 'beta'], ['out', 'mean', 'rstd']);
export const layerNormGradientSlots = slots(['x', 'gamma', 'mean', 'rstd', 'dy'], ['dx', 'dgamma', 'dbeta']);
const chain = ['emissions', 'transitions', 'start', 'stop', 'lengths'] as const;
export const crfSlots = slots(chain, []);
export const crfGradientSlots = slots(
  [...chain, 'tags', 'alpha', 'offset', 'dloss'],
  ['demissions', 'dtransitions', 'dstart', 'dstop'],
);

/** The kernel of a plan of one launch. */
export const onlyKernel = ([plan]: readonly LaunchPlan[]): Kernel => defined(plan, 'launch').kernel;

/** What the slots of plans stand for. Floats have the precision's type; bool is Uint32Array. */
export interface LaunchTensors {
  readonly inputs: readonly TypedArray[];
  readonly outputs: readonly TypedArray[];
  readonly arenas?: Readonly<Record<string, TypedArray>> | undefined;
  readonly tables?: Readonly<Record<string, TypedArray>> | undefined;
  /** sizes of the named dims */
  readonly sizes?: Sizes | undefined;
}

/** Runs one kernel over buffers by name. */
export type RunLaunch = (launch: Launch, buffers: Readonly<Record<string, TypedArray>>) => void;

/** A kernel is prepared once per precision, as a device would. */
export function interpreterOf(precision: Precision): RunLaunch {
  const prepared = new Map<Kernel, ReturnType<typeof interpretKernel>>();
  return ({ kernel, grid, scalars }, buffers) => {
    const interpreted = prepared.get(kernel) ?? interpretKernel(kernel, precision);
    prepared.set(kernel, interpreted);
    interpreted.run({ grid, scalars }, buffers);
  };
}

/**
 * Runs by the definition of the language, and throws when a program touches memory that it must not, or leaves some of
 * its results unwritten.
 */
export const simulator: RunLaunch = ({ kernel, grid, scalars }, buffers) =>
  requireClean(simulate(kernel, { grid, scalars }, buffers));

/** The launch of a plan with its sizes bound. */
export function bindPlan(plan: LaunchPlan, sizes: Sizes): Launch {
  const { kernel, scalars } = plan;
  return {
    kernel,
    grid: gridOf(plan, sizes),
    scalars: Object.fromEntries(
      Object.entries(scalars).map(([name, expression]) => [name, evaluate(expression, sizes)]),
    ),
  };
}

function makeTemporary(slot: Slot & { readonly kind: 'temporary' }, sizes: Sizes, precision: Precision) {
  const length = slot.type.shape.reduce<number>((count, dim) => count * evaluate(dim, sizes), 1);
  const array = allocate(slot.type.dtype, length, precision);
  // What no launch writes must not pass for a zero.
  return isFloating(slot.type.dtype) ? array.fill(Number.NaN) : array;
}

/** Runs plans in order. Temporaries of one name are one array, filled with NaN at first. */
export function runPlans(
  plans: readonly LaunchPlan[],
  tensors: LaunchTensors,
  precision: Precision = 'f64',
  run: RunLaunch = interpreterOf(precision),
): void {
  const sizes = tensors.sizes ?? {};
  const temporaries = new Map<string, TypedArray>();
  const bufferOf = (slot: Slot): TypedArray => {
    switch (slot.kind) {
      case 'input':
        return defined(tensors.inputs[slot.index], `input ${slot.index}`);
      case 'output':
        return defined(tensors.outputs[slot.index], `output ${slot.index}`);
      case 'temporary': {
        const array = temporaries.get(slot.name) ?? makeTemporary(slot, sizes, precision);
        temporaries.set(slot.name, array);
        return array;
      }
      case 'arena':
        return defined(tensors.arenas?.[slot.name], `arena ${slot.name}`);
      case 'table':
        return defined(tensors.tables?.[slot.name], `table ${slot.name}`);
    }
  };
  for (const plan of plans) {
    const buffers = Object.fromEntries(
      Object.entries(plan.slots).map(([name, slot]) => [name, bufferOf(slot)]),
    );
    run(bindPlan(plan, sizes), buffers);
  }
}

/** A float array of `length` elements for results, NaN throughout so that an unwritten element shows. */
export const unwritten = (length: number, precision: Precision = 'f64'): TypedArray =>
  allocate('f32', length, precision).fill(Number.NaN);
