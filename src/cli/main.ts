#!/usr/bin/env node
import { stripVTControlCharacters } from 'node:util';
import { type ArgDef, type CommandDef, renderUsage } from 'citty';
import pc from 'picocolors';
import { FrondError } from '../base/errors.ts';
import { type Argument, parseArguments } from './arguments.ts';
import { COMMANDS, type CommandName, type Given } from './commands.ts';
import { shownError } from './failure.ts';
import { printLine, version, watchOutputs } from './io.ts';
import { shownLines } from './shown.ts';

/** What a command does, and its exit code. Each loads what it needs when it runs: help and mistakes answer at once. */
const RUN: { readonly [C in CommandName]: (given: Given<C>) => Promise<number> } = {
  train: async (given) => (await import('./train.ts')).train(given),
  predict: async (given) => (await import('./predict.ts')).predict(given),
  inspect: async (given) => (await import('./inspect.ts')).inspect(given),
  compare: async (given) => (await import('./compare.ts')).compare(given),
  kernel: async (given) => (await import('./kernel.ts')).kernel(given),
  doctor: async () => (await import('./doctor.ts')).doctor(),
};

const isCommand = (name: string): name is CommandName => Object.hasOwn(COMMANDS, name);

/** Help's own kinds of arguments. */
const usageOf = ({ kind, description, default: usual }: Argument): ArgDef => {
  switch (kind) {
    case 'word':
    case 'words':
      return { type: 'positional', description, required: kind === 'word' };
    case 'flag':
      return { type: 'boolean', description };
    default:
      return { type: 'string', description, ...(usual !== undefined && { default: String(usual) }) };
  }
};

async function showUsage(name?: CommandName): Promise<void> {
  const describe = (each: CommandName): CommandDef => ({
    meta: { name: `frond ${each}`, description: COMMANDS[each].description },
    args: mapValues(COMMANDS[each].args, usageOf),
  });
  const all: CommandDef = {
    meta: { name: 'frond', description: 'Typed static graphs for language models' },
    subCommands: mapValues(COMMANDS, ({ description }) => ({ meta: { description } })),
  };
  const text = await renderUsage(name === undefined ? all : describe(name));
  // the renderer colours whatever it writes to
  printLine(pc.isColorSupported ? text : stripVTControlCharacters(text));
}

const mapValues = <T, U>(record: Readonly<Record<string, T>>, of: (value: T) => U): Record<string, U> =>
  Object.fromEntries(Object.entries(record).map(([key, value]) => [key, of(value)]));

const isHelp = (text: string | undefined): boolean => text === '--help' || text === '-h';

const runCommand = <C extends CommandName>(name: C, typed: readonly string[]): Promise<number> =>
  RUN[name](parseArguments(name, COMMANDS[name].args, typed) as Given<C>);

/** One command line. @throws FROND-U… where it makes no sense, and whatever the command throws */
async function run([name, ...rest]: readonly string[]): Promise<number> {
  if (name === undefined || name === 'help' || isHelp(name)) await showUsage();
  else if (name === '--version' || name === '-v') printLine(version());
  else if (!isCommand(name)) {
    throw new FrondError('FROND-U009', `frond has no command ${name}`, {
      hint: `choose one of: ${Object.keys(COMMANDS).join(', ')}; see frond --help`,
    });
  } else if (rest.some(isHelp)) await showUsage(name);
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
