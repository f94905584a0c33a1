import { unsigned } from './bytes.ts';
import type {
  Body,
  Code,
  CodeLike,
  FunctionReference,
  Integer,
  Kind,
  Local,
  Result,
  Statement,
} from './code.ts';
import { code, constantOf, i32, plus } from './instructions.ts';

/** Assignments, blocks, loops, choices and calls. */

export const set = <T extends Kind>({ index, name }: Local<T>, value: CodeLike<T>): Statement =>
  code('none', `$${name} =`, [0x21, ...unsigned(index)], [value]);

/** Assigns and leaves the value. */
export const tee = <T extends Kind>({ index, result, name }: Local<T>, value: CodeLike<T>): Code<T> =>
  code(result, `$${name} :=`, [0x22, ...unsigned(index)], [value]);

const VOID = 0x40;

/** A branch to a block leaves it; a branch to a loop starts it anew. */
export const block = (body: Body): Statement => ({ ...code('none', 'block', [0x02, VOID]), body });
export const loop = (body: Body): Statement => ({ ...code('none', 'loop', [0x03, VOID]), body });
export const when = (condition: Integer, body: Body, otherwise: Body = []): Statement => ({
  ...code('none', 'if', [0x04, VOID], [condition]),
  body,
  ...(otherwise.length > 0 && { otherwise }),
});
export const branch = (depth: number): Statement => code('none', `br ${depth}`, [0x0c, ...unsigned(depth)]);
export const branchIf = (depth: number, condition: Code<'i32'>): Statement =>
  code('none', `br_if ${depth}`, [0x0d, ...unsigned(depth)], [condition]);

export const select = <T extends Kind>(condition: Code<'i32'>, yes: Code<T>, no: Code<T>): Code<T> =>
  code(yes.result, 'select', [0x1b], [yes, no, condition]);

/** The codes of several items in one, from the first on; undefined where there is none. */
export function joined<I, T extends Kind>(
  join: (x: Code<T>, y: Code<T>) => Code<T>,
  items: readonly I[],
  make: (item: I) => Code<T>,
): Code<T> | undefined {
  const [first, ...rest] = items.map(make);
  return first && rest.reduce(join, first);
}

export const call = <T extends Result>(
  { index, name, result }: FunctionReference<T>,
  args: readonly Code[],
): Code<T> => code(result, `call $${name}`, [0x10, ...unsigned(index)], args);

type Counting = readonly [counter: Local<'i32'>, step: number, end: CodeLike<'i32'>, body: Body];

/** do { body } while ((counter += step) < end) */
const repeat = (...[counter, step, end, body]: Counting): Statement =>
  loop([...body, branchIf(0, i32.ltS(tee(counter, plus(counter, step)), end))]);

/** while (counter < end) { body; counter += step }, from what the counter is on. */
export const whileBelow = (...[counter, step, end, body]: Counting): Statement =>
  when(i32.ltS(counter, end), [repeat(counter, step, end, body)]);

/** for (counter = 0; counter < end; counter += step) body; tested at the end alone where `end` is a number, which is then positive. */
export const countUp = (...[counter, step, end, body]: Counting): Statement[] => [
  set(counter, 0),
  (constantOf(end) === undefined ? whileBelow : repeat)(counter, step, end, body),
];
