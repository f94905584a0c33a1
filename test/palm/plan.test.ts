import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type PlannedTask, type PlanOptions, SHARED_BY, trainingPlan } from '../../src/palm/plan.ts';
import { runs } from '../support/counts.ts';
import { messageOf } from '../support/message.ts';

const task = (name: string, examples: number, change: Partial<PlannedTask> = {}): PlannedTask => ({
  name,
  examples,
  lengths: () => Array.from({ length: examples }, (_, i) => 1 + ((i * 7) % 23)),
  stream: `${name}/train`,
  batchSize: 4,
  ...change,
});

const settings = fc
  .record({
    tasks: fc.array(
      fc.record({
        examples: fc.integer({ min: 1, max: 60 }),
        batchSize: fc.integer({ min: 1, max: 8 }),
        tokens: fc.option(fc.integer({ min: 24, max: 90 }), { nil: undefined }),
        mixRatio: fc.option(fc.integer({ min: 5, max: 30 }), { nil: undefined }),
        epochs: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
        auxiliary: fc.boolean(),
      }),
      { minLength: 1, maxLength: 6 },
    ),
    shares: fc.constantFrom(...SHARED_BY),
    temperature: fc.oneof(
      fc.integer({ min: 1, max: 6 }),
      fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 6 })),
    ),
    epochs: fc.integer({ min: 1, max: 6 }),
    seed: fc.nat(),
  })
  .map(({ tasks, ...rest }): PlanOptions => {
    const named = tasks.map(({ examples, mixRatio = 10, ...change }, i) =>
      task(`t${i}`, examples, {
        ...change,
        mixRatio: mixRatio / 10,
        ...(i === 0 ? { auxiliary: false } : {}),
      }),
    );
    return { ...rest, tasks: named };
  });

/** The tasks of all steps. */
const turnsOf = (options: PlanOptions): string[] => {
  const plan = trainingPlan(options);
  return Array.from({ length: plan.steps }, (_, step) => plan.turn(step).task);
};

/** What `shares` asks for, written down once more. */
function expectedCounts(
  { tasks, shares, epochs, temperature }: PlanOptions,
  passes: number[],
): number[] | undefined {
  if (shares === 'mixRatio') {
    const base = passes[tasks.findIndex(({ auxiliary }) => !auxiliary)] ?? 0;
    return tasks.map(({ mixRatio = 1 }) => Math.round(epochs * mixRatio * base));
  }
  if (shares === 'epochs') return tasks.map((one, i) => (one.epochs ?? epochs) * (passes[i] ?? 0));
  return shares === 'size' && temperature === 1 ? passes.map((count) => epochs * count) : undefined;
}

describe('a plan', () => {
  it('gives every task exactly its steps, auxiliaries evenly spread, and is the same for the same seed', () => {
    fc.assert(
      fc.property(settings, (options) => {
        const plan = trainingPlan(options);
        const turns = turnsOf(options);
        const counts = options.tasks.map(({ name }) => turns.filter((turn) => turn === name).length);
        expect(counts).toEqual([...plan.planned.values()]);
        expect(counts.reduce((x, y) => x + y)).toBe(plan.steps);
        const passes = [...plan.passes.values()];
        const wanted = expectedCounts(options, passes);
        if (wanted !== undefined) expect(counts).toEqual(wanted);
        else expect(plan.steps).toBe(options.epochs * passes.reduce((x, y) => x + y));
        if (options.shares === 'equal' || options.shares === 'roundRobin')
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);

        for (const [i, { name, auxiliary }] of options.tasks.entries()) {
          const at = turns.flatMap((turn, step) => (turn === name ? [step] : []));
          const gaps = [-1, ...at].map((step, k) => (at[k] ?? plan.steps) - step);
          const mean = plan.steps / (counts[i] ?? 0);
          if (auxiliary) expect(Math.max(...gaps)).toBeLessThanOrEqual(3 * mean);
        }
        expect(turnsOf(options)).toEqual(turns);
        expect(plan.endsEpoch(plan.steps)).toBe(true);
        expect(plan.epochsAfter(plan.steps)).toBe(options.epochs);
      }),
      { seed: 9, numRuns: runs(20_000, 1000) },
    );
  });

  it('shows each task its examples once per pass, whatever comes between', () => {
    fc.assert(
      fc.property(settings, (options) => {
        const plan = trainingPlan(options);
        const seen = new Map<string, number[]>();
        for (let step = 0; step < plan.steps; step++) {
          const { task: name, epoch, index, done, batch } = plan.at(step);
          expect(done).toBe(epoch * (plan.passes.get(name) ?? 0) + index);
          const key = `${name} ${epoch}`;
          seen.set(key, [...(seen.get(key) ?? []), ...batch.rows]);
          const { tokens } = options.tasks.find((one) => one.name === name) ?? {};
          expect(batch.rows.length).toBeLessThanOrEqual(batch.size);
          if (tokens !== undefined) expect(batch.size * batch.time).toBeLessThanOrEqual(tokens);
        }
        for (const { name, examples } of options.tasks) {
          const whole = Math.floor((plan.planned.get(name) ?? 0) / (plan.passes.get(name) ?? 1));
          for (let epoch = 0; epoch < whole; epoch++) {
            const rows = (seen.get(`${name} ${epoch}`) ?? []).sort((a, b) => a - b);
            expect(rows).toEqual(Array.from({ length: examples }, (_, i) => i));
          }
        }
      }),
      { seed: 10, numRuns: runs(1000, 60) },
    );
  });

  it('answers for any step, in any order, as if it were asked from the beginning', () => {
    const tasks = [task('a', 9000), task('b', 4000), task('c', 500, { auxiliary: true })];
    const options: PlanOptions = { tasks, epochs: 3, seed: 4, shares: 'epochs' };
    const [forward, back] = [trainingPlan(options), trainingPlan(options)];
    expect(forward.steps).toBeGreaterThan(2 * 4096);
    const had = new Map(tasks.map(({ name }) => [name, 0]));
    const steps = Array.from({ length: forward.steps }, (_, step) => {
      const turn = forward.turn(step);
      expect(turn.done).toBe(had.get(turn.task));
      had.set(turn.task, turn.done + 1);
      return turn;
    });
    for (const step of [forward.steps - 1, 4096, 4095, 0, 8192, 17])
      expect(back.turn(step)).toEqual(steps[step]);
    for (const step of [forward.steps, 4097, 4096, 5, 0]) {
      const counts = tasks.map(
        ({ name }) => steps.slice(0, step).filter((turn) => turn.task === name).length,
      );
      expect([...back.after(step).values()]).toEqual(counts);
    }
  });

  it('goes on behind another one for more epochs: the same first steps, and what is left of each task', () => {
    const continued = fc.record({
      options: settings,
      more: fc.integer({ min: 0, max: 4 }),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    });
    fc.assert(
      fc.property(continued, ({ options, more, part }) => {
        const former = trainingPlan(options);
        const until = Math.floor(part * former.steps);
        const longer = { ...options, epochs: options.epochs + more };
        const plan = trainingPlan(longer).behind([{ epochs: options.epochs, until }]);
        for (let step = 0; step < until; step++) expect(plan.turn(step)).toEqual(former.turn(step));
        // another number of epochs changes the temperatures of those that were
        const { temperature, shares } = options;
        const changes = (Array.isArray(temperature) && shares === 'size') || shares === 'annealed';
        if (!changes) expect([...plan.planned]).toEqual([...trainingPlan(longer).planned]);
        const had = new Map(former.after(until));
        for (let step = until; step < plan.steps; step++) {
          const { task: name, done } = plan.turn(step);
          expect(done).toBe(had.get(name));
          had.set(name, done + 1);
        }
        expect([...had]).toEqual([...plan.planned]);
        const middle = Math.floor((until + plan.steps) / 2);
        const counts = options.tasks.map(({ name }) => {
          const turns = Array.from({ length: middle }, (_, step) => plan.turn(step).task);
          return turns.filter((turn) => turn === name).length;
        });
        expect([...plan.after(middle).values()]).toEqual(counts);
        const again = trainingPlan(longer).behind(plan.followed);
        expect(again.turn(plan.steps - 1)).toEqual(plan.turn(plan.steps - 1));
      }),
      { seed: 11, numRuns: runs(1000, 100) },
    );
  });

  it('of one task is that of its batches, epoch by epoch', () => {
    const plan = trainingPlan({ tasks: [task('a', 22)], epochs: 3, seed: 1 });
    expect([plan.steps, plan.passes.get('a')]).toEqual([18, 6]);
    const ends = Array.from({ length: 19 }, (_, step) => step).filter((step) => plan.endsEpoch(step));
    expect(ends).toEqual([6, 12, 18]);
    expect([0, 5, 6, 17, 18].map((step) => plan.epochsAfter(step))).toEqual([0, 0, 1, 2, 3]);
    expect(plan.turn(13)).toEqual({ task: 'a', done: 13, epoch: 2, index: 1 });
  });

  it('goes from one temperature to another', () => {
    const tasks = [task('large', 400), task('small', 40)];
    const options = { tasks, epochs: 4, seed: 1, shares: 'size' } as const;
    const parts = (temperature: number | readonly [number, number]) => {
      const turns = turnsOf({ ...options, temperature });
      return [0, 1, 2, 3].map(
        (i) => turns.slice(i * 110, (i + 1) * 110).filter((turn) => turn === 'small').length,
      );
    };
    expect(parts([1, 1])).toEqual([10, 10, 10, 10]);
    // 110 × 10^(1/T) / (100^(1/T) + 10^(1/T)): 10, 26.4 at 2, 34.9 at 3, 39.6 at 4
    expect(parts([1, 4])).toEqual([10, 26, 35, 40]);
    expect(trainingPlan({ ...options, temperature: 2 }).planned.get('small')).toBe(106);
    // 110 × 10^α / (100^α + 10^α): α = 1, 0.7333, 0.4667, 0.2
    const turns = turnsOf({ ...options, shares: 'annealed' });
    const small = [0, 1, 2, 3].map(
      (i) => turns.slice(i * 110, (i + 1) * 110).filter((turn) => turn === 'small').length,
    );
    expect(small).toEqual([10, 17, 28, 43]);
  });

  it('of a million steps is quick', () => {
    const tasks = [task('a', 2_000_000), task('b', 1_600_000), task('c', 400_000, { auxiliary: true })];
    const plan = trainingPlan({ tasks, epochs: 1, seed: 2, shares: 'epochs' });
    expect(plan.steps).toBe(1_000_000);
    const start = performance.now();
    expect([...plan.after(plan.steps).values()]).toEqual([500_000, 400_000, 100_000]);
    expect(performance.now() - start).toBeLessThan(10_000);
  });
});

describe('a plan is refused', () => {
  const plan = (options: Partial<PlanOptions>) =>
    messageOf(() => trainingPlan({ tasks: [task('a', 8), task('b', 8)], epochs: 1, seed: 1, ...options }));

  it('for a target without a step, and without any target', async () => {
    const idle = [task('a', 8), task('b', 8, { mixRatio: 0.1 })];
    expect(await plan({ tasks: idle })).toBe(
      '[FROND-T002] task b would have no step\n  hint: give it a larger share, more epochs, or call setAux where it may have none',
    );
    const auxiliary = [task('a', 8, { auxiliary: true })];
    expect(await plan({ tasks: auxiliary })).toBe(
      '[FROND-T003] all tasks are auxiliary: a\n  hint: leave setAux out for at least one of them: training ends when the others have had their steps',
    );
  });

  it('for a reference that is no target', async () => {
    expect(await plan({ reference: 'c' })).toBe(
      '[FROND-T003] the reference task c is no target\n  hint: give one of a, b',
    );
  });

  it('for an example that no batch has room for', async () => {
    expect(await plan({ tasks: [task('a', 8, { batchSize: undefined, tokens: 20 })] })).toBe(
      '[FROND-T002] tokens is 20, but an example takes 24 of them\n  hint: give at least 24',
    );
  });
});
