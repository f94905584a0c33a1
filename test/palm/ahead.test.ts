import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { interpreterDevice, type palm } from '../../src/index.ts';
import { ahead } from '../../src/palm/parts.ts';
import { regression, reader as regressionReader } from './recovery/support/regression.ts';

describe('what is made ahead', () => {
  it('comes in order, one ahead of its use, fails in its turn, and ends with it', async () => {
    const property = fc.asyncProperty(
      fc.array(fc.nat(3), { maxLength: 12 }),
      fc.nat(14),
      fc.nat(14),
      async (delays, failing, last) => {
        let [open, most, begun] = [0, 0, 0];
        const make = async (i: number): Promise<number> => {
          begun++;
          open++;
          most = Math.max(most, open);
          for (let turn = 0; turn < (delays[i] ?? 0); turn++) await Promise.resolve();
          open--;
          if (i === failing) throw new Error(`no ${i}`);
          return i;
        };
        const got: number[] = [];
        let failure: unknown;
        try {
          for await (const i of ahead(delays.keys(), make)) {
            got.push(i);
            expect(begun - got.length).toBeLessThanOrEqual(1);
            if (i === last) break;
          }
        } catch (cause) {
          failure = cause;
        }
        const end = Math.min(delays.length, failing, last + 1);
        expect(got).toEqual([...delays.keys()].slice(0, end));
        expect(String(failure)).toBe(
          failing < delays.length && failing <= last ? `Error: no ${failing}` : 'undefined',
        );
        expect(open).toBe(0);
        expect(most).toBeLessThanOrEqual(2);
      },
    );
    await fc.assert(property, { seed: 4, numRuns: 500 });
  });
});

describe('a run over a part that is read slowly', () => {
  /** A regression whose points come slowly, with what was read; `fails` makes reading fail. */
  function slow() {
    const reads = { begun: 0, open: 0, fails: (_rows: readonly number[]): boolean => false };
    const { parts, ...rest } = regressionReader();
    const train = parts.train as palm.Part;
    const read: palm.Part['read'] = async (rows) => {
      reads.begun++;
      reads.open++;
      await sleep(2);
      reads.open--;
      if (reads.fails(rows)) throw new Error('the disk is gone');
      return train.read(rows);
    };
    const { size, digest } = train;
    const reader = { ...rest, parts: { ...parts, train: { size, digest, read, lengthOf: () => 1 } } };
    return { reads, trainer: regression(interpreterDevice(), { reader: reader as never }) };
  }
  const figures = (summary: palm.StepSummary | undefined) => [summary?.step, summary?.loss];

  it('does the same steps, one batch ahead, and closes behind the last read', async () => {
    const [{ reads, trainer }, quick] = [slow(), regression(interpreterDevice())];
    for (let step = 1; step <= 5; step++) {
      expect(figures(await trainer.trainStep())).toEqual(figures(await quick.trainStep()));
      expect(reads.begun).toBe(step + 1);
    }
    await trainer.close();
    await quick.close();
    expect([reads.begun, reads.open]).toEqual([6, 0]);
  });

  it('fails at the step whose batch cannot be read, and goes on from there once it can', async () => {
    const [{ reads, trainer }, quick] = [slow(), regression(interpreterDevice())];
    const whole = await Promise.all([quick.trainStep()]);
    for (let step = 2; step <= 12; step++) whole.push(await quick.trainStep());
    const steps = [await trainer.trainStep(), await trainer.trainStep()];
    const { begun } = reads;
    while (reads.open > 0) await sleep(1);
    reads.fails = () => true;
    // the third batch was read before that
    steps.push(await trainer.trainStep());
    await expect(trainer.trainStep()).rejects.toThrow('the disk is gone');
    expect([begun, reads.open]).toEqual([3, 0]);
    reads.fails = () => false;
    for (let step = 4; step <= 12; step++) steps.push(await trainer.trainStep());
    expect(steps.map(figures)).toEqual(whole.map(figures));
    expect(await trainer.trainStep()).toBeUndefined();
    await trainer.close();
    await quick.close();
  });

  it('is refused without a digest, which resuming would compare', async () => {
    const { parts, ...rest } = regressionReader();
    const train = { ...parts.train, digest: undefined } as unknown as palm.Part;
    const trainer = regression(interpreterDevice(), { reader: { ...rest, parts: { train } } as never });
    await expect(trainer.train({ evaluate: null })).rejects.toThrow(
      '[FROND-C006] reader points: the digest of part train is undefined\n  hint: it is a text that tells the part apart from one with other examples',
    );
    await trainer.close();
  });

  it('leaves nothing behind when it is stopped, nor when evaluation is', async () => {
    const { reads, trainer } = slow();
    const stop = new AbortController();
    const on = (event: palm.TrainingEvent): void => {
      if (event.type === 'step' && event.step === 3) stop.abort();
    };
    const { reason, steps } = await trainer.train({ printEvery: 1, evaluate: null, signal: stop.signal, on });
    expect([reason, steps, reads.open]).toEqual(['aborted', 3, 0]);
    await expect(trainer.evaluate('train', AbortSignal.abort())).rejects.toThrow('abort');
    expect(reads.open).toBe(0);
    expect((await trainer.train({ evaluate: null })).reason).toBe('done');
    await trainer.close();
  });
});
