#!/usr/bin/env node
import pc from 'picocolors';
import { FrondError } from '../base/errors.ts';
import { isPlace, type Named, parseArguments, partsOf } from './arguments.ts';
import { COMMANDS, type CommandName, type Given } from './commands.ts';
import { shownError } from './failure.ts';
import { printLine, shownLines, version, watchOutputs } from './io.ts';

/** What a command does, and its exit code. Each loads what it needs when it runs: help and mistakes answer at once. */
const RUN: { readonly [C in CommandName]: (given: Given<C>) => Promise<number> } = {
  train: async (given) => (await import('./train.ts')).train(given),
  experiment: async (given) => (await import('./experiment.ts')).experiment(given),
  evaluate: async (given) => (await import('./predict.ts')).evaluate(given),
  predict: async (given) => (await import('./predict.ts')).predict(given),
  inspect: async (given) => (await import('./run.ts')).inspect(given),
  compare: async (given) => (await import('./compare.ts')).compare(given),
  kernel: async (given) => (await import('./kernel.ts')).kernel(given),
  doctor: async () => (await import('./doctor.ts')).doctor(),
};

const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name);

const title = (text: string): string => pc.underline(pc.bold(text));

const opening = (command: string, description: string, use: readonly string[]): string =>
  `${pc.gray(`${description} (${command})`)}\n\n${title('USAGE')} ${pc.cyan([command, ...use].join(' '))}\n\n`;

/** A part of the help: two columns, the left one flush right. */
function section(name: string, rows: readonly (readonly [left: string, right: string])[]): string {
  const width = 2 + Math.max(...rows.map(([left]) => left.length));
  const lines = rows.map(
    ([left, right]) => `${' '.repeat(width - left.length)}${pc.cyan(left)}    ${right}\n`,
  );
  return rows.length === 0 ? '' : `${title(name)}\n\n${lines.join('')}\n`;
}

function rowOf(argument: Named): readonly [string, string] {
  const [name, { kind, description, default: usual }] = argument;
  const value = kind === 'option' ? `=<${name.replaceAll('-', '_')}>` : '';
  const written = isPlace(argument) ? name.toUpperCase() : `--${name}${value}`;
  const note = kind === 'word' ? '(Required)' : usual === undefined ? '' : `(Default: ${usual})`;
  return [written, note === '' ? description : `${description} ${pc.gray(note)}`];
}

function help(): string {
  const rows = Object.entries(COMMANDS).map(([name, { description }]) => [name, description] as const);
  const names = rows.map(([name]) => name).join('|');
  const start = opening('frond', 'Typed static graphs for language models', [names]);
  const more = `Use ${pc.cyan('frond <command> --help')} for more information about a command.`;
  return start + section('COMMANDS', rows) + more;
}

function helpOf(name: CommandName): string {
  const { description, args } = COMMANDS[name];
  const { places, options } = partsOf(args);
  const words = places.map(([place, { kind }]) =>
    (kind === 'word' ? `<${place}>` : `[${place}]`).toUpperCase(),
  );
  const start = opening(`frond ${name}`, description, options.length === 0 ? words : ['[OPTIONS]', ...words]);
  return start + section('ARGUMENTS', places.map(rowOf)) + section('OPTIONS', options.map(rowOf));
}

const isHelp = (text: string | undefined): boolean => text === '--help' || text === '-h';

const runCommand = <C extends CommandName>(name: C, typed: readonly string[]): Promise<number> =>
  RUN[name](parseArguments(name, COMMANDS[name].args, typed) as Given<C>);

/** One command line. @throws FROND-U… where it makes no sense, and whatever the command throws */
async function run([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || isHelp(name)) printLine(help());
  else if (name === '--version' || name === '-v') printLine(version());
  else if (!isCommand(name)) {
    throw new FrondError('FROND-U009', `frond has no command ${name}`, {
      hint: `choose one of: ${Object.keys(COMMANDS).join(', ')}; see frond --help`,
    });
  } else if (rest.some(isHelp)) process.stdout.write(helpOf(name));
  else return runCommand(name, rest);
  return 0;
}

/** What went wrong within a recipe is no misuse of the command line: exit code 1, not 2. */
const FAILED: readonly string[] = ['FROND-U008', 'FROND-U012', 'FROND-U013'];

/** Whether something that was to be printed is lost. */
let lost = false;
const exit = (code: number): void => {
  process.exitCode = lost ? Math.max(code, 1) : code;
};

watchOutputs(() => {
  lost = true;
  exit(Number(process.exitCode ?? 0));
});

try {
  exit(await run(process.argv.slice(2)));
} catch (error) {
  const shown = shownError(error);
  process.stderr.write(`${pc.red(shownLines(shown.message))}\n`);
  if (process.env.FROND_STACK)
    process.stderr.write(`${shownLines(String((error as Error).stack ?? error))}\n`);
  process.exitCode = shown.code.startsWith('FROND-U') && !FAILED.includes(shown.code) ? 2 : 1;
}
