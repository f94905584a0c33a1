import { afterAll, describe, expect, it } from 'vitest';
import {
  add,
  argmax,
  broadcastTo,
  cast,
  concat,
  crf,
  crossEntropy,
  f32,
  gather,
  graph,
  i32,
  minimum,
  mul,
  ones,
  reshape,
  slice,
  sum,
  type Tensor,
} from '../../src/dsl/index.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Device } from '../../src/runtime/device.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { messageOf } from '../support/message.ts';
import { openWebgpu } from '../support/webgpu.ts';
import { f32Value, i32Value, numbers, wave } from './support.ts';

const gpu = await openWebgpu();
if (gpu === undefined) console.log(NO_ADAPTER);
const devices: readonly (readonly [string, Device])[] = [
  ['the interpreter', interpreterDevice()],
  ['the interpreter in f64', interpreterDevice({ precision: 'f64' })],
  ['wasm', wasmDevice({ threads: 1 })],
  ['wasm with threads', wasmDevice({ threads: 2 })],
  ...(gpu === undefined ? [] : [['webgpu', gpu] as const]),
];
afterAll(() => Promise.all(devices.map(([, device]) => device.close())));

type Ids = Tensor<'i32', [3]>;
type Build = Parameters<typeof graph>[1];

async function compiled(build: Build, device: Device) {
  const { executable } = await compile(graph('model', build).ir, { device });
  if (executable.state.layout.entries.size > 0) await executable.state.initialize(1);
  return executable;
}
const hint = '\n  hint: check what made it: vocabulary, label map or padding';

describe.each(devices)('on %s', (_, device) => {
  /** A table between parameters of other numbers, read by ids made of what is fed. */
  const reading = (ids: (fed: Ids) => Ids) =>
    compiled((g) => {
      const before = g.parameter('before', f32, [64], ones());
      const table = g.parameter('table', f32, [3, 2], ones());
      const after = g.parameter('after', f32, [64], ones());
      return { y: gather(table, ids(g.input('ids', i32, [3]))), rest: sum(add(before, after), [0]) };
    }, device);

  it.each<[string, (fed: Ids) => Ids]>([
    ['sums', (fed) => add(fed, 128)],
    ['products', (fed) => mul(fed, 65_536)],
    ['casts', (fed) => cast(mul(cast(fed, f32), 1e38), i32)],
    ['slices', (fed) => slice(concat([fed, add(fed, 9)], 0), 0, 3) as Ids],
    ['views of differences', (fed) => reshape(reshape(add(fed, -(2 ** 31)), [1, 3]), [3])],
  ])('ids that are %s read no memory but the table’s, and are named', async (_name, ids) => {
    const executable = await reading(ids);
    const { state } = executable;
    for (const [name, value] of [
      ['before', 7e6],
      ['table', 0.5],
      ['after', 7e6],
    ] as const) {
      await state.write(name, new Array(state.entry(name).length).fill(value));
    }
    const message = await messageOf(() => executable.run({ ids: i32Value([3], [0, 1, 2]) }));
    expect(message).toMatch(
      /^\[FROND-R012\] what \S+ computes: element \d is -?\d+, gather takes 0 to 2\n {2}at node gather \(test\/runtime\/computedIndices\.test\.ts\)\n {2}hint: /,
    );
    // nothing is read, so nothing is awaited; what was read stays in the table, and the fault is told later
    await executable.run({ ids: i32Value([3], [0, 1, 2]) }, { read: [] });
    expect(await messageOf(() => executable.checkIndices())).toBe(message);
    await executable.checkIndices();
  });

  it('ids within the table are right, with the first and the last of them', async () => {
    const executable = await reading((fed) => add(fed, -5));
    await executable.state.write('table', [0, 1, 2, 3, 4, 5]);
    expect(numbers((await executable.run({ ids: i32Value([3], [7, 5, 6]) })).y)).toEqual([4, 5, 0, 1, 2, 3]);
    const run = (...ids: number[]) => executable.run({ ids: i32Value([3], ids) });
    const message = (element: number, id: number) =>
      `[FROND-R012] what add computes: element ${element} is ${id}, gather takes 0 to 2\n  at node gather (test/runtime/computedIndices.test.ts)${hint}`;
    expect((await messageOf(() => run(5, 8, 9))).replace('pointwise', 'add')).toBe(message(1, 3));
    expect((await messageOf(() => run(4, 8, 5))).replace('pointwise', 'add')).toBe(message(0, -1));
    expect(numbers((await run(5, 5, 5)).y)).toEqual([0, 1, 0, 1, 0, 1]);
  });

  it('a gradient adds to the table alone', async () => {
    const model = graph('model', (g) => {
      const table = g.parameter('table', f32, [3, 2], ones());
      const rows = gather(table, add(g.input('ids', i32, [3]), g.input('shift', i32, [])));
      return { loss: sum(mul(rows, rows), [0, 1]) };
    }).ir;
    const { graph: both, gradients } = differentiate(model, ops, { loss: 'loss', wrt: ['table'] });
    const { executable } = await compile({ ...both, outputs: { ...both.outputs, ...gradients } }, { device });
    await executable.state.initialize(1);
    const run = (shift: number) =>
      executable.run({ ids: i32Value([3], [0, 0, 2]), shift: i32Value([], [shift]) });
    expect(numbers((await run(0)).table)).toEqual([4, 4, 0, 0, 2, 2]);
    for (const shift of [1, 128, -1, 2 ** 31 - 1, -(2 ** 31)]) {
      expect(await messageOf(() => run(shift))).toContain('gather takes 0 to 2');
    }
    expect(numbers((await run(0)).table)).toEqual([4, 4, 0, 0, 2, 2]);
  });

  it('labels of a cross-entropy are classes, or -1', async () => {
    const executable = await compiled((g) => {
      const labels = add(g.input('labels', i32, ['rows']), 1);
      return { loss: crossEntropy(g.input('logits', f32, ['rows', 3]), labels) };
    }, device);
    const run = (...labels: number[]) =>
      executable.run({ labels: i32Value([2], labels), logits: f32Value([2, 3], wave(6)) });
    expect(numbers((await run(-2, 1)).loss)[0]).toBe(0);
    for (const label of [2, -3, 2 ** 30]) {
      expect(await messageOf(() => run(0, label))).toContain(
        `element 1 is ${label + 1}, crossEntropy takes -1 to 2`,
      );
    }
  });

  describe('of a CRF', () => {
    const model = () =>
      compiled((g) => {
        const emissions = g.input('emissions', f32, ['batch', 'time', 3]);
        const tags = add(g.input('tags', i32, ['batch', 'time']), 1);
        const lengths = add(g.input('lengths', i32, ['batch']), 1);
        const scores = {
          transitions: g.constant(wave(9), f32, [3, 3]),
          start: g.constant([0, 1, 2], f32, [3]),
          stop: g.constant([2, 0, 1], f32, [3]),
        };
        const best = crf.decode(emissions, lengths, scores);
        return { y: crf.logLikelihood(emissions, tags, lengths, scores), best };
      }, device);
    const emissions = f32Value([2, 3, 3], wave(18));
    const feeds = (tags: readonly number[], lengths: readonly number[]): Feeds => ({
      emissions,
      tags: i32Value([2, 3], tags),
      lengths: i32Value([2], lengths),
    });

    it('tags are labels up to the length, and lengths within the time', async () => {
      const executable = await model();
      const wanted = numbers((await executable.run(feeds([0, 1, -1, 0, 0, 0], [2, 0]))).y);
      expect(numbers((await executable.run(feeds([0, 1, -1, 0, 77, -101], [2, 0]))).y)).toEqual(wanted);
      const message = async (...given: Parameters<typeof feeds>) =>
        (await messageOf(() => executable.run(feeds(...given)))).split('\n')[0];
      expect(await message([0, 2, -1, 0, 0, 0], [2, 0])).toMatch(/element 1 is 3, crfLoss takes 0 to 2$/);
      expect(await message([0, 1, -1, -2, 0, 0], [2, 0])).toMatch(/element 3 is -1, crfLoss takes 0 to 2$/);
      for (const wrong of [3, -2, 2 ** 30]) {
        expect(await message([0, 1, -1, 0, 0, 0], [2, wrong])).toMatch(
          new RegExp(`element 1 is ${wrong + 1}, crf\\w+ takes 0 to 3$`),
        );
      }
      expect(numbers((await executable.run(feeds([0, 1, -1, 0, 0, 0], [2, 0]))).y)).toEqual(wanted);
    });
  });

  it('an empty table has nothing to take, and no ids take nothing', async () => {
    const executable = await compiled(
      (g) => ({ y: gather(g.input('table', f32, ['n', 2]), add(g.input('ids', i32, ['m']), 0)) }),
      device,
    );
    const run = (n: number, ...ids: number[]) =>
      executable.run({ table: f32Value([n, 2], wave(2 * n)), ids: i32Value([ids.length], ids) });
    expect(numbers((await run(0)).y)).toEqual([]);
    expect(await messageOf(() => run(0, 0))).toContain('gather has nothing to take');
    expect(numbers((await run(1, 0)).y)).toHaveLength(2);
  });
});

describe('constant ids', () => {
  it('are checked when the graph is compiled', async () => {
    const build =
      (...ids: number[]): Build =>
      (g) => ({ y: gather(g.parameter('table', f32, [3, 2], ones()), g.constant(ids, i32, [ids.length])) });
    await compiled(build(0, 2), interpreterDevice());
    for (const [ids, element, id] of [
      [[0, 3], 1, 3],
      [[-1, 0], 0, -1],
    ] as const) {
      expect(await messageOf(() => compiled(build(...ids), interpreterDevice()))).toBe(
        `[FROND-R012] constant: element [${element}] is ${id}, gather takes 0 to 2\n  at node gather (test/runtime/computedIndices.test.ts)${hint}`,
      );
    }
    const all: Build = (g) => ({
      y: gather(g.parameter('table', f32, [3, 2], ones()), broadcastTo(g.constant(7, i32), [2])),
    });
    const repeated = await compiled(all, interpreterDevice());
    expect(await messageOf(() => repeated.run({}))).toContain('is 7, gather takes 0 to 2');
  });

  it('are checked when the size is bound, where it has a name', async () => {
    const executable = await compiled(
      (g) => ({ y: gather(g.input('x', f32, ['n', 2]), g.constant([0, 2], i32, [2])) }),
      interpreterDevice(),
    );
    const run = (n: number) => executable.run({ x: f32Value([n, 2], wave(2 * n)) });
    expect(numbers((await run(3)).y)).toHaveLength(4);
    expect(await messageOf(() => run(2))).toContain('constant: element [1] is 2, gather takes 0 to 1');
  });
});

describe('ids that cannot be outside', () => {
  it('cost nothing', async () => {
    const guards = async (build: Build) =>
      (await compiled(build, interpreterDevice())).program.computedIndices.length;
    const table: (g: Parameters<Build>[0], rows: number) => Tensor<'f32', [number, 2]> = (g, rows) =>
      g.parameter('table', f32, [rows, 2], ones());
    expect(await guards((g) => ({ y: gather(table(g, 3), g.input('ids', i32, [4])) }))).toBe(0);
    expect(await guards((g) => ({ y: gather(table(g, 3), argmax(g.input('x', f32, [4, 3]), 1)) }))).toBe(0);
    expect(await guards((g) => ({ y: gather(table(g, 2), argmax(g.input('x', f32, [4, 3]), 1)) }))).toBe(1);
    // one guard for all that read by the same ids
    expect(
      await guards((g) => {
        const ids = minimum(g.input('ids', i32, [4]), 2);
        return { y: add(gather(table(g, 3), ids), gather(g.parameter('b', f32, [3, 2], ones()), ids)) };
      }),
    ).toBe(1);
  });
});
