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
