import { checkArguments } from '../src/base/arguments.ts';
import * as is from '../src/base/kinds.ts';
import { kernel } from './kernel.ts';
import { rowKernel } from './rows.ts';

/*
 * Declarations of kernels for those who use frond. Each has kernels of its own, whatever it is called, so that none is taken for one of
 * frond's or of another declaration.
 */

const types = (...names: readonly string[]) =>
  is.optional(is.objectOf(is.oneOf(...names), 'an object of element types, such as { x: f32 }'));
const rest = is.optional(is.unchecked);
const buffers = types('f32', 'f16', 'i32', 'u32');
const declared = {
  name: is.name,
  doc: is.text,
  variant: is.optional(is.names),
  reads: buffers,
  writes: buffers,
  parameters: types('f32', 'i32', 'u32'),
};
const kernelFields = {
  ...declared,
  updates: buffers,
  tiles: is.objectOf(is.count, 'an object of extents, such as { i: 64 }'),
  fixed: is.optional(is.names),
  // tracing checks the schedule
  workgroup: rest,
  stage: rest,
  pack: rest,
  split: rest,
};

/**
 * Declares a kernel: tiles, buffers and parameters by name, which the program gets, and so does a launch:
 *
 *     const twice = kernel(
 *       { name: 'twice', doc: 'y = 2 x', tiles: { i: 256 }, reads: { x: 'f32' }, writes: { y: 'f32' }, parameters: { count: 'i32' } },
 *       (k, { i, x, y, count }) => {
 *         const I = k.span(i, k.mul(k.program(0), i.size), count);
 *         k.store(y, [[I, 1]], k.mul(k.load(x, [[I, 1]]), 2));
 *       },
 *     );
 *     twice.over({ i: count }).with({ x, y, count }) // a launch, as `lower` of an op gives them
 *
 * @throws FROND-K001 for a declaration that is malformed, and where the program is when it is traced, at its first launch
 */
export const ownKernel: typeof kernel = (declaration, program) => {
  const kinds = { declaration: kernelFields, program: is.callable };
  checkArguments('kernel', kinds, [declaration, program], 'FROND-K001');
  return kernel({ ...declaration, owner: {} }, program);
};

/**
 * Declares a kernel along the rows of a matrix [rows, columns], that says once what happens to a row, whether it fits one tile or is walked
 * tile by tile: `plan({ rows, columns, x, out })` gives its launch.
 * @throws as `kernel`
 */
export const ownRowKernel: typeof rowKernel = (declaration, program) => {
  const kinds = { declaration: { ...declared, perTile: is.optional(is.flag) }, program: is.callable };
  checkArguments('rowKernel', kinds, [declaration, program], 'FROND-K001');
  return rowKernel({ ...declaration, owner: {} }, program);
};
