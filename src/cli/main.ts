#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { stripVTControlCharacters } from 'node:util';
import { type ArgsDef, type CommandDef, defineCommand, renderUsage, runCommand } from 'citty';
import pc from 'picocolors';
import { FrondError } from '../base/errors.ts';
import { type CommandShape, checkArguments } from './arguments.ts';
import { shownError } from './failure.ts';
import { watchOutputs } from './output.ts';
import { shownLines } from './shown.ts';

/** @throws FROND-U001 when an option is no whole number from `least` on */
function whole(option: string, text: string | undefined, least = 0): number | undefined {
  if (text === undefined) return undefined;
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

/** @throws FROND-U026 for an option that this use of a command does not look at */
function refuseUnused(use: string, given: Readonly<Record<string, unknown>>, of: string): void {
  const unused = Object.keys(given).find((name) => given[name] !== undefined);
  if (unused === undefined) return;
  throw new FrondError('FROND-U026', `frond ${use} does not look at --${unused}`, {
    hint: `leave it out: it belongs to ${of}`,
  });
}

// commands load what they need when they run: help and mistakes answer at once
/** Whether something that was to be printed is lost. */
let lost = false;
const exit = (code: number): void => {
  process.exitCode = lost ? Math.max(code, 1) : code;
};

const trainCommand = defineCommand({
  meta: { name: 'frond train', description: 'Train the recipe in a file' },
  args: {
    file: { type: 'positional', description: 'recipe, such as examples/joint.ts', required: true },
    data: { type: 'string', description: 'folder with the data; default: what the recipe says' },
    output: { type: 'string', description: 'folder of the run; default: outputs/NAME' },
    epochs: { type: 'string', description: 'passes over the training part' },
    'batch-size': { type: 'string', description: 'sentences per step' },
    seed: { type: 'string', description: 'fixes first weights, shuffles and dropout', default: '1' },
    device: { type: 'string', description: 'auto, webgpu, wasm or interpreter', default: 'auto' },
    threads: { type: 'string', description: 'of the device wasm; default: one for each core' },
    schedules: { type: 'string', description: 'file that frond kernel tune wrote' },
    resume: { type: 'boolean', description: 'go on with the run in --output' },
  },
  run: async ({ args }) => {
    const { train } = await import('./train.ts');
    exit(
      await train({
        file: args.file,
        data: args.data,
        output: args.output,
        epochs: whole('epochs', args.epochs, 1),
        batchSize: whole('batch-size', args['batch-size'], 1),
        seed: whole('seed', args.seed) ?? 1,
        device: args.device,
        threads: whole('threads', args.threads, 1),
        schedules: args.schedules,
        version: version(),
        resume: args.resume ?? false,
      }),
    );
  },
});

const predictCommand = defineCommand({
  meta: {
    name: 'frond predict',
    description: 'Label sentences with a trained run; without any, one per line of standard input',
  },
  args: {
    run: { type: 'positional', description: 'folder of the run', required: true },
    text: { type: 'positional', description: 'sentences, each in quotes', required: false },
    json: { type: 'boolean', description: 'one JSON object per line' },
    device: { type: 'string', description: 'auto, webgpu, wasm or interpreter', default: 'auto' },
  },
  run: async ({ args }) => {
    const { predict } = await import('./predict.ts');
    const { run, json = false, device } = args;
    exit(await predict({ run, texts: args._.slice(1), json, device }));
  },
});

const inspectCommand = defineCommand({
  meta: { name: 'frond inspect', description: 'Print the graphs that a run was made of' },
  args: {
    run: { type: 'positional', description: 'folder of the run', required: true },
    graph: { type: 'string', description: 'forward, step or prediction', default: 'forward' },
    format: { type: 'string', description: 'text, dot, mermaid, svg or report', default: 'text' },
    depth: {
      type: 'string',
      description: 'one box for each scope of this depth, from 1 on; 0: for each phase (drawings)',
    },
    parameters: { type: 'boolean', description: 'show weights and constants too (drawings)' },
    sizes: { type: 'string', description: 'sizes of a report, such as batch=32,time=24; default: 32 each' },
  },
  run: async ({ args }) => {
    const { inspect } = await import('./inspect.ts');
    const drawn = ['dot', 'mermaid', 'svg'].includes(args.format);
    if (args.format === 'text' || args.format === 'report') {
      refuseUnused(
        `inspect --format ${args.format}`,
        { depth: args.depth, parameters: args.parameters },
        'drawings: dot, mermaid, svg',
      );
    }
    if (args.format === 'text' || drawn)
      refuseUnused(`inspect --format ${args.format}`, { sizes: args.sizes }, '--format report');
    exit(
      await inspect({
        run: args.run,
        graph: args.graph,
        format: args.format,
        depth: whole('depth', args.depth),
        parameters: args.parameters ?? false,
        sizes: args.sizes,
      }),
    );
  },
});

const compareCommand = defineCommand({
  meta: {
    name: 'frond compare',
    description: 'Run a graph on two devices and name the first node where they differ',
  },
  args: {
    first: { type: 'positional', description: 'device, such as interpreter:f64', required: true },
    second: { type: 'positional', description: 'device, such as webgpu, wasm or wasm:1', required: true },
    what: {
      type: 'positional',
      description: 'run, module that exports a graph, or printed graph',
      required: true,
    },
    graph: { type: 'string', description: 'forward, step or prediction of a run; export of a module' },
    sizes: { type: 'string', description: 'sizes to run at, such as batch=4,time=8; default: 32 each' },
    seed: { type: 'string', description: 'fixes inputs, and weights that no run gives', default: '1' },
    tolerance: { type: 'string', description: 'of the largest element of a tensor', default: '1e-5' },
    optimised: { type: 'boolean', description: 'compare the nodes that the passes leave' },
  },
  run: async ({ args }) => {
    const { compare } = await import('./compare.ts');
    exit(
      await compare({
        ...{ first: args.first, second: args.second, what: args.what, graph: args.graph, sizes: args.sizes },
        seed: whole('seed', args.seed) ?? 1,
        tolerance: args.tolerance,
        optimised: args.optimised ?? false,
      }),
    );
  },
});

const kernelCommand = defineCommand({
  meta: {
    name: 'frond kernel',
    description:
      'Search schedules for the kernels of a trained run, or time them: frond kernel tune|profile RUN',
  },
  args: {
    action: { type: 'positional', description: 'action: tune or profile', required: true },
    run: {
      type: 'positional',
      description: 'folder of the run whose training step is measured',
      required: true,
    },
    device: { type: 'string', description: 'auto, webgpu, wasm or interpreter', default: 'auto' },
    sizes: { type: 'string', description: 'sizes to measure at, such as batch=32,time=24' },
    seconds: { type: 'string', description: 'to spend on the search of tune; default: 60' },
    cache: { type: 'string', description: 'file with the winners of tune; default: frond-schedules.json' },
  },
  run: async ({ args: { action, ...args } }) => {
    if (action === 'profile') {
      refuseUnused('kernel profile', { seconds: args.seconds, cache: args.cache }, 'tune');
      const { profile } = await import('./profile.ts');
      exit(await profile(args));
      return;
    }
    if (action !== 'tune') {
      throw new FrondError('FROND-U011', `frond kernel ${action}: there is no such action`, {
        hint: 'write frond kernel tune RUN, or frond kernel profile RUN',
      });
    }
    const { tune } = await import('./tune.ts');
    const seconds = whole('seconds', args.seconds, 1) ?? 60;
    const cache = args.cache ?? 'frond-schedules.json';
    exit(await tune({ ...args, sizes: args.sizes, seconds, cache, version: version() }));
  },
});

const doctorCommand = defineCommand({
  meta: { name: 'frond doctor', description: 'Say what this machine can run, and why not more' },
  args: {},
  run: async () => (await import('./doctor.ts')).doctor(version()),
});

const main = defineCommand({
  meta: { name: 'frond', description: 'Typed static graphs for language models' },
  subCommands: {
    train: trainCommand,
    predict: predictCommand,
    inspect: inspectCommand,
    compare: compareCommand,
    kernel: kernelCommand,
    doctor: doctorCommand,
  },
});

interface KnownCommand {
  readonly shape: CommandShape;
  usage(): Promise<string>;
  run(rawArgs: string[]): Promise<unknown>;
}

const known = <T extends ArgsDef>(name: string, command: CommandDef<T>, more = false): KnownCommand => ({
  shape: { name, args: command.args as ArgsDef, more },
  usage: () => renderUsage(command),
  run: (rawArgs) => runCommand(command, { rawArgs }),
});

const COMMANDS: readonly KnownCommand[] = [
  known('train', trainCommand),
  known('predict', predictCommand, true),
  known('inspect', inspectCommand),
  known('compare', compareCommand),
  known('kernel', kernelCommand),
  known('doctor', doctorCommand),
];

function version(): string {
  const text = readFileSync(new URL('../../../package.json', import.meta.url), 'utf8');
  return String((JSON.parse(text) as { readonly version: unknown }).version);
}

/** The renderer colours whatever it writes to. */
const showUsage = (text: string): void => {
  process.stdout.write(`${pc.isColorSupported ? text : stripVTControlCharacters(text)}\n`);
};

const isHelp = (text: string | undefined): boolean => text === '--help' || text === '-h';

/** One command line. @throws FROND-U… for what cannot be meant, and whatever the command throws */
async function run(typed: readonly string[]): Promise<void> {
  const [name, ...rest] = typed;
  if (name === undefined || name === 'help' || isHelp(name)) {
    showUsage(await renderUsage(main));
    return;
  }
  if (name === '--version' || name === '-v') {
    process.stdout.write(`${version()}\n`);
    return;
  }
  const command = COMMANDS.find(({ shape }) => shape.name === name);
  if (command === undefined) {
    throw new FrondError('FROND-U009', `frond has no command ${name}`, {
      hint: `choose one of: ${COMMANDS.map(({ shape }) => shape.name).join(', ')}; see frond --help`,
    });
  }
  if (rest.some(isHelp)) {
    showUsage(await command.usage());
    return;
  }
  checkArguments(command.shape, rest);
  await command.run(rest);
}

/** What went wrong within a recipe is no misuse of the command line: exit code 1, not 2. */
const FAILED: readonly string[] = ['FROND-U008', 'FROND-U012', 'FROND-U013'];

watchOutputs(() => {
  lost = true;
  exit(Number(process.exitCode ?? 0));
});

try {
  await run(process.argv.slice(2));
} catch (error) {
  const shown = shownError(error);
  process.stderr.write(`${pc.red(shownLines(shown.message))}\n`);
  if (process.env.FROND_STACK)
    process.stderr.write(`${shownLines(String((error as Error).stack ?? error))}\n`);
  process.exitCode = shown.code.startsWith('FROND-U') && !FAILED.includes(shown.code) ? 2 : 1;
}
