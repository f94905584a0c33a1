import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { interpreterDevice, normal, palm } from '../../src/index.ts';
import { messageOf } from '../support/message.ts';
import { tinyBackbone, tinyReader, tinyTrainer } from './support/tiny.ts';

/** The message of `work` without the place in this file, which one test holds. */
const said = async (work: () => unknown): Promise<string> =>
  (await messageOf(work)).replace(/\n {2}at test\/palm\/settings\S+/, '');
// What JavaScript, or an untyped recipe, may pass.
const untyped = <T>(value: unknown): T => value as T;
const reader = tinyReader();
const optimizer = palm.adam({ rate: 0.01 });
const fitting = (options: unknown) => said(() => tinyTrainer().fitReader(reader, untyped(options)));
const backward = (options: object) => said(() => tinyTrainer().buildBackward({ optimizer, ...options }));

describe('unknown and missing options are refused', () => {
  it('of fitReader', async () => {
    expect(await fitting({ epoch: 2 })).toBe(
      '[FROND-T002] fitReader has no option epoch\n  hint: did you mean epochs? It has: epochs, batchSize, tokens, seed, shares, reference, temperature',
    );
    expect(await fitting({})).toBe(
      '[FROND-T002] fitReader: epochs is missing\n  hint: give a positive whole number',
    );
    expect(await fitting(undefined)).toBe(
      '[FROND-T002] the options object of fitReader is undefined\n  hint: give an object with epochs, batchSize, tokens, seed, shares, reference, temperature',
    );
  });

  it('of buildBackward, setSaver, train and trainer', async () => {
    expect(await backward({ weightdecay: 1 })).toBe(
      '[FROND-T002] buildBackward has no option weightdecay\n  hint: did you mean weightDecay? It has: optimizer, weightDecay, clipNorm, groups, accumulate, ema',
    );
    expect(await said(() => tinyTrainer().setSaver(untyped({ folder: 'x', everyStep: 1 })))).toContain(
      'setSaver has no option everyStep\n  hint: did you mean everySteps?',
    );
    expect(await said(() => tinyTrainer().setSaver(untyped({})))).toBe(
      '[FROND-T002] setSaver: folder is missing\n  hint: give the path of the run',
    );
    expect(await said(() => tinyTrainer().train(untyped({ save: 'x' })))).toContain(
      'train has no option save\n  hint: did you mean saveTo?',
    );
    expect(await backward({ optimizer: palm.adam })).toBe(
      '[FROND-T002] buildBackward: optimizer is the function adamW\n  hint: give an optimizer, such as palm.adam({ rate: 0.001 })',
    );
    expect(await said(() => palm.multiHeadTrainer([], untyped<never>({ metric: 1 })))).toContain(
      'multiHeadTrainer has no option metric\n  hint: did you mean metrics?',
    );
    expect(await said(() => palm.trainer('a', untyped({ mixratio: 2 })))).toContain(
      'trainer has no option mixratio\n  hint: did you mean mixRatio?',
    );
  });

  it('at the line of the call', async () => {
    expect(await messageOf(() => palm.trainer('a', untyped({ mixratio: 2 })))).toMatch(
      /^\[FROND-T002] trainer has no option mixratio\n {2}at test\/palm\/settings\.test\.ts\n/,
    );
  });

  it('and an unknown policy', async () => {
    expect(await said(() => palm.multiHeadTrainer([], untyped<never>({ policy: 'alternately' })))).toBe(
      '[FROND-T002] multiHeadTrainer: policy is "alternately"\n  hint: give one of joint, alternate',
    );
  });

  it('of save, resume and predict', async () => {
    expect(await said(() => tinyTrainer().save(untyped(undefined)))).toContain(
      '[FROND-T002] save: folder is missing',
    );
    expect(await said(() => tinyTrainer().resume(untyped(undefined)))).toContain(
      '[FROND-T002] resume: folder is missing',
    );
    expect(await said(() => tinyTrainer().predict(untyped('fly to rome')))).toBe(
      '[FROND-T002] predict: inputs is "fly to rome"\n  hint: give a list of texts or examples, such as predict([\'a text\']): predict(inputs)',
    );
  });

  it('and what is no device', async () => {
    const hint = "hint: open it: wasmDevice(), or (await chooseDevice('wasm')).device";
    expect(await said(() => palm.trainer('a', untyped({ device: 'wasm' })))).toBe(
      `[FROND-T002] trainer: device is "wasm"\n  ${hint}`,
    );
    function wasmDevice() {}
    expect(await said(() => palm.trainer('a', untyped({ device: wasmDevice })))).toBe(
      '[FROND-T002] trainer: device is the function wasmDevice\n  hint: call it: wasmDevice()',
    );
    expect(await said(() => palm.Predictor.load('nowhere', untyped({ device: 'wasm' })))).toBe(
      `[FROND-T002] Predictor.load: device is "wasm"\n  ${hint}`,
    );
  });
});

describe('settings without effect or out of range are refused', () => {
  it.each([
    ['weightDecay', -0.1],
    ['weightDecay', Number.NaN],
  ])('%s: %s', async (setting, value) => {
    expect(await backward({ [setting]: value })).toBe(
      `[FROND-T002] buildBackward: ${setting} is ${value}\n  hint: give a finite number from 0 on`,
    );
  });

  it.each([0, -1, Number.NaN])('clipNorm: %s, which would not clip', async (clipNorm) => {
    expect(await backward({ clipNorm })).toBe(
      `[FROND-T002] buildBackward: clipNorm is ${clipNorm}\n  hint: give a finite number above 0, or leave clipNorm out`,
    );
  });

  it('of groups', async () => {
    expect(await backward({ groups: [{ match: 'decoder/*', rate: 0 }] })).toBe(
      '[FROND-T002] no parameter matches the group decoder/*\n  hint: a pattern is held against the whole name, * stands for any part of it; there are encoder/words/weight, encoder/positions/weight, encoder/sentence/weight, encoder/layers/layer.0/attentionNorm/gamma, encoder/layers/layer.0/attentionNorm/beta, encoder/layers/layer.0/attention/query/weight, … (28)',
    );
    // stars upon stars cost no more than one
    expect(await backward({ groups: [{ match: `${'*'.repeat(40)}x`, rate: 0 }] })).toMatch(
      /no parameter matches/,
    );
    await expect(backward({ groups: [{ match: '*/**er.0*Norm/*a', rate: 0 }] })).rejects.toThrow(
      'nothing was thrown',
    );
    expect(await backward({ groups: [{ match: 'encoder/words/weight*t', rate: 0 }] })).toMatch(
      /no parameter/,
    );
    expect(await backward({ groups: [{ match: '*', rate: -1 }] })).toBe(
      '[FROND-T002] a parameter group: rate is -1\n  hint: give a finite number from 0 on',
    );
    expect(await backward({ groups: [{ match: '*', weightDecay: Number.NaN }] })).toBe(
      '[FROND-T002] a parameter group: weightDecay is NaN\n  hint: give a finite number from 0 on',
    );
  });

  it('of a task: its factor and its name', async () => {
    expect(await said(() => palm.trainer('a', { mixRatio: -1 }))).toBe(
      '[FROND-T002] trainer: mixRatio is -1\n  hint: give a finite number from 0 on',
    );
    for (const name of ['a.b', 'a b', '']) {
      expect(await said(() => palm.trainer(name))).toBe(
        `[FROND-T003] "${name}" is no name for a task\n  hint: give the trainer a name without points and blanks, such as intent`,
      );
    }
  });

  it('of adam', async () => {
    expect(await said(() => palm.adam({ rate: 0.1, beta1: 1 }))).toBe(
      '[FROND-T002] adamW: beta1 is 1\n  hint: give a number from 0 on, below 1',
    );
    expect(await said(() => palm.adam({ rate: 0.1, beta2: -0.1 }))).toContain('beta2 is -0.1');
    expect(await said(() => palm.adam({ rate: 0.1, epsilon: 0 }))).toBe(
      '[FROND-T002] adamW: epsilon is 0\n  hint: give a finite number above 0',
    );
    expect(await said(() => palm.adam(untyped({ rate: 0.1, betta1: 0.5 })))).toBe(
      '[FROND-T002] adamW has no option betta1\n  hint: did you mean beta1? It has: rate, beta1, beta2, epsilon',
    );
  });

  it('best, when nothing is evaluated', async () => {
    const trainer = tinyTrainer({ epochs: 1 });
    expect(await said(() => trainer.train({ best: () => 1, evaluate: null }))).toBe(
      '[FROND-T002] best is given, but nothing is evaluated\n  hint: give evaluate, one of train, valid, test, or leave best out',
    );
    await trainer.close();
  });
});

describe('a rate', () => {
  it('may be a number', () => {
    expect(palm.adam({ rate: 0.25 }).rate.at(3, 10)).toBe(0.25);
  });

  it('is nothing else than a number or a schedule', async () => {
    const hint =
      'hint: give a number, palm.constantRate(0.001), palm.triangular({ warmup: 0.1 }, 0.001) or one of defineSchedule';
    expect(await said(() => palm.adam(untyped({ rate: normal(1) })))).toBe(
      `[FROND-T002] adamW: rate is an object\n  ${hint}`,
    );
    expect(await said(() => palm.adam(untyped({ rate: '0.1' })))).toBe(
      `[FROND-T002] adamW: rate is "0.1"\n  ${hint}`,
    );
    expect(await said(() => palm.adam(untyped({})))).toBe(`[FROND-T002] adamW: rate is missing\n  ${hint}`);
    expect(await said(() => palm.adam({ rate: -1 }))).toContain('[FROND-T020] schedule constant: rate is -1');
  });
});

describe('a closed trainer', () => {
  const trainer = tinyTrainer({ epochs: 1 });
  let history: readonly palm.EpochRecord[] = [];
  beforeAll(async () => {
    const training = trainer.train();
    expect(await said(() => trainer.close())).toBe(
      '[FROND-T005] intent-slots is training already\n  hint: await the first call of train',
    );
    await training;
    history = trainer.history;
    // what is under way ends as if nothing had happened
    const expected = await trainer.predict(['fly to rome']);
    const [asked] = await Promise.all([trainer.predict(['fly to rome']), trainer.close()]);
    expect(asked).toEqual(expected);
  });
  afterAll(() => trainer.close());

  const calls: Readonly<Record<string, () => unknown>> = {
    buildForward: () => trainer.buildForward(),
    buildBackward: () => trainer.buildBackward({ optimizer }),
    fitReader: () => trainer.fitReader(reader, { epochs: 1 }),
    fitReaders: () => trainer.fitReaders(untyped({ intent: reader, slots: reader }), { epochs: 1 }),
    setAux: () => trainer.setAux(),
    trainStep: () => trainer.trainStep(),
    predictAll: () => trainer.predictAll(),
    predictBatch: () => trainer.predictBatch('intent', untyped({})),
    setSaver: () => trainer.setSaver({ folder: 'x' }),
    train: () => trainer.train(),
    evaluate: () => trainer.evaluate(),
    predict: () => trainer.predict(['fly to rome']),
    save: () => trainer.save('x'),
    resume: () => trainer.resume('x'),
    loadCheckpoint: () => trainer.loadCheckpoint('x'),
  };
  it.each(Object.entries(calls))('refuses %s', async (name, call) => {
    expect(await said(call)).toBe(
      `[FROND-T006] ${name} was called after intent-slots was given back\n  hint: call it before close or free, or load the run again`,
    );
  });

  it('keeps its history', () => {
    expect(history).toHaveLength(1);
    expect(trainer.history).toEqual(history);
  });
});

describe('parts of a model are refused', () => {
  it('without sizes or classes', async () => {
    expect(await said(() => palm.backbone.compactEncoder(untyped<never>(undefined)))).toContain(
      '[FROND-T002] the options object of compactEncoder is undefined\n  hint: give an object with vocabulary, width,',
    );
    const sizes = { vocabulary: 9, width: 8, layers: 1 };
    expect(await said(() => palm.backbone.compactEncoder(untyped<never>(sizes)))).toBe(
      '[FROND-T002] compactEncoder: heads is missing\n  hint: give a positive whole number',
    );
    expect(await said(() => palm.head.classify(untyped<never>(undefined)))).toBe(
      '[FROND-T002] the options object of classify is undefined\n  hint: give an object with classes, multiLabel, gold, dropout, initializer, classWeights, labelSmoothing',
    );
    expect(await said(() => palm.head.classify(untyped<never>({})))).toBe(
      '[FROND-T002] classify: classes is missing\n  hint: give a list of names',
    );
    expect(await said(() => palm.head.classify({ classes: ['a', 'a'] }))).toBe(
      '[FROND-D012] label a stands twice',
    );
    expect(await said(() => palm.head.sequenceLabel({ labels: [] }))).toBe('[FROND-D012] no labels');
  });

  /** What a prediction says with one part changed. */
  async function predicting(change: Partial<palm.Reader>, head: object = {}): Promise<string> {
    const own = { ...reader, ...change };
    const trainer = palm.trainer('intent', { device: interpreterDevice() });
    const classes = palm.head.classify({ classes: reader.intents.names });
    try {
      return await said(async () => {
        trainer.buildForward(tinyBackbone(reader), { ...classes, ...head });
        trainer.buildBackward({ optimizer });
        trainer.fitReader(untyped(own), { epochs: 1 });
        await trainer.evaluate('test');
      });
    } finally {
      await trainer.close();
    }
  }

  it('when a head decodes too few rows, or has no loss', async () => {
    const hint = 'hint: give one prediction per row of the batch, in its order';
    expect(await predicting({}, { decode: () => ['travel'] })).toBe(
      `[FROND-C009] head classify: decode gave 1 predictions, wanted are at least 6\n  ${hint}`,
    );
    expect(await predicting({}, { decode: () => undefined })).toBe(
      `[FROND-C009] head classify: decode gave no list, wanted are at least 6\n  ${hint}`,
    );
    expect(await predicting({}, { loss: () => undefined })).toBe(
      '[FROND-C007] head classify: the loss is missing, not an f32 scalar\n  hint: take the mean over the rows by weight',
    );
  });

  it('when a reader keeps to no size', async () => {
    const pack = untyped<palm.Reader['pack']>(reader.pack);
    const hint = 'hint: pack fills rows and columns up to the size that it is given';
    expect(
      await predicting({
        pack: (examples, { batch, time }, draw) => pack(examples, { batch: batch + 1, time }, draw),
      }),
    ).toBe(`[FROND-C006] reader joint: batch is 7, 6 was asked for\n  ${hint}`);
    expect(
      await predicting({ pack: (examples, { batch }, draw) => pack(examples, { batch, time: 6 }, draw) }),
    ).toBe(`[FROND-C006] reader joint: time is 6, 8 was asked for\n  ${hint}`);
    expect(await predicting({ pack: () => untyped(undefined) })).toContain(
      '[FROND-C006] reader joint, tensor tokens: not in the batch',
    );
    const test: palm.Part = { ...palm.partOf([{}], () => 1), read: async () => [] };
    expect(await predicting({ parts: { ...reader.parts, test } })).toBe(
      '[FROND-C006] reader joint: a part gave 0 examples for 1 rows\n  hint: read gives the example of each row, in the order of the rows',
    );
    expect(await predicting(untyped({ parts: { train: [{}] } }))).toContain(
      'hint: its parts are lists: make it with palm.defineReader, or each part with palm.partOf(list, reader.length)',
    );
    expect(await predicting({ parts: { ...reader.parts, test: palm.partOf([{}], () => 0) } })).toBe(
      '[FROND-C006] reader joint: the length of example 0 is 0\n  hint: length gives the words of an example as the model sees it, a whole number from 1 on',
    );
  });
});
