import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, describe, expect, it } from 'vitest';
import { palm } from '../../src/index.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { runs } from '../support/counts.ts';
import { tinyBackbone, tinyReader } from './support/tiny.ts';

type Scores = Awaited<ReturnType<palm.Trainer['evaluate']>>;

describe('evaluation', () => {
  const reader = tinyReader({ sentences: 70 });
  const head = palm.head.classify<palm.JointExample>({ classes: reader.intents.names });
  const batches: number[] = [];
  const trainerOf = (score: () => unknown) => {
    const trainer = palm.trainer('intent', { device: interpreterDevice() });
    trainer.buildForward(tinyBackbone(reader), { ...head, score } as never);
    trainer.buildBackward({ optimizer: palm.adam({ rate: palm.constantRate(0.01) }) });
    trainer.fitReader(reader, { epochs: 1 });
    return trainer;
  };
  const trainer = trainerOf(() => {
    const inner = head.score();
    return {
      value: () => inner.value(),
      add(results: readonly palm.head.Classified[], examples: readonly palm.JointExample[]) {
        batches.push(results.length);
        inner.add(results, examples);
      },
    };
  });
  afterAll(() => trainer.close());

  it('scores batch by batch, each example once, with the scores of all predictions at once', async () => {
    const examples = reader.parts.train?.examples ?? [];
    const first: Scores = await trainer.evaluate('train');
    expect(batches.length).toBeGreaterThan(1);
    expect(batches.reduce((x, y) => x + y)).toBe(examples.length);
    const { intent = [] } = await trainer.predict(examples);
    const found = (intent as readonly palm.head.Classified[]).map(({ label }) => label);
    const gold = examples.map((example) => example.intent);
    expect(first).toEqual({ intent: palm.metrics.classScores(gold, found) });
    // an accumulator is made anew for each evaluation
    expect(await trainer.evaluate('train')).toEqual(first);
  });

  it('refuses a head that gives no accumulator', async () => {
    const other = trainerOf(() => ({ accuracy: 1 }));
    await expect(other.evaluate('train')).rejects.toThrow(
      '[FROND-T002] classify gave an object for its scores\n  hint: give an accumulator, such as palm.metrics.classes()',
    );
    await other.close();
  });

  it('keeps nothing of its examples', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    const live = (): number => {
      collect();
      return process.memoryUsage().heapUsed;
    };
    const count = runs(100_000, 30_000);
    const sentences = Array.from(
      { length: count },
      (_, i) => reader.parts.train?.examples[i % 70] as palm.JointExample,
    );
    const big = palm.reader.jointReaderOf({ train: sentences }, { minimumCount: 1 });
    const device = interpreterDevice();
    const [intent, slots] = [palm.trainer('intent'), palm.trainer('slots')];
    const backbone = tinyBackbone(big, { width: 2 });
    intent.buildForward(backbone, head);
    let [before, most, seen] = [0, 0, 0];
    const tagger = palm.head.sequenceLabel<palm.JointExample>({ labels: big.tags.names });
    const watched = {
      ...tagger,
      score: () => {
        const inner = tagger.score();
        return {
          value: () => inner.value(),
          add(results: readonly palm.head.Tagged[], examples: readonly palm.JointExample[]) {
            inner.add(results, examples);
            seen += results.length;
            // when the first batch has been compiled for, and now and then until the end
            if (before === 0) before = live();
            else if (seen === count || seen % 8000 === 0) most = Math.max(most, live());
          },
        };
      },
    };
    slots.buildForward(backbone, watched as never);
    const metrics = palm.head.exactMatch({ intent: 'intent', slots: 'slots' });
    const both = palm.multiHeadTrainer([intent, slots], { metrics, device });
    both.buildForward();
    both.buildBackward({ optimizer: palm.adam({ rate: palm.constantRate(0.01) }) });
    both.fitReader(big, { epochs: 1 });
    expect(await both.evaluate('train')).toMatchObject({ intent: { examples: count } });
    expect(seen).toBe(count);
    expect(most).toBeGreaterThan(0);
    // some lists of whole numbers in all; the predictions of one task would be more
    expect((most - before) / 1e6).toBeLessThan(4);
    await both.close();
  });
});
