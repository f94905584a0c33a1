import type { Dim } from '../../base/dim.ts';
import type { IsNumeric, Mark, Same } from './identity.ts';
import type { Add, CommonDivisor, Divide, Multiply, Subtract } from './natural.ts';

// Arithmetic of dimensions: the normal form of base/sizeForm.ts, and the same text. A form is a list of terms, a divisor, and
// the names below the line; a term has its factors as a text (`a*b`, '' for a number), a number, and whether it is subtracted.

type Term = readonly [factors: string, count: number, isNegative: boolean];
type Sum = readonly Term[];
type Form = readonly [sum: Sum, divisor: number, under: string];

// ---- reading: a text is in normal form already

/** `4*a*b`, `a*b` or `4` */
type ReadTerm<
  Text extends string,
  Negative extends boolean,
> = Text extends `${infer N extends number}*${infer Rest}`
  ? [Rest, N, Negative]
  : Text extends `${infer N extends number}`
    ? ['', N, Negative]
    : [Text, 1, Negative];
type ReadTerms<
  Text extends string,
  By extends string,
  Negative extends boolean,
  Done extends Sum = [],
> = Text extends `${infer Head}${By}${infer Rest}`
  ? ReadTerms<Rest, By, Negative, [...Done, ReadTerm<Head, Negative>]>
  : [...Done, ReadTerm<Text, Negative>];

/** Added terms stand before subtracted ones. */
type ReadSum<Text extends string> = Text extends `${infer Added}-${infer Subtracted}`
  ? Collect<ReadTerms<Subtracted, '-', true>, Added extends '0' ? [] : Collect<ReadTerms<Added, '+', false>>>
  : Collect<ReadTerms<Text, '+', false>>;

type Bare<Text extends string> = Text extends `(${infer Inner})` ? Inner : Text;
type ReadUnder<Text extends string> = Text extends `${infer N extends number}*${infer Rest}`
  ? [N, Rest]
  : Text extends `${infer N extends number}`
    ? [N, '']
    : [1, Text];

type Read<X> = X extends number
  ? [X extends 0 ? [] : [['', X, false]], 1, '']
  : X extends `${infer Above}/${infer Below}`
    ? [ReadSum<Bare<Above>>, ...ReadUnder<Bare<Below>>]
    : [ReadSum<X & string>, 1, ''];

// ---- the order of terms and factors is that of the codes of their letters

type Letters = '()*+-./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz';
type Before<X extends string, Y extends string> = X extends `${infer x}${infer RestX}`
  ? Y extends `${infer y}${infer RestY}`
    ? x extends y
      ? Before<RestX, RestY>
      : Letters extends `${string}${x}${string}${y}${string}`
        ? true
        : false
    : false
  : true;
/** numbers stand last */
type TermBefore<X extends string, Y extends string> = X extends ''
  ? false
  : Y extends ''
    ? true
    : Before<X, Y>;

// ---- sums

/** A list with a term before `Rest`, unless it is 0 */
type Put<T extends Term, Rest extends Sum> = T[1] extends 0 ? Rest : [T, ...Rest];
/** Two terms of the same factors */
type AddTerms<X extends Term, Y extends Term> = X[2] extends Y[2]
  ? [X[0], Add<X[1], Y[1]>, X[2]]
  : [Subtract<X[1], Y[1]>] extends [never]
    ? [X[0], Subtract<Y[1], X[1]>, Y[2]]
    : [X[0], Subtract<X[1], Y[1]>, X[2]];
type Insert<T extends Term, List extends Sum> = List extends readonly [
  infer Head extends Term,
  ...infer Rest extends Sum,
]
  ? Head[0] extends T[0]
    ? T[0] extends Head[0]
      ? Put<AddTerms<Head, T>, Rest>
      : never
    : TermBefore<T[0], Head[0]> extends true
      ? [T, ...List]
      : [Head, ...Insert<T, Rest>]
  : [T];
type Collect<Terms extends Sum, Done extends Sum = []> = Terms extends readonly [
  infer Head extends Term,
  ...infer Rest extends Sum,
]
  ? Collect<Rest, Insert<Head, Done>>
  : Done;
type Negated<S extends Sum> = { [I in keyof S]: [S[I][0], S[I][1], S[I][2] extends true ? false : true] };

/** `X` with the factor F in its place */
type InsertFactor<F extends string, X extends string> = X extends ''
  ? F
  : X extends `${infer Head}*${infer Rest}`
    ? Before<F, Head> extends true
      ? `${F}*${X}`
      : `${Head}*${InsertFactor<F, Rest>}`
    : Before<F, X> extends true
      ? `${F}*${X}`
      : `${X}*${F}`;
type Join<X extends string, Y extends string> = X extends ''
  ? Y
  : X extends `${infer Head}*${infer Rest}`
    ? Join<Rest, InsertFactor<Head, Y>>
    : InsertFactor<X, Y>;

type TimesTerm<S extends Sum, T extends Term> = {
  [I in keyof S]: [Join<S[I][0], T[0]>, Multiply<S[I][1], T[1]>, S[I][2] extends T[2] ? false : true];
};
type TimesSum<X extends Sum, Y extends Sum, Done extends Sum = []> = Y extends readonly [
  infer Head extends Term,
  ...infer Rest extends Sum,
]
  ? TimesSum<X, Rest, Collect<TimesTerm<X, Head>, Done>>
  : Done;

// ---- quotients

/** Factors without one of them, or false */
type WithoutFactor<X extends string, F extends string> = X extends F
  ? ''
  : X extends `${infer Head}*${infer Rest}`
    ? Head extends F
      ? Rest
      : WithoutFactor<Rest, F> extends infer Left extends string
        ? Left extends ''
          ? Head
          : `${Head}*${Left}`
        : false
    : false;
type DividedTerms<S extends Sum, F extends string, Done extends Sum = []> = S extends readonly [
  infer Head extends Term,
  ...infer Rest extends Sum,
]
  ? WithoutFactor<Head[0], F> extends infer Left extends string
    ? DividedTerms<Rest, F, [...Done, [Left, Head[1], Head[2]]]>
    : false
  : Done;

/** Cancels the names below the line that all terms have. */
type CancelNames<
  S extends Sum,
  Divisor extends number,
  Under extends string,
  Kept extends string = '',
> = Under extends ''
  ? CancelNumber<S, Divisor, Kept>
  : Under extends `${infer Head}*${infer Rest}`
    ? CancelName<S, Divisor, Head, Rest, Kept>
    : CancelName<S, Divisor, Under, '', Kept>;
type CancelName<
  S extends Sum,
  Divisor extends number,
  Name extends string,
  Rest extends string,
  Kept extends string,
> =
  DividedTerms<S, Name> extends infer Left extends Sum
    ? CancelNames<Left, Divisor, Rest, Kept>
    : CancelNames<S, Divisor, Rest, Kept extends '' ? Name : `${Kept}*${Name}`>;

type CancelNumber<S extends Sum, Divisor extends number, Under extends string> = Divisor extends 1
  ? [S, 1, Under]
  : Common<S, Divisor> extends infer Shared extends number
    ? Shared extends 1
      ? [S, Divisor, Under]
      : [{ [I in keyof S]: [S[I][0], Divide<S[I][1], Shared>, S[I][2]] }, Divide<Divisor, Shared>, Under]
    : never;
type Common<S extends Sum, Done extends number> = Done extends 1
  ? 1
  : S extends readonly [infer Head extends Term, ...infer Rest extends Sum]
    ? Common<Rest, CommonDivisor<Done, Head[1]>>
    : Done;

type Reduced<F extends Form> = F[0] extends readonly []
  ? [[], 1, '']
  : [F[1], F[2]] extends [1, '']
    ? F
    : CancelNames<F[0], F[1], F[2]>;

/** What stands below the line, as a sum */
type Below<F extends Form> = [[F[2], F[1], false]];

type PlusForm<X extends Form, Y extends Form> = [X[1], X[2]] extends [Y[1], Y[2]]
  ? Reduced<[Collect<Y[0], X[0]>, X[1], X[2]]>
  : Reduced<
      [Collect<TimesSum<Y[0], Below<X>>, TimesSum<X[0], Below<Y>>>, Multiply<X[1], Y[1]>, Join<X[2], Y[2]>]
    >;
type TimesForm<X extends Form, Y extends Form> = Reduced<
  [TimesSum<X[0], Y[0]>, Multiply<X[1], Y[1]>, Join<X[2], Y[2]>]
>;
/** By one term; a quotient by a sum of several is left to the build. */
type OverForm<X extends Form, Y extends Form> = Y[0] extends readonly [infer T extends Term]
  ? T[2] extends true
    ? false
    : Reduced<[TimesSum<X[0], Below<Y>>, Multiply<X[1], T[1]>, Join<X[2], T[0]>]>
  : false;

// ---- text

type TermText<T extends Term> = T[0] extends '' ? `${T[1]}` : T[1] extends 1 ? T[0] : `${T[1]}*${T[0]}`;
type SumText<S extends Sum, Added extends string = '', Subtracted extends string = ''> = S extends readonly [
  infer Head extends Term,
  ...infer Rest extends Sum,
]
  ? Head[2] extends true
    ? SumText<Rest, Added, `${Subtracted}-${TermText<Head>}`>
    : SumText<Rest, Added extends '' ? TermText<Head> : `${Added}+${TermText<Head>}`, Subtracted>
  : `${Added extends '' ? '0' : Added}${Subtracted}`;

type Above<S extends Sum> = S extends readonly [readonly [string, number, false]]
  ? SumText<S>
  : `(${SumText<S>})`;
type Under<Divisor extends number, Names extends string> = Names extends ''
  ? `${Divisor}`
  : Divisor extends 1
    ? Names extends `${string}*${string}`
      ? `(${Names})`
      : Names
    : `(${Divisor}*${Names})`;

/** A number, or the text; never for a number below 0. */
type Print<F> = F extends Form
  ? F[0] extends readonly []
    ? 0
    : [F[1], F[2]] extends [1, '']
      ? F[0] extends readonly [readonly ['', infer N extends number, infer Negative]]
        ? Negative extends true
          ? never
          : N
        : SumText<F[0]>
      : `${Above<F[0]>}/${Under<F[1], F[2]>}`
  : string;

// ---- operations

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
interface OfForms<X extends Form, Y extends Form> {
  times: TimesForm<X, Y>;
  plus: PlusForm<X, Y>;
  minus: PlusForm<X, [Negated<Y[0]>, Y[1], Y[2]]>;
  over: OverForm<X, Y>;
}

/** Sums below the line are left to the build. */
type IsOpen<X> = X extends `${string}/(${string}${'+' | '-'}${string}` ? true : false;
type OfNames<Op extends keyof Neutral, X, Y> = true extends IsOpen<X> | IsOpen<Y>
  ? string
  : [Op, X] extends ['over', Y]
    ? 1
    : Print<OfForms<Read<X>, Read<Y>>[Op]>;

type Known<Op extends keyof Neutral, X, Y> = [X, Y] extends [infer M extends number, infer N extends number]
  ? OfNumbers<M, N>[Op]
  : [Op, Y] extends ['over', 0]
    ? never
    : OfNames<Op, X, Y>;

type Combined<Op extends keyof Neutral, X, Y> = X extends Dim
  ? Y extends Neutral[Op]
    ? X
    : [Op, X] extends ['times' | 'plus', Neutral[Op]]
      ? Y
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
