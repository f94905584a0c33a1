import { describe, expect, it } from 'vitest';
import { crossEntropy, f32, gather, graph, i32, linear, mean, normal } from '../../src/dsl/index.ts';
import { defineOptimizer, type Optimizer } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { buildStep, registryWith } from '../../src/palm/step.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { stepOf, updateFeeds } from '../support/step.ts';

const momentum = defineOptimizer({
  name: 'momentum',
  moments: 1,
  settings: { beta: 0.9 },
  apply(k, { parameter, gradient, moment1, rate, decay, settings }) {
    const velocity = k.add(k.mul(moment1, settings.beta), gradient);
    return {
      moment1: velocity,
      parameter: k.sub(parameter, k.mul(rate, k.add(velocity, k.mul(decay, parameter)))),
    };
  },
});

const forward = graph('classes', (g) => {
  const table = g.parameter('table', f32, [6, 8], normal(0.3));
  const logits = linear(gather(table, g.input('ids', i32, ['batch'])), 3, { name: 'out' });
  return { loss: mean(crossEntropy(logits, g.input('labels', i32, ['batch'])), 0) };
});

const examples = {
  ids: { dtype: 'i32' as const, shape: [6], data: [0, 1, 2, 3, 4, 5] },
  labels: { dtype: 'i32' as const, shape: [6], data: [0, 1, 2, 0, 1, 2] },
};

async function trained(optimizer: Optimizer, steps: number) {
  const { step, programs } = stepOf(forward.ir, { optimizer, weightDecay: 0.01 });
  const state = new ModelState(interpreterDevice({ precision: 'f64' }), layoutParameters([step]));
  await state.initialize(3);
  const { executable } = await compile(step, { state, registry: registryWith(optimizer), check: true });
  const losses: number[] = [];
  for (let i = 0; i < steps; i++)
    losses.push(Number((await executable.run({ ...examples, ...updateFeeds(programs, i) })).loss?.data[0]));
  return { state, losses };
}

it('a step of more tasks than the journal has room for is refused', () => {
  const optimizer = momentum({ rate: constant(0.1) });
  const step = (tasks: number) => () =>
    buildStep(forward.ir, { optimizer }, new Array<string>(tasks).fill('loss'));
  expect(step(29)).not.toThrow();
  expect(step(30)).toThrow('[FROND-T003] 30 tasks are too many to learn jointly\n  hint: give at most 29');
});

describe('an optimizer of a user', () => {
  it('does what its rule says', async () => {
    // the velocity after one step is the gradient, so two rates tell the gradient, and so the second step
    const { state: before } = await trained(momentum({ rate: constant(0) }), 1);
    const { state: after } = await trained(momentum({ rate: constant(0.1) }), 1);
    const [p0, p1, velocity] = [
      await before.read('out/weight'),
      await after.read('out/weight'),
      await after.read('out/weight', 'moment1'),
    ];
    for (let i = 0; i < p0.length; i++) {
      const p = p0[i] as number;
      expect(p1[i]).toBeCloseTo(p - 0.1 * ((velocity[i] as number) + 0.01 * p), 7);
    }
    expect(after.has('moment2')).toBe(false);
  });

  it('learns', async () => {
    const { losses } = await trained(momentum({ rate: constant(0.3), beta: 0.8 }), 80);
    expect(losses[0]).toBeGreaterThan(0.5);
    expect(losses.at(-1)).toBeLessThan(0.1);
  });

  it('may not take the name of an op', () => {
    const settings = { name: 'matmul', moments: 0, settings: {}, apply: () => ({}) as never } as const;
    expect(() => defineOptimizer(settings)).toThrowError(
      '[FROND-T031] an optimizer cannot be called matmul: an op of frond is\n  hint: give it another name',
    );
  });

  it('may not take that of the optimizer of frond either, nor a setting that of an attribute', () => {
    const apply = () => ({}) as never;
    expect(() => defineOptimizer({ name: 'adamW', moments: 0, settings: {}, apply })).toThrowError(
      '[FROND-T031] an optimizer cannot be called adamW: an op of frond is\n  hint: give it another name',
    );
    expect(() => defineOptimizer({ name: 'own', moments: 0, settings: { decay: 1 }, apply })).toThrowError(
      '[FROND-T031] a setting of own cannot be called decay\n  hint: give it another name; taken are parameters, groups, arena, average, group, gradient, gradientNorm, parameter, moment1, moment2, rate, decay, blocks',
    );
  });

  it('refuses settings that it does not have, or that are no numbers', () => {
    const misspelt = { rate: 0.1, betta: 0.8 };
    expect(() => momentum(misspelt)).toThrowError('[FROND-T002] momentum has no option betta\n');
    expect(() => momentum(misspelt)).toThrowError('hint: did you mean beta? It has: rate, beta');
    expect(() => momentum({ rate: 0.1, beta: Number.NaN })).toThrowError(
      '[FROND-T002] momentum: beta is NaN',
    );
    expect(momentum({ rate: 0.1 }).settings).toEqual({ beta: 0.9 });
  });

  it('must give what it keeps', async () => {
    const forgetful = defineOptimizer({
      name: 'forgetful',
      moments: 1,
      settings: {},
      apply: (_, { parameter }) => ({ parameter }),
    });
    await expect(trained(forgetful({ rate: constant(1) }), 1)).rejects.toThrowError(
      '[FROND-K040] optimizer forgetful keeps 1 moments, but gives no new moment1\n  hint: return parameter and every moment that `moments` counts',
    );
  });
});
