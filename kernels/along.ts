import { type Dim, product, type Shape } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type CopyDim, planCopy, transposeDims } from './copy.ts';

/** A kernel for rows of f32, run along any axis. */
export interface AlongRequest {
  /** of every operand and of the result */
  readonly shape: Shape;
  readonly axis: number;
  readonly inputs: readonly Slot[];
  readonly out: Slot;
}

export interface Rows {
  readonly rows: Dim;
  readonly columns: Dim;
}

/**
 * Along the last axis `plan` itself; along another one the operands are copied so that it comes last, and the result is
 * copied back: 2 bytes moved per byte of operand and result.
 */
export function planAlong(
  { shape, axis, inputs, out }: AlongRequest,
  plan: (rows: Rows, inputs: readonly Slot[], out: Slot) => readonly LaunchPlan[],
): readonly LaunchPlan[] {
  const others = shape.filter((_, i) => i !== axis);
  const rows = { rows: product(others), columns: shape[axis] ?? 1 };
  if (axis === shape.length - 1) return plan(rows, inputs, out);
  const moved = [...others, rows.columns];
  const dims = moveLast(shape, axis);
  const temporary = (name: string): Slot => ({
    kind: 'temporary',
    name,
    type: { dtype: 'f32', shape: moved },
  });
  const turned = inputs.map((_, i) => temporary(`turned${i}`));
  const result = temporary('result');
  return [
    ...inputs.flatMap((from, i) => planCopy({ from, to: turned[i] ?? result, dtype: 'f32', dims })),
    ...plan(rows, turned, result),
    ...planCopy({ from: result, to: out, dtype: 'f32', dims: dims.map(reverse) }),
  ];
}

const reverse = ({ size, from, to }: CopyDim): CopyDim => ({ size, from: to, to: from });

/** Dims of the copy that makes `axis` the last one. */
export const moveLast = (shape: Shape, axis: number): readonly CopyDim[] =>
  transposeDims(shape, [...[...shape.keys()].filter((i) => i !== axis), axis]);
