/** Element-wise values as JavaScript: one expression per value, over names and literals. Bools are JavaScript's own. */
import type { Precision } from '../../../base/dtype.ts';
import { defined, FrondError } from '../../../base/errors.ts';
import type { ElementwiseName, Value, ValueType } from '../../../kernel/ir.ts';

type Emit = (x: string, y: string, z: string) => string;
type Table = Partial<Record<ElementwiseName, Emit>>;

/** The same for every type. */
const anyType: Table = {
  lt: (x, y) => `${x} < ${y}`,
  le: (x, y) => `${x} <= ${y}`,
  eq: (x, y) => `${x} === ${y}`,
  ne: (x, y) => `${x} !== ${y}`,
  select: (c, x, y) => `${c} ? ${x} : ${y}`,
};

const float: Table = {
  add: (x, y) => `${x} + ${y}`,
  sub: (x, y) => `${x} - ${y}`,
  mul: (x, y) => `${x} * ${y}`,
  div: (x, y) => `${x} / ${y}`,
  min: (x, y) => `Math.min(${x}, ${y})`,
  max: (x, y) => `Math.max(${x}, ${y})`,
  neg: (x) => `-${x}`,
  abs: (x) => `Math.abs(${x})`,
  floor: (x) => `Math.floor(${x})`,
  exp: (x) => `exp(${x})`,
  log: (x) => `Math.log(${x})`,
  sqrt: (x) => `Math.sqrt(${x})`,
  rsqrt: (x) => `1 / Math.sqrt(${x})`,
  tanh: (x) => `tanh(${x})`,
  erf: (x) => `erf(${x})`,
  erfcx: (x) => `erfcx(${x})`,
  isFinite: (x) => `${x} - ${x} === 0`,
  isNaN: (x) => `${x} !== ${x}`,
};

const integer: Table = {
  add: (x, y) => `${x} + ${y}`,
  sub: (x, y) => `${x} - ${y}`,
  mul: (x, y) => `Math.imul(${x}, ${y})`,
  div: (x, y) => `${x} / ${y}`,
  rem: (x, y) => `${x} % ${y}`,
  min: (x, y) => `${x} < ${y} ? ${x} : ${y}`,
  max: (x, y) => `${x} > ${y} ? ${x} : ${y}`,
  neg: (x) => `-${x}`,
  abs: (x) => `Math.abs(${x})`,
  bitAnd: (x, y) => `${x} & ${y}`,
  bitXor: (x, y) => `${x} ^ ${y}`,
  shiftRight: (x, y) => `${x} >>> ${y}`,
};

const bool: Table = {
  and: (x, y) => `${x} && ${y}`,
  or: (x, y) => `${x} || ${y}`,
  not: (x) => `!${x}`,
};

/** The expression brought to its type: floats round, integers wrap. */
export function rounded(text: string, dtype: ValueType, precision: Precision): string {
  if (dtype === 'f32') return precision === 'f32' ? `Math.fround(${text})` : text;
  return dtype === 'i32' ? `(${text}) | 0` : dtype === 'u32' ? `(${text}) >>> 0` : text;
}

/** A number of the given type as it stands in the text. */
export function literal(value: number, dtype: ValueType, precision: Precision): string {
  if (dtype === 'bool') return String(value !== 0);
  const exact = dtype !== 'f32' ? value : precision === 'f32' ? Math.fround(value) : value;
  const wrapped = dtype === 'i32' ? exact | 0 : dtype === 'u32' ? exact >>> 0 : exact;
  return Object.is(wrapped, -0) ? '(-0)' : wrapped < 0 ? `(${wrapped})` : String(wrapped);
}

/** Row `fn` of the element-wise table over arguments of type `dtype` (the last argument's). */
export function elementwiseText(
  fn: ElementwiseName,
  dtype: ValueType,
  result: ValueType,
  args: readonly string[],
  precision: Precision,
): string {
  const table = dtype === 'f32' ? float : dtype === 'bool' ? bool : integer;
  const emit = anyType[fn] ?? table[fn];
  if (!emit) throw new FrondError('FROND-X003', `the interpreter has no ${fn} of ${dtype}`);
  const [x = '', y = '', z = ''] = args;
  const text = emit(x, y, z);
  return result === 'f32' && exact.has(fn) ? text : rounded(text, result, precision);
}

/** Casts: floats to integers truncate and saturate (NaN gives 0), integers wrap, anything but 0 is true. */
export function castText(x: string, from: ValueType, to: ValueType, precision: Precision): string {
  if (from === to) return x;
  if (from === 'bool') return `${x} ? 1 : 0`;
  if (to === 'bool') return `${x} !== 0`;
  if (from !== 'f32') return rounded(x, to, precision);
  const [low, high] = to === 'i32' ? ['-2147483648', '2147483647'] : ['0', '4294967295'];
  return rounded(`${x} !== ${x} ? 0 : Math.trunc(Math.min(Math.max(${x}, ${low}), ${high}))`, to, precision);
}

/** Functions whose result is exact where their arguments are. */
const exact: ReadonlySet<ElementwiseName> = new Set(['select', 'neg', 'abs', 'floor', 'min', 'max']);

const rotations = [
  [13, 15, 26, 6],
  [17, 29, 16, 24],
] as const;

/**
 * Statements that leave both words of Threefry-2x32 (20 rounds, `base/random.ts`) in `x` and `y`. `keys` are three
 * names: the key's words and their xor with the constant of the cipher.
 */
export function threefryText(
  x: string,
  y: string,
  counters: readonly [string, string],
  keys: readonly string[],
): string[] {
  const key = (i: number): string => defined(keys[i % 3], 'key word');
  const lines = [
    `let ${x} = (${counters[0]} + ${key(0)}) | 0;`,
    `let ${y} = (${counters[1]} + ${key(1)}) | 0;`,
  ];
  for (let block = 1; block <= 5; block++) {
    for (const turn of rotations[(block - 1) % 2] ?? []) {
      lines.push(`${x} = (${x} + ${y}) | 0;`);
      lines.push(`${y} = ((${y} << ${turn}) | (${y} >>> ${32 - turn})) ^ ${x};`);
    }
    lines.push(`${x} = (${x} + ${key(block)}) | 0;`);
    lines.push(`${y} = (${y} + ${key(block + 1)} + ${block}) | 0;`);
  }
  return lines;
}

/** Values that are computed element by element from values before them. */
export type ElementValue = Value & { readonly op: 'elementwise' | 'cast' | 'inside' | 'random' };

export const isElementValue = (value: Value): value is ElementValue =>
  value.op === 'elementwise' || value.op === 'cast' || value.op === 'inside' || value.op === 'random';

/** Sums and maxima of such values, taken in the loop that computes them. */
export type ReduceValue = Value & { readonly op: 'reduce' };
