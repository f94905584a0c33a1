import type { ArgsDef } from 'citty';
import { FrondError } from '../base/errors.ts';

/** A command as the check of its arguments sees it. */
export interface CommandShape {
  readonly name: string;
  readonly args: ArgsDef;
  /** whether words beyond the declared ones are meant, such as the sentences of `predict` */
  readonly more?: boolean;
}

const optionsOf = (args: ArgsDef): [string, ArgsDef[string]][] =>
  Object.entries(args).filter(([, { type }]) => type !== 'positional');

/**
 * Checks what was typed against what a command declares, before it runs: nothing is ignored.
 * @throws FROND-U010 for an unknown option, FROND-U001 for one without its value, FROND-U011 for a missing or surplus argument
 */
export function checkArguments({ name, args, more = false }: CommandShape, typed: readonly string[]): void {
  const options = new Map(optionsOf(args));
  const words: string[] = [];
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
    const declared = text.startsWith('--') ? options.get(option) : undefined;
    if (declared === undefined) throw unknownOption(name, text.split('=')[0] ?? text, [...options.keys()]);
    if (declared.type === 'boolean') {
      if (value !== undefined) throw new FrondError('FROND-U001', `--${option} takes no value, got ${value}`);
      continue;
    }
    const given = value ?? typed[++i];
    if (given === undefined || given === '' || (value === undefined && given.startsWith('--'))) {
      throw new FrondError('FROND-U001', `--${option} needs a value`, {
        hint: `--${option} ${option.toUpperCase()}: ${declared.description ?? ''}`,
      });
    }
  }
  checkWords(name, args, words, more);
}

const unknownOption = (name: string, typed: string, known: readonly string[]): FrondError =>
  new FrondError('FROND-U010', `frond ${name} has no option ${typed}`, {
    hint:
      known.length === 0
        ? 'it takes none'
        : `it has: ${known.map((option) => `--${option}`).join(', ')}; see frond ${name} --help`,
  });

function checkWords(name: string, args: ArgsDef, words: readonly string[], more: boolean): void {
  const places = Object.entries(args).filter(([, { type }]) => type === 'positional');
  const missing = places.slice(words.length).find(([, { required }]) => required !== false);
  if (missing !== undefined) {
    const [place, { description = '' }] = missing;
    throw new FrondError('FROND-U011', `frond ${name}: ${place.toUpperCase()} is missing`, {
      hint: `give the ${description}; see frond ${name} --help`,
    });
  }
  const surplus = words[places.length];
  if (more || surplus === undefined) return;
  throw new FrondError('FROND-U011', `frond ${name}: one argument too many: ${surplus}`, {
    hint: 'put texts with spaces in quotes',
  });
}
