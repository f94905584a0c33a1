import { describe, expect, expectTypeOf, test } from 'vitest';
import {
  crossEntropy,
  declare,
  f32,
  type GraphContext,
  gather,
  graph,
  i32,
  linear,
  mean,
  normal,
  type Tensor,
} from '../../src/dsl/index.ts';
import { typeOfRef } from '../../src/ir/names.ts';
import { compactEncoder } from '../../src/palm/backbone.ts';
import type { Backbone, Head, Specs } from '../../src/palm/contract.ts';
import { anySize, checkBatch, checkContract } from '../../src/palm/contractCheck.ts';
import type { HeadOnBackboneProblem } from '../../src/palm/contractTypes.ts';
import { defineBackbone, defineHead, defineReader, register } from '../../src/palm/define.ts';
import { inputsOf, predictionGraph, trainingGraph } from '../../src/palm/graphs.ts';
import { classify as classes, sequenceLabel } from '../../src/palm/heads/index.ts';
import { metrics, trainer } from '../../src/palm/index.ts';
import { jointReaderOf } from '../../src/palm/reader/joint.ts';

// `npm run types` judges this file too: each line under @ts-expect-error must be refused and all others accepted. What the
// compiler refuses is run as well, to see that people without types are told the same.

const reader = jointReaderOf({
  train: [{ words: ['lights', 'on'], tags: ['O', 'O'], intent: 'lights' }],
});

const sentence = declare(f32, ['batch', 64]);
const bag = defineBackbone({
  name: 'bag',
  needs: { tokens: declare(i32, ['batch', 'time']) },
  gives: { sentence },
  build: (g, { tokens }) => ({
    sentence: mean(gather(g.parameter('table', f32, [50, 64], normal(0.02)), tokens), 1),
  }),
});

const classify = defineHead({
  name: 'classify',
  needs: {
    backbone: { sentence: declare(f32, ['batch', anySize]) },
    labels: { labels: declare(i32, ['batch']) },
  },
  build: (_, { sentence }) => ({ scores: linear(sentence, 3), copy: sentence }),
  loss: (_, { scores, labels }) => mean(crossEntropy(scores, labels)),
  predict: (_, { scores }) => ({ scores }),
  decode: ({ scores }) => Array.from({ length: scores.shape[0] ?? 0 }, () => 'lights'),
  score: () =>
    metrics.mean({ accuracy: (label: string, { intent }: { intent: string }) => label === intent }),
});

/** A head that needs one tensor of the backbone and one label. */
function headOf<const B extends Specs>(backbone: B) {
  return defineHead({
    name: 'h',
    needs: { backbone },
    build: () => ({}),
    loss: (g) => g.constant(0),
    decode: () => [0],
    score: () => metrics.mean({}),
  });
}
/** A backbone that needs one tensor of the reader. */
function backboneOf<const N extends Specs>(needs: N) {
  const build = (g: GraphContext) => ({ sentence: g.input('x', f32, ['batch', 64]) });
  return defineBackbone({ name: 'b', needs, gives: { sentence }, build });
}
const message = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'nothing was thrown';
};

describe('components that fit', () => {
  const { head, backbone } = register(reader, bag, classify);

  test('are connected, whatever the width that a head leaves open', () => {
    expect(register(reader, bag, headOf({ sentence: declare(f32, ['batch', 64]) })).backbone).toBe(bag);
    expect(head).toMatchObject({ name: 'classify', needs: { reader: {} } });
    expectTypeOf(head.needs.labels.labels.shape).toEqualTypeOf<['batch']>();
  });

  test('make a training and a prediction graph', () => {
    const tasks = [{ name: 'intent', head: head as Head, weight: 1 }];
    const training = trainingGraph('training', backbone as Backbone, tasks);
    expect(Object.keys(training.outputs)).toEqual(['loss', 'intent.loss']);
    expect(training.inputs).toEqual(['tokens', 'labels', 'intent.weight']);
    const prediction = predictionGraph('prediction', backbone as Backbone, tasks);
    expect(Object.keys(prediction.outputs)).toEqual(['intent.scores']);
    expect(typeOfRef(prediction, prediction.outputs['intent.scores'] ?? '')).toEqual({
      dtype: 'f32',
      shape: ['batch', 3],
    });
  });

  test('declare an input once that two of them need', () => {
    graph('shared', (g) => {
      const known = new Map<string, Tensor>();
      const first = inputsOf(g, bag.needs, known);
      expect(inputsOf(g, bag.needs, known).tokens).toBe(first.tokens);
      return first;
    });
  });
});

describe('components that do not fit are refused by the compiler and at run time', () => {
  const fails = (code: string, run: () => unknown): void => {
    expect(message(run)).toContain(`[FROND-${code}]`);
  };

  test('a backbone that needs what the reader does not give', () => {
    const letters = backboneOf({ letters: declare(i32, ['batch', 'time', 'letter']) });
    const floats = backboneOf({ tokens: declare(f32, ['batch', 'time']) });
    const transposed = backboneOf({ tokens: declare(i32, ['time', 'batch']) });
    // @ts-expect-error the backbone needs letters: i32[batch, time, letter], which the reader does not give
    fails('C001', () => register(reader, letters, classify));
    // @ts-expect-error the backbone needs tokens: f32[batch, time], but the reader gives i32[batch, time]
    fails('C002', () => register(reader, floats, classify));
    // @ts-expect-error the backbone needs tokens: i32[time, batch], but the reader gives i32[batch, time]
    fails('C003', () => register(reader, transposed, classify));
  });

  test('a head that needs what the backbone does not give', () => {
    const words = headOf({ encoded: declare(f32, ['batch', 'time', anySize]) });
    const wide = headOf({ sentence: declare(f32, ['batch', 128]) });
    const rows = headOf({ sentence: declare(f32, ['rows', 64]) });
    const deep = headOf({ sentence: declare(f32, ['batch', 'time', 64]) });
    const whole = headOf({ sentence: declare(i32, ['batch', 64]) });
    // @ts-expect-error the head needs encoded: f32[batch, time, any], which the backbone does not give
    fails('C001', () => register(reader, bag, words));
    // @ts-expect-error the head needs sentence: f32[batch, 128], but the backbone gives f32[batch, 64]
    fails('C003', () => register(reader, bag, wide));
    // @ts-expect-error the head needs sentence: f32[rows, 64], but the backbone gives f32[batch, 64]
    fails('C003', () => register(reader, bag, rows));
    // @ts-expect-error the head needs sentence: f32[batch, time, 64], but the backbone gives f32[batch, 64]
    fails('C003', () => register(reader, bag, deep));
    // @ts-expect-error the head needs sentence: i32[batch, 64], but the backbone gives f32[batch, 64]
    fails('C002', () => register(reader, bag, whole));
    expectTypeOf<
      HeadOnBackboneProblem<typeof bag, typeof words>
    >().toEqualTypeOf<'the head needs encoded: f32[batch, time, any], which the backbone does not give'>();
    expectTypeOf<
      HeadOnBackboneProblem<typeof bag, typeof wide>
    >().toEqualTypeOf<'the head needs sentence: f32[batch, 128], but the backbone gives f32[batch, 64]'>();
  });

  test('a head that learns from labels which the reader does not give', () => {
    const labels = { stars: declare(i32, ['batch']) };
    const rating = defineHead({
      name: 'rating',
      needs: { backbone: { sentence }, labels },
      build: (_, { sentence }) => ({ scores: linear(sentence, 5) }),
      loss: (_, { scores, stars }) => mean(crossEntropy(scores, stars)),
      decode: () => [0],
      score: () => metrics.mean({}),
    });
    // @ts-expect-error the head needs stars: i32[batch], which the reader does not give
    const run = () => register(reader, bag, rating);
    const [first, hint] = message(run).split('\n');
    expect(first).toBe('[FROND-C001] head rating needs stars: i32[batch], which reader joint does not give');
    expect(hint).toMatch(
      /^ {2}hint: reader joint gives tokens: i32\[batch, time\], .*, weights: f32\[batch\]$/,
    );
    expect(() => checkContract({ backbone: bag, head: rating })).not.toThrow();
  });

  test('tensors that a component was not given, or does not return', () => {
    const given = { backbone: { sentence } };
    const rest = { loss: bagLoss, decode: () => [0], score: () => metrics.mean({}) };
    // @ts-expect-error words is not needed, so not there
    defineHead({ name: 'asks', needs: given, build: (_, { words }) => ({ words }), ...rest });
    // @ts-expect-error the prediction reads scores, not logits
    defineHead({ name: 'reads', needs: given, build: scores, ...rest, decode: ({ logits }) => [logits] });
    // @ts-expect-error the loss is a vector
    defineHead({ name: 'vector', needs: given, build: scores, ...rest, loss: vectorLoss });
    // @ts-expect-error sentence is declared with 64 columns
    defineBackbone({ name: 'narrow', needs: {}, gives: { sentence }, build: () => ({ sentence: narrow() }) });
    // @ts-expect-error sentence is declared and not returned
    defineBackbone({ name: 'silent', needs: {}, gives: { sentence }, build: () => ({}) });
    // @ts-expect-error tokens are declared and not packed
    defineReader({ name: 'empty', gives: bag.needs, parts: {}, length: () => 1, pack: () => ({}) });
  });
});

const bagLoss = (_: unknown, { sentence }: { sentence: Tensor<'f32', ['batch', 64]> }) => mean(sentence);
const vectorLoss = (_: unknown, { sentence }: { sentence: Tensor<'f32', ['batch', 64]> }) =>
  mean(sentence, 1);
const scores = (_: unknown, { sentence }: { sentence: Tensor<'f32', ['batch', 64]> }) => ({
  scores: linear(sentence, 2),
});
declare function narrow(): Tensor<'f32', ['batch', 32]>;

describe('labels and words that mean other things to two components', () => {
  const words = ['fly', 'to', 'rome'];
  const rooms = jointReaderOf(
    {
      train: [
        { words, tags: ['O', 'O', 'B-city'], intent: 'travel' },
        { words, tags: ['O', 'O', 'O'], intent: 'light' },
      ],
    },
    { minimumCount: 1 },
  );
  const encoder = (vocabulary = rooms.vocabulary.tokens.length) =>
    compactEncoder({ vocabulary, width: 4, layers: 1, heads: 1 });

  test('are no fault in the same order, nor where a component does not name them', () => {
    expect(register(rooms, encoder(), classes({ classes: rooms.intents.names })).reader).toBe(rooms);
    expect(register(rooms, encoder(), sequenceLabel({ labels: rooms.tags.names })).reader).toBe(rooms);
    const { names: _, ...silent } = rooms;
    expect(register(silent, encoder(), classes({ classes: ['a'] })).reader).toBe(silent);
  });

  test.each([
    [['travel', 'light'], 'head classify calls id 0 of labels "travel", reader joint calls it "light"'],
    [['light'], 'head classify calls id 1 of labels nothing, reader joint calls it "travel"'],
    [['light', 'travel', 'x'], 'head classify calls id 2 of labels "x", reader joint calls it nothing'],
  ])('are refused: classes %j', (names, summary) => {
    const expected = `[FROND-C012] ${summary}\n  hint: give the head the names of the reader, in their order: reader.names.labels`;
    const head = classes({ classes: names });
    expect(message(() => register(rooms, encoder(), head))).toBe(expected);
    const learner = trainer('intent');
    learner.buildForward(encoder(), head);
    expect(message(() => learner.fitReader(rooms, { epochs: 1 }))).toBe(expected);
  });

  test('are refused: tags', () => {
    const labels = [...rooms.tags.names].reverse();
    expect(message(() => register(rooms, encoder(), sequenceLabel({ labels })))).toContain(
      '[FROND-C012] head sequenceLabel calls id 0 of tags "B-city", reader joint calls it "O"\n',
    );
  });

  test('are refused: a word table that is too small for the words', () => {
    const head = classes({ classes: rooms.intents.names });
    expect(message(() => register(rooms, encoder(4), head))).toBe(
      '[FROND-C013] backbone encoder has a place for 4 ids of tokens, reader joint gives 5\n  hint: make room for reader.names.tokens.length',
    );
    expect(register(rooms, encoder(6), head).head).toBe(head);
  });
});

describe('what components make is held against what they declare', () => {
  const built = (backbone: object, head: object = classify) =>
    message(() =>
      trainingGraph('g', backbone as Backbone, [{ name: 'intent', head: head as Head, weight: 1 }]),
    );

  test('a backbone that forgets a tensor', () => {
    expect(built({ ...bag, build: () => ({}) })).toBe(
      [
        '[FROND-C004] backbone bag declares sentence: f32[batch, 64], but build did not return it',
        '  hint: build returned nothing',
      ].join('\n'),
    );
  });

  test('a backbone that gives another shape', () => {
    const build = (g: GraphContext) => ({ sentence: g.input('x', f32, ['batch', 32]) });
    expect(built({ ...bag, build })).toContain(
      '[FROND-C005] backbone bag declares sentence: f32[batch, 64], but build returned f32[batch, 32]',
    );
  });

  test('a loss that is no scalar', () => {
    const loss = (g: GraphContext) => g.input('x', f32, ['batch']);
    expect(built(bag, { ...classify, loss })).toContain(
      '[FROND-C007] head classify: the loss is f32[batch], not an f32 scalar',
    );
  });

  test('a head that needs one name from two places', () => {
    const twice = { backbone: { tokens: declare(i32, ['batch', 'time']) }, labels: bag.needs };
    const rest = { build: () => ({}), decode: () => [0], score: () => metrics.mean({}) };
    expect(
      message(() => defineHead({ name: 'twice', needs: twice, ...rest, loss: (g) => g.constant(0) })),
    ).toContain('[FROND-C008] head twice needs tokens from two places');
  });

  test('a batch', () => {
    const pack = (shape: readonly number[], length: number, dtype: 'i32' | 'f32' = 'i32') => ({
      tokens: { dtype, shape, data: new Int32Array(length) },
    });
    const tokens = defineReader({
      name: 'tokens',
      gives: { tokens: declare(i32, ['batch', 'time']) },
      parts: { train: ['a'] },
      length: (text) => text.length,
      pack: (_, { batch, time }) => ({
        tokens: { dtype: i32, shape: [batch, time], data: new Int32Array(batch * time) },
      }),
    });
    expect(checkBatch(tokens, pack([2, 3], 6))).toEqual({ batch: 2, time: 3 });
    expect(message(() => checkBatch(tokens, {}))).toContain(
      '[FROND-C006] reader tokens, tensor tokens: not in the batch',
    );
    expect(message(() => checkBatch(tokens, pack([2], 2)))).toContain('packed as [2]');
    expect(message(() => checkBatch(tokens, pack([2, 3], 5)))).toContain('5 numbers for [2, 3]');
    expect(message(() => checkBatch(tokens, pack([2, 3], 6, 'f32')))).toContain('declared i32, packed f32');
    const joint = reader.pack([], { batch: 2, time: 4 });
    // a mask may be bytes, in types as at run time
    const mask = { ...joint.mask, data: Uint8Array.from(joint.mask.data) };
    expect(checkBatch(reader, { ...joint, mask })).toEqual({ batch: 2, time: 4 });
    expect(checkBatch(reader, joint)).toEqual({ batch: 2, time: 4 });
    expect(
      message(() =>
        checkBatch(reader, { ...joint, lengths: { ...joint.lengths, shape: [3], data: new Int32Array(3) } }),
      ),
    ).toContain('tensor lengths: batch is 2, the batch has 3');
  });
});
