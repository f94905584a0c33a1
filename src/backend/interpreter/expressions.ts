/** Functions of numbers and addresses as JavaScript, over names and literals. Bools are JavaScript's own. */
import type { Precision } from '../../base/dtype.ts';
import { threefryOver, type WordArithmetic } from '../../base/random.ts';
import { elementwise, roundTo } from '../../kernel/elementwise.ts';
import { isWhole, spansOf } from '../../kernel/flow.ts';
import type { Axis, ElementwiseName, Term, Value, ValueOf, ValueType } from '../../kernel/ir.ts';
import {
  type Arithmetic,
  type ArithmeticText,
  infixArithmetic,
  operand,
  transcendental,
} from '../../kernel/transcendental.ts';

/** Rows of the element-wise table in JavaScript that are no operator of two arguments. */
const functions: Partial<Record<ElementwiseName, (x: string, y: string, z: string) => string>> = {
  min: (x, y) => `Math.min(${x}, ${y})`,
  max: (x, y) => `Math.max(${x}, ${y})`,
  neg: (x) => `-${x}`,
  abs: (x) => `Math.abs(${x})`,
  floor: (x) => `Math.floor(${x})`,
  ceil: (x) => `Math.ceil(${x})`,
  round: (x) => `roundEven(${x})`,
  exp: (x) => `Math.exp(${x})`,
  log: (x) => `Math.log(${x})`,
  log1p: (x) => `Math.log1p(${x})`,
  sin: (x) => `sin(${x})`,
  cos: (x) => `cos(${x})`,
  powr: (x, y) => `powr(${x}, ${y})`,
  sqrt: (x) => `Math.sqrt(${x})`,
  rsqrt: (x) => `1 / Math.sqrt(${x})`,
  tanh: (x) => `Math.tanh(${x})`,
  erf: (x) => `erf(${x})`,
  erfcx: (x) => `erfcx(${x})`,
  not: (x) => `!${x}`,
  select: (c, x, y) => `${c} ? ${x} : ${y}`,
  isFinite: (x) => `${x} - ${x} === 0`,
  isNaN: (x) => `${x} !== ${x}`,
  shiftRight: (x, y) => `${x} >>> ${y}`,
};

/** Functions whose result is exact where their arguments are. */
const exact: ReadonlySet<ElementwiseName> = new Set([
  'select',
  'neg',
  'abs',
  'floor',
  'ceil',
  'round',
  'min',
  'max',
]);

/** The expression brought to its type: floats round, integers wrap. */
export function rounded(text: string, dtype: ValueType, precision: Precision): string {
  if (dtype === 'f32') return precision === 'f32' ? `Math.fround(${text})` : text;
  return dtype === 'i32' ? `(${text}) | 0` : dtype === 'u32' ? `(${text}) >>> 0` : text;
}

/** A number of the given type as it stands in the text. */
export function literal(value: number, dtype: ValueType, precision: Precision): string {
  if (dtype === 'bool') return String(value !== 0);
  const rounded = roundTo(dtype, precision)(value);
  return Object.is(rounded, -0) ? '(-0)' : rounded < 0 ? `(${rounded})` : String(rounded);
}

/** Where the text of an expression goes: what its operands are called, and the statements that it needs before it. */
export interface ExpressionScope {
  read(value: Value): string;
  push(...statements: readonly string[]): void;
  /** names of both words of each random pair, by the names of its key and counter */
  readonly pairs: Map<string, readonly [string, string]>;
}

/** The text of a value that is a function of numbers, one element from one element of each operand. */
export function expressionOf(value: Value, precision: Precision, scope: ExpressionScope): string | undefined {
  const { read } = scope;
  if (value.op === 'random') return `${randomPair(value, scope)[value.word]} >>> 0`;
  if (value.op === 'cast') return castText(read(value.arg), value.arg.dtype, value.dtype, precision);
  if (value.op !== 'elementwise') return undefined;
  const { fn, args, dtype } = value;
  const [x = '', y = '', z = ''] = args.map(read);
  // 32 bits times 32 bits need 64
  const isLong = fn === 'mul' && args.at(-1)?.dtype !== 'f32';
  const usual = functions[fn]?.(x, y, z) ?? `${x} ${elementwise[fn].sign} ${y}`;
  const text = isLong ? `Math.imul(${x}, ${y})` : usual;
  return dtype === 'f32' && exact.has(fn) ? text : rounded(text, dtype, precision);
}

/** Casts: floats to integers truncate and saturate (NaN gives 0), integers wrap, anything but 0 is true. */
function castText(x: string, from: ValueType, to: ValueType, precision: Precision): string {
  if (from === 'bool') return `${x} ? 1 : 0`;
  if (to === 'bool') return `${x} !== 0`;
  if (from !== 'f32') return rounded(x, to, precision);
  const [low, high] = to === 'i32' ? ['-2147483648', '2147483647'] : ['0', '4294967295'];
  return rounded(`${x} !== ${x} ? 0 : Math.trunc(Math.min(Math.max(${x}, ${low}), ${high}))`, to, precision);
}

function randomPair(
  { id, key0, key1, counter0, counter1 }: ValueOf<'random'>,
  { read, push, pairs }: ExpressionScope,
): readonly [string, string] {
  const [k0, k1, c0, c1] = [read(key0), read(key1), read(counter0), read(counter1)];
  const key = [k0, k1, c0, c1].join(' ');
  const known = pairs.get(key);
  if (known) return known;
  let kept = 0;
  const words: WordArithmetic<string> = {
    number: String,
    add: (x, y) => `((${x} + ${y}) | 0)`,
    xor: (x, y) => `${x} ^ ${y}`,
    rotateLeft: (x, bits) => `((${x} << ${bits}) | (${x} >>> ${32 - bits}))`,
    keep(name, text) {
      const local = `${name}_${id}_${kept++}`;
      push(`const ${local} = ${text};`);
      return local;
    },
  };
  const pair = threefryOver(words, [k0, k1], [c0, c1]);
  pairs.set(key, pair);
  return pair;
}

const made = new Map<string, (x: number) => number>();

/**
 * The f32 form of a function that JavaScript has not, as a function of doubles: within 2 ULP of f32, and far quicker than the
 * reference. exp, log and tanh are JavaScript's own. Results are to be rounded to f32. Made once.
 */
export function fastOf(name: 'erf' | 'erfcx'): (x: number) => number {
  const known = made.get(name);
  if (known) return known;
  const lines: string[] = [];
  const m: Arithmetic<ArithmeticText> = {
    ...infixArithmetic,
    number: (value) => operand(String(value)),
    abs: ({ text }) => operand(`Math.abs(${text})`),
    madd: (x, y, z) => m.add(m.mul(x, y), z),
    atMost: ({ text }, most) => operand(`Math.min(${text}, ${most})`),
    below: ({ text }, limit, yes, no) => operand(`(${text} < ${limit} ? ${yes.text} : ${no.text})`),
    withSign: (magnitude, x) => operand(`(${x.text} < 0 ? -${magnitude.text} : ${magnitude.text})`),
    keep(local, { text }) {
      lines.push(`const ${local} = ${text};`);
      return operand(local);
    },
  };
  const { text } = transcendental[name](m, operand('x'));
  const fast = new Function('x', [...lines, `return ${text};`].join('\n')) as (x: number) => number;
  made.set(name, fast);
  return fast;
}

/** Sums and products of indices. */
export const product = (x: string, y: string): string => {
  if (x === '0' || y === '0') return '0';
  return x === '1' ? y : y === '1' ? x : `${x} * ${y}`;
};

export const sum = (parts: readonly string[]): string =>
  parts.filter((part) => part !== '0').join(' + ') || '0';

/**
 * The address of a tile's elements along `axes`, where `scalar` gives the text of a uniform value: that of the first element without
 * what index tiles add, and how it moves along each axis. `limit`: how many elements lie inside the spans, where there are any.
 */
export function addressOf(terms: readonly Term[], axes: readonly Axis[], scalar: (value: Value) => string) {
  const indexTiles = terms.flatMap(({ index, stride }) =>
    index.kind === 'value' && index.axes.length > 0 ? [{ tile: index, stride: scalar(stride) }] : [],
  );
  const base = terms.map(({ index, stride }) => {
    if (index.kind === 'span') return product(scalar(index.start), scalar(stride));
    return index.axes.length === 0 ? product(scalar(index), scalar(stride)) : '0';
  });
  const along = axes.map((axis) => {
    const moving = terms.filter(({ index }) => index.kind === 'span' && index.axis === axis);
    const limits = spansOf(terms, axis).flatMap((span) => {
      const { start, limit } = span;
      if (isWhole(span)) return [];
      return [scalar(start) === '0' ? scalar(limit) : `${scalar(limit)} - ${scalar(start)}`];
    });
    return {
      axis,
      stride: sum(moving.map(({ stride }) => scalar(stride))),
      limit: limits.length > 1 ? `Math.min(${limits.join(', ')})` : limits[0],
    };
  });
  return { base: sum(base), along, indexTiles };
}
