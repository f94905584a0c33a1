import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { groupColumns, groupLayout } from '../../kernels/gradientNorm.ts';
import { defined } from '../../src/base/errors.ts';
import { normal as drawn } from '../../src/base/random.ts';
import { crossEntropy, f32, graph, i32, linear, mean, mul, sum } from '../../src/dsl/index.ts';
import { type palm, readSafetensors } from '../../src/index.ts';
import { GROUPS, groupsFeed, layerwise, resolveGroups } from '../../src/palm/groups.ts';
import { weightedMean } from '../../src/palm/heads/index.ts';
import { adamW } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { buildPrograms, registryWith, sharesFeed } from '../../src/palm/step.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { bytes } from '../runtime/support.ts';
import { messageOf } from '../support/message.ts';
import { descent, stopAfter, type TinyOptions, tinyTrainer } from './support/tiny.ts';

const optimizer = adamW({ rate: constant(0.01) });

/** A classifier whose loss is a mean by weight, as of the masked pieces of a sentence; its name is that of the head's scope. */
const classifier = (head: string) =>
  graph('model', (g) => {
    const hidden = linear(g.input('x', f32, ['batch', 6]), 5, { name: 'encoder' });
    const logits = g.scope(head, () => linear(hidden, 3, { name: 'out' }));
    const losses = crossEntropy(logits, g.input('labels', i32, ['batch']));
    const loss = weightedMean(losses, g.input('weights', f32, ['batch']));
    return { loss: mul(loss, g.input('task.weight', f32, [])), 'task.loss': loss };
  }).ir;

const ROWS = 32;
/** Some rows have no weight at all, others that of several pieces. */
const weights = Array.from({ length: ROWS }, (_, i) => (i < 8 ? (i === 3 ? 1 : 0) : i % 4));
const batchOf = (from: number, to: number) => {
  const rows = Array.from({ length: to - from }, (_, i) => from + i);
  const x = rows.flatMap((row) => Array.from({ length: 6 }, (_, i) => drawn(1, 'x', 6 * row + i)));
  return {
    x: { dtype: 'f32', shape: [rows.length, 6], data: x },
    labels: { dtype: 'i32', shape: [rows.length], data: rows.map((row) => row % 3) },
    weights: { dtype: 'f32', shape: [rows.length], data: rows.map((row) => weights[row] ?? 0) },
  } as const;
};
const total = (some: readonly number[]): number => some.reduce((x, y) => x + y, 0);

/** The gradient of all rows from `parts` batches, with the loss that the step notes. */
async function gradientOf(parts: number) {
  const programs = buildPrograms([{ graph: classifier('head'), losses: ['task.loss'] }], {
    ...{ optimizer, accumulate: parts },
  });
  const state = new ModelState(
    interpreterDevice(),
    layoutParameters([...programs.gradients, programs.update]),
  );
  await state.initialize(2);
  const { executable } = await compile(defined(programs.gradients[0], 'program'), { state });
  // what an earlier step left there does not count
  for (const name of state.layout.entries.keys())
    await state.write(name, new Float32Array(state.entry(name).length).fill(9), 'gradient');
  const size = ROWS / parts;
  for (let i = 0; i < parts; i++) {
    const share = total(weights.slice(i * size, (i + 1) * size)) / total(weights);
    await executable.run({
      ...batchOf(i * size, (i + 1) * size),
      'task.weight': { dtype: 'f32', shape: [], data: [share] },
      ...sharesFeed(i === 0, [share]),
    });
  }
  const { executable: update } = await compile(programs.update, { state, registry: registryWith(optimizer) });
  const { gradientNorm } = await update.run(groupsFeed(programs, { source: 0, done: [0], totals: [1] }));
  const gradients = await Promise.all(
    [...state.layout.entries.keys()].map((name) => state.read(name, 'gradient')),
  );
  const journal = await state.device.read(await state.arena('journal'));
  return {
    gradients: gradients.flatMap((values) => [...values]),
    norm: Number(gradientNorm?.data[0]),
    row: [...journal.slice(64, 68)],
  };
}

it('4 batches of 8 give the gradient and the loss of one of 32, each with as much weight as it has', async () => {
  const [one, four] = [await gradientOf(1), await gradientOf(4)];
  expect(total(one.gradients.map(Math.abs))).toBeGreaterThan(1);
  one.gradients.forEach((value, i) => {
    expect(Math.abs(value - (four.gradients[i] ?? Number.NaN))).toBeLessThan(1e-6);
  });
  expect(four.norm).toBeCloseTo(one.norm, 5);
  expect(one.row[1]).toBe(one.norm);
  one.row.forEach((value, i) => {
    expect(four.row[i]).toBeCloseTo(value, 5);
  });
});

describe('a run whose steps take several batches', () => {
  const curveOf = async (options: TinyOptions) => {
    const trainer = tinyTrainer({ epochs: 1, ...options });
    const losses: number[][] = [];
    const on = (event: palm.TrainingEvent) => {
      if (event.type === 'step')
        losses.push([event.loss, event.gradientNorm, ...Object.values(event.losses)]);
    };
    await trainer.train({ printEvery: 1, evaluate: null, on });
    return { losses };
  };

  it('goes as one with batches of all their rows, dropout off', async () => {
    // 22 sentences: the last step has one whole batch of 3 and one of 1
    const { losses: whole } = await curveOf({ dropout: 0, batchSize: 6 });
    const { losses: parts } = await curveOf({ dropout: 0, batchSize: 3, accumulate: 2 });
    expect(whole).toHaveLength(4);
    expect(parts).toHaveLength(4);
    parts.flat().forEach((value, i) => {
      expect(Math.abs(value - (whole.flat()[i] ?? Number.NaN))).toBeLessThan(1e-5 * (1 + Math.abs(value)));
    });
  });

  it('resumes byte for byte, with dropout', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'frond-accumulate-'));
    const options = { batchSize: 3, accumulate: 2, epochs: 2 };
    try {
      const { losses } = await curveOf(options);
      const first = tinyTrainer(options);
      await first.train({ printEvery: 1, evaluate: null, ...stopAfter(3) });
      await first.save(folder);
      const second = tinyTrainer(options);
      expect(await second.resume(folder)).toBe(3);
      const rest: number[][] = [];
      const on = (event: palm.TrainingEvent) => {
        if (event.type === 'step')
          rest.push([event.loss, event.gradientNorm, ...Object.values(event.losses)]);
      };
      await second.train({ printEvery: 1, evaluate: null, on });
      expect(rest).toEqual(losses.slice(3));
      expect(rest.length).toBe(5);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe('tasks with programs of their own', () => {
  it('leave parameters, moments and average of other heads as they are, to the byte', async () => {
    const forwards = ['a', 'b'].map((head) => ({ graph: classifier(head), losses: ['task.loss'] }));
    const programs = buildPrograms(forwards, { optimizer, weightDecay: 0.1, ema: { decay: 0.9 } });
    const state = new ModelState(interpreterDevice(), layoutParameters(programs.steps));
    await state.initialize(1);
    const steps = await Promise.all(programs.steps.map((step) => compile(step, { state })));
    const weight = { 'task.weight': { dtype: 'f32', shape: [], data: [1] } } as const;
    const done = [0, 0];
    const learn = async (source: number) => {
      const rows = groupsFeed(programs, { source, done, totals: [9, 9] });
      await steps[source]?.executable.run({
        ...batchOf(8, 16),
        ...weight,
        ...sharesFeed(true, [1]),
        ...rows,
      });
      done[source] = (done[source] ?? 0) + 1;
    };
    const all = async (name: string) =>
      Promise.all(
        ['parameter', 'moment1', 'moment2', 'average'].map(async (arena) =>
          bytes(await state.read(name, arena)),
        ),
      );
    await learn(1);
    const [head, encoder] = [await all('b/out/weight'), await all('encoder/weight')];
    for (let i = 0; i < 3; i++) await learn(0);
    expect(await all('b/out/weight')).toEqual(head);
    (await all('encoder/weight')).forEach((now, i) => {
      expect(now).not.toBe(encoder[i]);
    });
    await learn(1);
    (await all('b/out/weight')).forEach((now, i) => {
      expect(now).not.toBe(head[i]);
    });
  });

  it('count the steps of each group by themselves', () => {
    const forwards = ['a', 'b'].map((head) => ({ graph: classifier(head), losses: ['task.loss'] }));
    const schedule = { name: 'own', parameters: {}, at: (step: number, of: number) => step / of };
    const programs = buildPrograms(forwards, {
      optimizer,
      groups: [
        { match: 'a/*', schedule, rate: 2 },
        { match: 'b/*', freeze: 3 },
      ],
      ema: { decay: 0.999 },
    });
    const at = { source: 0, done: [5, 20], totals: [10, 40] };
    const rows = defined(groupsFeed(programs, at)[GROUPS], 'rows').data as Float32Array;
    const row = (sources: string) => {
      const i = programs.groups.findIndex((group) => group.sources.join() === sources);
      return (column: keyof typeof groupLayout) => rows[i * groupColumns + groupLayout[column]];
    };
    expect(row('0')('rate')).toBeCloseTo(2 * 0.5, 6);
    expect(row('0')('correction1')).toBeCloseTo(1 / (1 - 0.9 ** 6), 5);
    expect(row('0')('average')).toBeCloseTo(6 / 15, 6);
    expect(row('0,1')('rate')).toBeCloseTo(0.01, 6);
    expect(row('0,1')('correction1')).toBeCloseTo(1 / (1 - 0.9 ** 26), 5);
    expect(row('1')('active')).toBe(0);
    const frozen = (done: number) => {
      const { data } = defined(groupsFeed(programs, { ...at, source: 1, done: [5, done] })[GROUPS], 'rows');
      const i = programs.groups.findIndex((group) => group.sources.join() === '1');
      const of = (column: keyof typeof groupLayout) => Number(data[i * groupColumns + groupLayout[column]]);
      return [of('active'), of('correction1')];
    };
    expect(frozen(2)).toEqual([0, 0]);
    expect(frozen(3)[0]).toBe(1);
    expect(frozen(3)[1]).toBeCloseTo(1 / (1 - 0.9), 4);
  });
});

it('a group has a clipping of its own, or none', async () => {
  const after = async (backward: TinyOptions['backward']) => {
    const folder = await mkdtemp(join(tmpdir(), 'frond-clipping-'));
    const trainer = tinyTrainer({ backward: { optimizer: descent(0), weightDecay: 0, ...backward } });
    const norm = defined(await trainer.trainStep(), 'step').gradientNorm;
    const file = join(await trainer.save(folder), 'weights.safetensors');
    const { tensors } = readSafetensors(await readFile(file), file);
    await trainer.close();
    await rm(folder, { recursive: true });
    return { norm, at: (name: string) => bytes(defined(tensors.get(name), name).bytes) };
  };
  const most = await after({ clipNorm: 1e6 });
  const clipped = await after({ clipNorm: 0.01 });
  expect(most.norm).toBeGreaterThan(0.1);
  const groups = [
    { match: 'encoder/*', clipNorm: 0 },
    { match: 'slots/*', clipNorm: 0.02 },
  ];
  const mixed = await after({ clipNorm: 0.01, groups });
  const other = await after({ clipNorm: 0.02 });
  for (const [name, wanted] of [
    ['encoder/words/weight', most],
    ['intent/output/weight', clipped],
    ['slots/emission/weight', other],
  ] as const) {
    expect(mixed.at(name), name).toBe(wanted.at(name));
    expect(most.at(name), name).not.toBe(clipped.at(name));
  }
});

it('layer-wise rates fall from the last layer to what is before the first', async () => {
  const layered = graph('model', (g) => {
    const declared = (name: string) => g.parameter(name, f32, [2], { kind: 'ones' });
    const parts = ['words', 'layer.0/w', 'layer.0/b', 'layer.1/w', 'norm'].map((name) => declared(name));
    return {
      loss: sum(
        parts.reduce((x, y) => mul(x, y)),
        0,
      ),
    };
  }).ir;
  expect(resolveGroups([layerwise(0.5)], [layered])).toEqual([
    { match: 'words', rate: 0.25 },
    { match: 'layer.0/*', rate: 0.5 },
    { match: 'layer.1/*', rate: 1 },
  ]);
  const flat = graph('flat', (g) => ({ loss: mean(g.parameter('w', f32, [2], { kind: 'ones' }), 0) })).ir;
  expect(await messageOf(() => resolveGroups([layerwise(0.5)], [flat]))).toContain(
    '[FROND-T002] layerwise: no parameter lies in a layer',
  );
  expect(await messageOf(() => layerwise(1.5))).toContain('[FROND-T002] layerwise: decay is 1.5');
});
