import type { ErrorCode } from './errors.ts';
import * as is from './kinds.ts';
import { errorAtCall } from './source.ts';

// JavaScript passes what it likes. What a call takes is said once, as a table from name to kind; what does not fit is refused
// at the caller's line before anything is done with it.

/** An argument or an option that is missing, unknown or of another kind. */
const CODE = 'FROND-S045';

/** How a value is shown in an error; never throws, whatever it is. */
export function show(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
    case 'function':
      return `the function ${value.name || 'without a name'}`;
    case 'bigint':
      return `${value}n`;
    case 'object':
      return value === null ? 'null' : Array.isArray(value) ? 'a list' : 'an object';
    default:
      return String(value);
  }
}

/** The same for what should be a name: names stand without quotes. */
export const shownName = (value: unknown): string => (typeof value === 'string' ? value : show(value));

/** What a call takes, by name; a table among the kinds is of options. */
type Taken = Readonly<Record<string, is.Kind | is.Kinds>>;
const isKind = (taken: is.Kind | is.Kinds): taken is is.Kind => typeof taken.holds === 'function';
const mayBeLeftOut = (taken: is.Kind | is.Kinds): boolean =>
  isKind(taken) ? taken.optional === true : Object.values(taken).every(mayBeLeftOut);

/** `attention(q, k, v, options)`: arguments that may be left out have a question mark. */
const signature = (caller: string, taken: Taken): string =>
  `${caller}(${Object.entries(taken)
    .map(([name, kind]) => (mayBeLeftOut(kind) ? `${name}?` : name))
    .join(', ')})`;

/** What is wrong with a value that does not fit. Made only then: kernels are built with a check of every argument. */
const misfit = (kind: is.Kind, value: unknown, what: string, code: ErrorCode, more = '') =>
  errorAtCall(
    code,
    `${what} is ${value === undefined ? 'missing' : show(value)}`,
    kind.advise?.(value) ?? `give ${kind.what}${more}`,
  );

/**
 * Refuses arguments that do not fit, in the order of `taken`, and options as `checkOptions` does:
 * `checkArguments('gather', { table: tensor, ids: tensor }, [table, ids])`.
 * @throws FROND-S045, or what `code` says
 */
export function checkArguments(
  caller: string,
  taken: Taken,
  values: readonly unknown[],
  code: ErrorCode = CODE,
): void {
  for (const [i, [name, kind]] of Object.entries(taken).entries()) {
    const value = values[i];
    if (!isKind(kind)) checkOptions<object>(caller, value as object, kind, code);
    else if (!is.fits(kind, value))
      throw misfit(kind, value, `${caller}: ${name}`, code, `: ${signature(caller, taken)}`);
  }
}

/**
 * Refuses options that are missing, of another kind, or would be passed over in silence. The table names every option, as the
 * compiler sees to.
 * @throws FROND-S045, or what `code` says
 */
export function checkOptions<O extends object>(
  caller: string,
  options: O,
  kinds: { readonly [K in keyof Required<O>]: is.Kind<unknown> },
  code: ErrorCode = CODE,
): void {
  const names = Object.keys(kinds);
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Symbol.iterator in given) {
    throw errorAtCall(
      code,
      `the options object of ${caller} is ${show(given)}`,
      `give an object with ${names.join(', ')}`,
    );
  }
  const unknown = Object.keys(given).find((key) => !names.includes(key));
  if (unknown !== undefined) {
    throw errorAtCall(
      code,
      `${caller} has no option ${unknown}`,
      `did you mean ${nearestOf(unknown, names)}? It has: ${names.join(', ')}`,
    );
  }
  for (const [name, kind] of Object.entries<is.Kind>(kinds)) {
    const value: unknown = given[name as keyof typeof given];
    if (!is.fits(kind, value)) throw misfit(kind, value, `${caller}: ${name}`, code);
  }
}

/** The one of `names` that looks most like `text`; a name that is cut off, such as `eps`, looks like the whole. */
export const nearestOf = (text: string, names: readonly string[]): string | undefined => {
  const distance = (name: string): number =>
    name.toLowerCase().startsWith(text.toLowerCase()) ? 0 : editDistance(text, name);
  return [...names].sort((a, b) => distance(a) - distance(b))[0];
};

/** Letters to insert, delete or change to make one text of the other (Levenshtein 1966), without regard to case. */
function editDistance(from: string, to: string): number {
  const [a, b] = [from.toLowerCase(), to.toLowerCase()];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[b.length] ?? 0;
}
