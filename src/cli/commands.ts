import * as takes from './arguments.ts';

const run = takes.word('folder of the run');
const device = takes.usually('auto', takes.text('auto, webgpu, wasm or interpreter'));

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
      file: takes.word('recipe, such as examples/joint.ts, or tasks.json'),
      data: takes.text('folder with the data; default: what the recipe says'),
      output: takes.text('folder of the run; default: outputs/NAME'),
      epochs: takes.count('passes over the training part'),
      'batch-size': takes.count('sentences per step'),
      seed: takes.natural('fixes first weights, shuffles and dropout; default: what tasks.json says, or 1'),
      device,
      threads: takes.count('of the device wasm; default: one for each core'),
      schedules: takes.text('file that frond kernel tune wrote'),
      resume: takes.flag('go on with the run in --output, a finished one with more --epochs'),
    },
  },
  experiment: {
    description: 'Train several ways to learn over several seeds, and print what differs between them',
    args: {
      file: takes.word(
        'tasks.json: all tasks beside each alone; or a module that exports recipes as variants',
      ),
      data: takes.text('folder with the data; default: what the file says'),
      output: takes.text(
        'folder of the runs; default: outputs/NAME-experiment. What is finished there is kept',
      ),
      seeds: takes.count('how many, from 1 on; default: those of tasks.json, or 3'),
      epochs: takes.count('passes over the training part'),
      'batch-size': takes.count('examples per step'),
      device,
      threads: takes.count('of the device wasm; default: one for each core'),
    },
  },
  predict: {
    description: 'Label sentences with a trained run; without any, one per line of standard input',
    args: {
      run,
      text: takes.words('sentences, each in quotes'),
      file: takes.text('records instead: .tsv, .csv, .jsonl, .conll or .txt, with columns as in training'),
      task: takes.text('names of the tasks that answer, with commas between; default: all'),
      json: takes.flag('one JSON object per line'),
      device,
    },
  },
  evaluate: {
    description: 'Measure a run of a tasks file on a part of its data',
    args: {
      run,
      part: takes.usually('test', takes.text('train, valid or test')),
      json: takes.flag('all scores as JSON'),
      device,
    },
  },
  inspect: {
    description: 'Print a graph: of a run, of a module that exports one, or of a file that was printed',
    args: {
      what: takes.word('run, module that exports a graph, or printed graph'),
      graph: takes.text('forward (default), step or prediction of a run; export of a module'),
      format: takes.usually('text', takes.choice(FORMATS, 'text, dot, mermaid, svg or report')),
      depth: takes.only(
        drawings,
        takes.natural('one box for each scope of this depth, from 1 on; 0: for each phase (drawings)'),
      ),
      parameters: takes.only(drawings, takes.flag('show weights and constants too (drawings)')),
      sizes: takes.only(reports, takes.text('sizes of a report, such as batch=32,time=24; default: 32 each')),
    },
  },
  compare: {
    description: 'Run a graph on two devices and name the first node where they differ',
    args: {
      first: takes.word('device, such as interpreter:f64'),
      second: takes.word('device, such as webgpu, wasm or wasm:1'),
      what: takes.word('run, module that exports a graph, or printed graph'),
      graph: takes.text('forward, step or prediction of a run; export of a module'),
      sizes: takes.text('sizes to run at, such as batch=4,time=8; default: 32 each'),
      seed: takes.usually('1', takes.natural('fixes inputs, and weights that no run gives')),
      tolerance: takes.usually('1e-5', takes.tolerance('of the largest element of a tensor')),
      optimised: takes.flag('compare the nodes that the passes leave'),
    },
  },
  kernel: {
    description:
      'Search schedules for the kernels of a trained run, or time them: frond kernel tune|profile RUN',
    args: {
      action: takes.word('action: tune or profile'),
      run: takes.word('folder of the run whose training step is measured'),
      device,
      sizes: takes.text('sizes to measure at, such as batch=32,time=24'),
      seconds: takes.only(tuning, takes.count('to spend on the search of tune; default: 60')),
      cache: takes.only(tuning, takes.text('file with the winners of tune; default: frond-schedules.json')),
    },
  },
  doctor: { description: 'Say what this machine can run, and why not more', args: {} },
};

export type CommandName = keyof typeof COMMANDS;
/** What a command gets, by the names of its arguments. */
export type Given<C extends CommandName> = takes.ValuesOf<(typeof COMMANDS)[C]['args']>;
