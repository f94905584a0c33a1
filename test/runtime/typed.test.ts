import { expect, expectTypeOf, test } from 'vitest';
import { add, argmax, declare, dropout, f32, graph, i32, mul, zeros } from '../../src/dsl/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { ReadTensor } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { strictDevice } from './support.ts';

const model = graph('model', (_, { x, y }) => ({ sum: add(x, y), best: argmax(x, 0) }), {
  inputs: { x: declare(f32, ['n']), y: declare(f32, ['n']) },
});
const row = (dtype: 'f32' | 'i32', ...data: number[]) => ({ dtype, shape: [data.length], data });
const [x, y] = [
  { dtype: 'f32', shape: [2], data: [1, 5] },
  { dtype: 'f32', shape: [2], data: [2, 3] },
] as const;

test('feeds and results of a typed graph have its names and element types', async () => {
  const { executable } = await compile(model, { device: interpreterDevice() });
  const values = await executable.run({ x, y });
  expect([...Array.from(values.sum.data), values.best.data[0]]).toEqual([3, 8, 1]);
  expectTypeOf(values.sum.dtype).toEqualTypeOf<'f32'>();
  expectTypeOf(values.best.dtype).toEqualTypeOf<'i32'>();
  const some = await executable.run({ x, y }, { read: ['best'] });
  expectTypeOf(some).toHaveProperty('best');
  expectTypeOf(some).not.toHaveProperty('sum');

  // @ts-expect-error a feed is missing
  await expect(executable.run({ x })).rejects.toThrow('FROND-R009');
  // @ts-expect-error nothing of that name is fed
  await expect(executable.run({ x, y, z: y })).rejects.toThrow('FROND-R0');
  // @ts-expect-error of another element type
  await expect(executable.run({ x, y: row('i32', 1, 2) })).rejects.toThrow('FROND-R010');
  // @ts-expect-error there is no such output
  await expect(executable.run({ x, y }, { read: ['worst'] })).rejects.toThrow('FROND-R013');
});

test('an output is run and fed with what it needs alone', async () => {
  const { device, usage } = strictDevice();
  const { executable } = await compile(model, { device });
  const { best } = await executable.run({ x }, { read: ['best'] });
  expect(best.data[0]).toBe(1);
  // compiled once, and what is fed beyond that does no harm
  await executable.run({ x, y }, { read: ['best', 'best'] });
  expect(usage.binds).toBe(1);
  await expect(executable.run({ x }, { read: ['sum'] })).rejects.toThrow('input y was not fed');
  // @ts-expect-error nothing of that name is fed
  await expect(executable.run({ x, z: y }, { read: ['best'] })).rejects.toThrow('has no input z');
  await executable.free();
  const { sum } = await executable.run({ x, y });
  expect(Array.from(sum.data)).toEqual([3, 8]);
});

test('inputs declared inside the function, random keys and plain graphs are fed by name', async () => {
  const open = graph('open', (g) => ({ y: mul(g.input('x', i32, ['n']), 2) }));
  const typed = await compile(open, { device: interpreterDevice() });
  const { y: doubled } = await typed.executable.run({ x: row('i32', 1, 2) });
  expect(Array.from(doubled.data)).toEqual([2, 4]);
  const plain = await compile(open.ir, { device: interpreterDevice() });
  expectTypeOf(await plain.executable.run({ x: row('i32', 1, 2) })).toEqualTypeOf<
    Record<string, ReadTensor>
  >();
  const training = graph('training', (_, inputs) => ({ y: dropout(inputs.x, 0.5) }), {
    training: true,
    inputs: { x: declare(f32, ['n']) },
  });
  const { executable } = await compile(training, { device: interpreterDevice() });
  const key = { dtype: 'u32', shape: [2], data: [1, 2] } as const;
  expect((await executable.run({ x, 'random.key': key })).y.data).toHaveLength(2);
});

test('a wrong option is named as such, by the compiler and at run time', async () => {
  const device = interpreterDevice();
  // @ts-expect-error there is no such option
  await expect(compile(model, { device, dissable: [] })).rejects.toThrow('compile has no option dissable');
  // @ts-expect-error the same for a plain graph
  await expect(compile(model.ir, { device, dissable: [] })).rejects.toThrow('compile has no option dissable');
  // @ts-expect-error a name is no device
  await expect(compile(model, { device: 'wasm' })).rejects.toThrow("(await chooseDevice('wasm')).device");
});

test('parameters are f32', () => {
  // @ts-expect-error another element type
  expect(() => graph('ids', (g) => ({ p: g.parameter('p', i32, [2], zeros()) }))).toThrow('FROND-S010');
  // @ts-expect-error the initializer is forgotten
  expect(() => graph('bare', (g) => ({ p: g.parameter('p', f32, [2]) }))).toThrow('FROND-S019');
});
