import { join } from 'node:path';
import { stopAfter, timeless, tinyTrainer } from './tiny.ts';

/**
 * One process of a run, for tests that cut it: arguments are the folder, `begin` or `resume`, and the step to stop after (none: to
 * the end). Prints its events, one per line; saves what the model is at the end to `FOLDER/end`.
 */
const [, , folder = '', how = 'begin', stop] = process.argv;
const trainer = tinyTrainer();
if (how === 'resume') await trainer.resume(folder);
const cut = stop === undefined ? undefined : stopAfter(Number(stop));
const { reason } = await trainer.train({
  printEvery: 1,
  saveTo: folder,
  best: (metrics) => -Number((metrics.slots as { f1: number }).f1),
  ...(cut === undefined ? {} : { signal: cut.signal }),
  on: (event) => {
    process.stdout.write(`${JSON.stringify(timeless(event))}\n`);
    cut?.on(event);
  },
});
if (reason === 'done') await trainer.save(join(folder, 'end'));
