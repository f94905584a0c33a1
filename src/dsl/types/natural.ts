import type { Added, Carry, Digit, Multiplied, Subtracted } from './digits.ts';

// Exact arithmetic on literal natural numbers: digits from the least significant place, the way it is done on paper.

type Digits = readonly Digit[];

type Reversed<
  Text extends string,
  Done extends Digits = [],
> = Text extends `${infer Head extends Digit}${infer Rest}` ? Reversed<Rest, [Head, ...Done]> : Done;

type Joined<Of extends Digits, Text extends string = ''> = Of extends readonly [
  infer Head extends Digit,
  ...infer Rest extends Digits,
]
  ? Joined<Rest, `${Head}${Text}`>
  : Text;

type WithoutLeadingZeros<Text extends string> = Text extends '0'
  ? '0'
  : Text extends `0${infer Rest}`
    ? WithoutLeadingZeros<Rest>
    : Text;

type ToNumber<Of extends Digits> =
  WithoutLeadingZeros<Joined<Of>> extends `${infer N extends number}` ? N : never;

type AddDigits<
  A extends Digits,
  B extends Digits,
  C extends Carry = '0',
  Done extends Digits = [],
> = A extends readonly [infer a extends Digit, ...infer RestA extends Digits]
  ? B extends readonly [infer b extends Digit, ...infer RestB extends Digits]
    ? Added[C][a][b] extends `${infer c extends Carry}${infer d extends Digit}`
      ? AddDigits<RestA, RestB, c, [...Done, d]>
      : never
    : C extends '0'
      ? [...Done, ...A]
      : AddDigits<A, ['0'], C, Done>
  : B extends readonly []
    ? C extends '0'
      ? Done
      : [...Done, C]
    : C extends '0'
      ? [...Done, ...B]
      : AddDigits<B, ['0'], C, Done>;

/** A times one digit; `High` is what the place before carried over. */
type TimesDigit<
  A extends Digits,
  K extends Digit,
  High extends Digit = '0',
  Done extends Digits = [],
> = A extends readonly [infer a extends Digit, ...infer Rest extends Digits]
  ? Multiplied[a][K] extends `${infer tens extends Digit}${infer ones extends Digit}`
    ? Added['0'][ones][High] extends `${infer c extends Carry}${infer d extends Digit}`
      ? Added['0'][tens][c] extends `0${infer next extends Digit}`
        ? TimesDigit<Rest, K, next, [...Done, d]>
        : never
      : never
    : never
  : High extends '0'
    ? Done
    : [...Done, High];

type MultiplyDigits<
  A extends Digits,
  B extends Digits,
  Shift extends Digits = [],
  Done extends Digits = [],
> = B extends readonly [infer b extends Digit, ...infer Rest extends Digits]
  ? MultiplyDigits<
      A,
      Rest,
      [...Shift, '0'],
      b extends '0' ? Done : AddDigits<Done, [...Shift, ...TimesDigit<A, b>]>
    >
  : Done;

/** A − B, or false when that is negative. */
type SubtractDigits<
  A extends Digits,
  B extends Digits,
  C extends Carry = '0',
  Done extends Digits = [],
> = A extends readonly [infer a extends Digit, ...infer RestA extends Digits]
  ? B extends readonly [infer b extends Digit, ...infer RestB extends Digits]
    ? Subtracted[C][a][b] extends `${infer c extends Carry}${infer d extends Digit}`
      ? SubtractDigits<RestA, RestB, c, [...Done, d]>
      : never
    : C extends '0'
      ? [...Done, ...A]
      : SubtractDigits<A, ['0'], C, Done>
  : B extends readonly []
    ? C extends '0'
      ? Done
      : false
    : B extends readonly ['0', ...infer RestB extends Digits]
      ? SubtractDigits<A, RestB, C, Done>
      : false;

type WithoutHighZeros<A extends Digits> = A extends readonly [...infer Rest extends Digits, '0']
  ? WithoutHighZeros<Rest>
  : A;

/** How often B goes into the remainder A (0 to 9), and what is left. */
type QuotientDigit<A extends Digits, B extends Digits, Times extends 0[] = []> =
  SubtractDigits<A, B> extends infer Left
    ? Left extends Digits
      ? QuotientDigit<WithoutHighZeros<Left>, B, [...Times, 0]>
      : [`${Times['length']}`, A]
    : never;

/** Long division of the text A, read from its most significant digit; false when something is left over. */
type DivideDigits<
  A extends string,
  B extends Digits,
  Left extends Digits = [],
  Done extends string = '',
> = A extends `${infer a extends Digit}${infer Rest}`
  ? QuotientDigit<WithoutHighZeros<[a, ...Left]>, B> extends [
      infer q extends string,
      infer Next extends Digits,
    ]
    ? DivideDigits<Rest, B, Next, `${Done}${q}`>
    : never
  : Left extends readonly []
    ? WithoutLeadingZeros<Done>
    : false;

/** A · B */
export type Multiply<A extends number, B extends number> = A extends 1
  ? B
  : B extends 1
    ? A
    : ToNumber<MultiplyDigits<Reversed<`${A}`>, Reversed<`${B}`>>>;

/** A + B */
export type Add<A extends number, B extends number> = ToNumber<AddDigits<Reversed<`${A}`>, Reversed<`${B}`>>>;

/** A − B, or false when that is negative */
export type Subtract<A extends number, B extends number> =
  SubtractDigits<Reversed<`${A}`>, Reversed<`${B}`>> extends infer Left
    ? Left extends Digits
      ? ToNumber<Left>
      : false
    : never;

/** The exact quotient A / B, or false when B does not divide A */
export type Divide<A extends number, B extends number> = B extends 1
  ? A
  : B extends 0
    ? false
    : DivideDigits<`${A}`, Reversed<`${B}`>> extends infer Quotient
      ? Quotient extends `${infer N extends number}`
        ? N
        : false
      : never;
