import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FrondError, loadLatest, palm, saveCheckpoint } from '../../src/index.ts';
import { inputPart } from '../../src/palm/evaluate.ts';
import { files } from '../../src/platform/node/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import {
  type Change,
  empty,
  flat,
  integers,
  lacking,
  surplus,
  tensorsIn,
  text,
  without,
} from './support/damage.ts';
import { stopAfter, tinyBackbone, tinyReader, tinyTrainer } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
const reader = tinyReader();
const rate = palm.adamW({ rate: palm.constantRate(0.01) });

/** The whole text of an error, with FOLDER for the place where this test runs. */
async function message(work: () => unknown): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof FrondError) {
      return error.message
        .replaceAll(folder.path, 'FOLDER')
        .replace(/at \S*(trainerErrors\S+?):\S+/g, 'at $1');
    }
    throw error;
  }
  return 'no error';
}

describe('errors of weights say', () => {
  const run = join(folder.path, 'run');
  const trainer = tinyTrainer();
  beforeAll(async () => {
    const first = tinyTrainer();
    await first.train({ saveTo: run, printEvery: 1, ...stopAfter(1) });
    await first.close();
  });
  afterAll(() => trainer.close());

  /** What loading the run's weights says once they are changed. */
  async function loading(change: Change): Promise<string> {
    const changed = await bytesIn(await loadLatest(join(run, 'checkpoints')));
    change(changed);
    const file = join(folder.path, 'weights.safetensors');
    await files.writeDurably(file, changed.get('weights.safetensors') ?? new Uint8Array());
    return message(() => trainer.loadCheckpoint(file));
  }

  it('FROND-W010: what is missing', async () => {
    expect(await loading(tensorsIn('weights.safetensors', lacking))).toMatchInlineSnapshot(`
      "[FROND-W010] FOLDER/weights.safetensors lacks 1 parameter: encoder/words/weight
        at FOLDER/weights.safetensors
        hint: load it with { partial: true } if that is meant"
    `);
  });

  it('FROND-W011: what is too much', async () => {
    expect(await loading(tensorsIn('weights.safetensors', surplus))).toMatchInlineSnapshot(`
      "[FROND-W011] FOLDER/weights.safetensors holds 1 tensor that the model has no place for: more
        at FOLDER/weights.safetensors
        hint: load it with { partial: true } if that is meant"
    `);
  });

  it('FROND-W012: what has another shape', async () => {
    expect(await loading(tensorsIn('weights.safetensors', flat))).toMatchInlineSnapshot(`
      "[FROND-W012] encoder/words/weight is [120] in FOLDER/weights.safetensors, the model has [15, 8]
        at node encoder/words/weight (FOLDER/weights.safetensors)
        hint: the file belongs to a model of other sizes"
    `);
  });

  it('FROND-W013: that nothing fits', async () => {
    expect(await loading(tensorsIn('weights.safetensors', empty))).toMatchInlineSnapshot(`
      "[FROND-W013] FOLDER/weights.safetensors holds none of the model's parameters
        at FOLDER/weights.safetensors
        hint: it holds no tensors; the model wants encoder/words/weight, encoder/positions/weight, encoder/sentence/weight, encoder/layers/layer.0/attentionNorm/gamma and 24 more"
    `);
    const other = (tensors: Parameters<typeof empty>[0]): void => {
      empty(tensors);
      surplus(tensors);
    };
    expect(await loading(tensorsIn('weights.safetensors', other))).toMatchInlineSnapshot(`
      "[FROND-W013] FOLDER/weights.safetensors holds none of the model's parameters
        at FOLDER/weights.safetensors
        hint: it holds more; the model wants encoder/words/weight, encoder/positions/weight, encoder/sentence/weight, encoder/layers/layer.0/attentionNorm/gamma and 24 more"
    `);
  });

  it('FROND-W004: what is not f32', async () => {
    expect(await loading(tensorsIn('weights.safetensors', integers))).toMatchInlineSnapshot(`
      "[FROND-W004] tensor "encoder/words/weight" is I32, which is not supported as numbers here: F32 was expected
        at FOLDER/weights.safetensors
        hint: convert it to F32 before saving it"
    `);
  });

  it('FROND-F013: what a training run would have saved', async () => {
    const resume = async (name: string, change: Change): Promise<string> => {
      const { step, summary, ...checkpoint } = await loadLatest(join(run, 'checkpoints'));
      const changed = await bytesIn(checkpoint);
      change(changed);
      const target = join(folder.path, name);
      await saveCheckpoint(join(target, 'checkpoints'), step, { files: changed, summary });
      return message(() => trainer.resume(target));
    };
    expect(await resume('lacking', without('moments.safetensors'))).toMatchInlineSnapshot(`
      "[FROND-F013] checkpoint FOLDER/lacking/checkpoints/step-000001 has no moments.safetensors
        at FOLDER/lacking/checkpoints/step-000001
        hint: it was not saved by a training run; load its weights with loadCheckpoint instead"
    `);
    expect(await resume('broken', text('progress.json', '{"step":'))).toMatchInlineSnapshot(`
      "[FROND-F013] FOLDER/broken/checkpoints/step-000001/progress.json is not what a training run saves
        at FOLDER/broken/checkpoints/step-000001/progress.json
        hint: it was not saved by a training run of this version"
    `);
  });

  it('FROND-F030: every setting that differs', async () => {
    const other = tinyTrainer({ clipNorm: 2, batchSize: 5 });
    expect(await message(() => other.resume(run))).toMatchInlineSnapshot(`
      "[FROND-F030] the run in FOLDER/run/checkpoints/step-000001 cannot be resumed: clipNorm was 1, is 2; batchSize was 4, is 5
        at FOLDER/run/checkpoints/step-000001
        hint: resume with the settings and the data that it began with, or start a new run in another folder"
    `);
    await other.close();
  });
});

describe('errors of a trainer say', () => {
  it('FROND-T001: what to call first', async () => {
    expect(
      await message(() => palm.trainer('intent').buildBackward({ optimizer: rate })),
    ).toMatchInlineSnapshot(`
      "[FROND-T001] buildBackward was called before buildForward
        hint: call buildForward first"
    `);
  });

  it('FROND-T002: which number is no count', async () => {
    expect(await message(() => tinyTrainer().fitReader(reader, { epochs: 0 }))).toMatchInlineSnapshot(`
      "[FROND-T002] fitReader: epochs is 0
        at trainerErrors.test.ts
        hint: give a positive whole number"
    `);
    expect(
      await message(() => tinyTrainer().fitReader(reader, { epochs: 1, seed: -1 })),
    ).toMatchInlineSnapshot(`
      "[FROND-T002] fitReader: seed is -1
        at trainerErrors.test.ts
        hint: give a whole number from 0 on"
    `);
  });

  it('FROND-T003: which tasks do not fit together', async () => {
    const head = palm.head.classify({ classes: reader.intents.names });
    const [a, b] = [palm.trainer('a'), palm.trainer('b')];
    a.buildForward(tinyBackbone(reader), head);
    b.buildForward(tinyBackbone(reader), head);
    expect(await message(() => palm.multiHeadTrainer([a, b]).buildForward())).toMatchInlineSnapshot(`
      "[FROND-T003] task b stands on another backbone than a
        hint: pass the same backbone object to buildForward of every trainer"
    `);
    expect(await message(() => palm.multiHeadTrainer([a, a]))).toMatchInlineSnapshot(
      `
      "[FROND-T003] two tasks are called a
        hint: give the trainers of at least one task, each with a name of its own"
    `,
    );
    expect(await message(() => palm.multiHeadTrainer([]))).toMatchInlineSnapshot(
      `
      "[FROND-T003] no tasks were given
        hint: give the trainers of at least one task, each with a name of its own"
    `,
    );
  });

  it('FROND-T004 and FROND-T005: what comes too late, and what too early', async () => {
    const trainer = tinyTrainer({ epochs: 1 });
    const training = trainer.train();
    expect(await message(() => trainer.train())).toMatchInlineSnapshot(`
      "[FROND-T005] intent-slots is training already
        hint: await the first call of train"
    `);
    await training;
    expect(await message(() => trainer.fitReader(reader, { epochs: 1 }))).toMatchInlineSnapshot(`
      "[FROND-T004] fitReader was called after the model was made
        hint: a model is made when it is first trained, evaluated, asked or loaded: call this before, or make another trainer"
    `);
    expect(await message(() => trainer.evaluate('exam'))).toMatchInlineSnapshot(`
      "[FROND-D015] the reader joint has no part exam
        hint: it has: train, valid, test"
    `);
    await trainer.close();
  });

  it('FROND-C011: that a reader cannot parse', async () => {
    const { parse: _, ...mute } = reader;
    expect(await message(() => inputPart(mute as unknown as palm.Reader, ['x']))).toMatchInlineSnapshot(`
      "[FROND-C011] the reader joint cannot parse a text
        hint: give it a function \`parse\`, or predict examples instead of texts"
    `);
  });

  it('FROND-D014: that there is nothing to learn from', async () => {
    expect(
      await message(() => tinyTrainer({}, { ...reader, parts: { train: palm.partOf([], reader.length) } })),
    ).toMatchInlineSnapshot(`
      "[FROND-D014] the reader joint has no training examples
        hint: give it a part called train"
    `);
  });
});
