import { describe, expect, it } from 'vitest';
import { reportPage } from '../../src/cli/report.ts';
import { interpreterDevice, palm } from '../../src/index.ts';
import { tinyBackbone, tinyReader } from './support/tiny.ts';

async function untrained() {
  const reader = tinyReader();
  const backbone = tinyBackbone(reader);
  const intent = palm.trainer('intent');
  intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
  const slots = palm.trainer('slots');
  slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const trainer = palm.multiHeadTrainer([intent, slots], { device: interpreterDevice() });
  trainer.buildForward();
  trainer.buildBackward({ optimizer: palm.adam({ rate: palm.constantRate(0.01) }) });
  trainer.fitReader(reader, { epochs: 1, batchSize: 4 });
  return { reader, trainer };
}

describe('mistakes', () => {
  it('are the predictions that scores count as wrong, the surest first', async () => {
    const { reader, trainer } = await untrained();
    const { intent, slots } = await trainer.mistakes('train');
    const { intent: scores } = (await trainer.evaluate('train')) as { intent: { accuracy: number } };
    const all = await trainer.predictAll('train');
    const examples = reader.parts.train?.examples ?? [];
    const wrong = examples.flatMap((example, i) => {
      const { label, probability } = (all.intent ?? [])[i] as palm.head.Classified;
      return label === example.intent
        ? []
        : [{ example, gold: example.intent, predicted: label, probability }];
    });
    expect(wrong.length).toBeGreaterThan(0);
    expect(intent).toMatchObject({ wrong: wrong.length, examples: examples.length });
    expect(1 - wrong.length / examples.length).toBeCloseTo(scores.accuracy, 12);
    const sorted = [...wrong].sort((a, b) => b.probability - a.probability);
    expect(intent?.worst.map(({ gold }) => gold)).toEqual(sorted.slice(0, 20).map(({ gold }) => gold));
    expect(slots?.wrong).toBeGreaterThan(0);
    for (const { example, gold, predicted } of slots?.worst ?? []) {
      expect(gold).toEqual((example as palm.JointExample).tags);
      expect(predicted).not.toEqual(gold);
    }
    const { intent: few } = await trainer.mistakes('train', { most: 2 });
    expect(few?.worst).toEqual(intent?.worst.slice(0, 2));
    expect(few?.wrong).toBe(wrong.length);
    await trainer.close();
  });

  it('refuses a part that there is not, and options that there are not', async () => {
    const { trainer } = await untrained();
    await expect(trainer.mistakes('training')).rejects.toThrow(/FROND-D015/);
    await expect(trainer.mistakes('test', { most: -1 })).rejects.toThrow(/FROND-T002/);
    await expect(trainer.mistakes('test', { count: 1 } as never)).rejects.toThrow(/FROND-T002/);
    await trainer.close();
  });

  it.each([
    [palm.head.classify({ classes: ['a', 'b'] }), { label: 'a' }, { label: 'b' }, false],
    [palm.head.classify({ classes: ['a', 'b'] }), { label: 'a' }, { label: 'a' }, true],
    [
      palm.head.classify({ classes: ['a', 'b'], multiLabel: true }),
      { labels: ['a', 'b'] },
      { labels: ['b', 'a'] },
      true,
    ],
    [
      palm.head.classify({ classes: ['a', 'b'], multiLabel: true }),
      { labels: ['a'] },
      { labels: ['b', 'a'] },
      false,
    ],
    [
      palm.head.classify({ classes: ['a', 'b'], multiLabel: true }),
      { labels: ['a', 'b'] },
      { labels: ['a'] },
      false,
    ],
    [palm.head.sequenceLabel({ labels: ['O', 'B-x'] }), { tags: ['O'] }, { tags: ['O', 'O'] }, true],
    [palm.head.sequenceLabel({ labels: ['O', 'B-x'] }), { tags: ['O'] }, { tags: ['O', 'B-x'] }, false],
    [palm.head.regress(), 1.5, { value: 1 }, false],
  ])('of each head are told by what it predicts and what is right (%#)', (head, result, example, right) => {
    const score = (head as palm.Head).score();
    expect(score.compare?.(result, example)).toMatchObject({ right });
  });

  it('are told from what is right by a function of the user', () => {
    const near = palm.metrics.reading(
      palm.metrics.numbers(),
      (result: number) => result,
      ({ value }: { readonly value: number }) => value,
      (gold, predicted) => Math.abs(gold - predicted) < 0.5,
    );
    expect(near.compare?.(1.2, { value: 1 })).toEqual({ predicted: 1.2, gold: 1, right: true });
    expect(near.compare?.(1.7, { value: 1 })).toMatchObject({ right: false });
  });
});

it('a report shows mistakes as text, tags as brackets, long texts cut', async () => {
  const { trainer } = await untrained();
  const page = reportPage({
    name: 'both',
    result: { trainer, summary: { steps: 0, reason: 'done', seconds: 0, history: [] } },
    test: {},
    gradients: [],
    mistakes: {
      slots: {
        wrong: 30,
        examples: 40,
        worst: [
          {
            example: { words: ['fly', '<i>', 'rome'] },
            gold: ['O', 'O', 'B-city'],
            predicted: ['O', 'B-city', 'O'],
          },
        ],
      },
      pairs: {
        wrong: 1,
        examples: 2,
        worst: [{ example: { text: 'x'.repeat(5000), second: 'why' }, gold: '1', predicted: '<script>' }],
      },
      all: { wrong: 0, examples: 3, worst: [] },
    },
    facts: { seconds: 1, seed: 1, device: 'interpreter' },
    steps: [],
  });
  expect(page).toContain('<h2>slots: 30 of 40 wrong in the test part, the worst 1 of them</h2>');
  expect(page).toContain(
    '<td>fly &lt;i&gt; rome</td><td>fly &lt;i&gt; [city rome]</td><td>fly [city &lt;i&gt;] rome</td>',
  );
  expect(page).toContain('<td>1</td><td>&lt;script&gt;</td>');
  expect(page).not.toMatch(/<script|<i>|x{401}/);
  expect(page).toContain('… · why');
  expect(page).toContain('<h2>all: 0 of 3 wrong in the test part</h2>');
  await trainer.close();
});
