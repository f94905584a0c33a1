import { describe, expect, it } from 'vitest';
import {
  add,
  broadcastTo,
  crf,
  f32,
  gather,
  graph,
  i32,
  mul,
  neg,
  ones,
  slice,
  sum,
} from '../../src/dsl/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Executable } from '../../src/runtime/executable.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { messageOf } from '../support/message.ts';
import { f32Value, i32Value, numbers, wave } from './support.ts';

const executableOf = async (build: Parameters<typeof graph>[1]): Promise<Executable> =>
  (await compile(graph('model', build).ir, { device: interpreterDevice() })).executable;

describe('feeds are checked before anything runs', () => {
  const model = () =>
    executableOf((g) => {
      const x = g.input('x', f32, ['batch', 2]);
      const z = g.input('z', f32, ['time', 'batch']);
      return { x: mul(x, 2), z: neg(z) };
    });
  const x = f32Value([3, 2], wave(6));
  const z = f32Value([4, 3], wave(12));
  const at = '  at test/runtime/feeds.test.ts';

  it.each<[string, Feeds, readonly string[]]>([
    [
      'one is missing',
      { x },
      ['[FROND-R009] graph model: input z was not fed', at, '  hint: feed all of: x, z'],
    ],
    [
      'one was not declared',
      { x, z, y: x },
      ['[FROND-R011] graph model has no input y', '  hint: its inputs are: x, z'],
    ],
    ['a wrong dtype', { x: { ...x, dtype: 'i32' }, z }, ['[FROND-R010] input x: declared f32, fed i32', at]],
    [
      'a wrong rank',
      { x: f32Value([6], wave(6)), z },
      ['[FROND-R010] input x: declared [batch, 2], fed [6]', at],
    ],
    [
      'too little data',
      { x: f32Value([3, 2], wave(5)), z },
      ['[FROND-R010] input x: shape [3, 2] has 6 elements, the data 5', at],
    ],
    [
      'sizes that are none',
      { x: f32Value([-3, -2], wave(6)), z },
      ['[FROND-R010] input x: [-3, -2] is not a list of sizes', at],
    ],
    [
      'another literal size',
      { x: f32Value([3, 3], wave(9)), z },
      ['[FROND-R010] input x: declared [batch, 2], fed [3, 3]: axis 1 must be 2', at],
    ],
    [
      'two sizes for one name',
      { x, z: f32Value([4, 5], wave(20)) },
      ['[FROND-R010] input z: batch is 5 here and 3 in another dimension', at],
    ],
  ])('%s', async (_, feeds, lines) => {
    const executable = await model();
    expect(await messageOf(() => executable.run(feeds))).toBe(lines.join('\n'));
    expect(numbers((await executable.run({ x, z })).x)).toHaveLength(6);
  });

  it('an output that the graph does not have', async () => {
    const executable = await model();
    expect(await messageOf(() => executable.run({ x, z }, { read: ['x', 'y'] }))).toBe(
      '[FROND-R013] graph model has no output y\n  hint: its outputs are: x, z',
    );
    expect(await messageOf(() => executable.run({ x, z }, { read: ['constructor'] }))).toContain('R013');
  });

  it('derived sizes', async () => {
    const b = new GraphBuilder('model', ops);
    b.source = { file: 'model.ts', line: 3 };
    b.output('s', b.sum(b.input('x', { dtype: 'f32', shape: ['time'] }), [0]));
    b.output('t', b.sum(b.input('y', { dtype: 'f32', shape: ['time/2'] }), [0]));
    b.output('u', b.sum(b.input('z', { dtype: 'f32', shape: ['time-3'] }), [0]));
    const { executable } = await compile(b.finish(), { device: interpreterDevice() });
    const run = (...sizes: readonly number[]) =>
      executable.run(
        Object.fromEntries(sizes.map((size, i) => ['xyz'[i], f32Value([size], new Array(size).fill(1))])),
      );
    expect(numbers((await run(8, 4, 5)).u)).toEqual([5]);
    expect(await messageOf(() => run(8, 3, 5))).toBe(
      '[FROND-R010] input y: declared [time/2], fed [3]: axis 0 must be time/2 = 4\n  at model.ts:3',
    );
    expect(await messageOf(() => run(7, 3, 4))).toBe(
      '[FROND-S002] dimension time/2: 7 is not divisible by 2\n  at node input y (model.ts:3)',
    );
    expect(await messageOf(() => run(2, 1, 0))).toBe(
      '[FROND-S002] dimension time-3 would be -1\n  at node input z (model.ts:3)',
    );
  });

  it('sizes that nothing binds', async () => {
    const b = new GraphBuilder('model', ops);
    b.source = { file: 'model.ts', line: 3 };
    b.input('x', { dtype: 'f32', shape: ['time'] });
    b.output('s', b.sum(b.input('y', { dtype: 'f32', shape: ['time*width'] }), [0]));
    const { executable } = await compile(b.finish(), { device: interpreterDevice() });
    const run = () => executable.run({ x: f32Value([2], [1, 2]), y: f32Value([4], wave(4)) });
    expect(await messageOf(run)).toBe(
      [
        '[FROND-S001] dimension width of time*width has no size',
        '  at node input y (model.ts:3)',
        '  hint: bound dimensions are: time',
      ].join('\n'),
    );
  });
});

describe('fed ids', () => {
  const at = (node: string, place = ' (test/runtime/feeds.test.ts)') =>
    `\n  at node ${node}${place}\n  hint: check what made it: vocabulary, label map or padding`;

  it('must lie in the table', async () => {
    const executable = await executableOf((g) => {
      const ids = g.input('ids', i32, ['batch', 'time']);
      return { y: sum(gather(g.parameter('table', f32, [5, 2], ones()), ids), [2]) };
    });
    await executable.state.initialize(1);
    const run = (...ids: readonly number[]) => executable.run({ ids: i32Value([2, 2], ids) });
    expect(numbers((await run(0, 1, 4, 2)).y)).toHaveLength(4);
    const message = (id: number, place: string) =>
      `[FROND-R012] input ids: element ${place} is ${id}, gather takes 0 to 4${at('gather')}`;
    expect(await messageOf(() => run(0, 1, 2, 5))).toBe(message(5, '[1, 1]'));
    expect(await messageOf(() => run(0, -1, 2, 3))).toBe(message(-1, '[0, 1]'));
  });

  it('are seen through views', async () => {
    const b = new GraphBuilder('model', ops);
    const table = b.parameter('table', { dtype: 'f32', shape: [5] }, { initializer: { kind: 'ones' } });
    const ids = b.input('ids', { dtype: 'i32', shape: [4] });
    b.output('y', b.one('gather', [table, b.reshape(ids, [2, 2])]));
    const { executable } = await compile(b.finish(), { device: interpreterDevice() });
    expect(await messageOf(() => executable.run({ ids: i32Value([4], [0, 1, 9, 0]) }))).toBe(
      `[FROND-R012] input ids: element [2] is 9, gather takes 0 to 4${at('gather', '')}`,
    );
  });

  describe('of a CRF', () => {
    const likelihood = (lengthsFed: boolean) =>
      executableOf((g) => {
        const emissions = g.input('emissions', f32, ['batch', 'time', 3]);
        const tags = g.input('tags', i32, ['batch', 'time']);
        const lengths = lengthsFed
          ? g.input('lengths', i32, ['batch'])
          : add(g.input('before', i32, ['batch']), 1);
        const scores = {
          transitions: g.constant(wave(9), f32, [3, 3]),
          start: g.constant([0, 1, 2], f32, [3]),
          stop: g.constant([2, 0, 1], f32, [3]),
        };
        return { y: crf.logLikelihood(emissions, tags, lengths, scores) };
      });
    const emissions = f32Value([2, 3, 3], wave(18));
    const lengths = i32Value([2], [3, 1]);
    const tagged = (...tags: readonly number[]) => ({ emissions, tags: i32Value([2, 3], tags) });

    it('are labels up to the length, and anything beyond it', async () => {
      const executable = await likelihood(true);
      const wanted = numbers((await executable.run({ ...tagged(0, 1, 2, 1, 0, 0), lengths })).y);
      for (const padding of [-1, -100, 3, 2 ** 30]) {
        const { y } = await executable.run({ ...tagged(0, 1, 2, 1, padding, padding), lengths });
        expect(numbers(y)).toEqual(wanted);
      }
      const message = (place: string, id: number) =>
        `[FROND-R012] input tags: element ${place} is ${id}, crfLoss takes 0 to 2${at('crfLoss')}`;
      const run = (...tags: readonly number[]) => executable.run({ ...tagged(...tags), lengths });
      expect(await messageOf(() => run(0, -1, 2, 1, 0, 0))).toBe(message('[0, 1]', -1));
      expect(await messageOf(() => run(0, 1, 2, 3, -1, -1))).toBe(message('[1, 0]', 3));
    });

    it('are labels throughout where the lengths are not fed', async () => {
      const executable = await likelihood(false);
      const run = (...tags: readonly number[]) =>
        executable.run({ ...tagged(...tags), before: i32Value([2], [2, 0]) });
      expect(numbers((await run(0, 1, 2, 1, 0, 0)).y)).toHaveLength(2);
      expect(await messageOf(() => run(0, 1, 2, 1, -1, 0))).toBe(
        `[FROND-R012] input tags: element [1, 1] is -1, crfLoss takes 0 to 2${at('crfLoss')}`,
      );
    });

    it('have lengths within the time', async () => {
      const executable = await likelihood(true);
      const run = (...values: readonly number[]) =>
        executable.run({ ...tagged(0, 1, 2, 1, 0, 0), lengths: i32Value([2], values) });
      for (const wrong of [4, -1]) {
        expect(await messageOf(() => run(3, wrong))).toBe(
          `[FROND-R012] input lengths: element [1] is ${wrong}, crfLoss takes 0 to 3${at('crfLoss')}`,
        );
      }
    });
  });
});

describe('sizes that do not fit name the node and the line', () => {
  const x = f32Value([1, 2], wave(2));
  it('where a slice leaves its dimension', async () => {
    const model = await executableOf((g) => ({ y: neg(slice(g.input('x', f32, ['batch', 2]), 0, -2)) }));
    const message = await messageOf(() => model.run({ x }));
    expect(message).toMatch(/^\[FROND-S002\] .*\n {2}at node \S+ \(test\/runtime\/feeds\.test\.ts/);
  });
  it('where a name has no size, without names of frond’s own', async () => {
    const model = await executableOf((g) => ({ y: broadcastTo(g.input('x', f32, [1, 2]), ['time', 2]) }));
    const message = await messageOf(() => model.run({ x }));
    expect(message).toMatch(/^\[FROND-S001\] .*\n {2}at node \S+ \(test\/runtime\/feeds\.test\.ts/);
    expect(message).not.toContain('arena');
  });
});
