import { checkArguments } from './arguments.ts';
import { FrondError } from './errors.ts';
import * as is from './kinds.ts';
import { areSame } from './own.ts';
import { type Form, nameForm, numberForm, overForm, plusForm, printForm, timesForm } from './sizeForm.ts';

/**
 * A dimension of a shape: a size, or an expression over named sizes such as `batch`, `batch*time`, `2*time-2`, `(time+1)/4`.
 * Names are bound when a batch is fed. Shapes have expressions in normal form, in which equal ones are one text
 * (base/sizeForm.ts); `times`, `plus`, … build the same text that the types show.
 */
export type Dim = number | string;
export type Shape = readonly Dim[];
/** Sizes of the named dimensions. */
export type Sizes = Readonly<Record<string, number>>;

/** Size of frond's own that is bound beside the users': the number of blocks in a state's arenas. */
export const ARENA_BLOCKS = 'arena.blocks';
/** Which arena chunk a launch works on, from 0: a GPU holds large arenas in several buffers. */
export const ARENA_CHUNK = 'arena.chunk';

/** A text without what stands in parentheses. */
function outside(text: string): string {
  const less = text.replace(/\([^()]*\)/g, '');
  return less === text ? text : outside(less);
}

// ---- arithmetic: results are in normal form

const PLAIN = /^[A-Za-z_][\w.]*$/;
const formOf = (dim: Dim): Form =>
  typeof dim === 'number' ? numberForm(dim) : PLAIN.test(dim) ? nameForm(dim) : read(dim, FORMS);

const FORMS: Algebra<Form> = {
  number: numberForm,
  name: nameForm,
  plus: (x, y) => plusForm(x, y, 1, formOf),
  minus: (x, y) => plusForm(x, y, -1, formOf),
  times: (x, y) => timesForm(x, y, formOf),
  over(x, y) {
    if (y.sum.length === 0) throw new FrondError('FROND-S002', 'a size is divided by 0');
    return overForm(x, y, formOf);
  },
  ceil: (x, per) => nameForm(`ceil(${printForm(x)}, ${printForm(per)})`),
};

const combine = (operation: 'plus' | 'minus' | 'times' | 'over', x: Dim, y: Dim): Dim =>
  printForm(FORMS[operation](formOf(x), formOf(y)));

/** The one text of all expressions that are equal to `dim` whatever its names stand for. */
export const normalDim = (dim: Dim): Dim =>
  typeof dim === 'number' || PLAIN.test(dim) ? dim : printForm(formOf(dim));

/** Of a size that is well formed, but not in normal form. */
export const NORMAL_HINT =
  'equal sizes have one text, in which products and sums are multiplied out and sorted';

/** `x * y` */
export function times(x: Dim, y: Dim): Dim {
  if (x === 1) return y;
  if (y === 1) return x;
  // without the − of −0
  if (typeof x === 'number' && typeof y === 'number') return x * y + 0;
  return combine('times', x, y);
}

export const product = (dims: readonly Dim[]): Dim => dims.reduce<Dim>(times, 1);

/** `x + y` */
export function plus(x: Dim, y: Dim): Dim {
  if (x === 0) return y;
  if (y === 0) return x;
  if (typeof x === 'number' && typeof y === 'number') return x + y;
  return combine('plus', x, y);
}

/** `x - y`, which may be a negative number */
export function minus(x: Dim, y: Dim): Dim {
  if (y === 0) return x;
  if (typeof x === 'number' && typeof y === 'number') return x - y;
  return combine('minus', x, y);
}

/** `x / y` where it is exact, else undefined; a quotient of names stays symbolic and is checked when bound. */
export function over(x: Dim, y: Dim): Dim | undefined {
  if (y === 0) return undefined;
  if (y === 1) return x;
  if (typeof x === 'number' && typeof y === 'number') return x % y === 0 ? x / y : undefined;
  return combine('over', x, y);
}

/** ceil(x / per): how many blocks of `per` cover `x`. Text form `ceil(rows, 16)`; for sizes that no user writes. */
export const ceilDivide = (x: Dim, per: number): Dim =>
  typeof x === 'number' ? Math.ceil(x / per) : `ceil(${x}, ${per})`;

export const sameShape = (x: Shape, y: Shape): boolean => areSame(x, y);

export const printShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The names that an expression mentions, in order of appearance. */
export const namesOf = (dim: Dim): string[] =>
  typeof dim === 'number' ? [] : [...new Set(dim.replaceAll('ceil(', '(').match(/[A-Za-z_][\w.]*/g))];

const NAME = /(?<![\w.])[A-Za-z_][\w.]*/g;
/** Longer expressions are nobody's; they could be nested without end. */
const LONGEST = 1000;

/** A natural number, a name, or a well-formed expression with a name in it. */
export function isDim(value: unknown): value is Dim {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0;
  // most are plain names
  if (typeof value === 'string' && /^[A-Za-z_]\w{0,99}$/.test(value)) return value !== '__proto__';
  if (typeof value !== 'string' || value.length > LONGEST || !/^[\w.+\-*/()]+$/.test(value)) return false;
  const names = namesOf(value);
  // every name as 1: what is left must be well formed, whatever its value
  const skeleton = value.replace(NAME, '1');
  const formed = /^(\(*\d+\)*)([-+*/]\(*\d+\)*)*$/.test(skeleton) && !/[()]/.test(outside(skeleton));
  return formed && names.length > 0 && !names.includes('__proto__') && hasForm(value);
}

function hasForm(dim: string): boolean {
  try {
    return normalDim(dim) !== undefined;
  } catch {
    return false;
  }
}

type Token = string | number;
const tokenize = (text: string): Token[] =>
  (text.match(/[A-Za-z_][\w.]*|\d+|[-+*/(),]/g) ?? []).map((part) =>
    /^\d/.test(part) ? Number(part) : part,
  );

/**
 * The size that `dim` has under `sizes`.
 * @throws FROND-S001 when a name is not bound, FROND-S002 when a division leaves a remainder or a size is negative.
 */
export function evaluate(dim: Dim, sizes: Sizes): number {
  if (typeof dim === 'number') return dim;
  if (Object.hasOwn(sizes, dim)) return sizes[dim] as number;
  const size = evaluateExpression(dim, sizes);
  if (size < 0) throw new FrondError('FROND-S002', `dimension ${dim} would be ${size}`);
  return size;
}

/** `evaluate` with its arguments checked. @throws FROND-S045, and as `evaluate` */
export function evaluateDim(dim: Dim, sizes: Sizes): number {
  checkArguments('evaluateDim', { dim: is.either(is.natural, is.text), sizes: is.sizes }, [dim, sizes]);
  return evaluate(dim, sizes);
}

const evaluateExpression = (dim: string, sizes: Sizes): number =>
  read<number>(dim, {
    number: (value) => value,
    name(name) {
      if (Object.hasOwn(sizes, name)) return sizes[name] as number;
      // frond's own sizes are no names of the user's
      const bound = Object.keys(sizes).filter((other) => other !== ARENA_BLOCKS && other !== ARENA_CHUNK);
      throw new FrondError('FROND-S001', `dimension ${name} of ${dim} has no size`, {
        hint: `bound dimensions are: ${bound.join(', ') || 'none'}`,
      });
    },
    plus: (x, y) => x + y,
    minus: (x, y) => x - y,
    times: (x, y) => x * y,
    over(x, y) {
      if (x % y === 0) return x / y;
      throw new FrondError('FROND-S002', `dimension ${dim}: ${x} is not divisible by ${y}`);
    },
    ceil: (x, per) => Math.ceil(x / per),
  });

// ---- the grammar

/** What numbers, names and operators of an expression mean. */
interface Algebra<T> {
  number(value: number): T;
  name(name: string): T;
  plus(x: T, y: T): T;
  minus(x: T, y: T): T;
  times(x: T, y: T): T;
  over(x: T, y: T): T;
  ceil(x: T, per: T): T;
}

/** Sums of terms, terms of primaries: a number, a name, `(sum)` or `ceil(sum, per)`. */
function read<T>(dim: string, means: Algebra<T>): T {
  const tokens = tokenize(dim);
  let next = 0;
  const sum = (): T => {
    let value = term();
    while (tokens[next] === '+' || tokens[next] === '-')
      value = tokens[next++] === '+' ? means.plus(value, term()) : means.minus(value, term());
    return value;
  };
  const term = (): T => {
    let value = primary();
    while (tokens[next] === '*' || tokens[next] === '/')
      value = tokens[next++] === '*' ? means.times(value, primary()) : means.over(value, primary());
    return value;
  };
  /** a sum and the token behind it */
  const inner = (): T => {
    const value = sum();
    next++;
    return value;
  };
  const primary = (): T => {
    const token = tokens[next++];
    if (typeof token === 'number') return means.number(token);
    if (token === '(') return inner();
    if (token === 'ceil' && tokens[next] === '(') {
      next++;
      const size = inner();
      return means.ceil(size, inner());
    }
    return means.name(token ?? '?');
  };
  return sum();
}

/** Where element `index` of a row-major tensor of `shape` lies: one number per axis. */
export function placeIn(index: number, shape: readonly number[]): number[] {
  let rest = index;
  return shape.reduceRight<number[]>((place, size) => {
    place.unshift(rest % size);
    rest = Math.floor(rest / size);
    return place;
  }, []);
}

/** @throws FROND-S028 where `op`, which gives the largest element of a dimension, is given none */
export function requireSome(op: string, size: Dim): void {
  if (size !== 0) return;
  throw new FrondError('FROND-S028', `${op}: the dimension it reduces has 0 elements, and so no largest`, {
    hint: 'give it at least one element',
  });
}
