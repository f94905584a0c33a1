import { afterAll, describe, expect, it } from 'vitest';
import {
  type Device,
  declare,
  f32,
  interpreterDevice,
  mean,
  mul,
  ones,
  palm,
  sub,
  sum,
} from '../../src/index.ts';

/** Four numbers; a row of a batch is a window of two of them. */
interface Line {
  readonly numbers: readonly [number, number, number, number];
  readonly total: number;
}
const LINES = Array.from({ length: 70 }, (_, i): Line => {
  const numbers = [i % 3, i % 5, i % 7, i % 2].map((value) => value / 4) as unknown as Line['numbers'];
  return { numbers, total: numbers.reduce((x, y) => x + y) };
});

const reader = palm.defineReader({
  name: 'windows',
  gives: {
    window: declare(f32, ['batch', 2]),
    halves: declare(f32, ['batch']),
    weights: declare(f32, ['batch']),
  },
  parts: { train: LINES, test: LINES.slice(5, 50) },
  rowsPerExample: 2,
  // in any order of length, so that batches mix rows
  length: ({ numbers }) => 1 + Math.round(4 * numbers[1]),
  pack(examples, { batch }) {
    const rows = examples.flatMap(({ numbers: [a, b, c, d] }) => [
      [a, b],
      [c, d],
    ]);
    const filled = Array.from({ length: batch }, (_, i) => rows[i] ?? [0, 0]);
    return {
      window: { dtype: f32, shape: [batch, 2], data: Float32Array.from(filled.flat()) },
      halves: { dtype: f32, shape: [batch], data: Float32Array.from(filled, ([a = 0, b = 0]) => a + b) },
      weights: { dtype: f32, shape: [batch], data: Float32Array.from(filled, (_, i) => +(i < rows.length)) },
    };
  },
});

const encoder = palm.defineBackbone({
  name: 'bag',
  needs: { window: declare(f32, ['batch', 2]) },
  gives: { pair: declare(f32, ['batch', 2]) },
  build: (g, { window }) => ({
    pair: mul(window, g.parameter('gain', f32, [2], ones())),
  }),
});

type Finish = (
  values: AsyncIterable<{ readonly row: number; readonly value: number }>,
  part: palm.Part<Line>,
) => Promise<readonly { readonly total: number; readonly windows: number }[]>;
/** The total of an example is the sum of its windows. */
const summed: Finish = async (values, part) => {
  const found = Array.from({ length: part.size }, () => ({ total: 0, windows: 0 }));
  for await (const { row, value } of values) {
    const result = found[row];
    if (result === undefined) throw new Error(`a window of example ${row}`);
    // the second window of an example comes behind the first: the total would be another one
    result.total = result.windows === 0 ? 10 * value : result.total / 10 + value;
    result.windows++;
  }
  return found;
};

const head = (finish: Finish) =>
  palm.defineHead({
    name: 'total',
    needs: {
      backbone: { pair: declare(f32, ['batch', 2]) },
      labels: { halves: declare(f32, ['batch']), weights: declare(f32, ['batch']) },
    },
    build: (_, { pair }) => ({ half: sum(pair, 1) }),
    loss: (_, { half, halves }) => mean(mul(sub(half, halves), sub(half, halves)), 0),
    decode: ({ half }): readonly number[] => Array.from(half.data),
    finish,
    score: () =>
      palm.metrics.mean({
        right: ({ total, windows }, line: Line) => windows === 2 && Math.abs(total - line.total) < 1e-6,
      }),
  });

const made: palm.Trainer[] = [];
afterAll(() => Promise.all(made.map((trainer) => trainer.close())));
function trainerOf(given: object, batchSize = 4, accumulate = 1, device: Device = interpreterDevice()) {
  const trainer = palm.trainer('total', { device });
  made.push(trainer);
  trainer.buildForward(encoder, given as ReturnType<typeof head>);
  trainer.buildBackward({ optimizer: palm.adam({ rate: 0.01 }), accumulate });
  trainer.fitReader(reader, { epochs: 1, batchSize, seed: 2 });
  return trainer;
}

describe('a head that joins the rows of an example', () => {
  it('gives results of examples, to evaluation and prediction', async () => {
    const trainer = trainerOf(head(summed));
    expect(await trainer.evaluate('test')).toEqual({ total: { right: 1 } });
    const { total = [] } = await trainer.predictAll('test');
    const wanted = LINES.slice(5, 50).map((line) => ({ total: expect.closeTo(line.total, 5), windows: 2 }));
    expect(total).toEqual(wanted);
    expect(await trainer.predict(LINES.slice(5, 50))).toEqual({ total });
    expect(await trainer.predict([])).toEqual({ total: [] });
  });

  it('takes its time: no more than a batch waits for it', async () => {
    let [added, taken, most] = [0, 0, 0];
    const trainer = trainerOf({
      ...head(async (values, part) => {
        const slow = async function* () {
          for await (const one of values) {
            await new Promise((resolve) => setTimeout(resolve, 0));
            taken++;
            yield one;
          }
        };
        return summed(slow(), part);
      }),
      decode: ({ half }: { half: { data: ArrayLike<number> } }) => {
        most = Math.max(most, added - taken);
        added += half.data.length;
        return Array.from(half.data);
      },
    });
    expect(await trainer.evaluate('train')).toEqual({ total: { right: 1 } });
    expect([added, taken]).toEqual([192, 140]);
    expect(most).toBeLessThanOrEqual(128);
  });

  it('may end early, and is refused where it gives too little or fails', async () => {
    const early = trainerOf(
      head(async (_, part) => Array.from({ length: part.size }, () => ({ total: 0, windows: 2 }))),
    );
    expect(await early.evaluate('train')).toEqual({ total: { right: expect.closeTo(1 / 70) } });
    const short = trainerOf(head(async (values, part) => (await summed(values, part)).slice(1)));
    await expect(short.evaluate('test')).rejects.toThrow(
      '[FROND-C009] head total: finish gave 44 predictions, wanted are at least 45\n  hint: give one prediction per example of the part, in its order',
    );
    await expect(trainerOf(head(async () => undefined as never)).predictAll('test')).rejects.toThrow(
      'finish gave no list',
    );
    const failing = head(async (values) => {
      for await (const { value } of values) throw new Error(`the first value is ${value}`);
      return [];
    });
    await expect(trainerOf(failing).evaluate('test')).rejects.toThrow('the first value is 0');
  });

  it('hears of it where predicting fails', async () => {
    let heard: unknown;
    const told = head(async (values, part) => {
      try {
        return await summed(values, part);
      } catch (cause) {
        heard = cause;
        throw cause;
      }
    });
    const stop = new AbortController();
    const trainer = trainerOf({
      ...told,
      decode: ({ half }: { half: { data: ArrayLike<number> } }) => {
        stop.abort(new Error('stopped'));
        return Array.from(half.data);
      },
    });
    await expect(trainer.predictAll('train', { signal: stop.signal })).rejects.toThrow('stopped');
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(String(heard)).toBe('Error: stopped');
  });
});

describe('a reader with two rows for each example', () => {
  it('gives a list of both where no head joins them', async () => {
    const { finish: _, ...rows } = head(summed);
    const trainer = trainerOf({
      ...rows,
      score: () =>
        palm.metrics.mean({
          right: ([first = 0, second = 0]: readonly number[], { numbers: [a, b, c, d] }: Line) =>
            Math.abs(first - a - b) + Math.abs(second - c - d) < 1e-6,
        }),
    });
    expect(await trainer.evaluate('test')).toEqual({ total: { right: 1 } });
    const { total = [] } = await trainer.predict(LINES.slice(0, 3));
    expect(total).toEqual(LINES.slice(0, 3).map(({ numbers: [a, b, c, d] }) => [a + b, c + d]));
  });

  it('has batches of twice as many rows, in steps of one batch and of several', async () => {
    const sizes: number[][] = [];
    const watched = {
      ...reader,
      pack: (...[examples, size, draw]: Parameters<typeof reader.pack>) => {
        sizes.push([examples.length, size.batch]);
        return reader.pack(examples, size, draw);
      },
    };
    const steps = async (batchSize: number, accumulate: number) => {
      sizes.length = 0;
      const trainer = palm.trainer('total', { device: interpreterDevice() });
      made.push(trainer);
      trainer.buildForward(encoder, head(summed));
      trainer.buildBackward({ optimizer: palm.adam({ rate: 0.01 }), accumulate });
      trainer.fitReader(watched, { epochs: 1, batchSize, seed: 2 });
      const summary = await trainer.train({ evaluate: null });
      return [summary.steps, ...new Set(sizes.map(String))];
    };
    expect(await steps(10, 1)).toEqual([7, '10,20']);
    expect(await steps(5, 2)).toEqual([7, '5,10']);
  });
});
