#!/usr/bin/env node
import { defineCommand, runMain } from 'citty';
import pc from 'picocolors';
import { FrondError } from '../index.ts';
import { doctor } from './doctor.ts';
import { inspect } from './inspect.ts';
import { predict } from './predict.ts';
import { train } from './train.ts';

/** Runs a command, prints errors that frond raises as they are, and sets the exit code. */
async function run(work: () => Promise<number>): Promise<void> {
  try {
    process.exitCode = await work();
  } catch (error) {
    if (!(error instanceof FrondError)) throw error;
    process.stderr.write(`${pc.red(error.message)}\n`);
    process.exitCode = error.code.startsWith('FROND-U') ? 2 : 1;
  }
}

/** @throws FROND-U001 when an option is no whole number */
function whole(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new FrondError('FROND-U001', `--${option} ${text} is not a whole number`);
}

const trainCommand = defineCommand({
  meta: { name: 'train', description: 'Train the recipe in a file' },
  args: {
    file: { type: 'positional', description: 'recipe, such as examples/joint.ts', required: true },
    data: { type: 'string', description: 'folder with the data' },
    output: { type: 'string', description: 'folder of the run; default outputs/NAME' },
    epochs: { type: 'string', description: 'passes over the training part' },
    'batch-size': { type: 'string', description: 'sentences per step' },
    seed: { type: 'string', description: 'fixes first weights, shuffles and dropout', default: '1' },
    resume: { type: 'boolean', description: 'go on with the run in --output' },
  },
  run: ({ args }) =>
    run(async () =>
      train({
        file: args.file,
        data: args.data,
        output: args.output,
        epochs: whole('epochs', args.epochs),
        batchSize: whole('batch-size', args['batch-size']),
        seed: whole('seed', args.seed) ?? 1,
        resume: args.resume ?? false,
      }),
    ),
});

const predictCommand = defineCommand({
  meta: {
    name: 'predict',
    description: 'Label sentences with a trained run; without text, one sentence per input line',
  },
  args: {
    run: { type: 'positional', description: 'folder of the run', required: true },
    text: { type: 'positional', description: 'sentences', required: false },
    json: { type: 'boolean', description: 'one JSON object per line' },
  },
  run: ({ args }) => run(() => predict({ run: args.run, texts: args._.slice(1), json: args.json ?? false })),
});

const inspectCommand = defineCommand({
  meta: { name: 'inspect', description: 'Print the graphs that a run was made of' },
  args: {
    run: { type: 'positional', description: 'folder of the run', required: true },
    graph: { type: 'string', description: 'forward, step or prediction', default: 'forward' },
    format: { type: 'string', description: 'text, dot, mermaid or svg', default: 'text' },
    depth: { type: 'string', description: 'fold scopes deeper than this (drawings)' },
  },
  run: ({ args }) =>
    run(async () =>
      inspect({ run: args.run, graph: args.graph, format: args.format, depth: whole('depth', args.depth) }),
    ),
});

const doctorCommand = defineCommand({
  meta: { name: 'doctor', description: 'Say what this machine can run, and why not more' },
  run: () =>
    run(async () => {
      await doctor();
      // the GPU binding keeps the process alive
      process.exit(0);
    }),
});

const main = defineCommand({
  meta: { name: 'frond', description: 'Typed static graphs for language models' },
  subCommands: {
    train: trainCommand,
    predict: predictCommand,
    inspect: inspectCommand,
    doctor: doctorCommand,
  },
});

await runMain(main);
