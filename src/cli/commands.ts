import {
  choice,
  count,
  flag,
  natural,
  only,
  text,
  usually,
  type ValuesOf,
  word,
  words,
} from './arguments.ts';

const run = word('folder of the run');
const device = usually('auto', text('auto, webgpu, wasm or interpreter'));

const drawings = {
  argument: 'format',
  values: ['dot', 'mermaid', 'svg'],
  shown: 'drawings: dot, mermaid, svg',
};
const reports = { argument: 'format', values: ['report'], shown: '--format report' };
const tuning = { argument: 'action', values: ['tune'], shown: 'tune' };

/** Graphs that a run is made of. */
export const GRAPHS = ['forward', 'step', 'prediction'] as const;
const FORMATS = ['text', 'dot', 'mermaid', 'svg', 'report'] as const;

/** What each command takes: its parser, its help and the types of what it gets come from here. */
export const COMMANDS = {
  train: {
    description: 'Train the recipe in a file',
    args: {
      file: word('recipe, such as examples/joint.ts'),
      data: text('folder with the data; default: what the recipe says'),
      output: text('folder of the run; default: outputs/NAME'),
      epochs: count('passes over the training part'),
      'batch-size': count('sentences per step'),
      seed: usually(1, natural('fixes first weights, shuffles and dropout')),
      device,
      threads: count('of the device wasm; default: one for each core'),
      schedules: text('file that frond kernel tune wrote'),
      resume: flag('go on with the run in --output'),
    },
  },
  predict: {
    description: 'Label sentences with a trained run; without any, one per line of standard input',
    args: { run, text: words('sentences, each in quotes'), json: flag('one JSON object per line'), device },
  },
  inspect: {
    description: 'Print the graphs that a run was made of',
    args: {
      run,
      graph: usually('forward', choice(GRAPHS, 'forward, step or prediction')),
      format: usually('text', choice(FORMATS, 'text, dot, mermaid, svg or report')),
      depth: only(
        drawings,
        natural('one box for each scope of this depth, from 1 on; 0: for each phase (drawings)'),
      ),
      parameters: only(drawings, flag('show weights and constants too (drawings)')),
      sizes: only(reports, text('sizes of a report, such as batch=32,time=24; default: 32 each')),
    },
  },
  compare: {
    description: 'Run a graph on two devices and name the first node where they differ',
    args: {
      first: word('device, such as interpreter:f64'),
      second: word('device, such as webgpu, wasm or wasm:1'),
      what: word('run, module that exports a graph, or printed graph'),
      graph: text('forward, step or prediction of a run; export of a module'),
      sizes: text('sizes to run at, such as batch=4,time=8; default: 32 each'),
      seed: usually(1, natural('fixes inputs, and weights that no run gives')),
      tolerance: usually('1e-5', text('of the largest element of a tensor')),
      optimised: flag('compare the nodes that the passes leave'),
    },
  },
  kernel: {
    description:
      'Search schedules for the kernels of a trained run, or time them: frond kernel tune|profile RUN',
    args: {
      action: word('action: tune or profile'),
      run: word('folder of the run whose training step is measured'),
      device,
      sizes: text('sizes to measure at, such as batch=32,time=24'),
      seconds: only(tuning, count('to spend on the search of tune; default: 60')),
      cache: only(tuning, text('file with the winners of tune; default: frond-schedules.json')),
    },
  },
  doctor: { description: 'Say what this machine can run, and why not more', args: {} },
};

export type CommandName = keyof typeof COMMANDS;
/** What a command gets, by the names of its arguments. */
export type Given<C extends CommandName> = ValuesOf<(typeof COMMANDS)[C]['args']>;
