import type { Dim } from '../../base/dim.ts';
import type { IsNumeric, Mark, Same } from './identity.ts';
import type { Add, Divide, Multiply, Subtract } from './natural.ts';

// Arithmetic of dimensions. Names combine to the same text that `times`, `plus`, `minus`, `over` of base/dim.ts build.

/** true when `text` is a sum or difference outside parentheses */
type IsSum<Text extends string> = Text extends `${string}+${string}` | `${string}-${string}`
  ? ScanSum<Text>
  : false;
type ScanSum<Text extends string, Depth extends 0[] = []> = Text extends `${infer Head}${infer Rest}`
  ? Head extends '('
    ? ScanSum<Rest, [...Depth, 0]>
    : Head extends ')'
      ? ScanSum<Rest, Depth extends [0, ...infer Outer extends 0[]] ? Outer : []>
      : [Head, Depth] extends ['+' | '-', []]
        ? true
        : ScanSum<Rest, Depth>
  : false;

type Factor<X> = X extends string ? (IsSum<X> extends true ? `(${X})` : X) : X & Dim;
type Divisor<Y> = Y extends `${string}${'+' | '-' | '*' | '/'}${string}` ? `(${Y})` : Y & Dim;

/** `X` without its divisor `Y`, or false when it is no quotient by `Y` */
type Undivided<X, Y> = X extends `${infer N}/${Divisor<Y>}` ? (IsSum<X> extends true ? false : N) : false;

/** What leaves the other operand as it is. */
interface Neutral {
  times: 1;
  plus: 0;
  minus: 0;
  over: 1;
}
interface OfNumbers<X extends number, Y extends number> {
  times: Multiply<X, Y>;
  plus: Add<X, Y>;
  minus: Subtract<X, Y>;
  over: Divide<X, Y>;
}
interface OfNames<X, Y> {
  times: X extends 1
    ? Y
    : Undivided<X, Y> extends infer N extends string
      ? N
      : Undivided<Y, X> extends infer N extends string
        ? N
        : `${Factor<X>}*${Factor<Y>}`;
  plus: X extends 0 ? Y : X extends `${infer N}-${Factor<Y>}` ? N : `${X & Dim}+${Y & Dim}`;
  minus: X extends `${infer N}+${Factor<Y>}`
    ? N
    : X extends `${Factor<Y>}+${infer N}`
      ? N
      : `${X & Dim}-${Factor<Y>}`;
  over: X extends Y ? 1 : `${Factor<X>}/${Divisor<Y>}`;
}

type Known<Op extends keyof Neutral, X, Y> = [X, Y] extends [infer M extends number, infer N extends number]
  ? OfNumbers<M, N>[Op]
  : OfNames<X, Y>[Op];

type Combined<Op extends keyof Neutral, X, Y> = X extends Dim
  ? Y extends Neutral[Op]
    ? X
    : number extends X | Y
      ? number
      : string extends X | Y
        ? string
        : Known<Op, X, Y> extends infer Q extends Dim
          ? Q
          : never
  : never;

// The public forms: with a type parameter inside they stay unevaluated under their own name (`Over<D, 8>`), and count as
// a Dim. They are `never` where the operation fails.

/** X · Y */
export type Times<X, Y> = Combined<'times', X, Y>;
/** X + Y */
export type Plus<X, Y> = Combined<'plus', X, Y>;
/** X − Y; never when that is a negative number */
export type Minus<X, Y> = Combined<'minus', X, Y>;
/** X / Y; never when both are numbers and Y does not divide X */
export type Over<X, Y> = Combined<'over', X, Y>;

/** X · (P / X) = P, also while P is a type parameter: `Over<P, Q>` is recognised by its alias, `Same` decides. */
type TimesOpaque<X, Y, Late> = { q: Y } | Mark | Late extends
  | { q: Over<infer P, infer Q> }
  | Mark
  | Late
  | infer _Rest
  ? Same<Y, Over<P, Q>, Late> extends true
    ? Same<X, Q, Late> extends true
      ? P
      : Times<X, Y>
    : Times<X, Y>
  : never;

/** the product of a list of dimensions, opaque ones included */
export type Product<List, Late> = List extends readonly [infer X, infer Y, ...infer Rest]
  ? Product<[TimesOpaque<X, Y, Late>, ...Rest], Late>
  : List extends readonly [infer X]
    ? X
    : 1;

/** whether an operation above failed */
export type Fails<Q> = [Q] extends [never] ? true : false;

/** whether Y certainly does not divide X; names and type parameters get the benefit of the doubt */
export type Indivisible<X, Y, Late> =
  IsNumeric<X, Late> extends true ? (IsNumeric<Y, Late> extends true ? Fails<Over<X, Y>> : false) : false;
