import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, removeFolder, temporaryFolder } from '../support/build.ts';
import { call, type Outcome } from '../support/call.ts';
import { type CommandLine, openCommandLine } from '../support/commandLine.ts';
import { RECIPE, writeData } from './support.ts';

let built = '';
let home = '';

let line: CommandLine;
const frond = (...args: string[]): Promise<Outcome> => line.run(args, home);

beforeAll(() => {
  built = buildPackage();
  line = openCommandLine(join(built, 'dist/src/cli/main.js'));
  home = temporaryFolder('mistakes');
  writeFileSync(join(home, 'tiny.ts'), RECIPE);
});

afterAll(() => {
  line.close();
  removeFolder(built);
  removeFolder(home);
});

/** Fails with exactly this text and code, prints nothing else, and leaves no run behind. */
async function refuses(args: readonly string[], code: number, err: string): Promise<void> {
  expect(await frond(...args)).toEqual({ code, out: '', err });
  expect(existsSync(join(home, 'outputs'))).toBe(false);
}

describe('a command line that makes no sense', () => {
  const train =
    '--data, --output, --epochs, --batch-size, --seed, --device, --threads, --schedules, --resume';

  it.each([
    [
      ['sing'],
      '[FROND-U009] frond has no command sing\n  hint: choose one of: train, experiment, predict, evaluate, inspect, compare, kernel, doctor; see frond --help\n',
    ],
    [
      ['train'],
      '[FROND-U011] frond train: FILE is missing\n  hint: give the recipe, such as examples/joint.ts, or tasks.json; see frond train --help\n',
    ],
    [
      ['train', 'tiny.ts', '--epoch', '3'],
      `[FROND-U010] frond train has no option --epoch\n  hint: it has: ${train}; see frond train --help\n`,
    ],
    [
      ['train', 'tiny.ts', 'other.ts'],
      '[FROND-U011] frond train: one argument too many: other.ts\n  hint: put texts with spaces in quotes\n',
    ],
    [
      ['train', 'tiny.ts', '--epochs'],
      '[FROND-U001] --epochs needs a value\n  hint: --epochs EPOCHS: passes over the training part\n',
    ],
    [
      ['train', 'tiny.ts', '--output', '--resume'],
      '[FROND-U001] --output needs a value\n  hint: --output OUTPUT: folder of the run; default: outputs/NAME\n',
    ],
    [
      ['train', 'tiny.ts', '--threads', '0'],
      '[FROND-U001] --threads 0 is less than 1\n  hint: give a whole number, 1 or more\n',
    ],
    [
      ['train', 'tiny.ts', '--epochs', '1e3'],
      '[FROND-U001] --epochs 1e3 is not a whole number\n  hint: give a whole number, 1 or more\n',
    ],
    [
      ['train', 'tiny.ts', '--epochs=0'],
      '[FROND-U001] --epochs 0 is less than 1\n  hint: give a whole number, 1 or more\n',
    ],
    [
      ['train', 'tiny.ts', '--resume'],
      '[FROND-U004] --resume without --output\n  hint: name the folder of the run: --output outputs/tiny\n',
    ],
    [
      ['predict', 'no-such-run', 'hello'],
      '[FROND-U007] there is no folder no-such-run\n  hint: give the folder that frond train printed at its end, such as outputs/joint\n',
    ],
    [
      ['predict', 'outputs/tiny', 'hello', '--file', 'hats.tsv'],
      '[FROND-U026] frond predict does not look at --file where sentences are given\n  hint: leave one of them out\n',
    ],
    [
      ['inspect', 'tiny.ts'],
      "[FROND-U017] tiny.ts exports no graph\n  at tiny.ts\n  hint: export const model = graph('model', (g) => …)\n",
    ],
    [
      ['kernel', 'tone', 'outputs/tiny'],
      '[FROND-U011] frond kernel tone: there is no such action\n  hint: write frond kernel tune RUN, or frond kernel profile RUN\n',
    ],
    [
      ['kernel'],
      '[FROND-U011] frond kernel: ACTION is missing\n  hint: give the action: tune or profile; see frond kernel --help\n',
    ],
    [
      ['kernel', 'profile', 'outputs/tiny', '--seconds', '3'],
      '[FROND-U026] frond kernel profile does not look at --seconds\n  hint: leave it out: it belongs to tune\n',
    ],
    [
      ['inspect', 'outputs/tiny', '--sizes', 'x'],
      '[FROND-U026] frond inspect --format text does not look at --sizes\n  hint: leave it out: it belongs to --format report\n',
    ],
    [
      ['inspect', 'outputs/tiny', '--depth', '2'],
      '[FROND-U026] frond inspect --format text does not look at --depth\n  hint: leave it out: it belongs to drawings: dot, mermaid, svg\n',
    ],
    [
      ['inspect', 'outputs/tiny', '--format', 'svg', '--depth', 'x'],
      '[FROND-U001] --depth x is not a whole number\n  hint: give a whole number, 0 or more\n',
    ],
    [
      ['train', 'tiny.ts', '--seed', '4294967296'],
      '[FROND-U001] --seed 4294967296 is larger than 4294967295\n  hint: give a whole number, 0 or more\n',
    ],
    [['doctor', '--all'], '[FROND-U010] frond doctor has no option --all\n  hint: it takes none\n'],
  ])('%j', (args, err) => refuses(args, 2, err));
});

describe('help', () => {
  const help = async (...args: string[]): Promise<string> => {
    const { code, out, err } = await frond(...args);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    return out;
  };

  it('of frond names the commands', async () => {
    const out = await help('--help');
    expect(out).toMatch(
      /^Typed static graphs for language models \(frond\)\n\nUSAGE frond train\|experiment\|predict\|evaluate\|/,
    );
    expect(out).toMatch(/\nCOMMANDS\n\n {7}train {4}Train the recipe in a file\n {2}experiment {4}Train /);
    expect(out).toMatch(/\n\nUse frond <command> --help for more information about a command\.\n$/);
    for (const again of [[], ['help'], ['-h']]) expect(await help(...again)).toBe(out);
  });

  it('of a command says what it takes, wherever it is asked for', async () => {
    const out = await help('predict', '--help');
    expect(
      out,
    ).toBe(`Label sentences with a trained run; without any, one per line of standard input (frond predict)

USAGE frond predict [OPTIONS] <RUN> [TEXT]

ARGUMENTS

   RUN    folder of the run (Required)
  TEXT    sentences, each in quotes

OPTIONS

      --file=<file>    records instead: .tsv, .csv, .jsonl, .conll or .txt, with columns as in training
      --task=<task>    names of the tasks that answer, with commas between; default: all
             --json    one JSON object per line
  --device=<device>    auto, webgpu, wasm or interpreter (Default: auto)

`);
    expect(await help('predict', 'nowhere', '--json', '-h')).toBe(out);
    expect(await help('train', '--help')).toContain('\n  --batch-size=<batch_size>    sentences per step\n');
    expect(await help('doctor', '--help')).toMatch(/\n\nUSAGE frond doctor\n\n$/);
  });
});

it('a device that does not exist', async () => {
  await refuses(
    ['train', 'tiny.ts', '--device', 'gpu'],
    1,
    '[FROND-R021] there is no device gpu\n  hint: choose one of: auto, webgpu, wasm, interpreter\n',
  );
});

describe('what is not a recipe', () => {
  const write = (name: string, text: string): void => writeFileSync(join(home, name), text);

  it('there is no such file', () =>
    refuses(
      ['train', 'nowhere.ts'],
      2,
      '[FROND-U002] there is no file nowhere.ts\n  hint: give the path of a recipe, such as examples/joint.ts\n',
    ));

  it('it exports no train', async () => {
    write('none.ts', 'export const tain = 1;\n');
    await refuses(
      ['train', 'none.ts'],
      2,
      '[FROND-U003] none.ts exports no function train\n  at none.ts\n  hint: export const train: palm.Recipe = async ({ data, output, … }) => { … }\n',
    );
  });

  it('it throws: the line in the recipe is named', async () => {
    write(
      'throws.ts',
      "interface Lost { readonly why: string }\n\nexport const train = async (): Promise<Lost> => {\n  throw new RangeError('the moon is full');\n};\n",
    );
    await refuses(
      ['train', 'throws.ts'],
      1,
      '[FROND-U008] throws.ts failed: RangeError: the moon is full\n  at throws.ts:4:9\n  hint: the error comes from the recipe; FROND_STACK=1 in the environment shows the calls that led there\n',
    );
  });

  it('it is not TypeScript', async () => {
    write('broken.ts', 'export const train = (;\n');
    const { code, out, err } = await frond('train', 'broken.ts');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^\[FROND-U013\] cannot load broken\.ts: \w+: .*\n {2}at broken\.ts:1:\d+\n {2}hint: a recipe is a module .*\n$/,
    );
  });

  it('it imports what is not there', async () => {
    write('lonely.ts', "import { x } from './missing.ts';\nexport const train = () => x;\n");
    const { code, out, err } = await frond('train', 'lonely.ts');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(
      /^\[FROND-U013\] cannot load lonely\.ts: Error: Cannot find module '.*missing\.ts'.*\n {2}at lonely\.ts.*\n {2}hint: .*\n$/,
    );
  });

  it('it gives nothing back', async () => {
    write('mute.ts', 'export const train = async () => undefined;\n');
    await refuses(
      ['train', 'mute.ts'],
      1,
      '[FROND-U012] train of mute.ts gave back no trainer and summary\n  at mute.ts\n  hint: end it with: return { trainer, summary: await trainer.train({ signal, on }) }\n',
    );
  });

  it('a wrong graph: the error names the line in the recipe', async () => {
    write(
      'shapes.ts',
      "import { f32, graph, i32, matmul, normal } from 'frond';\nexport const train = async () =>\n  graph('g', (g) => ({ y: matmul(g.input('x', f32, ['batch', 128]), g.parameter('w', f32, [256, 8], normal(1))) }));\n",
    );
    const { code, out, err } = await frond('train', 'shapes.ts');
    expect({ code, out }).toEqual({ code: 1, out: '' });
    expect(err).toMatch(/^\[FROND-S\d+\] matmul: .*128.*256.*\n {2}at (node .*\()?.*shapes\.ts:3:\d+\)?\n/);
  });
});

describe('data that cannot be read', () => {
  const data = (change: () => void): void => {
    rmSync(join(home, 'data'), { recursive: true, force: true });
    writeData(join(home, 'data'), { train: 8, valid: 2, test: 2 });
    change();
  };
  const file = (name: string, text: string): void => writeFileSync(join(home, 'data', name), text);

  it('there is no such folder', () =>
    refuses(
      ['train', 'tiny.ts', '--data', 'dta'],
      1,
      "[FROND-D001] cannot read dta/train/seq.in: ENOENT: no such file or directory, open 'dta/train/seq.in'\n  at dta/train/seq.in\n  hint: a part has three files: seq.in (words), seq.out (tags) and label (intents)\n",
    ));

  it('a file is empty', async () => {
    data(() => file('train/seq.out', '\n'));
    await refuses(
      ['train', 'tiny.ts'],
      1,
      '[FROND-D002] data/train/seq.out is empty\n  at data/train/seq.out:1:1\n  hint: one sentence per line is expected\n',
    );
  });

  it('a sentence has more words than tags', async () => {
    data(() => file('valid/seq.out', 'O O O O O O B-room\nO O B-genre\n'));
    await refuses(
      ['train', 'tiny.ts'],
      1,
      '[FROND-D004] 4 words have 3 tags\n  at data/valid/seq.in:2:16\n  hint: line 2 of data/valid/seq.in and of data/valid/seq.out must have the same number of entries\n',
    );
  });

  it('the files differ in length', async () => {
    data(() => file('test/label', 'light\n'));
    await refuses(
      ['train', 'tiny.ts'],
      1,
      '[FROND-D003] the three files differ in length: data/test/seq.in has 2 lines, data/test/seq.out 2, data/test/label 1\n  at data/test/label:2\n  hint: line n of each file belongs to the same sentence\n',
    );
  });

  it('a sentence is too long', async () => {
    data(() => {
      file('test/seq.in', `${'a '.repeat(128)}b\nx\n`);
      file('test/seq.out', `${'O '.repeat(129)}\nO\n`);
    });
    await refuses(
      ['train', 'tiny.ts'],
      1,
      '[FROND-D008] a sentence of 129 words is longer than 128\n  at data/test/seq.in:1:257\n  hint: raise maximumLength, or set truncate: true to let the model see the first words only\n',
    );
  });

  it('the folder of the run cannot be made: nothing was trained for it', async () => {
    data(() => undefined);
    const reasons = {
      'tiny.ts/run': 'ENOTDIR\n .*\n  hint: this is a file, a folder was expected',
      'tiny.ts': 'ENOTDIR\n .*\n  hint: this is a file, a folder was expected',
      '/sys/run':
        '(EPERM|EACCES)\n .*\n  hint: check the permissions|EROFS\n .*\n  hint: the file system is read-only: choose another folder',
      [`${'x'.repeat(300)}`]: 'ENAMETOOLONG\n .*\n  hint: the path is too long: choose a shorter one',
    };
    for (const [output, reason] of Object.entries(reasons)) {
      const { code, err } = await frond('train', 'tiny.ts', '--output', output);
      expect(code).toBe(1);
      expect(err).toMatch(
        new RegExp(`^\\[FROND-F002\\] cannot (make folder|look at) .*${output}.*: ${reason}\n$`),
      );
    }
  });

  it('the system lets it open few files', async () => {
    data(() => undefined);
    const command = `'${process.execPath}' '${join(built, 'dist/src/cli/main.js')}' train tiny.ts`;
    const { code, err } = await call('bash', ['-c', `ulimit -n 40; ${command}`], { cwd: home });
    // newer versions of Node get by with fewer
    if (code === 0) return expect(err).toBe('');
    expect(code).toBe(1);
    expect(err).toMatch(
      /^\[FROND-F002\] cannot open .*: EMFILE\n {2}at .*\n {2}hint: this process may not open more files: raise its limit \(ulimit -n 1024\)\n$/,
    );
  });

  it('--resume where there is no run', async () => {
    data(() => mkdirSync(join(home, 'empty'), { recursive: true }));
    const { code, err } = await frond('train', 'tiny.ts', '--resume', '--output', 'empty');
    expect(code).toBe(1);
    expect(err).toMatch(/^\[FROND-F012\] there is no whole checkpoint in empty/);
  });

  it('--resume with other settings: each is named', async () => {
    data(() => undefined);
    expect((await frond('train', 'tiny.ts', '--output', 'kept', '--epochs', '1')).code).toBe(0);
    const { code, err } = await frond(
      'train',
      'tiny.ts',
      '--resume',
      '--output',
      'kept',
      '--epochs',
      '2',
      '--seed',
      '5',
    );
    expect(code).toBe(1);
    expect(err).toMatch(/^\[FROND-F030\] the run in .* cannot be resumed: seed was 1, is 5\n/);
  });
});
