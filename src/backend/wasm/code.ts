/** What an instruction leaves on the stack; `none` for statements. */
export type Kind = 'i32' | 'f32' | 'v128';
export type Result = Kind | 'none';

/**
 * An instruction with its operands: a tree that is encoded in post-order and printed as an expression. `T` keeps an
 * i32 from being passed where a vector belongs.
 */
export interface Code<T extends Result = Result> {
  readonly result: T;
  /** mnemonic and immediates, as the text form shows them */
  readonly text: string;
  readonly operands: readonly Code[];
  /** opcode and immediates */
  readonly bytes: readonly number[];
  /** of `block`, `loop` and `if` */
  readonly body?: Body;
  readonly otherwise?: Body;
}

export type Integer = Code<'i32'>;
export type Float = Code<'f32'>;
export type Scalar = Integer | Float;
export type Vector = Code<'v128'>;
export type Statement = Code<'none'>;
export type Body = readonly Statement[];

/** What an instruction takes: code, or for an i32 the number that it is. */
export type CodeLike<T extends Kind = Kind> = Code<T> | (T extends 'i32' ? number : never);

/** A local variable, which is the code that reads it. */
export interface Local<T extends Kind = Kind> extends Code<T> {
  readonly index: number;
  readonly name: string;
}

/** A function of the module. */
export interface FunctionReference<T extends Result = Result> {
  readonly index: number;
  readonly name: string;
  readonly result: T;
}
