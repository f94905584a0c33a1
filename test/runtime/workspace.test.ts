import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Sizes } from '../../src/base/dim.ts';
import { defined } from '../../src/base/errors.ts';
import { add, f32, gather, graph, i32, linear, mean, mul, normal, tanh } from '../../src/dsl/index.ts';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import { adamW } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { buildStep } from '../../src/palm/step.ts';
import { planProgram } from '../../src/runtime/bind.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Executable } from '../../src/runtime/executable.ts';
import { type Feeds, feedsFor as feedsOf } from '../../src/runtime/feeds.ts';
import { align } from '../../src/runtime/memoryPlan.ts';
import { BLOCK, layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { runs } from '../support/counts.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { bytes, numbers, strictDevice, wave } from './support.ts';
import { feedsFor, tagger, trainedWeights } from './training.ts';
import { runUnshared } from './unshared.ts';

const optimizer = adamW({ rate: constant(0.02) });
const training = { optimizer, weightDecay: 0.01, clipNorm: 1 };

/** Another task on the tagger's embedding and hidden layer, with a wide layer and a constant of its own. */
const regression = (shift: number) =>
  graph('regression', (g) => {
    const tokens = g.input('tokens', i32, ['batch', 'time']);
    const x = gather(g.parameter('embedding', f32, [9, 8], normal(0.5)), tokens);
    const wide = tanh(linear(tanh(linear(x, 8, { name: 'hidden' })), 48, { name: 'wide' }));
    const shifted = add(wide, g.constant(wave(48, shift), f32, [48]));
    const score = linear(shifted, 1, { name: 'score' });
    return { loss: mean(mul(score, score), [0, 1, 2]), score };
  }).ir;

/** Steps of two tasks, predictions of both. */
const graphs = [
  buildStep(tagger(true), training),
  buildStep(regression(1), training),
  tagger(false),
  regression(2),
] as const;

async function tasksOn(device: Device) {
  const state = new ModelState(device, layoutParameters(graphs));
  await state.initialize(3);
  const compiled = await Promise.all(graphs.map((each) => compile(each, { state })));
  return { state, executables: compiled.map(({ executable }) => executable) };
}

const feedsAt = ({ graph: own }: Executable, step: number, batch: number): Feeds =>
  feedsOf(own, feedsFor(step, batch));

/** Words of intermediates and of inputs that an executable by itself needs. */
function needsOf({ program, graph: own, state }: Executable, batch: number) {
  const sizes: Sizes = { batch, time: 4, [ARENA_BLOCKS]: state.layout.trained / BLOCK };
  const inputs = Object.values(feedsOf(own, feedsFor(0, batch))).map(({ data }) => align(data.length));
  return {
    intermediates: planProgram(program, sizes).words,
    inputs: inputs.reduce((sum, words) => sum + words, 0),
  };
}

const gpu = await openWebgpu();
if (gpu === undefined) console.log(NO_ADAPTER);
const kinds: readonly (readonly [string, () => Device])[] = [
  ['the interpreter with the manners of a GPU', () => strictDevice().device],
  ['wasm', () => wasmDevice({ threads: 1 })],
  ['wasm with threads', () => wasmDevice({ threads: 2 })],
  ...(gpu === undefined ? [] : [['webgpu', () => gpu] as const]),
];

/** Each task meets a block that another one has outgrown, was bound to before, or overwrites while it is asked to run. */
const growing = [
  [0, 2],
  [1, 2],
  [3, 5],
  [0, 2],
  [2, 9],
  [1, 2],
  [3, 5],
  [0, 2],
].map(([which = 0, batch = 0], i) => ({ which, batch, hurried: i > 3, reads: true, frees: i === 5 }));

describe.each(kinds)('executables of one state on %s', (_, open) => {
  let device: Device;
  beforeAll(() => {
    device = open();
  });
  afterAll(() => device.close());

  it('give in any order, also asked for at once, what each gives with memory of its own', async () => {
    const action = fc.record({
      which: fc.nat(graphs.length - 1),
      batch: fc.integer({ min: 1, max: 9 }),
      /** does not wait for the run */
      hurried: fc.boolean(),
      reads: fc.boolean(),
      frees: fc.nat(5).map((draw) => draw === 0),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(action, { minLength: 2, maxLength: 10 }), async (actions) => {
        const [shared, apart] = [await tasksOn(device), await tasksOn(device)];
        const given: Promise<readonly [which: number, values: Record<string, string>]>[] = [];
        for (const [step, { which, batch, hurried, reads, frees }] of actions.entries()) {
          const executable = defined(shared.executables[which], 'executable');
          const read = reads ? Object.keys(executable.graph.outputs) : [];
          const run = executable.run(feedsAt(executable, step, batch), { read }).then((values) => {
            const entries = Object.entries(values).map(([name, value]) => [name, bytes(numbers(value))]);
            return [which, Object.fromEntries(entries)] as const;
          });
          given.push(run);
          const freed = frees ? executable.free() : undefined;
          if (!hurried) await Promise.all([run, freed]);
        }
        for (const [step, { which, batch, reads }] of actions.entries()) {
          const executable = defined(apart.executables[which], 'executable');
          const wanted = await runUnshared(executable, feedsAt(executable, step, batch));
          const entries = Object.entries(wanted).map(([name, values]) => [name, bytes(values)]);
          expect(await given[step]).toEqual([which, reads ? Object.fromEntries(entries) : {}]);
        }
        expect(await trainedWeights(shared.state)).toBe(await trainedWeights(apart.state));
        for (const { executables, state } of [shared, apart]) {
          await Promise.all(executables.map((executable) => executable.free()));
          state.free();
        }
      }),
      { seed: 17, numRuns: device.name === 'webgpu' ? runs(20, 1) : runs(200, 12), examples: [[growing]] },
    );
  });
});

describe('the workspace of a state', () => {
  it('is as large as the largest task needs, not as large as all of them', async () => {
    const { state, executables } = await tasksOn(strictDevice().device);
    const { workspace } = state;
    expect([workspace.words('intermediates'), workspace.words('inputs')]).toEqual([0, 0]);
    const batches = [3, 7, 5, 9];
    for (const [i, executable] of executables.entries()) {
      const batch = defined(batches[i], 'batch');
      await executable.run(feedsAt(executable, 0, batch), { read: [] });
    }
    const needs = executables.map((executable, i) => needsOf(executable, defined(batches[i], 'batch')));
    for (const name of ['intermediates', 'inputs'] as const) {
      expect(workspace.words(name)).toBe(Math.max(...needs.map((need) => need[name])));
    }
  });

  it('goes back to what the others need when an executable is freed, and to the device with the last one', async () => {
    const { device, usage } = strictDevice();
    const { state, executables } = await tasksOn(device);
    const [tagging, regressing] = executables as [Executable, Executable];
    const before = usage.live;
    await regressing.run(feedsAt(regressing, 0, 4), { read: [] });
    const [alone, arenas] = [needsOf(regressing, 4), usage.live];
    await tagging.run(feedsAt(tagging, 1, 64), { read: [] });
    expect(state.workspace.words('intermediates')).toBe(needsOf(tagging, 64).intermediates);
    await tagging.free();
    await regressing.run(feedsAt(regressing, 2, 4), { read: [] });
    expect(state.workspace.words('intermediates')).toBe(alone.intermediates);
    expect(state.workspace.words('inputs')).toBe(alone.inputs);
    expect(usage.live).toBe(arenas);
    await Promise.all([regressing.free(), regressing.free()]);
    expect([state.workspace.words('intermediates'), state.workspace.words('inputs')]).toEqual([0, 0]);
    expect(usage.live).toBeGreaterThanOrEqual(before);
    state.free();
    await Promise.all(executables.map((executable) => executable.free()));
    expect(usage.live).toBe(0);
  });

  it('is given back with its state, after the run that is under way', async () => {
    const { device, usage } = strictDevice();
    const { state, executables } = await tasksOn(device);
    const [, , predicting] = executables as [Executable, Executable, Executable];
    await predicting.run(feedsAt(predicting, 0, 3), { read: [] });
    const late = predicting.run(feedsAt(predicting, 0, 90));
    state.free();
    await expect(late).rejects.toThrow();
    await expect(predicting.run(feedsAt(predicting, 0, 3))).rejects.toThrow('FROND-R033');
    expect(state.workspace.words('intermediates')).toBe(0);
    await predicting.free();
    expect(usage.live).toBe(0);
  });

  it('is used by one run at a time, and bound again only when it has grown', async () => {
    const { device, usage } = strictDevice();
    const { executables } = await tasksOn(device);
    const all = (batch: number) =>
      Promise.all(executables.map((executable, i) => executable.run(feedsAt(executable, i, batch))));
    await all(6);
    await all(6);
    const settled = usage.binds;
    await all(6);
    await all(2);
    await all(6);
    expect(usage.binds).toBe(settled + executables.length);
    expect(usage.overlapping).toBe(1);
  });
});
