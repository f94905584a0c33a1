import { checkArguments } from './arguments.ts';
import { FrondError } from './errors.ts';
import * as is from './kinds.ts';
import { areSame } from './own.ts';

/**
 * A dimension of a shape: a size, or an expression over named sizes in the text form
 * `batch`, `batch*time`, `time+1`, `time-1`, `time/4`. Names are bound when a batch is fed.
 * Expressions are not normalised (`a*b` is not `b*a`); `times`, `plus`, … build the same text that the types show.
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
const isSum = (dim: string): boolean => /[-+]/.test(outside(dim));

/** What stands behind a `/`. */
const divisor = (dim: Dim): string => (typeof dim === 'string' && /[-+*/]/.test(dim) ? `(${dim})` : `${dim}`);

/** `dim` without `end`, or undefined when it does not end so */
const before = (dim: Dim, end: string): string | undefined =>
  typeof dim === 'string' && dim.endsWith(end) ? dim.slice(0, -end.length) : undefined;

/** `dim` without its divisor `y`, or undefined when it is not a quotient by `y` */
const undivided = (dim: Dim, y: Dim): string | undefined =>
  isSum(`${dim}`) ? undefined : before(dim, `/${divisor(y)}`);

const factor = (dim: Dim): string => (typeof dim === 'string' && isSum(dim) ? `(${dim})` : `${dim}`);

/** `x * y`; a factor that divides is taken out again: `(time/4) * 4` is `time`. */
export function times(x: Dim, y: Dim): Dim {
  if (x === 1) return y;
  if (y === 1) return x;
  if (typeof x === 'number' && typeof y === 'number') return x * y;
  return undivided(x, y) ?? undivided(y, x) ?? `${factor(x)}*${factor(y)}`;
}

export const product = (dims: readonly Dim[]): Dim => dims.reduce<Dim>(times, 1);

/** `x + y`; what was subtracted is taken out again: `(time-1) + 1` is `time`. */
export function plus(x: Dim, y: Dim): Dim {
  if (x === 0) return y;
  if (y === 0) return x;
  if (typeof x === 'number' && typeof y === 'number') return x + y;
  return before(x, `-${factor(y)}`) ?? `${x}+${y}`;
}

/** `x - y`; what was added is taken out again: `(1+time) - 1` and `(time+1) - 1` are `time`. */
export function minus(x: Dim, y: Dim): Dim {
  if (y === 0) return x;
  if (typeof x === 'number' && typeof y === 'number') return x - y;
  const start = `${factor(y)}+`;
  const after = typeof x === 'string' && x.startsWith(start) ? x.slice(start.length) : undefined;
  return before(x, `+${factor(y)}`) ?? after ?? `${x}-${factor(y)}`;
}

/** `x / y` where it is exact, else undefined; a quotient of names stays symbolic and is checked when bound. */
export function over(x: Dim, y: Dim): Dim | undefined {
  if (y === 1) return x;
  if (x === y) return 1;
  if (typeof x === 'number' && typeof y === 'number') return x % y === 0 ? x / y : undefined;
  return `${factor(x)}/${divisor(y)}`;
}

/** ceil(x / per): how many blocks of `per` cover `x`. Text form `ceil(rows, 16)`; for sizes that no user writes. */
export const ceilDivide = (x: Dim, per: number): Dim =>
  typeof x === 'number' ? Math.ceil(x / per) : `ceil(${x}, ${per})`;

export const sameShape = (x: Shape, y: Shape): boolean => areSame(x, y);

export const printShape = (shape: Shape): string => `[${shape.join(', ')}]`;

/** The names that an expression mentions, in order of appearance. */
export const namesOf = (dim: Dim): string[] =>
  typeof dim === 'number' ? [] : (dim.replaceAll('ceil(', '(').match(/[A-Za-z_][\w.]*/g) ?? []);

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
  return formed && names.length > 0 && !names.includes('__proto__');
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

/** Sums of terms, terms of primaries: a number, a name, `(sum)` or `ceil(sum, per)`. */
function evaluateExpression(dim: string, sizes: Sizes): number {
  const tokens = tokenize(dim);
  let next = 0;
  const sum = (): number => {
    let value = term();
    while (tokens[next] === '+' || tokens[next] === '-')
      value = tokens[next++] === '+' ? value + term() : value - term();
    return value;
  };
  const term = (): number => {
    let value = primary();
    while (tokens[next] === '*' || tokens[next] === '/') {
      const operator = tokens[next++];
      const right = primary();
      if (operator === '/' && value % right !== 0) {
        throw new FrondError('FROND-S002', `dimension ${dim}: ${value} is not divisible by ${right}`);
      }
      value = operator === '*' ? value * right : value / right;
    }
    return value;
  };
  /** a sum and the token behind it */
  const inner = (): number => {
    const value = sum();
    next++;
    return value;
  };
  const primary = (): number => {
    const token = tokens[next++];
    if (typeof token === 'number') return token;
    if (token === '(') return inner();
    if (token === 'ceil' && tokens[next] === '(') {
      next++;
      const size = inner();
      return Math.ceil(size / inner());
    }
    if (token !== undefined && Object.hasOwn(sizes, token)) return sizes[token] as number;
    // frond's own sizes are no names of the user's
    const bound = Object.keys(sizes).filter((name) => name !== ARENA_BLOCKS && name !== ARENA_CHUNK);
    throw new FrondError('FROND-S001', `dimension ${token ?? '?'} of ${dim} has no size`, {
      hint: `bound dimensions are: ${bound.join(', ') || 'none'}`,
    });
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
