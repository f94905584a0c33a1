import { append, signed, unsigned } from './bytes.ts';

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
  readonly body?: readonly Statement[];
  readonly otherwise?: readonly Statement[];
}

export type Statement = Code<'none'>;

export type Scalar = Code<'i32'> | Code<'f32'>;

/** What an instruction takes: code, or for an i32 the number that it is. */
export type CodeLike<T extends Kind = Kind> = Code<T> | (T extends 'i32' ? number : never);

export function code<T extends Result>(
  result: T,
  text: string,
  bytes: readonly number[],
  operands: readonly (Code | number)[] = [],
): Code<T> {
  const hasNumbers = operands.some((operand) => typeof operand === 'number');
  return { result, text, operands: hasNumbers ? operands.map(codeOf) : (operands as readonly Code[]), bytes };
}

const CONST = 0x41;

export const codeOf = <T extends Code>(value: T | number): T | Code<'i32'> =>
  typeof value === 'number' ? code('i32', `${value | 0}`, [CONST, ...signed(value)]) : value;

/** The number that code is known to be. */
export const constantOf = (x: Code | number): number | undefined =>
  typeof x === 'number' ? x : x.bytes[0] === CONST ? Number(x.text) : undefined;

/** A local variable, which is the code that reads it. */
export interface Local<T extends Kind = Kind> extends Code<T> {
  readonly index: number;
  readonly name: string;
}

export const localOf = <T extends Kind>(kind: T, index: number, name: string): Local<T> => ({
  result: kind,
  text: `$${name}`,
  operands: [],
  bytes: [0x20, ...unsigned(index)],
  index,
  name,
});

/** Whether code only reads a local variable, so that it may be repeated. */
export const isLocal = (value: Code): boolean => 'index' in value;

export const set = <T extends Kind>({ index, name }: Local<T>, value: CodeLike<T>): Statement =>
  code('none', `$${name} =`, [0x21, ...unsigned(index)], [value]);

/** Assigns and leaves the value. */
export const tee = <T extends Kind>({ index, result, name }: Local<T>, value: CodeLike<T>): Code<T> =>
  code(result, `$${name} :=`, [0x22, ...unsigned(index)], [value]);

const VOID = 0x40;
const END = 0x0b;

/** A branch to a block leaves it; a branch to a loop starts it anew. */
export const block = (body: readonly Statement[]): Statement => ({
  ...code('none', 'block', [0x02, VOID]),
  body,
});
export const loop = (body: readonly Statement[]): Statement => ({
  ...code('none', 'loop', [0x03, VOID]),
  body,
});
export const when = (
  condition: Code<'i32'>,
  body: readonly Statement[],
  otherwise?: readonly Statement[],
): Statement => ({
  ...code('none', 'if', [0x04, VOID], [condition]),
  body,
  ...(otherwise && otherwise.length > 0 ? { otherwise } : {}),
});
export const branch = (depth: number): Statement => code('none', `br ${depth}`, [0x0c, ...unsigned(depth)]);
export const branchIf = (depth: number, condition: Code<'i32'>): Statement =>
  code('none', `br_if ${depth}`, [0x0d, ...unsigned(depth)], [condition]);

export const select = <T extends Kind>(condition: Code<'i32'>, yes: Code<T>, no: Code<T>): Code<T> =>
  code(yes.result, 'select', [0x1b], [yes, no, condition]);

/** Several codes in one, from the first on; undefined where there is none. */
export function joined<T extends Kind>(
  codes: readonly Code<T>[],
  join: (x: Code<T>, y: Code<T>) => Code<T>,
): Code<T> | undefined {
  const [first, ...rest] = codes;
  return first && rest.reduce(join, first);
}

/** A function of the module. */
export interface FunctionReference<T extends Result = Result> {
  readonly index: number;
  readonly name: string;
  readonly result: T;
}

export const call = <T extends Result>(
  { index, name, result }: FunctionReference<T>,
  args: readonly Code[],
): Code<T> => code(result, `call $${name}`, [0x10, ...unsigned(index)], args);

/** Appends the bytes of instructions in order, operands first. */
export function encodeCode(statements: readonly Code[], into: number[]): void {
  for (let i = 0; i < statements.length; i++) {
    const { operands, bytes, body, otherwise } = statements[i] as Code;
    if (operands.length > 0) encodeCode(operands, into);
    append(into, bytes);
    if (!body) continue;
    encodeCode(body, into);
    if (otherwise) {
      into.push(0x05);
      encodeCode(otherwise, into);
    }
    into.push(END);
  }
}
