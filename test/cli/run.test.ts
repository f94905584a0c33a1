import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, removeFolder, temporaryFolder } from '../support/build.ts';
import { type CallOptions, call, type Outcome } from '../support/call.ts';
import { type CommandLine, openCommandLine } from '../support/commandLine.ts';
import { newest, RECIPE, writeData } from './support.ts';

let built = '';
let home = '';
let trained: Outcome = { code: null, out: '', err: '' };

let line: CommandLine;
/** A process of its own where there is input or a signal. */
const frond = (args: readonly string[], options?: Omit<CallOptions, 'cwd'>): Promise<Outcome> =>
  options === undefined
    ? line.run(args, home)
    : call(process.execPath, [join(built, 'dist/src/cli/main.js'), ...args], { cwd: home, ...options });

beforeAll(async () => {
  built = buildPackage();
  line = openCommandLine(join(built, 'dist/src/cli/main.js'));
  home = temporaryFolder('cli');
  writeData(join(home, 'data'), { train: 12, valid: 4, test: 6 });
  writeFileSync(join(home, 'tiny.ts'), RECIPE);
  trained = await frond(['train', 'tiny.ts', '--epochs', '20']);
});

afterAll(() => {
  line.close();
  removeFolder(built);
  removeFolder(home);
});

const read = (path: string): string => readFileSync(join(home, path), 'utf8');

describe('frond train', () => {
  it('trains a recipe, in plain lines where there is no terminal', () => {
    expect(trained).toMatchObject({ code: 0, err: '' });
    const lines = trained.out.split('\n');
    expect(lines[0]).toMatch(
      /^intent \+ slots: 12 sentences, 20 epochs, \d+ parameters, device (webgpu|wasm|interpreter) \(.+\)$/,
    );
    expect(lines[1]).toMatch(
      /^epoch 1 {2}valid: intent accuracy [\d.]+ %, slots F1 [\d.]+ %, exact match [\d.]+ %/,
    );
    expect(trained.out).toMatch(
      /\nepoch \d+ {2}step 60\/60 {2}loss [\d.]+ \(intent [\d.]+, slots [\d.]+\) {2}[\d.]+ steps\/s {2}0:00 left\n/,
    );
    expect(stripVTControlCharacters(trained.out)).toBe(trained.out);
    expect(trained.out).not.toMatch(/undefined|NaN|\[object/);
  });

  it('prints the scores, and ends with what was written and what to type next', () => {
    for (const label of ['intent', 'slots', 'precision by entity', 'F1 by entity', 'exact match']) {
      expect(trained.out).toContain(label);
    }
    const end = trained.out.trimEnd().split('\n').slice(-5);
    expect(end[0]).toBe('play some [genre jazz] now');
    expect(end[1]).toMatch(/^ {2}intent music [\d.]+ %, slots [\d.]+ %$/);
    expect(end.slice(2)).toEqual([
      '',
      'outputs/tiny: checkpoints, metrics.json, report.html',
      "ask it: npx frond predict outputs/tiny 'play some jazz now'",
    ]);
  });

  it('writes metrics.json in the documented form, in fractions of 1', () => {
    const metrics = JSON.parse(read('outputs/tiny/metrics.json'));
    const fraction: unknown = expect.any(Number);
    const scores = {
      intent: { accuracy: fraction },
      slots: { precision: fraction, recall: fraction, f1: fraction },
      exactMatch: fraction,
    };
    expect(metrics).toEqual({
      test: scores,
      validation: scores,
      recipe: { file: expect.stringMatching(/tiny\.ts$/), sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      data: { folder: null, fingerprint: expect.stringMatching(/^12 examples, [0-9a-f]{16}$/) },
      seconds: expect.any(Number),
      seed: 1,
      device: expect.stringMatching(/^(wasm|interpreter)$/),
      steps: 60,
      epochs: 20,
      bestStep: expect.any(Number),
      machine: { cpu: expect.any(String), cores: expect.any(Number), node: process.version },
    });
    const { test } = metrics;
    for (const value of [test.intent.accuracy, ...Object.values(test.slots), test.exactMatch]) {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
    }
    // a dozen sentences of two patterns are learnt: fractions, not percent, and not zeros
    expect(test.intent.accuracy).toBeGreaterThan(0.9);
    expect(metrics.seconds).toBeGreaterThan(0);
  });

  it('writes a report that needs nothing else: charts, tables, confusion, graph', () => {
    const html = read('outputs/tiny/report.html');
    expect(html.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(
      /https?:|<script|<link|@import|url\((?!#)/,
    );
    for (const title of [
      'training loss by task',
      'validation',
      'learning rate',
      'gradient norm before clipping',
    ]) {
      expect(html).toContain(`aria-label="${title}"`);
    }
    expect(html.match(/<table/g)?.length).toBeGreaterThanOrEqual(3);
    expect(html).toContain('confusion');
    expect(html).toMatch(/<td>room<\/td>/);
    expect(html).toContain('>layers</text>');
    expect(html).not.toMatch(/NaN|undefined|\[object/);
  });

  it('leaves no temporary files', () => {
    expect(readdirSync(join(home, 'outputs/tiny')).sort()).toEqual([
      'checkpoints',
      'curve.json',
      'metrics.json',
      'report.html',
    ]);
  });

  it('refuses to run into a run that exists', async () => {
    const before = read('outputs/tiny/metrics.json');
    expect(await frond(['train', 'tiny.ts', '--output', 'outputs/tiny'])).toEqual({
      code: 2,
      out: '',
      err: '[FROND-U005] there is a run in outputs/tiny already\n  at outputs/tiny\n  hint: go on with it: --resume, or choose another folder\n',
    });
    expect(read('outputs/tiny/metrics.json')).toBe(before);
  });
});

describe('frond predict', () => {
  it('prints the sentence with its slots, intent and scores', async () => {
    const { code, out, err } = await frond([
      'predict',
      'outputs/tiny',
      'play some jazz now',
      'turn on the light in the hall',
    ]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^play some \[genre jazz\] now\n {2}intent music [\d.]+ %, slots [\d.]+ %\nturn on the light in the \[room hall\]\n {2}intent light [\d.]+ %, slots [\d.]+ %\n {2}never seen: hall\n$/,
    );
  });

  it('takes one sentence per line of standard input and prints one JSON object per line', async () => {
    const input = 'play some jazz now\n\nturn on the light in the hall\n';
    const { code, out, err } = await frond(['predict', 'outputs/tiny', '--json', '--device', 'interpreter'], {
      input,
    });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const records = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(records).toHaveLength(3);
    expect(records[1]).toEqual({ text: '', words: [], intent: null, slots: null });
    expect(records[0]).toEqual({
      text: 'play some jazz now',
      words: ['play', 'some', 'jazz', 'now'],
      intent: { label: 'music', probability: expect.any(Number) },
      slots: {
        chunks: [{ type: 'genre', text: 'jazz', from: 2, to: 3 }],
        tags: ['O', 'O', 'B-genre', 'O'],
        probability: expect.any(Number),
      },
    });
    expect(records[2].intent.label).toBe('light');
  });

  it('takes no byte-order mark for a word, and refuses what is not UTF-8 with its line', async () => {
    const marked = await frond(['predict', 'outputs/tiny', '--json'], {
      input: '\uFEFFplay some jazz now\r\n',
    });
    expect(JSON.parse(marked.out).words).toEqual(['play', 'some', 'jazz', 'now']);
    const input = Buffer.concat([Buffer.from('play some jazz now\n'), Buffer.of(0xff, 0xfe, 0x0a)]);
    const { code, err } = await frond(['predict', 'outputs/tiny'], { input });
    expect({ code, err }).toEqual({
      code: 2,
      err: '[FROND-U014] standard input is not valid UTF-8\n  at standard input:2\n  hint: convert the text to UTF-8\n',
    });
  });

  it('says when it did not look at the whole sentence', async () => {
    const text = Array.from({ length: 130 }, (_, i) => `w${i}`).join(' ');
    const { code, err } = await frond(['predict', 'outputs/tiny', text]);
    expect({ code, err }).toEqual({ code: 0, err: 'warning: the model sees the first 128 of 130 words\n' });
  });

  it('refuses a blank sentence and a folder that holds no run', async () => {
    expect(await frond(['predict', 'outputs/tiny', '  '])).toEqual({
      code: 1,
      out: '',
      err: '[FROND-D009] the sentence has no words\n  hint: give at least one word\n',
    });
    expect(await frond(['predict', 'data', 'hello'])).toMatchObject({
      code: 1,
      err: expect.stringMatching(/^\[FROND-F012\] there is no whole checkpoint in data\n/),
    });
  });
});

describe('frond inspect', () => {
  const heads: Readonly<Record<string, RegExp>> = {
    text: /^graph intent-slots\(/,
    dot: /^digraph "intent-slots" \{/,
    mermaid: /^flowchart TD\n/,
    svg: /^<svg /,
  };

  it('prints each graph in each format', async () => {
    const cases = ['forward', 'step', 'prediction'].flatMap((graph) =>
      Object.keys(heads).map((format) => ({ graph, format })),
    );
    const seen = new Map<string, string>();
    // two at a time: more would only wait for each other
    for (let i = 0; i < cases.length; i += 2) {
      await Promise.all(
        cases.slice(i, i + 2).map(async ({ graph, format }) => {
          const result = await frond([
            'inspect',
            'outputs/tiny',
            '--graph',
            graph,
            '--format',
            format,
            ...(format === 'text' || format === 'report' ? [] : ['--depth', '2']),
          ]);
          expect(result, `${graph} ${format}`).toMatchObject({ code: 0, err: '' });
          expect(result.out, `${graph} ${format}`).toMatch(heads[format] ?? /never/);
          seen.set(`${graph} ${format}`, result.out);
        }),
      );
    }
    expect(seen.get('forward text')).not.toContain('@backward');
    expect(seen.get('step text')).toContain('@backward');
    expect(seen.get('step text')).toContain('@update');
    expect(seen.get('prediction text')).toMatch(/output .*tags/);
    expect(seen.get('step dot')?.length).toBeGreaterThan(seen.get('forward dot')?.length ?? 0);
  });

  it('reports what the step costs, beside what it would without fusion', async () => {
    const { code, out, err } = await frond([
      ...['inspect', 'outputs/tiny', '--graph', 'step', '--format', 'report', '--sizes', 'batch=4,time=8'],
    ]);
    expect({ code, err }, out).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^intent-slots at batch 4, time 8\nlaunches +\d+ +unfused +\d+\n/);
    expect(out).toMatch(/planned peak is \d+ % of all intermediates of the unfused graph\n$/);
  });

  it('names the formats and graphs there are', async () => {
    expect(await frond(['inspect', 'outputs/tiny', '--format', 'png'])).toEqual({
      code: 2,
      out: '',
      err: '[FROND-U006] there is no format png\n  hint: choose one of: text, dot, mermaid, svg, report\n',
    });
    expect(await frond(['inspect', 'outputs/tiny', '--graph', 'backward'])).toMatchObject({
      code: 2,
      err: '[FROND-U006] there is no graph backward\n  hint: choose one of: forward, step, prediction\n',
    });
  });
});

describe('frond compare', () => {
  it('runs the graphs of a run with its weights on two devices', async () => {
    for (const graph of ['step', 'prediction']) {
      const sizes = ['--sizes', 'batch=3,time=8'];
      const { code, out, err } = await frond([
        ...['compare', 'interpreter:f64', 'wasm', 'outputs/tiny', '--graph', graph, ...sizes, '--seed', '2'],
      ]);
      expect({ code, err }, out).toEqual({ code: 0, err: '' });
      expect(out).toMatch(/^interpreter:f64 and wasm at batch 3, time 8\n\d+ nodes agree within 0\.00001; /);
    }
  });
});

describe('frond doctor', () => {
  it('says what runs here and why not more', async () => {
    const { code, out, err } = await frond(['doctor']);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^frond \d+\.\d+\.\d+\n/);
    for (const what of ['Node 20 or newer', 'processor', 'WebAssembly SIMD', 'WebGPU adapter', 'gpu.js']) {
      expect(out).toMatch(new RegExp(`^[✓~✗] ${what} .*\\S$`, 'm'));
    }
    expect(out).toMatch(/^✓ device interpreter +typed arrays/m);
    expect(out).toMatch(/^[✓~✗] device webgpu +\S/m);
  });

  it.skipIf(process.platform !== 'linux')(
    'tells what it tried where memory is short, as auto does, which prints nothing else',
    async () => {
      const script = join(home, 'auto.mjs');
      writeFileSync(
        script,
        `import { chooseDevice } from ${JSON.stringify(join(built, 'dist/src/index.js'))};
const { device, reason } = await chooseDevice('auto');
console.log(device.name + ': ' + reason);`,
      );
      const main = join(built, 'dist/src/cli/main.js');
      const small = (addresses: number, command: string) =>
        call(
          'sh',
          ['-c', `ulimit -v ${addresses}; VK_ICD_FILENAMES=/none exec '${process.execPath}' ${command}`],
          { cwd: home },
        );
      // with the second limit a memory may be had, but no threads beside it
      for (const addresses of [4_000_000, 12_000_000]) {
        const [auto, doctor] = await Promise.all([
          small(addresses, script),
          small(addresses, `${main} doctor`),
        ]);
        expect(auto).toMatchObject({ code: 0, err: '' });
        expect(auto.out).toMatch(
          /^(wasm|interpreter): the fastest device that works here.*; the system has no Vulkan driver/,
        );
        expect(doctor).toMatchObject({ code: 0, err: '' });
        const [device] = auto.out.split(':');
        expect(doctor.out).toMatch(new RegExp(`^✓ device ${device} .*; used by default$`, 'm'));
        if (device === 'interpreter') {
          expect(auto.out).toContain('; the wasm device cannot have a memory');
          expect(doctor.out).toMatch(/^✗ device wasm +the wasm device cannot have a memory\n {2}→ /m);
        }
      }
    },
  );
});

describe('an output that is closed', () => {
  /** A line of bash, in which $FROND stands for the command. */
  const shell = (line: string): Promise<Outcome> => {
    const command = `'${process.execPath}' '${join(built, 'dist/src/cli/main.js')}'`;
    return call('bash', ['-c', line.replaceAll('$FROND', command)], { cwd: home });
  };

  it('ends the printing, not the training', async () => {
    // what a first save leaves that failed on a full disk is no run yet
    mkdirSync(join(home, 'closed/checkpoints'), { recursive: true });
    const train = '$FROND train tiny.ts --output closed --epochs 8 --device interpreter';
    const { out } = await shell(`{ ${train}; echo $? > code; } 2>&1 | head -1`);
    expect(out).toMatch(/^intent \+ slots: [^\n]+\n$/);
    expect(read('code')).toBe('0\n');
    expect(readdirSync(join(home, 'closed')).sort()).toEqual([
      'checkpoints',
      'curve.json',
      'metrics.json',
      'report.html',
    ]);
    expect(JSON.parse(read('closed/metrics.json')).epochs).toBe(8);
    expect((await shell(train)).err).toContain('[FROND-U005] there is a run in closed already');
  });

  it('ends answers that nobody reads, however many lines there are', async () => {
    const { code, out, err } = await shell(
      `yes 'play some jazz now' | $FROND predict outputs/tiny --device interpreter | head -1; exit "\${PIPESTATUS[1]}"`,
    );
    expect({ code, out, err }).toEqual({ code: 0, out: 'play some [genre jazz] now\n', err: '' });
  });

  it('and one that takes no more is said, and shown by the exit code', async () => {
    const { code, err } = await shell('$FROND inspect outputs/tiny > /dev/full');
    expect({ code, err }).toEqual({
      code: 1,
      err: `[FROND-F001] cannot write to standard output: ENOSPC
  at standard output
  hint: the disk is full: free some space and try again, what was there before is untouched
`,
    });
  });
});

describe('a finished run', () => {
  it('goes on for more epochs, to the bytes of one that had them from the beginning', async () => {
    const trained = (output: string, epochs: number, ...more: string[]) =>
      frond(['train', 'tiny.ts', '--output', output, '--epochs', String(epochs), ...more]);
    await trained('three', 3);
    await trained('two', 2);
    const resumed = await trained('two', 3, '--resume');
    expect(resumed).toMatchObject({ code: 0, err: '' });
    expect(resumed.out).toContain('going on after step 6');
    expect(newest(join(home, 'two'))).toEqual(newest(join(home, 'three')));
    const fewer = await trained('two', 1, '--resume');
    expect(fewer.err).toMatch(/^\[FROND-F030\] .* it has done 9 steps, and epochs is now 1, 3 steps\n/);
  });
});

describe('an interrupted run', () => {
  it('saves where its terminal is closed, as it does where it is told to end', async () => {
    let told = false;
    const stopped = await frond(['train', 'tiny.ts', '--output', 'hung up', '--epochs', '2000'], {
      watch: (out, interrupt) => {
        if (told || !out.includes('epoch 1 ')) return;
        told = true;
        interrupt('SIGHUP');
      },
    });
    expect(stopped.code).toBe(130);
    expect(stopped.out).toContain('saved; go on with: npx frond train tiny.ts --resume');
    expect(readdirSync(join(home, 'hung up')).sort()).toEqual(['checkpoints', 'curve.json']);
  });

  it('saves, says how to go on, and ends byte for byte as if nothing had happened', async () => {
    writeData(join(home, 'more data'), { train: 160, valid: 4, test: 4 });
    const settings = [
      ...['--data', 'more data', '--epochs', '2', '--batch-size', '2', '--seed', '7'],
      ...['--device', 'interpreter'],
    ];
    const whole = frond(['train', 'tiny.ts', '--output', 'whole', ...settings]);
    let interrupted = false;
    const stopped = await frond(['train', 'tiny.ts', '--output', 'in parts', ...settings], {
      watch: (out, interrupt) => {
        if (interrupted || !out.includes('step 10/160')) return;
        interrupted = true;
        interrupt();
      },
    });
    expect(stopped).toMatchObject({
      code: 130,
      err: '\nstopping after this step; press Ctrl-C again to stop at once\n',
    });
    const steps = Number(/stopped after (\d+) steps/.exec(stopped.out)?.[1]);
    expect(steps).toBeGreaterThanOrEqual(10);
    expect(steps).toBeLessThan(80);
    expect(existsSync(join(home, 'in parts/metrics.json'))).toBe(false);

    const last = stopped.out.trimEnd().split('\n').at(-1) ?? '';
    expect(last).toBe(
      "saved; go on with: npx frond train tiny.ts --resume --output 'in parts' --data 'more data' --epochs 2 --batch-size 2 --seed 7 --device interpreter",
    );
    const first = JSON.parse(read('in parts/curve.json'));
    const command = last
      .replace('saved; go on with: npx frond', `"$NODE" "$MAIN"`)
      .replace('"$NODE"', `'${process.execPath}'`)
      .replace('"$MAIN"', `'${join(built, 'dist/src/cli/main.js')}'`);
    const resumed = await call('sh', ['-c', command], { cwd: home });
    expect(resumed).toMatchObject({ code: 0, err: '' });
    expect(resumed.out).toContain(`going on after step ${steps}`);

    expect((await whole).code).toBe(0);
    const [expected, actual] = [newest(join(home, 'whole')), newest(join(home, 'in parts'))];
    expect([...actual.keys()]).toEqual([...expected.keys()]);
    for (const [name, bytes] of expected) expect(actual.get(name)?.equals(bytes), name).toBe(true);
    const [once, twice] = ['whole', 'in parts'].map((run) => JSON.parse(read(`${run}/metrics.json`)));
    expect(twice.test).toEqual(once.test);
    expect(twice.resumedFrom).toBe(steps);
    // the time of both sessions, not of the last one
    expect(twice.seconds).toBeGreaterThan(first.seconds);
    const losses = (run: string): unknown[] =>
      JSON.parse(read(`${run}/curve.json`)).steps.map(({ step, loss }: Record<string, unknown>) => [
        step,
        loss,
      ]);
    expect(losses('in parts')).toEqual(losses('whole'));
  });
});

describe('frond kernel profile', () => {
  it('gives the time of each kernel of a training step', async () => {
    const args = ['outputs/tiny', '--device', 'interpreter', '--sizes', 'batch=4,time=5'];
    const { code, out, err } = await frond(['kernel', 'profile', ...args]);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^one training step on interpreter \(asked for\) at .*batch 4.*\n/);
    for (const kernel of ['adamW', 'matmul', 'crfForward'])
      expect(out).toMatch(new RegExp(`^│ ${kernel}.* │ +\\d+ │ +\\d+\\.\\d{3} │ +\\d+\\.\\d % │$`, 'm'));
    expect(out).toMatch(/│ all +│ +\d+ │ +\d+\.\d{3} │ 100\.0 % │/);
  });
});

describe('frond kernel tune', () => {
  const tune = (...more: string[]): Promise<Outcome> =>
    frond(['kernel', 'tune', 'outputs/tiny', '--device', 'wasm', '--seconds', '1', ...more]);

  it('says what it found for each class and writes it where training can use it', async () => {
    const tuned = await tune('--sizes', 'batch=4,time=5');
    expect(tuned).toMatchObject({ code: 0, err: '' });
    expect(tuned.out).toMatch(/^tuning for wasm, .+, frond [\d.]+ \(.+\) at .*batch 4.*, at most 1 s\n/);
    expect(tuned.out).toMatch(/\nmatmul nn m .+: (built-in|\{.+\}) \([\d.]+ → [\d.]+ ms, .+ left\)\n/);
    expect(tuned.out).toMatch(/written to frond-schedules\.json; use it: frond train FILE --schedules/);
    const [[key, { table, measured }]] = Object.entries(
      JSON.parse(read('frond-schedules.json')).devices,
    ) as unknown as [[string, Record<string, Record<string, object>>]];
    expect(key).toMatch(/^wasm, .+, frond /);
    expect(Object.keys(measured?.matmul ?? {}).length).toBeGreaterThan(0);
    // a schedule that does win somewhere, so that the run shows which it used
    const forced = { ...table, matmul: { '': { tiles: { m: 8, n: 8, k: 8 } } } };
    const cache = { format: 1, devices: { [key]: { table: forced, measured } } };
    writeFileSync(join(home, 'forced.json'), JSON.stringify(cache));
    const args = ['train', 'tiny.ts', '--epochs', '1', '--device', 'wasm', '--schedules', 'forced.json'];
    expect(await frond([...args, '--output', 'tuned'])).toMatchObject({ code: 0, err: '' });
    const model = newest(join(home, 'tuned')).get('model.json') ?? '';
    const kernels = JSON.parse(String(model)).kernels as {
      readonly name: string;
      readonly schedule: { readonly tiles: object };
    }[];
    const products = kernels.filter(({ name }) => name === 'matmul');
    expect(products.length).toBeGreaterThan(0);
    for (const { schedule } of products) expect(schedule.tiles).toEqual({ m: 8, n: 8, k: 8 });
  });

  it('refuses sizes of no dimension, and schedules of another device', async () => {
    const sizes = await tune('--sizes', 'batch=4,width=5');
    expect(sizes).toMatchObject({ code: 2, out: '' });
    expect(sizes.err).toMatch(
      /^\[FROND-U015\] --sizes: the graph \S+ has no dimension width\n {2}hint: its dimensions are /,
    );
    writeFileSync(join(home, 'none.json'), '{"format": 1, "devices": {}}');
    const other = await frond(['train', 'tiny.ts', '--device', 'wasm', '--schedules', 'none.json']);
    expect(other.err).toMatch(/^\[FROND-U016\] none\.json has no schedules for wasm, /);
    expect(other.code).toBe(2);
  });
});

describe('frond experiment', () => {
  const tasks = {
    data: { home: { format: 'joint', folder: 'data' } },
    tasks: { intent: { kind: 'classify' }, slots: { kind: 'sequenceLabel' } },
    policy: 'joint',
    backbone: { kind: 'compact', width: 8, layers: 1, heads: 2 },
    optimizer: { rate: 0.02 },
    training: { epochs: 2, batchSize: 4 },
  };
  const experiment = (): Promise<Outcome> =>
    frond(['experiment', 'tasks.json', '--seeds', '2', '--output', 'compared', '--device', 'wasm']);

  it('compares all tasks together with each alone, in pairs of the same seed', async () => {
    writeFileSync(join(home, 'tasks.json'), JSON.stringify(tasks));
    const { code, out, err } = await experiment();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const runs = out.split('\n').filter((text) => text.startsWith('seed '));
    const names = ['together', 'intent alone', 'slots alone'];
    expect(runs.map((text) => text.replace(/:.*/, ''))).toEqual(
      [1, 2].flatMap((seed) => names.map((name) => `seed ${seed}, ${name}`)),
    );
    const { runs: scores, comparisons } = JSON.parse(read('compared/experiment.json'));
    const measures = comparisons.map(({ measure, baseline, other }: Record<string, string>) => [
      ...[measure, baseline, other],
    ]);
    expect(measures).toEqual([
      ['intent accuracy', 'intent alone', 'together'],
      ['slots F1', 'slots alone', 'together'],
    ]);
    const [{ difference }] = comparisons;
    const accuracyOf = (variant: string, seed: number): number =>
      scores[variant][seed]['intent accuracy'].value;
    const differences = [1, 2].map((seed) => accuracyOf('together', seed) - accuracyOf('intent alone', seed));
    expect(difference.count).toBe(2);
    expect(difference.mean).toBeCloseTo(((differences[0] ?? 0) + (differences[1] ?? 0)) / 2, 12);
    expect(out).toContain('95 % interval');
    expect(existsSync(join(home, 'compared', 'intent%20alone', 'seed-2', 'checkpoints'))).toBe(true);
  });

  it('keeps what is finished, and refuses to mix two experiments', async () => {
    const before = read('compared/experiment.json');
    const { code, out } = await experiment();
    expect(code).toBe(0);
    expect(out.match(/done before/g)?.length).toBe(6);
    expect(read('compared/experiment.json')).toBe(before);
    writeFileSync(join(home, 'tasks.json'), JSON.stringify({ ...tasks, policy: 'alternate' }));
    expect((await experiment()).err).toMatch(/\[FROND-U005\] there is another experiment already/);
  });

  it('compares recipes of a module, or says what it needs', async () => {
    expect((await frond(['experiment', 'tiny.ts'])).err).toMatch(/\[FROND-U003\].*variants/);
    expect((await frond(['experiment', 'absent.json'])).err).toMatch(/\[FROND-U002\]/);
    const one = { ...tasks, tasks: { intent: tasks.tasks.intent } };
    writeFileSync(join(home, 'one.json'), JSON.stringify(one));
    expect((await frond(['experiment', 'one.json'])).err).toMatch(
      /\[FROND-T003\] there is one task only: intent/,
    );
    const source = RECIPE.replace('export const train:', 'const train:');
    const shorter =
      'export const variants = { usual: train, short: (given: palm.RecipeContext) => train({ ...given, epochs: 1 }) };';
    writeFileSync(join(home, 'variants.ts'), `${source}\n${shorter}\n`);
    const { code, out } = await frond(['experiment', 'variants.ts', '--seeds', '1', '--epochs', '3']);
    expect(code).toBe(0);
    expect(out).toMatch(/exact match\s*│ usual\s*│.*│ short\s*│/);
    // of one pair there is no interval
    expect(out).toMatch(/│\s*– │\s*1 │/);
  });
});
