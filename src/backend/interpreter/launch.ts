import { show, shownName } from '../../base/arguments.ts';
import { arrayTypeOf, type Precision, type TypedArray } from '../../base/dtype.ts';
import { FrondError } from '../../base/errors.ts';
import type { Kernel } from '../../kernel/ir.ts';

/** Where a kernel runs: the sizes of its grid and the values of its parameters. */
export interface LaunchSizes {
  readonly grid: readonly number[];
  readonly scalars: Readonly<Record<string, number>>;
}

/** Memory by the names of a kernel's buffers. */
export type Buffers = Readonly<Record<string, TypedArray>>;

/** The grid's programs in order: the first dimension runs fastest. */
export const programsOf = ([a = 1, b = 1, c = 1, d = 1]: readonly number[]): number[][] =>
  Array.from({ length: a * b * c * d }, (_, i) => {
    const [row, plane] = [Math.floor(i / a), Math.floor(i / a / b)];
    return [i % a, row % b, plane % c, Math.floor(plane / c)];
  });

/**
 * Whether a launch gives `kernel` all that it needs.
 * @throws FROND-K030 when the grid, a scalar or a buffer is missing or of another type
 */
export function checkLaunch(
  kernel: Kernel,
  launch: LaunchSizes,
  buffers: Buffers,
  precision: Precision,
): void {
  const refuse = (what: string, hint?: string): never => {
    throw new FrondError('FROND-K030', `kernel ${kernel.name}: ${what}`, { hint });
  };
  // people without types may leave out anything
  const { grid, scalars }: Partial<LaunchSizes> = launch ?? {};
  if (!Array.isArray(grid) || !grid.every((count) => Number.isSafeInteger(count) && count >= 0)) {
    refuse(`the grid is ${shown(grid)}`, 'it is a list of whole numbers, such as [4, 1]');
  }
  for (const { name, dtype } of kernel.parameters) {
    const scalar = scalars?.[name] ?? refuse(`scalar ${name} has no value`);
    const fits = typeof scalar === 'number' && (dtype === 'f32' || Number.isInteger(scalar));
    if (!fits) refuse(`scalar ${name} of ${dtype} is ${shown(scalar)}`);
  }
  for (const { name, dtype } of kernel.buffers) {
    const data = buffers?.[name] ?? refuse(`buffer ${name} is not bound`);
    const wanted = arrayTypeOf(dtype, precision);
    if (data instanceof wanted) continue;
    const found = Object(data).constructor?.name ?? typeof data;
    refuse(`buffer ${name} of ${dtype} in ${precision} is a ${wanted.name}, not a ${found}`);
  }
}

const shown = (value: unknown): string =>
  Array.isArray(value) ? `[${value.map(show).join(', ')}]` : shownName(value);
