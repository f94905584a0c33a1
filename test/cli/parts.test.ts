import { spawnSync } from 'node:child_process';
import { stripVTControlCharacters } from 'node:util';
import { describe, expect, it } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { flag, parseArguments, text, word, words } from '../../src/cli/arguments.ts';
import { lineChart, stripChart, ticks } from '../../src/cli/chart.ts';
import { comparisonText } from '../../src/cli/compare.ts';
import { describe as inOneLine, shownError, thrownIn } from '../../src/cli/failure.ts';
import { shellWord, shown, shownJson } from '../../src/cli/io.ts';
import { bracket, describePrediction } from '../../src/cli/predict.ts';
import { clock, progressListener } from '../../src/cli/progress.ts';
import { printScores, scoresOf } from '../../src/cli/scores.ts';
import { palm } from '../../src/index.ts';

describe('arguments', () => {
  const args = {
    file: word('recipe'),
    epochs: text('passes'),
    resume: flag('go on'),
  };
  const parse = (...typed: string[]) => parseArguments('train', args, typed);

  it('accepts options before and after, with = or a space, and texts that look like options behind --', () => {
    for (const typed of [
      ['a.ts'],
      ['--epochs', '3', 'a.ts', '--resume'],
      ['a.ts', '--epochs=3'],
      ['--', '--odd.ts'],
      ['a.ts', '--epochs', '-1'],
    ]) {
      expect(() => parse(...typed)).not.toThrow();
    }
    const texts = { run: args.file, texts: words('texts') };
    expect(parseArguments('predict', texts, ['run', 'one text', 'another'])).toEqual({
      run: 'run',
      texts: ['one text', 'another'],
    });
  });

  it.each([
    [['a.ts', '--resume=yes'], 'FROND-U001', '--resume takes no value, got yes'],
    [['a.ts', '--epochs='], 'FROND-U001', '--epochs needs a value'],
    [['a.ts', '-e', '3'], 'FROND-U010', 'frond train has no option -e'],
    [['a.ts', '--file', 'b.ts'], 'FROND-U010', 'frond train has no option --file'],
    [['--resume'], 'FROND-U011', 'frond train: FILE is missing'],
  ])('refuses %j', (typed, code, summary) => {
    expect(() => parse(...typed)).toThrow(expect.objectContaining({ code, summary }));
  });
});

describe('errors of other kinds', () => {
  it('are described in one line', () => {
    expect(inOneLine(new TypeError('x is not a function\n  at y'))).toBe('TypeError: x is not a function');
    expect(inOneLine(new Error('SyntaxError: no brace'))).toBe('SyntaxError: no brace');
    expect(inOneLine('a string')).toBe('threw "a string"');
    expect(inOneLine(undefined)).toBe('threw undefined');
  });

  it('are placed at the innermost frame of the file', () => {
    const error = new Error('no');
    error.stack = [
      'Error: no',
      '    at deep (/lib/other.js:1:2)',
      '    at train (file:///home/me/my%20recipe.ts:12:5)',
      '    at async /home/me/my recipe.ts:40:1',
    ].join('\n');
    const placed = (file: string, cause: unknown) =>
      thrownIn('FROND-U008', 'it failed', file, cause, '').details.place;
    const file = '/home/me/my recipe.ts';
    expect(placed(file, error)).toEqual({ file, line: 12, column: 5 });
    for (const other of ['/home/me/none.ts', '/me/my recipe.ts', '/home/me/my'])
      expect(placed(other, error)).toEqual({ file: other });
    expect(placed(file, 'no error')).toEqual({ file });
  });

  it('are shown as defects, with the way to see more; errors of frond stay as they are', () => {
    const own = new FrondError('FROND-U002', 'there is no file x');
    expect(shownError(own)).toBe(own);
    expect(shownError(new RangeError('too deep')).message).toBe(
      '[FROND-X002] unexpected RangeError: too deep\n  hint: this looks like a defect of frond: please report it, with what FROND_STACK=1 in the environment shows',
    );
  });
});

/** What frond colours with where colours are on; 8, which hides, is not among it. */
const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[(?!8m)\\d+m`, 'g');

describe('what is printed', () => {
  it('quotes words where a shell would part them', () => {
    expect(['outputs/joint-2', 'my run', "it's", '$HOME', ''].map(shellWord)).toEqual([
      'outputs/joint-2',
      "'my run'",
      "'it'\\''s'",
      "'$HOME'",
      "''",
    ]);
  });

  it('gives a shell no word of the data to run: each comes out of it as it went in', (context) => {
    const words = [
      'x "; touch hurt; "',
      '$(touch hurt) `touch hurt` $HOME !!',
      "it's $'\\x1b' \\",
      "red \x1b[31m\x07 \u202e \n\t\r \x7f\x85 it's \\",
      '-rf',
      '~',
      '=ls',
      '%1',
      '',
    ];
    const script = `printf '%s\\0' ${words.map(shellWord).join(' ')}`;
    expect(script).not.toMatch(/\p{Cc}|\u202e/u);
    const options = { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C.UTF-8' } } as const;
    const { stdout, error } = spawnSync('bash', ['-c', script], options);
    if (error !== undefined) return context.skip('there is no bash to ask');
    expect(stdout.split('\0').slice(0, -1)).toEqual(words);
  });

  it('shows control characters of the data as such', () => {
    const text = 'a\x1b[2J\x9b\u202eb\n\t\x7f\ud800 é 漢 👍🏽 \u200d';
    expect(shown(text)).toBe('a\\x1b[2J\\u009b\\u202eb\\n\\t\\x7f\\ud800 é 漢 👍🏽 \u200d');
    expect(shownJson({ text })).not.toMatch(/[\p{Cc}\p{Cs}\u202e]/u);
    expect(JSON.parse(shownJson({ text }))).toEqual({ text });

    const hostile = 'play\x1b]0;owned\x07';
    const answers = {
      [hostile]: { tags: ['B-\x1b[8m'], probability: 1 },
      intent: { label: hostile, probability: 1 },
      other: hostile,
    };
    const lines: string[] = [];
    const out = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
    const { listener } = progressListener(out, undefined);
    listener({ type: 'warning', message: hostile });
    const printed = [
      describePrediction({ text: hostile, words: [hostile], unknown: [hostile], answers }),
      printScores({ [hostile]: { accuracy: 1 } }),
      comparisonText(
        {
          nodes: 1,
          tolerance: 1,
          first: {
            node: hostile,
            op: 'add',
            phase: 'forward',
            place: { file: hostile },
            result: 0,
            shape: [1],
            index: [0],
            values: [0, 1],
            size: 1,
          },
          largest: undefined,
        },
        ['wasm', 'interpreter'],
      ),
      ...lines,
    ];
    for (const each of printed) {
      const plain = each.replace(COLOURS, '');
      expect(stripVTControlCharacters(plain)).toBe(plain);
      expect(plain).toContain('\\x1b');
    }
  });

  it('puts chunks in brackets, also neighbours of one type and a chunk at the end', () => {
    const words = ['to', 'new', 'york', 'oslo', 'on', 'friday'];
    expect(bracket(words, ['O', 'B-city', 'I-city', 'B-city', 'O', 'B-date'])).toBe(
      'to [city new york] [city oslo] on [date friday]',
    );
    expect(bracket(words, [])).toBe(words.join(' '));
  });

  it('keeps accuracy of classes and precision, recall, F1 of entities', () => {
    const metrics = {
      intent: { accuracy: 0.5, confusion: {} },
      slots: { accuracy: 0.9, precision: 1, recall: 0.5, f1: 2 / 3, expected: 4 },
      exactMatch: 0.25,
    };
    expect(scoresOf(metrics)).toEqual({
      intent: { accuracy: 0.5 },
      slots: { precision: 1, recall: 0.5, f1: 2 / 3 },
      exactMatch: 0.25,
    });
  });

  it('prints shares in percent and other scores as numbers, those of own heads too', () => {
    const { metrics } = palm;
    const yes = metrics.classes({ positive: 'yes' });
    yes.add(['yes', 'no'], ['yes', 'yes']);
    const grades = metrics.numbers();
    grades.add([1, 2, 4], [1, 2, 3]);
    const masked = metrics.perplexity();
    masked.add([{ pieces: 2, right: 1, negativeLogLikelihood: 2 * Math.log(12.3456) }], [{}]);
    const own = metrics.mean({ near: (x: number, y: number) => x - y });
    own.add([1.5], [1]);
    const all = { yes: yes.value(), grades: grades.value(), masked: masked.value(), own: own.value() };
    const table = printScores(all).replace(COLOURS, '');
    const cells = table.split('\n').map((line) =>
      line
        .split('│')
        .map((cell) => cell.trim())
        .filter(Boolean)
        .join(' | '),
    );
    expect(cells.filter((line) => line.includes(' | '))).toEqual([
      'test | measure | value',
      'yes | accuracy | 50.00 %',
      'yes | precision | 100.00 %',
      'yes | recall | 50.00 %',
      'yes | F1 | 66.67 %',
      'grades | mean squared error | 0.333',
      'grades | mean absolute error | 0.333',
      'grades | Pearson | 0.982',
      'grades | Spearman | 1.000',
      'masked | perplexity | 12.346',
      'masked | accuracy | 50.00 %',
      'own | near | 0.500',
    ]);
    expect(Object.keys(scoresOf(all))).toEqual(['yes', 'grades', 'masked', 'own']);
  });

  it('says that a device was lost, and what is done about it', () => {
    const lines: string[] = [];
    const out = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
    const { listener } = progressListener(out, undefined);
    const reason = 'the webgpu device was lost: destroyed';
    listener({ type: 'recovery', step: 40, from: 25, losses: 1, reason });
    listener({ type: 'recovery', step: 40, from: 40, losses: 2, reason });
    expect(lines.map(stripVTControlCharacters)).toEqual([
      `${reason}; opening it again, going on after step 40, the steps from 25 on are run again\n`,
      `${reason}; opening it again, going on after step 40\n`,
    ]);
  });

  it('prints the steps of tasks that alternate as PALM does, names padded to the longest', () => {
    const lines: string[] = [];
    const out = { isTTY: false, write: (text: string) => lines.push(text) } as unknown as NodeJS.WriteStream;
    const { listener } = progressListener(out, undefined);
    listener({
      ...{ type: 'start', tasks: ['intent', 'slots'], device: 'wasm', parameters: 9, examples: 40, data: '' },
      ...{ epochs: 2, steps: 618, from: 0, planned: { intent: 309, slots: 309 } },
    });
    listener({
      ...{
        type: 'step',
        step: 618,
        steps: 618,
        epoch: 1,
        loss: 68.965,
        losses: { slots: 68.965 },
        rate: 0.1,
      },
      ...{ gradientNorm: 1, stepsPerSecond: 0.58, secondsLeft: 0 },
      slot: { task: 'slots', step: 3, steps: 309, epoch: 0 },
    });
    listener({ type: 'end', step: 618, reason: 'early', seconds: 9 });
    expect(lines.map(stripVTControlCharacters)).toEqual([
      'intent + slots: 40 sentences, 2 epochs, 9 parameters, device wasm\nsteps: intent 309, slots 309\n',
      'global step: 618, slots : step 3/309 (epoch 0), loss: 68.965, speed: 0.58 steps/s\n',
      'ended early after 618 steps, 0:09\n',
    ]);
  });

  it('prints times as a clock does', () => {
    expect([0, 59.6, 95, 3600, Number.NaN, Number.POSITIVE_INFINITY].map(clock)).toEqual([
      '0:00',
      '1:00',
      '1:35',
      '60:00',
      '–',
      '–',
    ]);
  });
});

describe('charts', () => {
  it('have round ticks that cover all values', () => {
    expect(ticks(0, 1, 4)).toEqual([0, 0.25, 0.5, 0.75, 1]);
    expect(ticks(0, 42, 4)).toEqual([0, 20, 40, 60]);
    expect(ticks(1, 3, 6, true)).toEqual([1, 2, 3]);
    expect(ticks(0, 0, 4).every(Number.isFinite)).toBe(true);
  });

  it('are whole also for no points, one point, and values that are not finite', () => {
    const options = { title: 'a < b', x: 'step', y: 'loss' };
    for (const points of [
      [],
      [[3, 2]],
      [
        [0, Number.NaN],
        [1, 2],
        [2, Number.POSITIVE_INFINITY],
      ],
    ] as const) {
      const svg = lineChart([{ name: 'loss & co', points }], options);
      expect(svg).not.toMatch(/NaN|Infinity|undefined/);
      expect(svg).toContain('a &lt; b');
      expect(svg.startsWith('<svg ') && svg.endsWith('</svg>')).toBe(true);
    }
  });

  it('take the points of a long run', () => {
    const points = Array.from({ length: 300_000 }, (_, i) => [i, 1 / (i + 1)] as const);
    const svg = lineChart([{ name: 'loss', points }], { title: 'loss', x: 'step', y: 'loss' });
    expect(svg.includes('>250000</text>')).toBe(true);
  });
});

describe('a strip of steps', () => {
  const cells = (svg: string) =>
    [...svg.matchAll(/<rect y="(\d+)" x="([\d.]+)" width="([\d.]+)" .*?fill-opacity="([\d.]+)"/g)].map(
      ([, y, x, width, share]) => [Number(y), Number(x), Number(width), Number(share)] as const,
    );

  it('has a cell for each step in the row of its name', () => {
    const found = cells(stripChart(['a', 'b'], 5, (step) => (step === 3 ? 'b' : 'a')));
    expect(found.map(([y]) => y)).toEqual([1, 1, 1, 19, 1]);
    for (const [, , , share] of found) expect(share).toBe(1);
  });

  it('has at most 400 columns, in which shares add up to 1 and which cover all steps', () => {
    for (const steps of [399, 400, 401, 12_345, 1_000_000]) {
      const columns = new Map<number, { width: number; share: number }>();
      for (const [, x, width, share] of cells(
        stripChart(['a', 'b', 'c'], steps, (step) => 'abc'[step % 3] ?? ''),
      ))
        columns.set(x, { width, share: (columns.get(x)?.share ?? 0) + share });
      expect(columns.size).toBeLessThanOrEqual(400);
      const all = [...columns.values()];
      for (const { share } of all) expect(share).toBeCloseTo(1, 1);
      expect(all.reduce((sum, { width }) => sum + width, 0)).toBeCloseTo(2 * 520 - 110 - 12, -1);
    }
  });

  it('prints names as text', () => {
    expect(stripChart(['<b>', 'c'], 3, () => 'c')).toContain('&lt;b&gt;');
  });
});
