import { describe, expect, it } from 'vitest';
import { groupColumns, journalElements } from '../../kernels/gradientNorm.ts';
import { defined } from '../../src/base/errors.ts';
import { add, f32, type GraphContext, graph, mul, ones, reshape, sum } from '../../src/dsl/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { printGraph } from '../../src/ir/print.ts';
import * as nn from '../../src/nn/index.ts';
import { GROUPS } from '../../src/palm/groups.ts';
import { defineOptimizer } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { registryWith, SHARES } from '../../src/palm/step.ts';
import { compile, executionOrder } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { lowerGraph } from '../../src/runtime/lower.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { giveGradientsMemory } from '../../src/runtime/updates.ts';
import { messageOf } from '../support/message.ts';
import { stepOf, updateFeeds } from '../support/step.ts';
import { bytes, f32Value, numbers, strictDevice } from './support.ts';
import { classifier, feedsFor, tagger, trainedWeights } from './training.ts';

/** w ← w − rate · gradient, so that one step shows the gradient. */
const descent = defineOptimizer({
  name: 'descent',
  moments: 0,
  settings: {},
  apply: (k, { parameter, gradient, rate }) => ({ parameter: k.sub(parameter, k.mul(rate, gradient)) }),
})({ rate: constant(1) });

/** The row of an active group: rate 1, no decay, no clipping. */
const row = f32Value([1, groupColumns], [1, 1, 1, 0, 0, 1, 0, 0]);
const first = f32Value([1], [0]);

/** Gradients of all parameters (which start as ones), seen through one step. */
async function gradientsOf(
  build: (g: GraphContext) => unknown,
  x: readonly number[],
  disable: readonly string[] = [],
): Promise<Record<string, number[]>> {
  const forward = graph('model', (g) => ({ loss: build(g) as ReturnType<typeof sum> })).ir;
  const { step, programs } = stepOf(forward, { optimizer: descent });
  const state = new ModelState(interpreterDevice(), layoutParameters([step]));
  await state.initialize(1);
  const { executable } = await compile(step, {
    state,
    disable,
    registry: registryWith(descent),
    check: true,
  });
  const declared = step.inputs.includes('x') ? { x: f32Value([x.length], x) } : {};
  await executable.run({ ...declared, ...updateFeeds(programs, 0) });
  const names = [...state.layout.entries.keys()];
  return Object.fromEntries(
    await Promise.all(
      names.map(async (name) => [name, Array.from(await state.read(name), (value) => 1 - value)] as const),
    ),
  );
}

describe('gradients have memory of their own', () => {
  const p = (g: GraphContext) => g.parameter('p', f32, [4], ones());
  const q = (g: GraphContext) => g.parameter('q', f32, [4], ones());
  const input = (g: GraphContext) => g.input('x', f32, [4]);
  const x = [1, -2, 3, 0.5];

  it.each([[[]], [['shareCommonSubexpressions', 'simplify']]])('without %s', async (disable) => {
    const gradients = (build: (g: GraphContext) => unknown) => gradientsOf(build, x, disable);
    // one tensor is the gradient of two parameters
    expect(await gradients((g) => sum(mul(add(p(g), q(g)), input(g)), [0]))).toEqual({ p: x, q: x });
    // the gradient is an input
    expect(await gradients((g) => sum(mul(p(g), input(g)), [0]))).toEqual({ p: x });
    // the gradient is a constant
    expect(await gradients((g) => sum(mul(p(g), 3), [0]))).toEqual({ p: [3, 3, 3, 3] });
    // the gradient is a parameter, before it changes
    expect(await gradients((g) => sum(mul(p(g), q(g)), [0]))).toEqual({ p: [1, 1, 1, 1], q: [1, 1, 1, 1] });
    // the gradient is a view of an input, and a view of a tensor that is another gradient
    const viewed = (g: GraphContext) => reshape(g.parameter('m', f32, [2, 2], ones()), [4]);
    expect(await gradients((g) => sum(mul(viewed(g), input(g)), [0]))).toEqual({ m: x });
    const both = await gradients((g) => {
      const total = add(viewed(g), p(g));
      return sum(mul(mul(total, total), input(g)), [0]);
    });
    const wanted = x.map((value) => 4 * value);
    expect(both).toEqual({ m: wanted, p: wanted });
  });

  /** Two parameters with the same gradient, through ops that do not know of each other. */
  const sharing = () => {
    const b = new GraphBuilder('model', registryWith(descent));
    const type = { dtype: 'f32', shape: [4] } as const;
    const refs = ['p', 'q'].map((name) => b.parameter(name, type, { initializer: 'ones' }));
    const gradient = b.neg(b.input('x', type));
    b.phase = 'update';
    const fed = b.input(GROUPS, { dtype: 'f32', shape: [1, groupColumns] });
    const shares = b.input(SHARES, { dtype: 'f32', shape: [1] });
    return { b, refs, gradient, fed, shares };
  };

  it('by a copy, under an id that nothing has', () => {
    const { b, gradient, fed, shares } = sharing();
    b.input('gradient/q', { dtype: 'f32', shape: [] });
    const token = b.one('accumulate', [shares, gradient, gradient], { gradients: ['p', 'q'] });
    b.effect(b.one('descent', [fed, token], { parameters: ['p', 'q'] }));
    const before = b.finish();
    const after = giveGradientsMemory(before, executionOrder(before), registryWith(descent));
    const lines = printGraph(after)
      .split('\n')
      .map((line) => line.replace(/ +\/\/.*/, '').trim());
    expect(lines.filter((line) => /copy|accumulate\(|descent\(/.test(line))).toMatchInlineSnapshot(`
      [
        "%gradient/gradient/q = copy(%neg) : f32[4] @backward",
        "%accumulate = accumulate(%step.shares, %neg, %gradient/gradient/q) {gradients: ["p", "q"]} : f32[] @update",
        "%descent = descent(%optimizer.groups, %accumulate) {parameters: ["p", "q"]} : f32[] @update",
      ]
    `);
    lowerGraph(after, executionOrder(after), registryWith(descent));
    expect(() => lowerGraph(before, executionOrder(before), registryWith(descent))).toThrow(
      [
        '[FROND-R008] the gradient of q has no memory of its own',
        '  at node neg',
        '  hint: `giveGradientsMemory` inserts the copy that is missing here',
      ].join('\n'),
    );
  });

  it('and a parameter has one gradient', async () => {
    const { b, gradient, fed, shares } = sharing();
    const gradients = { gradients: ['p'] };
    b.source = { file: 'model.ts', line: 7 };
    const token = b.one('accumulate', [shares, gradient], gradients);
    b.effect(b.one('accumulate', [shares, b.exp(gradient)], gradients));
    b.effect(b.one('descent', [fed, token], { parameters: ['p'] }));
    const compiled = () =>
      compile(b.finish(), { device: interpreterDevice(), registry: registryWith(descent) });
    expect(await messageOf(compiled)).toBe(
      [
        '[FROND-R016] parameter p has two gradients: %exp and %neg',
        '  at node accumulate (model.ts:7)',
        '  hint: add them up before',
      ].join('\n'),
    );
  });

  it('and the updates of a graph agree on groups', async () => {
    const { b, gradient, fed, shares } = sharing();
    b.source = { file: 'model.ts', line: 8 };
    const token = b.one('accumulate', [shares, gradient], { gradients: ['p'] });
    b.effect(b.one('descent', [fed, token], { parameters: ['p'], groups: [0] }));
    b.effect(b.one('descent', [fed, token], { parameters: ['p'] }));
    const { executable } = await compile(b.finish(), {
      device: interpreterDevice(),
      registry: registryWith(descent),
    });
    for (const name of ['p', 'q']) await executable.state.write(name, x);
    const run = () => executable.run({ x: f32Value([4], x), [GROUPS]: row, [SHARES]: first });
    expect(await messageOf(run)).toBe(
      [
        '[FROND-R015] graph model: descent and descent.1 differ in the parameters or groups that they name',
        '  at node descent.1 (model.ts:8)',
        '  hint: give all updates of a graph the same lists',
      ].join('\n'),
    );
  });
});

describe('an update', () => {
  it('comes after everything that reads the old weights, and before what reads its result', async () => {
    const b = new GraphBuilder('model', registryWith(descent));
    const type = { dtype: 'f32', shape: [4] } as const;
    const p = b.parameter('p', type, { initializer: { kind: 'ones' } });
    const x = b.input('x', type);
    b.phase = 'update';
    const fed = b.input(GROUPS, { dtype: 'f32', shape: [1, groupColumns] });
    const shares = b.input(SHARES, { dtype: 'f32', shape: [1] });
    const token = b.one('accumulate', [shares, b.neg(x)], { gradients: ['p'] });
    const norm = b.one('descent', [fed, token], { parameters: ['p'] });
    b.phase = 'forward';
    b.output('after', b.mul(norm, b.constant(2)));
    b.output('old', b.mul(p, b.constant(2)));
    const order = executionOrder(b.finish()).map(({ id }) => id);
    expect(order.indexOf('mul.1')).toBeLessThan(order.indexOf('descent'));
    expect(order.indexOf('mul')).toBeGreaterThan(order.indexOf('descent'));
    const { executable } = await compile(b.finish(), {
      device: interpreterDevice(),
      registry: registryWith(descent),
    });
    await executable.state.initialize(1);
    const { old } = await executable.run({ x: f32Value([4], [1, 1, 1, 1]), [GROUPS]: row, [SHARES]: first });
    expect(numbers(old)).toEqual([2, 2, 2, 2]);
    expect(Array.from(await executable.state.read('p'))).toEqual([2, 2, 2, 2]);
  });

  it.each(['freeze', 'rate 0'])('leaves parameters with %s alone, to the byte', async (how) => {
    const still = how === 'freeze' ? { freeze: true } : { rate: 0 };
    const { executable, state, programs } = await classifier({ groups: [{ match: 'hidden/*', ...still }] });
    const before = new Map<string, string>();
    for (const name of state.layout.entries.keys()) before.set(name, bytes(await state.read(name)));
    for (let step = 0; step < 3; step++) {
      const { gradientNorm } = await executable.run(feedsFor(step, 4, programs));
      expect(Number(gradientNorm?.data[0])).toBeGreaterThan(0);
    }
    for (const [name, old] of before) {
      const same = bytes(await state.read(name)) === old;
      expect(same, name).toBe(name.startsWith('hidden/'));
    }
    // a parameter that no update changes takes no memory in gradients and moments
    const { layout } = state;
    expect(layout.elements - layout.trained).toBe(2 * 256);
    for (const arena of ['gradient', 'moment1', 'moment2'])
      expect((await state.arena(arena)).length).toBe(layout.trained);
    expect(await messageOf(() => state.read('hidden/weight', 'moment1'))).toBe(
      [
        '[FROND-R017] parameter hidden/weight has no gradient and no moments: no update changes it',
        '  hint: lay the parameters out with the graph that updates it: layoutParameters([step, prediction])',
      ].join('\n'),
    );
  });

  it("gives the gradient's norm, whose square is the sum of all squares", async () => {
    const { executable, state } = await classifier();
    const { gradientNorm } = await executable.run(feedsFor(0, 4));
    let squares = 0;
    for (const name of state.layout.entries.keys()) {
      for (const g of await state.read(name, 'gradient')) squares += g * g;
    }
    expect(squares).not.toBeCloseTo(1, 1);
    expect(Number(gradientNorm?.data[0])).toBeCloseTo(Math.sqrt(squares), 5);
  });

  it('scales the rate of a group', async () => {
    const moved = async (rate: number): Promise<number> => {
      const groups = [{ match: 'start', rate, weightDecay: 0 }];
      const { executable, state, programs } = await classifier({ groups });
      const before = await state.read('start');
      await executable.run(feedsFor(0, 4, programs));
      const after = await state.read('start');
      return Math.abs((after[0] ?? 0) - (before[0] ?? 0));
    };
    expect((await moved(0.5)) / (await moved(1))).toBeCloseTo(0.5, 4);
  });

  it('decays matrices and not vectors, unless they are declared otherwise or a group says so', () => {
    const forward = graph('model', (g) => {
      const declared = (name: string, shape: number[], options = {}) =>
        sum(g.parameter(name, f32, shape, ones(), options), [...shape.keys()]);
      const parts = [
        declared('matrix', [2, 2]),
        declared('vector', [2]),
        declared('kept', [2, 2], { decays: false }),
        declared('shrunk', [2], { decays: true }),
        declared('grouped', [2, 2], { decays: false }),
        g.scope('crf', () => sum(nn.crfLayer(g, ['A', 'B'], { name: 'chain' }).scores.transitions, [0, 1])),
      ];
      return { loss: parts.reduce((total, part) => add(total, part)) };
    }).ir;
    const groups = [{ match: 'grouped', weightDecay: 0.5 }];
    const { programs } = stepOf(forward, { optimizer: descent, weightDecay: 0.01, groups });
    const { parameters, groups: rows } = defined(programs.update.nodes.descent, 'update').attributes;
    const decayOf = (i: number) => programs.groups[(rows as readonly number[])[i] ?? -1]?.decay;
    expect(
      Object.fromEntries((parameters as readonly string[]).map((name, i) => [name, decayOf(i)])),
    ).toEqual({
      matrix: 0.01,
      vector: 0,
      kept: 0,
      shrunk: 0.01,
      grouped: 0.5,
      'crf/chain/transitions': 0,
    });
  });

  it('does nothing when everything is frozen', async () => {
    const { executable, state, programs } = await classifier({ groups: [{ match: '*', freeze: true }] });
    const before = await trainedWeights(state);
    const { loss, gradientNorm } = await executable.run(feedsFor(0, 4, programs));
    expect(Number(loss?.data[0])).toBeGreaterThan(0);
    expect(numbers(gradientNorm)).toEqual([0]);
    expect(await trainedWeights(state)).toBe(before);
  });

  it('gives the same bytes twice', async () => {
    const results: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { executable, state } = await classifier();
      for (const batch of [4, 7, 4]) await executable.run(feedsFor(batch, batch));
      results.push(await trainedWeights(state));
    }
    expect(results[0]).toBe(results[1]);
  });
});

describe('executables on one state', () => {
  it('share weights and memory, also when they first run at the same time', async () => {
    const { device, usage } = strictDevice();
    const { executable: training, state } = await classifier({ device });
    const { executable: prediction } = await compile(tagger(false), { state });
    const tokens = defined(feedsFor(0, 3).tokens, 'tokens');
    await Promise.all([training.run(feedsFor(0, 3)), prediction.run({ tokens })]);
    const before = numbers((await prediction.run({ tokens })).emissions);
    for (let step = 0; step < 3; step++) await training.run(feedsFor(step, 3));
    const after = numbers((await prediction.run({ tokens })).emissions);
    expect(after).not.toEqual(before);
    const alone = await compile(tagger(false), { device: interpreterDevice() });
    for (const name of alone.executable.state.layout.entries.keys()) {
      await alone.executable.state.write(name, await state.read(name));
    }
    expect(numbers((await alone.executable.run({ tokens })).emissions)).toEqual(after);
    await Promise.all([training.free(), prediction.free()]);
    // parameter, gradient, two moments and the journal, each once
    expect(usage.live).toBe(4 * state.layout.elements + journalElements);
  });

  it('get the same arena when they ask for it at the same time, and a new one after a failure', async () => {
    const { device, usage } = strictDevice();
    let full = true;
    const allocate = async (words: number) => {
      if (full) throw new Error('no memory');
      return device.allocate(words);
    };
    const layout = layoutParameters([stepOf(tagger(true), { optimizer: descent }).step]);
    const state = new ModelState({ ...device, allocate }, layout);
    await expect(Promise.all([state.arena('gradient'), state.arena('gradient')])).rejects.toThrow(
      'no memory',
    );
    full = false;
    const [one, other] = await Promise.all([state.arena('gradient'), state.arena('gradient')]);
    expect(one.memory).toBe(other.memory);
    expect((await state.arena('gradient')).memory).toBe(one.memory);
    expect(usage.live).toBe(layout.trained);
  });

  it('must agree with it on the parameters', async () => {
    const { state } = await classifier();
    const declaring = (name: string, size: number) =>
      graph('other', (g) => ({ y: g.parameter(name, f32, [size, 3], ones()) })).ir;
    expect(await messageOf(() => compile(declaring('missing', 3), { state }))).toBe(
      [
        '[FROND-R004] the model has no parameter missing',
        '  hint: it has: embedding, hidden/weight, hidden/bias, norm/gamma, norm/beta, emission/weight, emission/bias, transitions, … (10 in all)',
      ].join('\n'),
    );
    expect(await messageOf(() => compile(declaring('transitions', 4), { state }))).toBe(
      [
        '[FROND-R003] parameter transitions is [3, 3] in one graph and [4, 3] in another',
        '  at test/runtime/update.test.ts',
        '  hint: give one of them another name or scope',
      ].join('\n'),
    );
  });
});
