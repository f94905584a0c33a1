import { parseArgs } from 'node:util';
import { FrondError } from '../base/errors.ts';

/** Of an option that a command looks at only where another argument is one of these values; elsewhere it is refused. */
interface Condition {
  readonly argument: string;
  readonly values: readonly string[];
  /** these values, in an error */
  readonly shown: string;
}

/** An argument of a command, and as T what the command gets. `word` and `words` go by their place, the others by `--name`. */
export interface Argument<T = unknown> {
  readonly kind: 'word' | 'words' | 'text' | 'natural' | 'count' | 'flag';
  readonly description: string;
  readonly default?: T;
  readonly choices?: readonly string[];
  readonly only?: Condition;
}

export type Arguments = Readonly<Record<string, Argument>>;
export type ValuesOf<A extends Arguments> = {
  readonly [K in keyof A]: A[K] extends Argument<infer T> ? T : never;
};

const argument =
  <T>(kind: Argument['kind']) =>
  (description: string): Argument<T> => ({ kind, description });

export const word = argument<string>('word');
/** All words from here on. */
export const words = argument<readonly string[]>('words');
export const flag = argument<boolean>('flag');
export const text = argument<string | undefined>('text');
/** A whole number from 0 on. */
export const natural = argument<number | undefined>('natural');
/** A whole number from 1 on. */
export const count = argument<number | undefined>('count');
export const choice = <T extends string>(
  choices: readonly T[],
  description: string,
): Argument<T | undefined> => ({ kind: 'text', description, choices });

/** The option with a value that it has where it is left out. */
export const usually = <T>(value: NonNullable<T>, option: Argument<T>): Argument<NonNullable<T>> => ({
  ...(option as Argument<NonNullable<T>>),
  default: value,
});
export const only = <T>(condition: Condition, option: Argument<T>): Argument<T> => ({
  ...option,
  only: condition,
});

const isPlace = ({ kind }: Argument): boolean => kind === 'word' || kind === 'words';

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
  const { words, options } = split(command, args, typed);
  const places = Object.entries(args).filter(([, argument]) => isPlace(argument));
  requireWords(command, places, words);
  const values = new Map<string, unknown>();
  for (const [name, argument] of Object.entries(args)) {
    const place = places.findIndex(([each]) => each === name);
    if (argument.kind === 'words') values.set(name, words.slice(place));
    else values.set(name, readValue(name, argument, place < 0 ? options.get(name) : words[place]));
  }
  for (const [name, { only }] of Object.entries(args)) {
    if (only === undefined || !options.has(name)) continue;
    const chosen = String(values.get(only.argument));
    if (only.values.includes(chosen)) continue;
    const use = places.some(([place]) => place === only.argument) ? chosen : `--${only.argument} ${chosen}`;
    throw new FrondError('FROND-U026', `frond ${command} ${use} does not look at --${name}`, {
      hint: `leave it out: it belongs to ${only.shown}`,
    });
  }
  return Object.fromEntries(values) as ValuesOf<A>;
}

/** Words by place, and what stands behind each option; '' behind a flag. */
function split(command: string, args: Arguments, typed: readonly string[]) {
  const known = new Map(Object.entries(args).filter(([, each]) => !isPlace(each)));
  const names = [...known.keys()];
  const types = [...known].map(
    ([name, { kind }]) => [name, { type: kind === 'flag' ? 'boolean' : 'string' }] as const,
  );
  const { tokens } = parseArgs({
    args: [...typed],
    options: Object.fromEntries(types),
    allowPositionals: true,
    strict: false,
    tokens: true,
  });
  const options = new Map<string, string>();
  for (const token of tokens) {
    if (token.kind !== 'option') continue;
    const { name, rawName, value, inlineValue, index } = token;
    const option = rawName.startsWith('--') ? known.get(name) : undefined;
    if (option === undefined) {
      const all = `it has: ${names.map((each) => `--${each}`).join(', ')}; see frond ${command} --help`;
      const what = typed[index]?.split('=')[0];
      throw new FrondError('FROND-U010', `frond ${command} has no option ${what}`, {
        hint: names.length === 0 ? 'it takes none' : all,
      });
    }
    if (option.kind === 'flag' && value !== undefined) {
      throw new FrondError('FROND-U001', `--${name} takes no value, got ${value}`);
    }
    if (option.kind !== 'flag' && (!value || (!inlineValue && value.startsWith('--')))) {
      throw new FrondError('FROND-U001', `--${name} needs a value`, {
        hint: `--${name} ${name.toUpperCase()}: ${option.description}`,
      });
    }
    options.set(name, value ?? '');
  }
  return { words: tokens.flatMap((token) => (token.kind === 'positional' ? [token.value] : [])), options };
}

function requireWords(
  command: string,
  places: readonly (readonly [string, Argument])[],
  words: readonly string[],
): void {
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

function readValue(
  name: string,
  { kind, choices, default: usual }: Argument,
  typed: string | undefined,
): unknown {
  if (kind === 'flag') return typed !== undefined;
  if (typed === undefined) return usual;
  if (kind === 'natural' || kind === 'count') return wholeNumber(name, typed, kind === 'count' ? 1 : 0);
  if (choices?.includes(typed) === false) throw unknownChoice(name, typed, choices);
  return typed;
}

function wholeNumber(option: string, text: string, least: number): number {
  const value = Number(text);
  const fault = !/^-?\d+$/.test(text)
    ? 'is not a whole number'
    : value < least
      ? `is less than ${least}`
      : Number.isSafeInteger(value)
        ? undefined
        : 'is larger than numbers are exact';
  if (fault === undefined) return value;
  throw new FrondError('FROND-U001', `--${option} ${text} ${fault}`, {
    hint: `give a whole number, ${least} or more`,
  });
}

export const unknownChoice = (what: string, given: string, known: readonly string[]): FrondError =>
  new FrondError('FROND-U006', `there is no ${what} ${given}`, {
    hint: `choose one of: ${known.join(', ')}`,
  });
