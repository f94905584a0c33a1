import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';

const folder = mkdtempSync(join(tmpdir(), 'frond-step-'));
afterAll(() => rmSync(folder, { recursive: true }));

const inputs = { x: frond.declare('f32', ['batch', 2]), y: frond.declare('f32', ['batch', 1]) };
/** Two layers that learn whether one of two numbers is 1. */
const model = (training = true, dropped = 0) =>
  frond.graph(
    'xor',
    (_, { x, y }) => {
      const hidden = frond.dropout(frond.tanh(frond.linear(x, 8, { name: 'hidden' })), dropped);
      const scores = frond.linear(hidden, 1, { name: 'scores' });
      const error = frond.sub(frond.sigmoid(scores), y);
      const wrong = frond.cast(frond.greater(frond.abs(error), 0.5), 'f32');
      return { loss: frond.mean(frond.mul(error, error), [0, 1]), wrong: frond.sum(wrong, [0, 1]), scores };
    },
    { inputs, training },
  );
const cases = [0, 0, 0, 1, 1, 0, 1, 1];
const batchOf = (rows: readonly number[]) => ({
  x: {
    dtype: 'f32',
    shape: [rows.length, 2],
    data: rows.flatMap((row) => cases.slice(2 * row, 2 * row + 2)),
  } as const,
  y: {
    dtype: 'f32',
    shape: [rows.length, 1],
    data: rows.map((row) => Number(cases[2 * row] !== cases[2 * row + 1])),
  } as const,
});
const all = batchOf([0, 1, 2, 3]);

onEveryDevice((device) => {
  it('learns without a trainer', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const step = frond.trainStep(model(), {
      optimizer: frond.adamW({ rate: 0.05 }),
      clipNorm: 1,
      read: ['wrong', 'scores'],
    });
    const run = await frond.compile(step, { device: opened });
    await run.initialize(3);
    const first = await run.step(all);
    let last = first;
    for (let i = 0; i < 150; i++) last = await run.step(all);
    expect(last.loss).toBeLessThan(0.1 * first.loss);
    // numbers, and tensors where they are not scalars
    const {
      wrong,
      scores,
      gradientNorm,
      rate,
    }: { wrong: number; scores: frond.TensorValue; gradientNorm: number; rate: number } = last;
    expect(wrong).toBe(0);
    expect(scores.shape).toEqual([4, 1]);
    expect(gradientNorm).toBeGreaterThan(0);
    expect([rate, run.steps]).toEqual([0.05, 151]);
    // another graph sees the weights
    const { executable } = await frond.compile(model(false), { state: run.state });
    const seen = await executable.run(all, { read: ['wrong'] });
    expect(seen.wrong.data[0]).toBe(0);
    await run.free();
  });
});

const device = frond.interpreterDevice();
const optimizers = {
  adamW: () => frond.adamW({ rate: 0.02 }),
  sgd: () => frond.sgd({ rate: 0.5 }),
  momentum: () => frond.sgd({ rate: 0.1, momentum: 0.9 }),
  nesterov: () => frond.sgd({ rate: 0.1, momentum: 0.9, nesterov: true }),
  lion: () => frond.lion({ rate: 0.01 }),
};

describe('a training run', () => {
  it.each(Object.entries(optimizers))('goes on byte for byte from a file: %s', async (name, optimizer) => {
    const open = () =>
      frond.compile(
        frond.trainStep(model(true, 0.25), { optimizer: optimizer(), weightDecay: 0.01, ema: {} }),
        {
          device,
        },
      );
    const whole = await open();
    await whole.initialize(5);
    const file = join(folder, `${name}.safetensors`);
    const losses: number[] = [];
    for (let i = 0; i < 6; i++) {
      if (i === 3) await whole.save(file);
      losses.push((await whole.step(all)).loss);
    }
    const resumed = await open();
    const { missing, surplus } = await resumed.load(file);
    expect([missing, surplus, resumed.steps]).toEqual([[], [], 3]);
    const again: number[] = [];
    for (let i = 0; i < 3; i++) again.push((await resumed.step(all)).loss);
    expect(again).toEqual(losses.slice(3));
    expect(new Set(losses).size).toBe(6);
  });

  it.each(['sgd', 'momentum', 'nesterov', 'lion'] as const)('changes weights as %s says', async (name) => {
    const w = (value: number) => frond.constant(value);
    const line = frond.graph(
      'line',
      (g, { x }) => {
        const weight = g.parameter('w', 'f32', [1], w(2));
        return { loss: frond.mean(frond.mul(weight, frond.mul(weight, x)), [0]) };
      },
      { inputs: { x: frond.declare('f32', [1]) }, training: true },
    );
    const optimizer = optimizers[name]();
    const run = await frond.compile(frond.trainStep(line, { optimizer }), {
      device: frond.interpreterDevice({ precision: 'f64' }),
    });
    await run.initialize(0);
    const rate = optimizer.rate.at(0, 1);
    let [expected, kept] = [2, 0];
    for (const x of [1, 0.5, -2, 0.25]) {
      await run.step({ x: { dtype: 'f32', shape: [1], data: [x] } });
      const gradient = 2 * expected * x;
      if (name === 'lion') {
        expected -= rate * Math.sign(0.9 * kept + 0.1 * gradient);
        kept = 0.99 * kept + 0.01 * gradient;
      } else {
        kept = (name === 'sgd' ? 0 : 0.9) * kept + gradient;
        expected -= rate * (name === 'nesterov' ? gradient + 0.9 * kept : kept);
      }
      expect((await run.state.read('w'))[0]).toBeCloseTo(expected, 6);
    }
  });

  it('learns from several batches as from one of all their examples', async () => {
    const weightsAfter = async (accumulate: number): Promise<number[]> => {
      const step = frond.trainStep(model(), {
        optimizer: frond.adamW({ rate: 0.05 }),
        accumulate,
        clipNorm: 0.1,
      });
      const run = await frond.compile(step, { device });
      await run.initialize(2);
      for (let i = 0; i < 3; i++)
        await (accumulate === 1 ? run.step(all) : run.step(batchOf([0, 1]), batchOf([2, 3])));
      return Array.from(await run.state.read('hidden/weight'));
    };
    const [once, twice] = [await weightsAfter(1), await weightsAfter(2)];
    for (const [i, weight] of once.entries()) expect(twice[i]).toBeCloseTo(weight, 6);
  });

  it('keeps its weights where a loss is not finite, says where that began, and goes on', async () => {
    const bad = frond.graph(
      'bad',
      (_, { x, y }) => {
        const scores = frond.linear(x, 1, { name: 'scores' });
        return { loss: frond.mean(frond.mul(frond.log(y), scores), [0, 1]) };
      },
      { inputs, training: true },
    );
    const run = await frond.compile(frond.trainStep(bad, { optimizer: frond.sgd({ rate: 0.1 }) }), {
      device,
    });
    await run.initialize(1);
    const before = await run.state.read('scores/weight');
    const message = await messageOf(() => run.step(all));
    expect(message).toContain('[FROND-T010] step 1: the loss is');
    expect(message).toContain('(-Infinity) of log');
    expect(message).toContain('test/palm/trainStep.test.ts');
    expect(await run.state.read('scores/weight')).toEqual(before);
    const { loss } = await run.step({ ...all, y: { ...all.y, data: [1, 2, 3, 4] } });
    expect(loss).toSatisfy(Number.isFinite);
    expect(await run.state.read('scores/weight')).not.toEqual(before);
  });

  it('follows a schedule over the steps that it is told', async () => {
    const rate = frond.palm.linearDecay({}, 0.1);
    const run = await frond.compile(
      frond.trainStep(model(), { optimizer: frond.adamW({ rate }), steps: 4 }),
      { device },
    );
    await run.initialize(1);
    const rates: number[] = [];
    for (let i = 0; i < 4; i++) rates.push((await run.step(all)).rate);
    expect(rates).toEqual([...rates].sort((a, b) => b - a));
    expect(new Set(rates).size).toBe(4);
  });
});

describe('errors say', () => {
  const optimizer = frond.adamW({ rate: 0.1 });
  const refused = (options: object): Promise<string> =>
    messageOf(() => frond.trainStep(model(), { optimizer, ...options } as never));
  it('which output there is not', async () => {
    expect(await refused({ loss: 'lost' })).toContain('graph xor has no output lost');
    expect(await refused({ read: ['right'] })).toContain('hint: its outputs are: loss, wrong, scores');
  });
  it('that a schedule needs the number of steps', async () => {
    const scheduled = frond.adamW({ rate: frond.palm.linearDecay({}, 0.1) });
    expect(await refused({ optimizer: scheduled })).toContain(
      'say how many updates the run has: steps: 1000',
    );
  });
  it('that an option is unknown', async () => {
    expect(await refused({ clipnorm: 1 })).toContain('clipNorm');
  });
  it('what to call before the first step', async () => {
    const run = await frond.compile(frond.trainStep(model(), { optimizer }), { device });
    expect(await messageOf(() => run.step(all))).toContain('initialize(seed)');
  });
  it('how many batches a step takes', async () => {
    const run = await frond.compile(frond.trainStep(model(), { optimizer, accumulate: 2 }), { device });
    await run.initialize(1);
    expect(await messageOf(() => run.step(all))).toContain('step: 1 batches, but accumulate is 2');
  });
});
