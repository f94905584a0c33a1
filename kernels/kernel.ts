import type { Dim } from '../src/base/dim.ts';
import { defined, FrondError } from '../src/base/errors.ts';
import type { GridExpression, LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Axis, Buffer, Schedule, StorageType, Value } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/*
 * How kernels are declared and launched. A declaration names tiles, buffers and parameters once: the program gets them by these
 * names, and so does a launch.
 *
 *   const twice = kernel(
 *     { name: 'twice', doc: 'y = 2 x', tiles: { i: 256 }, reads: { x: 'f32' }, writes: { y: 'f32' }, parameters: { count: 'i32' } },
 *     (k, { i, x, y, count }) => {
 *       const I = tileOf(k, i, 0, count);
 *       k.store(y, [[I, 1]], k.mul(k.load(x, [[I, 1]]), 2));
 *     },
 *   );
 *   twice.over({ i: count }).with({ x, y, count })
 */

export type ParameterType = 'i32' | 'u32' | 'f32';
/** By name. What is undefined is not declared in this variant, and a launch need not give it. */
export type Declared<T> = Readonly<Record<string, T | undefined>>;
type Extents = Declared<number>;
export type None = Readonly<Record<never, never>>;

export interface Declaration<T, R, W, U, P> extends Omit<Schedule, 'tiles'> {
  /** kernels of other owners may have the same name; frond's own have none */
  readonly owner?: object | undefined;
  readonly name: string;
  readonly doc: string;
  /** extents of the tile axes, in the order in which tiles list them */
  readonly tiles: T;
  /** axes among them that are no part of the schedule, as nothing tunes them */
  readonly fixed?: readonly string[];
  /** what else tells its text from others of the same name: extents that differ, switches */
  readonly variant?: readonly (string | false | undefined)[];
  readonly reads?: R;
  readonly writes?: W;
  /** buffers that are read and written */
  readonly updates?: U;
  readonly parameters?: P;
  /** what the device's tables were asked for: `tiles` are made from it, the rest of the schedule is its own */
  readonly choice?: Choice | undefined;
}

/** Values by the names of a declaration. */
type Held<D, V> = { readonly [N in keyof D]: V | (undefined extends D[N] ? undefined : never) };
/** What a program gets. */
export type Symbols<T, B, P> = Held<T, Axis> & Held<B, Buffer> & Held<P, Value>;

type MayLack<G> = { readonly [N in keyof G as undefined extends G[N] ? never : N]: G[N] } & {
  readonly [N in keyof G as undefined extends G[N] ? N : never]?: G[N];
};
/** What a launch is given. */
export type Given<B, P> = MayLack<Held<B, Slot> & Held<P, Dim>>;

export type Axes<N extends string> = Readonly<Record<N, Axis>>;
export type Buffers<N extends string> = Readonly<Record<N, Buffer>>;
export type Slots<N extends string> = Readonly<Record<N, Slot>>;

/** The declaration of so many buffers or parameters of f32. */
export const floats = <N extends string>(...names: readonly N[]) =>
  Object.fromEntries(names.map((name) => [name, 'f32'])) as Readonly<Record<N, 'f32'>>;

/** What a program declares beside its declaration, such as the operands of an epilogue. */
export type Bindings = Pick<LaunchPlan, 'slots' | 'scalars'>;

export interface Launchable<T, G> {
  /** Programs along each dimension of the grid: one for each index below a size or, of `{ i: size }`, for each tile along axis i. */
  over(...grid: readonly (Dim | GridExpression | Tiled<T>)[]): {
    with(given: G, more?: Bindings): LaunchPlan;
  };
}

/** A kernel that is traced when it is first launched, once per name, variant and schedule. */
export function kernel<
  T extends Extents,
  R extends Declared<StorageType> = None,
  W extends Declared<StorageType> = None,
  U extends Declared<StorageType> = None,
  P extends Declared<ParameterType> = None,
>(
  declaration: Declaration<T, R, W, U, P>,
  program: (k: KernelBuilder, symbols: Symbols<T, R & W & U, P>) => void,
): Launchable<T, Given<R & W & U, P>> {
  const { reads, writes, updates, parameters, ...described } = declaration;
  const { owner, name, doc, variant = [], fixed = [], choice, ...rest } = described;
  const tiles = eachOf<number, number>(rest.tiles, (_axis, extent) => extent);
  const scheduled = Object.entries(tiles).filter(([axis]) => !fixed.includes(axis));
  const schedule: Schedule = { ...choice?.schedule, ...rest, tiles: Object.fromEntries(scheduled) };
  const words = [...variant, ...(choice ? scheduleWords(schedule, choice.own) : [])].filter(Boolean);
  const options = { owner, name, doc, variant: words.join(' '), schedule };
  const declare = (k: KernelBuilder) => ({
    ...eachOf(reads, (buffer, dtype) => k.read(buffer, dtype)),
    ...eachOf(writes, (buffer, dtype) => k.write(buffer, dtype)),
    ...eachOf(updates, (buffer, dtype) => k.buffer(buffer, dtype, 'update')),
    ...eachOf(parameters, (parameter, dtype) => k.parameter(parameter, dtype)),
    ...eachOf<number, Axis>(tiles, (axis, extent) => k.axis(axis, extent)),
  });
  const traced = () =>
    kernelOnce(options, (k) => program(k, declare(k) as unknown as Symbols<T, R & W & U, P>));
  return {
    over: (...sizes) => ({
      with(given: Readonly<Record<string, Slot | Dim>>, more) {
        const take = <V extends Slot | Dim>(names: Declared<unknown>): Record<string, V> =>
          eachOf(names, (key) => (given[key] ?? lacking(name, key, Object.keys(names))) as V);
        const grid = sizes.flatMap((size) => gridOf(size, tiles));
        const slots = { ...take<Slot>({ ...reads, ...writes, ...updates }), ...more?.slots };
        const scalars = { ...take<Dim>({ ...parameters }), ...more?.scalars };
        return { kernel: traced(), grid, slots, scalars, shapeClass: choice?.shapeClass };
      },
    }),
  };
}

function lacking(kernel: string, key: string, names: readonly string[]): never {
  throw new FrondError('FROND-K030', `kernel ${kernel} is launched without ${key}`, {
    hint: `with() takes ${names.join(', ')}`,
  });
}

/** What `make` makes of every name that stands for something. */
function eachOf<V, M>(
  record: Declared<V> | undefined,
  make: (name: string, value: V) => M,
): Record<string, M> {
  const made: Record<string, M> = {};
  for (const [name, value] of Object.entries(record ?? {}))
    if (value !== undefined) made[name] = make(name, value);
  return made;
}

type Tiled<T> = { readonly [A in keyof T]?: Dim };

function gridOf(size: Dim | GridExpression | Tiled<Extents>, tiles: Extents): GridExpression[] {
  if (typeof size !== 'object') return [blocksOf(size, 1)];
  if ('per' in size) return [size as GridExpression];
  return Object.entries<Dim>(size as Record<string, Dim>).map(([axis, length]) =>
    blocksOf(length, defined(tiles[axis], `tile ${axis}`)),
  );
}

// ---- schedules

/** What plan functions take of which the schedule comes from the device's tables. */
export interface Tuned {
  readonly schedules?: Schedules | undefined;
}

/** The schedule for a launch, its own one with what the tables say of its shape class laid over it. */
export interface Choice<T extends Extents = Extents> {
  readonly own: Schedule;
  readonly schedule: Schedule & { readonly tiles: T };
  readonly shapeClass: string;
}

/** `sizes` by tile axis and `words` on how operands lie make the shape class (`src/kernel/schedule.ts`). */
export function choose<T extends Extents>(
  name: string,
  own: Schedule & { readonly tiles: T },
  sizes: Readonly<Record<string, Dim>>,
  schedules: Schedules | undefined,
  words = '',
): Choice<T> {
  const shapeClass = shapeClassOf(words, sizes);
  const schedule = chooseSchedule(schedules, name, shapeClass, own);
  return { own, schedule: { ...schedule, tiles: { ...own.tiles, ...schedule.tiles } }, shapeClass };
}
