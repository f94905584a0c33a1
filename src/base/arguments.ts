import { type ErrorCode, FrondError } from './errors.ts';
import { fits, type Kind, type Kinds } from './kinds.ts';
import { callerPlace } from './source.ts';

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

/** `attention(q, k, v, options)`: arguments that may be left out have a question mark. */
const signature = (caller: string, kinds: Kinds): string =>
  `${caller}(${Object.entries(kinds)
    .map(([name, { optional }]) => (optional ? `${name}?` : name))
    .join(', ')})`;

/**
 * Refuses arguments that do not fit, in the order of `kinds`: `checkArguments('gather', { table: tensor, ids: tensor }, [table, ids])`.
 * @throws FROND-S045, or what `code` says
 */
export function checkArguments(
  caller: string,
  kinds: Kinds,
  values: readonly unknown[],
  code: ErrorCode = CODE,
): void {
  for (const [i, [name, kind]] of Object.entries(kinds).entries()) {
    const value = values[i];
    if (fits(kind, value)) continue;
    const missing = value === undefined;
    throw new FrondError(code, `${caller}: ${name} is ${missing ? 'missing' : show(value)}`, {
      place: callerPlace(),
      hint: kind.advise?.(value) ?? `give ${kind.what}: ${signature(caller, kinds)}`,
    });
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
  kinds: { readonly [K in keyof Required<O>]: Kind<unknown> },
  code: ErrorCode = CODE,
): void {
  const refuse = (summary: string, hint: string): never => {
    throw new FrondError(code, summary, { place: callerPlace(), hint });
  };
  const names = Object.keys(kinds);
  const given: unknown = options;
  if (typeof given !== 'object' || given === null || Symbol.iterator in given) {
    refuse(`the options object of ${caller} is ${show(given)}`, `give an object with ${names.join(', ')}`);
    return;
  }
  const unknown = Object.keys(given).find((key) => !names.includes(key));
  if (unknown !== undefined) {
    refuse(
      `${caller} has no option ${unknown}`,
      `did you mean ${nearestOf(unknown, names)}? It has: ${names.join(', ')}`,
    );
  }
  for (const [name, kind] of Object.entries<Kind>(kinds)) {
    const value = given[name as keyof typeof given] as unknown;
    if (fits(kind, value)) continue;
    refuse(
      `${caller}: ${name} is ${value === undefined ? 'missing' : show(value)}`,
      kind.advise?.(value) ?? `give ${kind.what}`,
    );
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
