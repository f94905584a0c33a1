import { FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';

/** What a command gets for each kind of argument: `word` and `words` go by their place, the others by `--name`. */
interface Kinds {
  readonly word: string;
  readonly words: readonly string[];
  readonly text: string;
  readonly natural: number;
  readonly count: number;
  readonly flag: boolean;
}

export interface Argument {
  readonly kind: keyof Kinds;
  readonly description: string;
  readonly default?: string | number;
  /** all that it may be */
  readonly choices?: readonly string[];
  /** where it is looked at: when another argument is one of these values; elsewhere it is refused */
  readonly only?: { readonly argument: string; readonly values: readonly string[]; readonly shown: string };
}

export type Arguments = Readonly<Record<string, Argument>>;

type ValueOf<A extends Argument> = A extends { readonly choices: readonly (infer V)[] }
  ? V
  : Kinds[A['kind']];

/** What a command gets: options without a default may be undefined. */
export type ValuesOf<A extends Arguments> = {
  readonly [K in keyof A]:
    | ValueOf<A[K]>
    | (A[K] extends { readonly default: unknown } | { readonly kind: 'word' | 'words' | 'flag' }
        ? never
        : undefined);
};

export const isPlace = ({ kind }: Argument): boolean => kind === 'word' || kind === 'words';

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
  for (const name of options.keys()) requireUsed(command, args, name, values);
  return Object.fromEntries(values) as ValuesOf<A>;
}

/** Words by place, and what stands behind each option; '' behind a flag. */
function split(command: string, args: Arguments, typed: readonly string[]) {
  const known = Object.entries(args).flatMap(([name, argument]) => (isPlace(argument) ? [] : [name]));
  const words: string[] = [];
  const options = new Map<string, string>();
  for (let i = 0; i < typed.length; i++) {
    const text = typed[i] ?? '';
    if (text === '--') {
      words.push(...typed.slice(i + 1));
      break;
    }
    if (!text.startsWith('-') || text === '-') {
      words.push(text);
      continue;
    }
    const [option = '', value] = text.replace(/^--?/, '').split(/=(.*)/s);
    if (!text.startsWith('--') || !known.includes(option)) {
      throw new FrondError('FROND-U010', `frond ${command} has no option ${text.split('=')[0]}`, {
        hint:
          known.length === 0
            ? 'it takes none'
            : `it has: ${known.map((name) => `--${name}`).join(', ')}; see frond ${command} --help`,
      });
    }
    const { kind, description } = own(args, option) as Argument;
    if (kind === 'flag') {
      if (value !== undefined) throw new FrondError('FROND-U001', `--${option} takes no value, got ${value}`);
      options.set(option, '');
      continue;
    }
    const given = value ?? typed[++i];
    if (given === undefined || given === '' || (value === undefined && given.startsWith('--'))) {
      throw new FrondError('FROND-U001', `--${option} needs a value`, {
        hint: `--${option} ${option.toUpperCase()}: ${description}`,
      });
    }
    options.set(option, given);
  }
  return { words, options };
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
  argument: Argument,
  text: string | undefined,
): string | number | boolean | undefined {
  const { kind, choices } = argument;
  if (kind === 'flag') return text !== undefined;
  if (text === undefined) return argument.default;
  if (kind === 'natural' || kind === 'count') return wholeNumber(name, text, kind === 'count' ? 1 : 0);
  if (choices?.includes(text) === false) throw unknownChoice(name, text, choices);
  return text;
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

function requireUsed(
  command: string,
  args: Arguments,
  name: string,
  values: ReadonlyMap<string, unknown>,
): void {
  const { only } = own(args, name) as Argument;
  if (only === undefined) return;
  const { argument, shown } = only;
  const chosen = String(values.get(argument));
  if (only.values.includes(chosen)) return;
  const use = isPlace(own(args, argument) as Argument) ? chosen : `--${argument} ${chosen}`;
  throw new FrondError('FROND-U026', `frond ${command} ${use} does not look at --${name}`, {
    hint: `leave it out: it belongs to ${shown}`,
  });
}
