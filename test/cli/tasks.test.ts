import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, removeFolder, temporaryFolder } from '../support/build.ts';
import type { Outcome } from '../support/call.ts';
import { type CommandLine, openCommandLine } from '../support/commandLine.ts';

let built = '';
let home = '';
let line: CommandLine;
let trained: Outcome;
const frond = (...args: readonly string[]): Promise<Outcome> => line.run(args, home);

const COLORS = ['red', 'green', 'blue'];
const rows = (line: (color: string, i: number) => string): string =>
  Array.from({ length: 12 }, (_, i) => line(COLORS[i % 3] ?? '', i)).join('');
const TASKS = `{
  "data": {
    "hats": { "format": "tsv", "train": "hats.tsv", "valid": "hats.tsv", "test": "hats.tsv" },
    "words": { "format": "conll", "train": "words.conll", "test": "words.conll" }
  },
  "tokenizer": { "kind": "word", "minimumCount": 1 },
  "tasks": {
    "color": { "kind": "classify", "data": "hats" },
    "things": { "kind": "sequenceLabel", "data": "words", "mixRatio": 0.5 }
  },
  "backbone": { "kind": "compact", "width": 8, "layers": 1, "heads": 2 },
  "optimizer": { "rate": 0.02 },
  "training": { "epochs": 2, "batchSize": 4 },
  "seeds": [5]
}`;

beforeAll(async () => {
  built = buildPackage();
  line = openCommandLine(join(built, 'dist/src/cli/main.js'));
  home = temporaryFolder('tasks-cli');
  mkdirSync(join(home, 'job'));
  writeFileSync(join(home, 'job/tasks.json'), TASKS);
  writeFileSync(
    join(home, 'job/hats.tsv'),
    `text_a\tlabel\n${rows((color, i) => `a ${color} hat ${i % 4}\t${color}\n`)}`,
  );
  writeFileSync(
    join(home, 'job/words.conll'),
    rows((color) => `a\tO\n${color}\tB-color\nhat\tO\n\n`),
  );
  trained = await frond('train', 'job/tasks.json', '--epochs', '20');
});

afterAll(() => {
  line.close();
  removeFolder(built);
  removeFolder(home);
});

const read = (path: string) => JSON.parse(readFileSync(join(home, path), 'utf8'));

describe('frond train tasks.json', () => {
  it('trains its tasks, and saves scores and settings with the run', () => {
    expect(trained).toMatchObject({ code: 0, err: '' });
    expect(trained.out).toMatch(
      /^color \+ things: 24 sentences, 20 epochs, .*\nsteps: color 60, things 30\n/,
    );
    expect(trained.out).toMatch(/\nask it: npx frond predict outputs\/tasks --task color 'your sentence'\n$/);
    expect(read('outputs/tasks/metrics.json')).toMatchObject({
      test: { color: { accuracy: expect.any(Number) }, things: { f1: expect.any(Number) } },
      seed: 5,
    });
    expect(read('outputs/tasks/tasks.json')).toMatchObject({
      data: { hats: { train: join(home, 'job/hats.tsv') } },
      training: { epochs: 20, batchSize: 4 },
      backbone: { maximumLength: 128 },
      seeds: [5],
    });
  });

  it('says where a file is wrong, and what was meant', async () => {
    writeFileSync(join(home, 'job/wrong.json'), TASKS.replace('"kind": "classify"', '"kind": "clasify"'));
    expect(await frond('train', 'job/wrong.json')).toEqual({
      code: 1,
      out: '',
      err: '[FROND-T040] tasks.color.kind is "clasify"\n  at job/wrong.json:8:24\n  hint: did you mean classify? Give one of: classify, multiLabel, regress, match, pairwise, sequenceLabel, maskedLM\n',
    });
  });

  it('takes up to where a resumed run stopped', async () => {
    const again = ['train', 'job/tasks.json', '--epochs', '22', '--resume', '--output', 'outputs/tasks'];
    expect((await frond(...again)).out).toContain('going on after step 90\n');
  });
});

describe('frond evaluate', () => {
  it('gives the scores that training ended with', async () => {
    const { out, code } = await frond('evaluate', 'outputs/tasks', '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject(read('outputs/tasks/metrics.json').test);
    expect((await frond('evaluate', 'outputs/tasks', '--part', 'valid')).out).toMatch(
      / valid +│.*\n.*\n.* color +│ accuracy/,
    );
  });

  it('names the parts where there is no such', async () => {
    expect(await frond('evaluate', 'outputs/tasks', '--part', 'dev')).toMatchObject({
      code: 1,
      err: '[FROND-D015] no task has a part dev\n  hint: give one of train, valid, test that its data have\n',
    });
  });
});

describe('frond predict of a run of a tasks file', () => {
  it('asks the tasks that are named, and says which words were never seen', async () => {
    const { out } = await frond('predict', 'outputs/tasks', '--task', 'color', 'a red hat', 'a mauve hat');
    expect(out).toMatch(
      /^a red hat\n {2}color red [\d.]+ %\na mauve hat\n {2}color \w+ [\d.]+ %\n {2}never seen: mauve\n$/,
    );
    const json = await frond('predict', 'outputs/tasks', '--json', 'a mauve hat');
    expect(JSON.parse(json.out)).toMatchObject({
      unknown: ['mauve'],
      color: { label: expect.any(String) },
      things: { tags: expect.any(Array) },
    });
  });

  it('answers each record of a file', async () => {
    const file = ['--file', 'job/words.conll'];
    const { out } = await frond('predict', 'outputs/tasks', '--task', 'things', '--json', ...file);
    const answers = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(answers).toHaveLength(12);
    expect(answers[1]).toMatchObject({ text: 'a green hat', things: { tags: ['O', 'B-color', 'O'] } });
  });
});
