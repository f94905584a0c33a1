import { own } from './own.ts';

/** What an argument or an option must be, when a program runs and, as T, for the compiler. */
export interface Kind<T = unknown> {
  /** in words, after "give": `a positive whole number` */
  readonly what: string;
  readonly holds: (value: unknown) => value is T;
  /** it may be left out */
  readonly optional?: boolean;
  /** what to do about a value that is nearly right, instead of "give …" */
  readonly advise?: (value: unknown) => string | undefined;
  /** JSON schema of its values; absent where a file of JSON has none of them */
  readonly json?: JsonSchema | undefined;
  /** of an object: what each of its fields must be */
  readonly fields?: (value: object) => readonly Field[];
}
type JsonSchema = Readonly<Record<string, unknown>>;
type Field = readonly [name: string, kind: Kind, value: unknown];

export interface OptionalKind<T = unknown> extends Kind<T> {
  readonly optional: true;
}

/** Options, fields or arguments by name. */
export type Kinds = Readonly<Record<string, Kind>>;

/** The type that a kind checks. */
export type TypeOf<K> = K extends Kind<infer T> ? T : never;
type Plain<T> = { [N in keyof T]: T[N] };

/**
 * The type of the options that a table of kinds describes, so that an option is declared once. Its documentation stands on the
 * table's entries and is carried over:
 *
 *     const layerOptions = {
 *       // elements of every vector
 *       width: count,
 *       name: optional(text),
 *     };
 *     export type LayerOptions = OptionsOf<typeof layerOptions>; // { readonly width: number; readonly name?: string }
 */
export type OptionsOf<K extends Kinds> = Plain<
  { readonly [N in keyof K as K[N] extends { readonly optional: true } ? never : N]: TypeOf<K[N]> } & {
    readonly [N in keyof K as K[N] extends { readonly optional: true } ? N : never]?: TypeOf<K[N]>;
  }
>;

export const kind = <T = unknown>(
  what: string,
  holds: (value: unknown) => boolean,
  json?: JsonSchema,
): Kind<T> => ({ what, holds: holds as Kind<T>['holds'], json });
export const optional = <T>(inner: Kind<T>): OptionalKind<T> => ({ ...inner, optional: true });
/** An option that may also be written as undefined. */
export const omittable = <T>(inner: Kind<T>): OptionalKind<T | undefined> => optional<T | undefined>(inner);
/** The same check, where the compiler knows more than can be seen in a value: `typed<Listener>(callable)`. */
export const typed = <T>(inner: Kind): Kind<T> => inner as Kind<T>;

/** Whether a value is of a kind, or left out where it may be. */
export const fits = (kind: Kind, value: unknown): boolean =>
  (value === undefined && kind.optional === true) || kind.holds(value);

/** A thing with names: no list, no `Map`. */
const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !(Symbol.iterator in value);

export const text = kind<string>('a text', (value) => typeof value === 'string', { type: 'string' });
/** What a name must be beyond that, such as free of blanks, is for those who use it to say. */
export const name = kind<string>('a name', (value) => typeof value === 'string' && value !== '', {
  type: 'string',
  minLength: 1,
});
export const flag = kind<boolean>('true or false', (value) => typeof value === 'boolean', {
  type: 'boolean',
});
type Callable = (...operands: never[]) => unknown;
export const callable = kind<Callable>('a function', (value) => typeof value === 'function');
export const object = kind<object>('an object', isObject);
export const anything = kind('a value', (value) => value !== undefined);
/** What another check speaks of, such as operands: it has its place in what is printed of the call. */
export const unchecked = kind('a value', () => true);

const numberThat = (what: string, holds: (value: number) => boolean, json?: JsonSchema): Kind<number> =>
  kind(what, (value) => Number.isFinite(value) && holds(value as number), { type: 'number', ...json });
const wholeFrom = (minimum: number, what: string): Kind<number> =>
  numberThat(what, (value) => value === value >>> 0 && value >= minimum, { type: 'integer', minimum });

export const finite = numberThat('a finite number', () => true);
export const positive = numberThat('a finite number above 0', (value) => value > 0, { exclusiveMinimum: 0 });
export const notNegative = numberThat('a finite number from 0 on', (value) => value >= 0, { minimum: 0 });
export const fraction = numberThat('a number from 0 on, below 1', (value) => value >= 0 && value < 1, {
  minimum: 0,
  exclusiveMaximum: 1,
});
export const integer = numberThat('a whole number', Number.isSafeInteger, { type: 'integer' });
export const natural = wholeFrom(0, 'a whole number from 0 on');
export const count = wholeFrom(1, 'a positive whole number');

export const oneOf = <V extends string>(...values: readonly V[]): Kind<V> =>
  kind(`one of ${values.join(', ')}`, (value) => values.some((one) => one === value), { enum: values });
export const either = <A, B>(a: Kind<A>, b: Kind<B>): Kind<A | B> => ({
  ...kind<A | B>(`${a.what} or ${b.what}`, (value) => a.holds(value) || b.holds(value)),
  json: a.json && b.json && { anyOf: [a.json, b.json] },
});
const nothing = kind<null>('null', (value) => value === null, { type: 'null' });
export const nullable = <T>(inner: Kind<T>): Kind<T | null> => either(inner, nothing);
/** `plural`: what the elements are called */
export const listOf = <T>(element: Kind<T>, plural: string): Kind<readonly T[]> => ({
  ...kind(`a list of ${plural}`, (value) => Array.isArray(value) && [...value].every(element.holds)),
  json: element.json && { type: 'array', items: element.json },
});
/** Of classes, labels, words. */
export const names = listOf(text, 'names');
/** A list, a set, a generator, but no text: its letters are seldom meant. `plural`: what the elements are called */
export const series = (plural: string): Kind<Iterable<unknown>> =>
  kind(`a list of ${plural}`, (value) => Object(value) === value && Symbol.iterator in Object(value));
/** Numbers by row: an array of JavaScript, typed or not. */
export const elements = kind<ArrayLike<unknown>>(
  'a list of numbers',
  (value) => typeof value === 'object' && value !== null && 'length' in value,
);
/** An object, the fields of which are of the kinds that `fields` gives for it. */
const composed = <T>(what: string, fields: (value: object) => Field[]): Kind<T> => ({
  ...kind<T>(what, (value) => isObject(value) && fields(value).every(([, inner, part]) => fits(inner, part))),
  fields,
});
/** An object, each field of which is of one kind. */
export const objectOf = <T>(element: Kind<T>, what: string): Kind<Readonly<Record<string, T>>> => ({
  ...composed(what, (value) => Object.entries(value).map(([name, part]) => [name, element, part])),
  json: element.json && { type: 'object', additionalProperties: element.json },
});
const unknown = kind<never>('nothing', () => false);
const fieldsOf = (value: object, kinds: Kinds, names: readonly string[]): Field[] =>
  names.map((name) => [name, own(kinds, name) ?? unknown, value[name as keyof typeof value]]);

/** An object with these fields, among others. */
export const withFields = <F extends Kinds>(what: string, fields: F) =>
  composed<OptionsOf<F>>(what, (value) => fieldsOf(value, fields, Object.keys(fields)));
/** An object with these fields and no others. */
export const recordOf = <F extends Kinds>(what: string, fields: F) =>
  composed<OptionsOf<F>>(what, (value) => fieldsOf(value, fields, Object.keys({ ...fields, ...value })));
/** The names that lead to the innermost field of `value` that does not fit; undefined where all do. */
export function misfit(kind: Kind, value: unknown): readonly string[] | undefined {
  if (fits(kind, value)) return undefined;
  for (const [name, inner, part] of isObject(value) ? (kind.fields?.(value) ?? []) : []) {
    const rest = misfit(inner, part);
    if (rest !== undefined) return [name, ...rest];
  }
  return [];
}
/** An object that has all of `fields`, as devices, graphs, readers and heads have: they need not be of a class. */
export const having = <T = object>(what: string, ...fields: readonly string[]): Kind<T> =>
  kind(what, (value) => isObject(value) && fields.every((field) => field in value));
export const signal = having<AbortSignal>('the signal of an AbortController', 'aborted', 'addEventListener');
export const instanceOf = <T>(what: string, maker: abstract new (...operands: never[]) => T): Kind<T> =>
  kind(what, (value) => value instanceof maker);
/** Sizes of named dimensions. */
export const sizes = objectOf(natural, 'an object of sizes, such as { batch: 32 }');
export const bytes = instanceOf('a Uint8Array', Uint8Array);
