import type { Dim, Shape } from '../../base/dim.ts';
import type { DType } from '../../base/dtype.ts';
import type { Tensor } from '../tensor.ts';
import type { Same } from './identity.ts';

// What a shape function yields. Both are plain objects, so that `R extends …` is decided at once even when the shape
// inside ends in a generic `[...S, D]`.

declare const good: unique symbol;
declare const bad: unique symbol;

/** the operation fits; S is the shape of its result */
export interface Good<S> {
  readonly [good]: S;
}

/** the operation does not fit; Message says why */
export interface Bad<Message> {
  readonly [bad]: Message;
}

/** The type of the operand to blame: T, or the message itself, which the compiler then prints as the expected type. */
export type Operand<R, T> = R extends Bad<infer Message> ? Message : T;

/** The result's shape; `any` after a mistake, so that one mistake gives one diagnostic. */
// biome-ignore lint/suspicious/noExplicitAny: only `any` keeps later uses of a wrong result silent
export type ShapeOf<R> = R extends Good<infer S> ? S : any;

/** The symbolic tensors of declared names. */
export type Tensors<S extends Readonly<Record<string, { readonly dtype: DType; readonly shape: Shape }>>> = {
  readonly [K in keyof S]: Tensor<S[K]['dtype'], S[K]['shape']>;
};

/** R, unless `S`, or a member of it, is the shape that follows a mistake: then nothing more is said. */
// biome-ignore lint/suspicious/noExplicitAny: recognises that shape, and passes it on
export type Quiet<S, R, Late> = Same<S, any, Late> extends true ? Good<any> : R;

/** The same, and any shape where the rank of `S`, or of a member, is unknown; decided at once for `[...S, D]`, too. */
export type Ranked<S extends Shape, R, Late> = Quiet<
  S,
  Same<S['length'], number, Late> extends true ? Good<Shape> : R,
  Late
>;

/** The first failure of two checks, else the result of the second. */
export type Both<First, Second> = First extends Bad<unknown> ? First : Second;

// ---- how messages print

/** `[batch, time, 128]` */
export type PrintShape<S> = `[${Join<S, ', '>}]`;
export type Join<List, By extends string> = List extends readonly [infer Head extends Dim, ...infer Rest]
  ? JoinRest<Rest, By, `${Head}`>
  : '';
type JoinRest<List, By extends string, Text extends string> = List extends readonly [
  infer Head extends Dim,
  ...infer Rest,
]
  ? JoinRest<Rest, By, `${Text}${By}${Head}`>
  : Text;

export type PrintDim<X> = readonly [X] extends readonly [infer D extends Dim] ? `${D}` : '?';

/** The first element that occurs again, in lists within the list, too; never where none does. A 1 may. */
export type Twice<List, Seen = never> = List extends readonly [infer Head, ...infer Rest]
  ? Head extends readonly unknown[]
    ? Twice<[...Head, ...Rest], Seen>
    : Head extends Seen
      ? Head
      : Twice<Rest, Seen | Exclude<Head, '1'>>
  : never;
