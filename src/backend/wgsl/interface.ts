import { FrondError } from '../../base/errors.ts';
import * as is from '../../base/kinds.ts';
import { grouped, own } from '../../base/own.ts';
import type { Access, Buffer, Kernel, Launch, StorageType, ValueType } from '../../kernel/ir.ts';

// What the compiler is given beside the kernel, and what it gives a host that launches the text.

const limits = {
  /** storage buffers that one launch may bind */
  storageBuffers: is.count,
  workgroupBytes: is.count,
  invocations: is.count,
};
/** What an adapter allows; the defaults are those that WebGPU guarantees everywhere. */
export type WgslLimits = is.OptionsOf<typeof limits>;

export const DEFAULT_LIMITS: WgslLimits = { storageBuffers: 8, workgroupBytes: 16_384, invocations: 256 };

export const wgslOptions = {
  // a device's limits say more
  limits: is.omittable(is.withFields('limits', limits)),
  /** the device has the feature `shader-f16`: buffers may hold f16 */
  shaderF16: is.omittable(is.flag),
  /**
   * Write each of a thread's elements out instead of looping over private arrays: real GPUs keep such elements in
   * registers; software Vulkan compiles the longer text slowly. Default false.
   */
  unroll: is.omittable(is.flag),
  /**
   * `polynomial` (default): exp, log and tanh within the bounds of the element-wise table on any device;
   * `builtin`: WGSL's own, whose guaranteed error is larger. erf and erfcx are always polynomials.
   */
  transcendentals: is.omittable(is.oneOf('polynomial', 'builtin')),
  /**
   * Parameters that are multiples of 4 in every launch of the text (`multiplesOf4` tells which). Where the innermost size of a
   * tensor is among them, its elements are loaded and stored as vec4.
   */
  multiplesOf4: is.omittable(is.names),
  /**
   * The device has the feature `subgroups`, with `subgroup_id` among its WGSL features; sizes from the adapter's info.
   * Reductions then exchange numbers inside subgroups, in an order that depends on `min` alone.
   */
  subgroups: is.omittable(is.recordOf('sizes of subgroups', { min: is.count, max: is.count })),
  /** buffer → name of the binding that it shares with others; buffers that are not mentioned have one of their own */
  arenas: is.omittable(is.objectOf(is.text, 'names of arenas by buffer')),
  /** buffers to bind `read_write` although the kernel only reads them: they lie in a GPU buffer that the launch writes */
  readWrite: is.omittable(is.names),
};
/** How a kernel is printed; the kernel itself says nothing of these. */
export type WgslOptions = is.OptionsOf<typeof wgslOptions>;

/** A kernel that needs more than the adapter has. */
export const limitError = (
  { name, variant }: Kernel,
  code: 'FROND-K201' | 'FROND-K202' | 'FROND-K203',
  what: string,
  hint: string,
): FrondError => new FrondError(code, `kernel ${name} (${variant || 'only variant'}): ${what}`, { hint });

export interface WgslBinding {
  /** of the kernel's buffer, or of the arena that several share */
  readonly name: string;
  /** the kernel's buffers in it; in an arena, `<buffer>_base` of the uniforms says where each begins, in elements */
  readonly buffers: readonly string[];
  /** of the binding's elements; buffers of other types in an arena of words are reinterpreted */
  readonly dtype: StorageType;
  /** elements of the declared array are vec4: a range bound to it is a multiple of four elements, and at least one vec4 */
  readonly lanes: 1 | 4;
  readonly group: number;
  readonly binding: number;
  readonly access: 'read' | 'read_write';
  /** what the kernel does with each buffer */
  readonly roles: readonly Access[];
}

export interface WgslUniform {
  /** a kernel parameter, `grid_0` … `grid_3` for the extents of the grid, or `<buffer>_base` */
  readonly name: string;
  readonly dtype: Exclude<ValueType, 'bool'>;
  /** in bytes */
  readonly offset: number;
}

/** A kernel as WGSL text and what a host needs to launch it; the entry point is `main`. */
export interface WgslModule {
  readonly kernel: string;
  readonly code: string;
  readonly bindings: readonly WgslBinding[];
  /** fields of the uniform buffer at group 0, binding 0 */
  readonly uniforms: readonly WgslUniform[];
  readonly uniformBytes: number;
  readonly workgroup: readonly [x: number, y: number];
  readonly workgroupBytes: number;
}

/** Bindings in order of the kernel's buffers; an arena stands where its first buffer does. */
function bindBuffers(kernel: Kernel, { arenas, readWrite = [] }: WgslOptions): WgslBinding[] {
  const shared = grouped(
    kernel.buffers.map((buffer) => [own(arenas, buffer.name) ?? buffer.name, buffer] as const),
  );
  const isRead = ({ name, access }: Buffer): boolean => access === 'read' && !readWrite.includes(name);
  return [...shared].map(([name, buffers], i) => {
    const [dtype = 'u32', ...others] = new Set(buffers.map((buffer) => buffer.dtype));
    return {
      name,
      buffers: buffers.map((buffer) => buffer.name),
      // buffers of different types share an arena of words
      dtype: others.length === 0 ? dtype : 'u32',
      lanes: 1,
      group: 0,
      binding: i + 1,
      access: buffers.every(isRead) ? 'read' : 'read_write',
      roles: buffers.map(({ access }) => access),
    };
  });
}

/**
 * The bindings before it is known which are arrays of vec4.
 * @throws FROND-K202 where the adapter cannot bind the kernel's buffers
 */
export function bindingsOf(kernel: Kernel, options: WgslOptions, limits: WgslLimits): WgslBinding[] {
  const bindings = bindBuffers(kernel, options);
  const demand = (isMet: boolean, what: string, hint: string): void => {
    if (!isMet) throw limitError(kernel, 'FROND-K202', what, hint);
  };
  demand(
    bindings.length <= limits.storageBuffers,
    `${bindings.length} storage bindings are over the limit of ${limits.storageBuffers}`,
    'bind buffers that are used alike in one arena (option arenas), or split the kernel into two launches',
  );
  const halves = kernel.buffers.filter(({ dtype }) => dtype === 'f16').map(({ name }) => name);
  demand(
    halves.length === 0 || options.shaderF16 === true,
    `buffer ${halves[0]} holds f16, which this device cannot bind`,
    'request the feature shader-f16, or store f32',
  );
  const isMixed = ({ dtype, buffers }: WgslBinding): boolean =>
    dtype !== 'f16' && buffers.some((name) => halves.includes(name));
  demand(
    !bindings.some(isMixed),
    `binding ${bindings.find(isMixed)?.name} joins buffers of f16 with others`,
    'give f16 a binding of its own, or store f32',
  );
  return bindings;
}

/** Fields of the uniform buffer: the extents of the grid, the kernel's parameters, where buffers begin in arenas. */
export function uniformsOf(kernel: Kernel, bindings: readonly WgslBinding[]): WgslUniform[] {
  const integer = (name: string) => ({ name, dtype: 'i32' as const });
  const bases = bindings.flatMap(({ buffers }) => (buffers.length > 1 ? buffers : []));
  const fields: readonly Omit<WgslUniform, 'offset'>[] = [
    ...Array.from({ length: kernel.gridRank }, (_, dimension) => integer(`grid_${dimension}`)),
    ...kernel.parameters.map(
      ({ name, dtype }) => ({ name, dtype: dtype === 'bool' ? 'u32' : dtype }) as const,
    ),
    ...bases.map((name) => integer(`${name}_base`)),
  ];
  return fields.map((field, i) => ({ ...field, offset: i * 4 }));
}

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
