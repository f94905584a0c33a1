import { afterAll, describe, expect, it } from 'vitest';
import { palm } from '../../src/index.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
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
    const examples = reader.parts.train ?? [];
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
});
