import { product, type Shape } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type CopyDim, planCopy, transposeDims } from './copy.ts';
import type { Slots } from './kernel.ts';
import { temporary } from './plan.ts';
import type { Matrix } from './rows.ts';

/**
 * Runs a kernel for rows along any axis of tensors f32 of one shape. Along the last one it is `plan` itself; along another, operands
 * are copied so that the axis comes last, and results are copied back: 2 bytes moved per byte of each.
 */
export function planAlong<N extends string>(
  shape: Shape,
  axis: number,
  slots: Slots<N>,
  plan: (rows: Matrix & Slots<N>) => readonly LaunchPlan[],
): readonly LaunchPlan[] {
  const others = shape.filter((_, i) => i !== axis);
  const columns = shape[axis] ?? 1;
  const rows = { rows: product(others), columns };
  if (axis === shape.length - 1) return plan({ ...slots, ...rows });
  const dims = moveLast(shape, axis);
  const turned = Object.entries<Slot>(slots).map(([name, slot]) => ({
    name,
    slot,
    copy: temporary(`${name}Turned`, 'f32', [...others, columns]),
  }));
  const copies = Object.fromEntries(turned.map(({ name, copy }) => [name, copy])) as Slots<N>;
  return [
    ...turned.flatMap(({ slot, copy }) =>
      slot.kind === 'output' ? [] : planCopy({ from: slot, to: copy, dtype: 'f32', dims }),
    ),
    ...plan({ ...copies, ...rows }),
    ...turned.flatMap(({ slot, copy }) =>
      slot.kind === 'output' ? planCopy({ from: copy, to: slot, dtype: 'f32', dims: dims.map(reverse) }) : [],
    ),
  ];
}

const reverse = ({ size, from, to }: CopyDim): CopyDim => ({ size, from: to, to: from });

/** Dims of the copy that makes `axis` the last one. */
export const moveLast = (shape: Shape, axis: number): readonly CopyDim[] =>
  transposeDims(shape, [...[...shape.keys()].filter((i) => i !== axis), axis]);
