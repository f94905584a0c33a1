import { show } from './arguments.ts';

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

/** The class of arrays that hold elements of `dtype`. */
export function arrayTypeOf(dtype: DType, precision: Precision = 'f32') {
  if (isFloating(dtype)) return precision === 'f64' ? Float64Array : Float32Array;
  return dtype === 'i32' ? Int32Array : Uint32Array;
}

/** A zeroed array for `length` elements of `dtype`. */
export const allocate = (dtype: DType, length: number, precision?: Precision): TypedArray =>
  new (arrayTypeOf(dtype, precision))(length);

/**
 * Elements of a tensor as they come from outside: any list of numbers, of 64-bit integers, or of `true` and `false`. Each must fit
 * the dtype: whole numbers within 32 bits for i32 and u32, 0 and 1 for bool; floats are rounded as IEEE 754 says.
 */
export type HostData = ArrayLike<number> | ArrayLike<bigint> | ArrayLike<boolean>;

const isNumber = (value: unknown): value is number => typeof value === 'number';

/** What an element must be, for a message and as a check. */
const RULES: Readonly<Record<DType, readonly [rule: string, fits: (value: unknown) => boolean]>> = {
  f32: ['numbers', isNumber],
  f16: ['numbers', isNumber],
  i32: ['whole numbers from -2147483648 to 2147483647', (value) => isNumber(value) && value === (value | 0)],
  u32: ['whole numbers from 0 to 4294967295', (value) => isNumber(value) && value === value >>> 0],
  bool: ['0, 1, false and true', (value) => value === 0 || value === 1 || typeof value === 'boolean'],
};

const UNSIGNED = [Uint8Array, Uint8ClampedArray, Uint16Array];
const INTEGERS = { i32: [Int32Array, Int16Array, Int8Array, ...UNSIGNED], u32: [Uint32Array, ...UNSIGNED] };

/** Whether an array's own type says that every element fits. */
function cannotFail(dtype: DType, data: unknown): boolean {
  if (isFloating(dtype)) return data instanceof Float32Array || data instanceof Float64Array;
  return dtype !== 'bool' && INTEGERS[dtype as 'i32' | 'u32'].some((type) => data instanceof type);
}

/** What an element must be, for a message. */
export const elementRule = (dtype: DType): string => RULES[dtype][0];

/**
 * The elements as numbers that a device takes; arrays whose type fits are given back as they are.
 * @throws what `refuse` makes of the place of the first element that does not fit, and of the element as text
 */
export function numbersOf(
  dtype: DType,
  data: HostData,
  refuse: (index: number, element: string) => Error,
): ArrayLike<number> {
  if (cannotFail(dtype, data)) return data as ArrayLike<number>;
  const [, fits] = RULES[dtype];
  let areNumbers = true;
  for (let i = 0; i < data.length; i++) {
    const given: unknown = data[i];
    if (!fits(typeof given === 'bigint' ? Number(given) : given)) throw refuse(i, show(given));
    areNumbers &&= isNumber(given);
  }
  return areNumbers ? (data as ArrayLike<number>) : Array.from(data as ArrayLike<unknown>, Number);
}
