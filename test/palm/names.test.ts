import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { interpreterDevice, palm } from '../../src/index.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { PER_EPOCH, stopAfter, tinyBackbone, tinyReader } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);

/** Two tasks that are called like what every object has. */
function trainer() {
  const reader = tinyReader();
  const backbone = tinyBackbone(reader);
  const one = palm.trainer('constructor');
  const other = palm.trainer('toString');
  one.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
  other.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
  const both = palm.multiHeadTrainer([one, other], { device: interpreterDevice() });
  both.buildForward();
  both.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
  both.fitReader(reader, { epochs: 1, batchSize: 4, seed: 5 });
  return both;
}

describe('tasks called like what every object has', () => {
  it('have losses, resume and predict as others do', async () => {
    const run = join(folder.path, 'run');
    const first = trainer();
    await first.train({ saveTo: run, printEvery: 1, ...stopAfter(PER_EPOCH - 2) });
    await first.close();
    const second = trainer();
    await second.resume(run);
    const { history } = await second.train({ saveTo: run });
    const { losses = {}, loss } = history[0] ?? {};
    expect(Object.keys(losses)).toEqual(['constructor', 'toString']);
    const total = Object.values(losses).reduce((sum, each) => sum + each, 0);
    expect(total).toBeCloseTo(Number(loss), 5);
    const predicted = await second.predict(['fly to rome']);
    const predictor = await palm.Predictor.load(run, { device: interpreterDevice(), heads: {} });
    expect(await predictor.predict(['fly to rome'])).toEqual(predicted);
    predictor.free();
    await expect(second.evaluate('constructor')).rejects.toThrow('[FROND-D015] the reader joint has no part');
    await second.close();
  });
});
