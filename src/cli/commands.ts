import type { Arguments, ValuesOf } from './arguments.ts';

const run = { kind: 'word', description: 'folder of the run' } as const;
const device = { kind: 'text', description: 'auto, webgpu, wasm or interpreter', default: 'auto' } as const;

const drawings = {
  argument: 'format',
  values: ['dot', 'mermaid', 'svg'],
  shown: 'drawings: dot, mermaid, svg',
} as const;
const reports = { argument: 'format', values: ['report'], shown: '--format report' } as const;
const tuning = { argument: 'action', values: ['tune'], shown: 'tune' } as const;

/** Graphs that a run is made of. */
export const GRAPHS = ['forward', 'step', 'prediction'] as const;

/** What each command takes: its parser, its help and the types of what it gets come from here. */
export const COMMANDS = {
  train: {
    description: 'Train the recipe in a file',
    args: {
      file: { kind: 'word', description: 'recipe, such as examples/joint.ts' },
      data: { kind: 'text', description: 'folder with the data; default: what the recipe says' },
      output: { kind: 'text', description: 'folder of the run; default: outputs/NAME' },
      epochs: { kind: 'count', description: 'passes over the training part' },
      'batch-size': { kind: 'count', description: 'sentences per step' },
      seed: { kind: 'natural', description: 'fixes first weights, shuffles and dropout', default: 1 },
      device,
      threads: { kind: 'count', description: 'of the device wasm; default: one for each core' },
      schedules: { kind: 'text', description: 'file that frond kernel tune wrote' },
      resume: { kind: 'flag', description: 'go on with the run in --output' },
    },
  },
  predict: {
    description: 'Label sentences with a trained run; without any, one per line of standard input',
    args: {
      run,
      text: { kind: 'words', description: 'sentences, each in quotes' },
      json: { kind: 'flag', description: 'one JSON object per line' },
      device,
    },
  },
  inspect: {
    description: 'Print the graphs that a run was made of',
    args: {
      run,
      graph: {
        kind: 'text',
        description: 'forward, step or prediction',
        choices: GRAPHS,
        default: 'forward',
      },
      format: {
        kind: 'text',
        description: 'text, dot, mermaid, svg or report',
        choices: ['text', 'dot', 'mermaid', 'svg', 'report'],
        default: 'text',
      },
      depth: {
        kind: 'natural',
        description: 'one box for each scope of this depth, from 1 on; 0: for each phase (drawings)',
        only: drawings,
      },
      parameters: { kind: 'flag', description: 'show weights and constants too (drawings)', only: drawings },
      sizes: {
        kind: 'text',
        description: 'sizes of a report, such as batch=32,time=24; default: 32 each',
        only: reports,
      },
    },
  },
  compare: {
    description: 'Run a graph on two devices and name the first node where they differ',
    args: {
      first: { kind: 'word', description: 'device, such as interpreter:f64' },
      second: { kind: 'word', description: 'device, such as webgpu, wasm or wasm:1' },
      what: { kind: 'word', description: 'run, module that exports a graph, or printed graph' },
      graph: { kind: 'text', description: 'forward, step or prediction of a run; export of a module' },
      sizes: { kind: 'text', description: 'sizes to run at, such as batch=4,time=8; default: 32 each' },
      seed: { kind: 'natural', description: 'fixes inputs, and weights that no run gives', default: 1 },
      tolerance: { kind: 'text', description: 'of the largest element of a tensor', default: '1e-5' },
      optimised: { kind: 'flag', description: 'compare the nodes that the passes leave' },
    },
  },
  kernel: {
    description:
      'Search schedules for the kernels of a trained run, or time them: frond kernel tune|profile RUN',
    args: {
      action: { kind: 'word', description: 'action: tune or profile' },
      run: { kind: 'word', description: 'folder of the run whose training step is measured' },
      device,
      sizes: { kind: 'text', description: 'sizes to measure at, such as batch=32,time=24' },
      seconds: {
        kind: 'count',
        description: 'to spend on the search of tune; default: 60',
        only: tuning,
      },
      cache: {
        kind: 'text',
        description: 'file with the winners of tune; default: frond-schedules.json',
        only: tuning,
      },
    },
  },
  doctor: { description: 'Say what this machine can run, and why not more', args: {} },
} as const satisfies Readonly<Record<string, { readonly description: string; readonly args: Arguments }>>;

export type CommandName = keyof typeof COMMANDS;
/** What a command gets, by the names of its arguments. */
export type Given<C extends CommandName> = ValuesOf<(typeof COMMANDS)[C]['args']>;
