import { expect, it, vi } from 'vitest';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import { Learner } from '../../src/palm/learner.ts';
import { planProgram } from '../../src/runtime/bind.ts';
import { readFeeds } from '../../src/runtime/feeds.ts';
import { BLOCK } from '../../src/runtime/parameters.ts';
import { strictDevice } from '../runtime/support.ts';
import { alternatingReaders, alternatingTrainer } from './support/alternating.ts';

const sum = (numbers: readonly number[]): number => numbers.reduce((x, y) => x + y, 0);

it('three tasks on one encoder take the intermediates of the largest, not of all of them', async () => {
  const create = vi.spyOn(Learner, 'create');
  const trainer = alternatingTrainer({ device: strictDevice().device, slots: { batchSize: 9 } });
  await trainer.train({ evaluate: null });
  const learner = await create.mock.results[0]?.value;
  if (!(learner instanceof Learner)) throw new Error('no learner was made');
  create.mockRestore();
  const { state, steppers, setup } = learner;
  const fed = await Promise.all(Array.from({ length: setup.plan.steps }, (_, step) => learner.feeds(step)));
  const needed = [...steppers].map(([source, { program, graph }]) => {
    const own = Array.from({ length: setup.plan.steps }, (_, step) => step).filter(
      (step) => setup.plan.turn(step).task === source.name,
    );
    const words = own.map((step) => {
      const feeds = { ...fed[step]?.[0], ...learner.updateFeeds(step) };
      const { sizes } = readFeeds(graph, feeds);
      return planProgram(program, { ...sizes, [ARENA_BLOCKS]: state.layout.trained / BLOCK }).words;
    });
    return Math.max(...words);
  });
  expect(needed).toHaveLength(3);
  expect(state.workspace.words('intermediates')).toBe(Math.max(...needed));
  expect(sum(needed)).toBeGreaterThan(1.8 * Math.max(...needed));
  // prediction beside training adds nothing, as it needs less
  await trainer.predict(alternatingReaders().intent.parts.test?.examples.slice(0, 2) ?? []);
  expect(state.workspace.words('intermediates')).toBe(Math.max(...needed));
  await trainer.close();
});
