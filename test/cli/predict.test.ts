import { Writable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { linesFrom } from '../../src/cli/io.ts';
import { type Answering, answerLines } from '../../src/cli/predict.ts';
import { palm } from '../../src/index.ts';
import { linesOf } from '../../src/palm/words.ts';
import { runs } from '../support/counts.ts';

async function* chunksOf(bytes: Uint8Array, sizes: readonly number[]): AsyncGenerator<Uint8Array> {
  for (let start = 0, i = 0; start < bytes.length; i++) {
    const end = start + (sizes[i % sizes.length] ?? 1);
    yield bytes.subarray(start, end);
    start = end;
  }
}

async function all<T>(source: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const each of source) found.push(each);
  return found;
}

describe('lines of standard input', () => {
  it('are those of a file, however they come in', async () => {
    const text = fc.array(fc.constantFrom('a', ' ', '\n', '\r', '\r\n', 'é', '漢', '👍', '\u2028'), {
      maxLength: 30,
    });
    const sizes = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(text, sizes, async (characters, chunks) => {
        const whole = characters.join('');
        const lines = linesOf(whole);
        // a line end at the end of the text ends its last line, and begins none
        const expected = lines.at(-1) === '' ? lines.slice(0, -1) : lines;
        expect(await all(linesFrom(chunksOf(Buffer.from(whole), chunks)))).toEqual(expected);
      }),
      { seed: 3, numRuns: runs(5000, 300) },
    );
  });

  it('cost as much as they are long, and none is read before the last one was taken', async () => {
    const chunk = Buffer.alloc(65_536, 'a b ');
    let read = 0;
    async function* endless(count: number): AsyncGenerator<Uint8Array> {
      for (; read < count; read++) yield chunk;
      yield Buffer.from('\nsecond\n');
      read = -1;
      yield Buffer.from('third\n');
    }
    const start = performance.now();
    const lines = linesFrom(endless(900));
    expect((await lines.next()).value).toHaveLength(900 * chunk.length);
    expect(performance.now() - start).toBeLessThan(8000);
    expect((await lines.next()).value).toBe('second');
    expect(read).toBe(900);
    expect((await lines.next()).value).toBe('third');

    read = 0;
    await expect(linesFrom(endless(Number.POSITIVE_INFINITY)).next()).rejects.toThrow(
      '[FROND-U020] a line of standard input is longer than 64 MiB\n  at standard input:1\n  hint: give one sentence per line',
    );
    expect(read).toBe(1024);
  });

  it('that are not UTF-8 are named', async () => {
    const bytes = Buffer.concat([Buffer.from('\ufeffa\r\n\nb\n'), Buffer.of(0xff), Buffer.from('\n')]);
    const lines = linesFrom(chunksOf(bytes, [4]));
    expect([await lines.next(), await lines.next(), await lines.next()].map(({ value }) => value)).toEqual([
      'a',
      '',
      'b',
    ]);
    await expect(lines.next()).rejects.toThrow(
      '[FROND-U014] standard input is not valid UTF-8\n  at standard input:4\n',
    );
  });
});

/** Tags each word with what it is, so that a shift by one shows. */
function parrot(options: {
  readonly json: boolean;
  readonly highWaterMark?: number;
  /** of the task `intent` */
  readonly least?: number;
}) {
  const train = [{ words: ['play', 'jazz'], tags: ['O', 'B-genre'], intent: 'music' }];
  const reader = palm.reader.jointReaderOf({ train }, { maximumLength: 6 }) as palm.Reader;
  const written: string[] = [];
  const warnings: string[] = [];
  let pending = 0;
  let most = 0;
  const out = new Writable({
    highWaterMark: options.highWaterMark ?? 16_384,
    decodeStrings: false,
    write: (line, _, done) => {
      written.push(line);
      most = Math.max(most, ++pending);
      setImmediate(() => {
        pending--;
        done();
      });
    },
  });
  const predict: Answering['predictor']['predict'] = async (inputs) => {
    most = Math.max(most, out.writableLength);
    const examples = inputs.map((input) => reader.parse?.(String(input)) as palm.JointExample);
    const words = examples.map((example) => example.words.slice(0, reader.length(example)));
    return {
      intent: words.map(({ length }) => ({ label: `${length} words`, probability: 0.5 })),
      slots: words.map((each) => ({ tags: each.map((word) => `B-${word}`), probability: 1 })),
    } as unknown as palm.Predictions;
  };
  const tasks = ['intent', 'slots'].map((name) => ({ name })) as unknown as Answering['predictor']['tasks'];
  const to: Answering = {
    json: options.json,
    predictor: {
      readerOf: (task) => (task === 'intent' ? { ...reader, maximumLength: options.least ?? 6 } : reader),
      tasks,
      predict,
      unknown: () => [],
    },
    out,
    warn: (message) => warnings.push(message),
  };
  const ask = async (text: string): Promise<string> => {
    await answerLines(linesFrom(chunksOf(Buffer.from(text), [7])), to);
    out.end();
    await finished(out);
    return written.join('');
  };
  return { ask, warnings, most: () => most };
}

describe('frond predict', () => {
  it('answers every line of standard input, the blank ones too, in their order', async () => {
    const lines = ['Play some jazz', '', ' \u3000\t', 'play\u00a0some jazz\u2028now', 'now'];
    const answers = (await parrot({ json: true }).ask(`${lines.join('\n')}\n`)).trimEnd().split('\n');
    expect(answers.map((answer) => JSON.parse(answer).text)).toEqual(lines);
    const records = answers.map((answer) => JSON.parse(answer));
    expect(records[1]).toEqual({ text: '', words: [], intent: null, slots: null });
    expect(records[2]).toMatchObject({ words: [], intent: null });
    expect(records[0].words).toEqual(['Play', 'some', 'jazz']);

    const plain = (await parrot({ json: false }).ask(lines.join('\n'))).split('\n');
    expect(plain).toHaveLength(2 * lines.length + 1);
    expect(plain.slice(2, 6)).toEqual(['', '  no words', '', '  no words']);
    expect(plain[8]).toBe('[now now]');
  });

  it('gives each word its own tag, whatever white space parts them', async () => {
    const text = 'play\u00a0some jazz\u3000in\ufeffthe\vden\n';
    const { ask, warnings } = parrot({ json: true });
    const record = JSON.parse(await ask(text));
    expect(record.words).toEqual(['play', 'some', 'jazz', 'in', 'the', 'den']);
    expect(record.slots.tags).toEqual(record.words.map((word: string) => `B-${word}`));
    expect(record.slots.chunks.map(({ type, text }: Record<string, string>) => type === text)).toEqual(
      new Array(6).fill(true),
    );
    expect(warnings).toEqual([]);
  });

  it('counts and says what the model does not see', async () => {
    const { ask, warnings } = parrot({ json: true });
    await ask('one two three four five six seven\u00a0eight\nshort\n');
    expect(warnings).toEqual(['the model sees the first 6 of 8 words']);
  });

  it('gives each task what its own reader lets it see', async () => {
    const { ask, warnings } = parrot({ json: true, least: 2 });
    const { slots } = JSON.parse(await ask('one two three four five six seven\n'));
    expect(slots.tags).toHaveLength(6);
    expect(warnings).toEqual(['a task sees the first 2 of 7 words']);
  });

  it('waits for whoever reads the answers slowly', async () => {
    const { ask, most } = parrot({ json: true, highWaterMark: 1 });
    const answers = await ask('play jazz\n\n'.repeat(20));
    expect(answers.trimEnd().split('\n')).toHaveLength(40);
    expect(most()).toBe(1);
  });
});
