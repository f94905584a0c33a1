import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import {
  add,
  cast,
  compile,
  declare,
  FrondError,
  f32,
  graph,
  i32,
  interpreterDevice,
  layoutParameters,
  linear,
  loadLatest,
  log,
  ModelState,
  mean,
  mul,
  palm,
  sqrt,
  sub,
  sum,
  type Tensor,
  where,
} from '../../src/index.ts';
import { findNonFinite } from '../../src/runtime/diagnose.ts';
import { temporaryFolder } from '../store/support/bundle.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { type TinyReader, tinyBackbone, tinyReader } from './support/tiny.ts';

const folder = temporaryFolder();
afterAll(folder.remove);
let count = 0;
const fresh = (): string => join(folder.path, `run-${count++}`);

/** The line of this file that a comment marks. */
const lineOf = (mark: string): number =>
  readFileSync(new URL(import.meta.url), 'utf8')
    .split('\n')
    .findIndex((line) => line.endsWith(`// ${mark}`)) + 1;

type Score = Tensor<'f32', ['batch']>;

/** A head of a user's own: a number per sentence, and a loss made of it. */
const headOf = (lossOf: (score: Score, labels: Tensor<'i32', ['batch']>) => Tensor<'f32', []>) =>
  palm.defineHead({
    name: 'score',
    needs: {
      backbone: { sentence: declare(f32, ['batch', 8]) },
      labels: { labels: declare(i32, ['batch']) },
    },
    build: (_, { sentence }) => ({ score: sum(linear(sentence, 1, { name: 'score' }), 1) }),
    loss: (_, { score, labels }) => lossOf(score, labels),
    decode: ({ score: { data } }): readonly number[] => Array.from(data),
    score: () => palm.metrics.mean({ mean: (score: number) => score }),
  });

function trainerOf(
  head: ReturnType<typeof headOf>,
  rate: number,
  { reader = tinyReader(), ...clipping }: { reader?: TinyReader; clipNorm?: number } = {},
) {
  const trainer = palm.trainer('score', { device: interpreterDevice() });
  trainer.buildForward(tinyBackbone(reader, { dropout: 0 }), head);
  trainer.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(rate) }), ...clipping });
  trainer.fitReader(reader, { epochs: 40, batchSize: 8 });
  return trainer;
}

/** Trains until it fails, saving every step; gives the error, and the weights then and as they are now. */
async function failure(trainer: ReturnType<typeof trainerOf>) {
  const run = fresh();
  trainer.setSaver({ folder: run, everySteps: 1 });
  await trainer.save(run);
  const error = await trainer.train().catch((cause) => cause);
  expect(error).toBeInstanceOf(FrondError);
  expect(error.code).toBe('FROND-T010');
  const checkpoint = await loadLatest(join(run, 'checkpoints'));
  const then = await bytesIn(checkpoint);
  const now = await bytesIn(await loadLatest(join(await trainer.save(fresh()), '..')));
  for (const name of ['weights.safetensors', 'moments.safetensors', 'progress.json'])
    expect(Buffer.from(now.get(name) ?? []).equals(then.get(name) ?? Buffer.of())).toBe(true);
  await trainer.close();
  return { error: error as FrondError, step: checkpoint.step };
}

describe('a loss that is not finite', () => {
  it('stops the run, names the node and its source line, and leaves weights and moments alone', async () => {
    const head = headOf((score) =>
      mean(
        log(sub(mul(score, 0.001), 2)), // the log of a negative number
        0,
      ),
    );
    const { error, step } = await failure(trainerOf(head, 0.01));
    expect(step).toBe(0);
    expect(error.message).toMatch(
      new RegExp(
        [
          String.raw`^\[FROND-T010\] step 1: the loss is NaN, the gradient norm \S+; the first value that is not finite is element 0 \(NaN\) of log, in the forward part`,
          String.raw`  at node score/\S+ \(.*test/palm/nan\.test\.ts:${lineOf('the log of a negative number')}:\d+\)`,
          String.raw`  hint: the weights are those of step 0; lower the learning rate or clip the gradient with clipNorm, look at .*nan\.test\.ts:\d+:\d+$`,
        ].join('\n'),
      ),
    );
  });

  it('in the middle of a run leaves the weights of the step before', async () => {
    const { error, step } = await failure(
      trainerOf(
        headOf((score) => mean(mul(score, score), 0)),
        1e18,
        { clipNorm: 3 },
      ),
    );
    expect(step).toBeGreaterThan(0);
    expect(error.summary).toContain(`step ${step + 1}: the loss is `);
    expect(error.details.hint).toContain(
      `the weights are those of step ${step}; lower the learning rate or clipNorm, which is 3`,
    );
  });

  it('is found where only the gradient is at fault', async () => {
    // √0 is 0, but its slope is infinite, and infinity times 0 is no number
    const head = headOf((score, labels) => mean(sqrt(mul(mul(score, score), cast(labels, f32))), 0));
    const { error } = await failure(trainerOf(head, 0.01));
    expect(error.summary).toMatch(/the loss is -?\d.*, the gradient norm NaN; .* in the backward part$/);
  });

  it('is not blamed on what the graph masks away', async () => {
    const { ir } = graph('masked', (g) => {
      const x = g.input('x', f32, ['batch']);
      const safe = where(g.input('positive', 'bool', ['batch']), log(x), 0);
      return { loss: sum(add(safe, sqrt(sub(x, 5))), 0) };
    });
    const device = interpreterDevice();
    const state = new ModelState(device, layoutParameters([ir]));
    const feeds = {
      x: { dtype: 'f32', shape: [3], data: [6, -1, 7] },
      positive: { dtype: 'bool', shape: [3], data: [1, 0, 1] },
    } as const;
    const { executable } = await compile(ir, { state });
    expect((await executable.run(feeds)).loss?.data[0]).toBeNaN();
    expect(await findNonFinite(ir, feeds, state)).toMatchObject({ op: 'sqrt', element: 1, phase: 'forward' });
    // alone, the masked logarithm does no harm
    const harmless = { ...feeds, x: { ...feeds.x, data: [6, 0, 7] } };
    expect(await findNonFinite(ir, harmless, state)).toMatchObject({ op: 'sqrt' });
  });
});
