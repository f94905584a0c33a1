/** Element types of graph tensors. `bool` is stored as u32 (0 or 1); `f16` is a storage type only. */
export const dtypes = ['f32', 'f16', 'i32', 'u32', 'bool'] as const;
export type DType = (typeof dtypes)[number];

export const isDType = (value: unknown): value is DType => dtypes.some((dtype) => dtype === value);

/** What to say to an element type that there is not. */
export const dtypeHint = `the dtypes are ${dtypes.join(', ')}`;

/** How the reference device computes and stores the floating types: f64 is the oracle, f32 the product. */
export type Precision = 'f32' | 'f64';

/** Host-side tensor data. Floats are f32, or f64 when a device runs in that precision. */
export type TypedArray = Float32Array | Float64Array | Int32Array | Uint32Array;

export const isFloating = (dtype: DType): boolean => dtype === 'f32' || dtype === 'f16';

/** A zeroed array for `length` elements of `dtype`. */
export function allocate(dtype: DType, length: number, precision: Precision = 'f32'): TypedArray {
  if (isFloating(dtype)) return precision === 'f64' ? new Float64Array(length) : new Float32Array(length);
  return dtype === 'i32' ? new Int32Array(length) : new Uint32Array(length);
}
