import { FrondError } from '../../base/errors.ts';
import { own } from '../../base/own.ts';
import type { Launch } from '../../kernel/ir.ts';
import type { WgslModule } from './options.ts';

/** Workgroups that WebGPU allows along one dimension of a dispatch, wherever it runs. */
const GROUPS_PER_DIMENSION = 65_535;

/**
 * How many workgroups to dispatch for a grid: its programs in one line, folded where the line is too long. Programs past the
 * end return at once.
 */
export function dispatchSize(
  grid: readonly number[],
  most = GROUPS_PER_DIMENSION,
): readonly [x: number, y: number, z: number] {
  const programs = grid.reduce((count, extent) => count * extent, 1);
  if (programs <= most) return [programs, 1, 1];
  const rows = Math.ceil(programs / most);
  if (rows > most || programs > 0x7fffffff) {
    throw new FrondError('FROND-K204', `a grid of ${grid.join(' × ')} programs is too large for one launch`, {
      hint: 'use larger tiles or split the launch',
    });
  }
  return [Math.ceil(programs / rows), rows, 1];
}

/**
 * The bytes of the uniform buffer for one launch. `bases`: where buffers begin in their arenas, in elements.
 * @throws FROND-K205 when a scalar or base is missing.
 */
export function uniformData(
  module: WgslModule,
  launch: Launch,
  bases: Readonly<Record<string, number>> = {},
): ArrayBuffer {
  const data = new ArrayBuffer(module.uniformBytes);
  const view = new DataView(data);
  const values: Readonly<Record<string, number>> = {
    ...Object.fromEntries([0, 1, 2, 3].map((i) => [`grid_${i}`, launch.grid[i] ?? 1])),
    ...Object.fromEntries(Object.entries(bases).map(([buffer, base]) => [`${buffer}_base`, base])),
    ...launch.scalars,
  };
  for (const { name, dtype, offset } of module.uniforms) {
    const value = own(values, name);
    if (value === undefined) {
      throw new FrondError('FROND-K205', `kernel ${module.kernel}: no value for parameter ${name}`, {
        hint: `the launch gives: ${Object.keys(launch.scalars).join(', ') || 'nothing'}`,
      });
    }
    if (dtype === 'f32') view.setFloat32(offset, value, true);
    else if (dtype === 'i32') view.setInt32(offset, value, true);
    else view.setUint32(offset, value, true);
  }
  return data;
}
