// Exact arithmetic on literal natural numbers as it is done on paper: on their decimal texts, written ones first. The
// numbers of a single place are lengths of tuples, which the compiler adds and subtracts by itself.

type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9';
/** The tuples that are shorter than `Count`. */
type Tuples<
  Count extends number,
  Done extends 0[][] = [],
  Next extends 0[] = [],
> = Done['length'] extends Count ? Done : Tuples<Count, [...Done, Next], [...Next, 0]>;
/** A tuple for each digit, which its text looks up, and one for ten. */
type Units = Tuples<11>;

type Reversed<Text extends string, Done extends string = ''> = Text extends `${infer Head}${infer Rest}`
  ? Reversed<Rest, `${Head}${Done}`>
  : Done;

type WithoutHighZeros<Text extends string> = Text extends `${infer Rest}0` ? WithoutHighZeros<Rest> : Text;

/** '' is 0, as zeros are left out. */
type ToNumber<Text extends string> =
  Reversed<WithoutHighZeros<Text>> extends `${infer N extends number}` ? N : 0;

/** a · b as a tuple */
type Repeated<A extends 0[], B extends 0[], Done extends 0[] = []> = A extends [0, ...infer Rest extends 0[]]
  ? Repeated<Rest, B, [...Done, ...B]>
  : Done;

/** A · k + B, with what the place before carried over: at most 9 · 9 + 9 + 9 in a place */
type MultiplyAdd<
  A extends string,
  K extends Digit,
  B extends string,
  Carry extends 0[] = [],
  Done extends string = '',
> = A extends `${infer a extends Digit}${infer RestA}`
  ? B extends `${infer b extends Digit}${infer RestB}`
    ? Repeated<Units[K], Units[a], [...Units[b], ...Carry]>['length'] extends infer Place extends number
      ? `${Place}` extends `${infer tens extends Digit}${infer ones extends Digit}`
        ? MultiplyAdd<RestA, K, RestB, Units[tens], `${Done}${ones}`>
        : MultiplyAdd<RestA, K, RestB, [], `${Done}${Place}`>
      : never
    : MultiplyAdd<A, K, '0', Carry, Done>
  : B extends ''
    ? `${Done}${Carry['length']}`
    : MultiplyAdd<'0', K, B, Carry, Done>;

/** A · B + Done; the places of B are read from the highest one. */
type MultiplyText<
  A extends string,
  B extends string,
  Done extends string = '',
> = B extends `${infer b extends Digit}${infer Rest}`
  ? MultiplyText<A, Rest, MultiplyAdd<A, b, `0${Done}`>>
  : Done;

/** A − B, or false when that is negative */
type SubtractText<
  A extends string,
  B extends string,
  Borrow extends 0[] = [],
  Done extends string = '',
> = A extends `${infer a extends Digit}${infer RestA}`
  ? B extends `${infer b extends Digit}${infer RestB}`
    ? Units[a] extends [...Units[b], ...Borrow, ...infer Left]
      ? SubtractText<RestA, RestB, [], `${Done}${Left['length']}`>
      : [...Units[10], ...Units[a]] extends [...Units[b], ...Borrow, ...infer Left]
        ? SubtractText<RestA, RestB, [0], `${Done}${Left['length']}`>
        : never
    : SubtractText<A, '0', Borrow, Done>
  : [B, Borrow] extends ['', []]
    ? WithoutHighZeros<Done>
    : false;

/** How often B goes into A (0 to 9), and what is left. */
type Quotient<A extends string, B extends string, Times extends 0[] = []> =
  SubtractText<A, B> extends infer Left extends string
    ? Quotient<Left, B, [...Times, 0]>
    : [Times['length'], A];

/** Long division of A, read from its highest place: the quotient and, written ones first, what is left over. */
type DivideText<
  A extends string,
  B extends string,
  Left extends string = '',
  Done extends string = '',
> = A extends `${infer a extends Digit}${infer Rest}`
  ? Quotient<WithoutHighZeros<`${a}${Left}`>, B> extends [infer q extends number, infer Less extends string]
    ? DivideText<Rest, B, Less, `${q}${Done}`>
    : never
  : [Done, Left];

/** A · B */
export type Multiply<A extends number, B extends number> = ToNumber<MultiplyText<Reversed<`${A}`>, `${B}`>>;

/** A + B */
export type Add<A extends number, B extends number> = ToNumber<
  MultiplyAdd<Reversed<`${A}`>, '1', Reversed<`${B}`>>
>;

/** A − B, or never when that is negative */
export type Subtract<A extends number, B extends number> =
  SubtractText<Reversed<`${A}`>, Reversed<`${B}`>> extends infer Left extends string ? ToNumber<Left> : never;

/** The exact quotient A / B, or never when B does not divide A. */
export type Divide<A extends number, B extends number> = B extends 0
  ? never
  : DivideText<`${A}`, Reversed<`${B}`>> extends [infer Q extends string, '']
    ? ToNumber<Q>
    : never;

/** The greatest common divisor (Euclid) */
export type CommonDivisor<A extends number, B extends number> = B extends 0
  ? A
  : DivideText<`${A}`, Reversed<`${B}`>> extends [string, infer Left extends string]
    ? CommonDivisor<B, ToNumber<Left>>
    : never;
