import { parseArgs } from 'node:util';
import { FrondError } from '../base/errors.ts';
import { grouped, mapValues } from '../base/own.ts';

/** An option may be limited to uses where another argument has one of these values. */
interface Condition {
  readonly argument: string;
  readonly values: readonly string[];
  /** these values, in an error */
  readonly shown: string;
}

/** An argument of a command, and as T what the command gets. `word` and `words` go by their place, the others by `--name`. */
export interface Argument<T = unknown> {
  readonly kind: 'word' | 'words' | 'option' | 'flag';
  readonly description: string;
  /** reads all that was typed for it; a flag is typed as '' */
  readonly read: (typed: readonly string[], name: string) => T;
  /** what counts as typed where nothing was */
  readonly default?: string;
  readonly only?: Condition;
}

export type Arguments = Readonly<Record<string, Argument>>;
export type ValuesOf<A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never;
};

const argument =
  <T>(kind: Argument['kind'], read: Argument<T>['read']) =>
  (description: string): Argument<T> => ({ kind, description, read });

/** Where an option is typed twice, the last one counts. */
const option = <T>(read: (typed: string, name: string) => T) =>
  argument('option', (all, name) => {
    const typed = all.at(-1);
    return typed === undefined ? undefined : read(typed, name);
  });

export const word = argument('word', ([typed = '']) => typed);
/** All words from here on. */
export const words = argument('words', (all) => all);
export const flag = argument('flag', (all) => all.length > 0);
export const text = option((typed) => typed);
/** A number in which `faultOf` finds nothing wrong. */
const number = (hint: string, faultOf: (typed: string, value: number) => string | undefined) =>
  option((typed, name) => {
    const fault = faultOf(typed, Number(typed));
    if (fault === undefined) return Number(typed);
    throw new FrondError('FROND-U001', `--${name} ${typed} ${fault}`, { hint });
  });
/** Seeds, counts and sizes are kept in 32 bits. */
export const LARGEST = 2 ** 32 - 1;
const wholeFrom = (least: number) =>
  number(`give a whole number, ${least} or more`, (typed, value) => {
    if (!/^-?\d+$/.test(typed)) return 'is not a whole number';
    if (value < least) return `is less than ${least}`;
    return value <= LARGEST ? undefined : `is larger than ${LARGEST}`;
  });
export const natural = wholeFrom(0);
export const count = wholeFrom(1);
/** How far tensors may be apart. */
export const tolerance = number(
  'give a fraction of the largest element of a tensor, such as 1e-5',
  (typed, value) =>
    typed.trim() !== '' && value >= 0 && Number.isFinite(value) ? undefined : 'is not a number from 0 on',
);
export const choice = <T extends string>(choices: readonly T[], description: string) =>
  option((typed, name) => chosen(name, typed, choices))(description);

/** The option with a default. */
export const usually = <T>(usual: string, option: Argument<T>): Argument<T & {}> => ({
  ...option,
  read: (typed, name) => option.read(typed.length > 0 ? typed : [usual], name) as T & {},
  default: usual,
});
export const only = <T>(condition: Condition, option: Argument<T>): Argument<T> => ({
  ...option,
  only: condition,
});

export type Named = readonly [name: string, argument: Argument];

export const isPlace = ([, { kind }]: Named): boolean => kind === 'word' || kind === 'words';

/** Arguments that go by their place, and those that go by `--name`. */
export function partsOf(args: Arguments): { readonly places: Named[]; readonly options: Named[] } {
  const all = Object.entries(args);
  return { places: all.filter(isPlace), options: all.filter((each) => !isPlace(each)) };
}

/**
 * Reads what was typed as a command declares it: nothing is ignored.
 * @throws FROND-U010 for an unknown option, FROND-U001 for a value that is missing or does not fit, FROND-U006 for one that is no
 *   choice, FROND-U011 for a missing or surplus argument, FROND-U026 for an option that this use does not look at
 */
export function parseArguments<A extends Arguments>(
  command: string,
  args: A,
  typed: readonly string[],
): ValuesOf<A> {
  const declared: Arguments = args;
  const { places, options } = partsOf(args);
  const { tokens, positionals: words } = parseArgs({
    args: [...typed],
    options: mapValues(declared, ({ kind }) => ({ type: kind === 'flag' ? 'boolean' : 'string' }) as const),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const given = grouped(
    tokens.flatMap((token) => (token.kind === 'option' ? [typedOption(command, options, typed, token)] : [])),
  );
  requireWords(command, places, words);
  for (const [i, [name, { kind }]] of places.entries())
    given.set(name, words.slice(i, kind === 'words' ? undefined : i + 1));
  const values = mapValues(declared, ({ read }, name) => read(given.get(name) ?? [], name));
  for (const [name, { only }] of options) {
    if (only === undefined || !given.has(name)) continue;
    const other = String(values[only.argument]);
    if (only.values.includes(other)) continue;
    const use = args[only.argument]?.kind === 'word' ? other : `--${only.argument} ${other}`;
    throw new FrondError('FROND-U026', `frond ${command} ${use} does not look at --${name}`, {
      hint: `leave it out: it belongs to ${only.shown}`,
    });
  }
  return values as ValuesOf<A>;
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number];

/** The name of an option with its value; '' behind a flag. */
function typedOption(
  command: string,
  options: readonly Named[],
  typed: readonly string[],
  { name, rawName, value = '', inlineValue, index }: Extract<Token, { kind: 'option' }>,
): readonly [string, string] {
  const option = rawName.startsWith('--') ? options.find(([each]) => each === name)?.[1] : undefined;
  if (option === undefined) {
    const all = options.map(([each]) => `--${each}`).join(', ');
    throw new FrondError('FROND-U010', `frond ${command} has no option ${typed[index]?.split('=')[0]}`, {
      hint: all === '' ? 'it takes none' : `it has: ${all}; see frond ${command} --help`,
    });
  }
  if (option.kind === 'flag' && inlineValue) {
    throw new FrondError('FROND-U001', `--${name} takes no value, got ${value}`);
  }
  if (option.kind !== 'flag' && (value === '' || (!inlineValue && value.startsWith('--')))) {
    throw new FrondError('FROND-U001', `--${name} needs a value`, {
      hint: `--${name} ${name.toUpperCase()}: ${option.description}`,
    });
  }
  return [name, value];
}

function requireWords(command: string, places: readonly Named[], words: readonly string[]): void {
  const missing = places.slice(words.length).find(([, { kind }]) => kind === 'word');
  if (missing !== undefined) {
    const [place, { description }] = missing;
    throw new FrondError('FROND-U011', `frond ${command}: ${place.toUpperCase()} is missing`, {
      hint: `give the ${description}; see frond ${command} --help`,
    });
  }
  const surplus = words[places.length];
  if (surplus === undefined || places.at(-1)?.[1].kind === 'words') return;
  throw new FrondError('FROND-U011', `frond ${command}: one argument too many: ${surplus}`, {
    hint: 'put texts with spaces in quotes',
  });
}

/** @throws FROND-U006 */
export function chosen<T extends string>(what: string, given: string, known: readonly T[]): T {
  const found = known.find((each) => each === given);
  if (found !== undefined) return found;
  throw new FrondError('FROND-U006', `there is no ${what} ${given}`, {
    hint: `choose one of: ${known.join(', ')}`,
  });
}
