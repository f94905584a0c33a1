import { describe, expect, expectTypeOf, it } from 'vitest';
import type { DType, HostData } from '../../src/base/dtype.ts';
import { add, bool, declare, f32, graph, i32, mul, normal, u32, where } from '../../src/dsl/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import type { Feeds } from '../../src/runtime/feeds.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { messageOf } from '../support/message.ts';
import { f32Value, numbers } from './support.ts';

const device = interpreterDevice();
const RANGE = {
  i32: 'whole numbers from -2147483648 to 2147483647',
  u32: 'whole numbers from 0 to 4294967295',
  bool: '0, 1, false and true',
  f32: 'numbers',
} as const;

/** Elements that the dtype does not hold, as a message spells them. */
const UNFIT: readonly [keyof typeof RANGE, ArrayLike<unknown>, shown: string][] = [
  ['i32', [0, 3e9], '3000000000'],
  ['i32', [0, 1.7], '1.7'],
  ['i32', [0, Number.NaN], 'NaN'],
  ['i32', [0, Number.POSITIVE_INFINITY], 'Infinity'],
  ['i32', ['0', 1], '"0"'],
  ['i32', [0, 'x'], '"x"'],
  ['i32', [0, undefined], 'undefined'],
  ['i32', [0, {}], 'an object'],
  ['i32', [0, true], 'true'],
  ['i32', Float64Array.of(0, 1.5), '1.5'],
  ['i32', Uint32Array.of(0, 2 ** 31), '2147483648'],
  ['i32', BigInt64Array.of(0n, 2n ** 40n), '1099511627776n'],
  ['u32', [0, -1], '-1'],
  ['u32', Int32Array.of(0, -1), '-1'],
  ['u32', BigUint64Array.of(0n, 2n ** 32n), '4294967296n'],
  ['bool', [0, 2], '2'],
  ['bool', Uint8Array.of(0, 255), '255'],
  ['f32', [0, 'x'], '"x"'],
  ['f32', [0, null], 'null'],
  ['f32', [0, [1]], 'a list'],
];

/** Elements that it holds, and what arrives. */
const FIT: readonly [keyof typeof RANGE, HostData, readonly number[]][] = [
  ['i32', BigInt64Array.of(-(2n ** 31n), 7n), [-(2 ** 31), 7]],
  ['u32', BigUint64Array.of(2n ** 32n - 1n, 7n), [2 ** 32 - 1, 7]],
  ['i32', Float64Array.of(-5, 7), [-5, 7]],
  ['i32', Uint8Array.of(200, 7), [200, 7]],
  ['u32', Uint16Array.of(65_535, 7), [65_535, 7]],
  ['bool', Uint8Array.of(1, 0), [1, 0]],
  ['bool', [true, false], [1, 0]],
  ['f32', BigInt64Array.of(-3n, 7n), [-3, 7]],
  ['f32', Int32Array.of(-3, 7), [-3, 7]],
  ['f32', [Number.NaN, Number.NEGATIVE_INFINITY], [Number.NaN, Number.NEGATIVE_INFINITY]],
];

const at = (dtype: keyof typeof RANGE, shown: string, data: ArrayLike<unknown>): string =>
  `element [${shown === '"0"' ? 0 : data.length - 1}] is ${shown}, ${dtype} takes ${RANGE[dtype]}`;
const place = '\n  at test/runtime/elements.test.ts';

const echo = async (dtype: DType) =>
  (await compile(graph('model', (g) => ({ x: g.input('x', dtype, ['n']) })).ir, { device })).executable;

describe('a feed', () => {
  it.each(UNFIT.map((each, i) => [i, ...each] as const))(
    '%i of %s refuses what does not fit',
    async (_, dtype, data, shown) => {
      const executable = await echo(dtype);
      const feeds = { x: { dtype, shape: [data.length], data } } as Feeds;
      expect(await messageOf(() => executable.run(feeds))).toBe(
        `[FROND-R031] input x: ${at(dtype, shown, data)}${place}`,
      );
    },
  );

  it.each(FIT.map((each, i) => [i, ...each] as const))(
    '%i of %s takes what fits',
    async (_, dtype, data, wanted) => {
      const { x } = await (await echo(dtype)).run({ x: { dtype, shape: [data.length], data } });
      expect(numbers(x)).toEqual(wanted);
    },
  );

  it('names the element by its place in the tensor', async () => {
    const model = graph('model', (g) => ({ x: g.input('x', i32, ['n', 2, 2]) }));
    const { executable } = await compile(model.ir, { device });
    const x = { dtype: 'i32', shape: [2, 2, 2], data: [0, 1, 2, 3, 4, 5, 6.5, 7] } as const;
    expect(await messageOf(() => executable.run({ x }))).toContain('element [1, 1, 0] is 6.5');
  });
});

describe('a constant', () => {
  it.each(UNFIT.map((each, i) => [i, ...each] as const))(
    '%i of %s refuses what does not fit',
    async (_, dtype, data, shown) => {
      const build = () => graph('model', (g) => ({ x: g.constant(data as HostData, dtype, [data.length]) }));
      expect(await messageOf(build)).toBe(`[FROND-S010] constant: ${at(dtype, shown, data)}${place}`);
    },
  );

  it.each(FIT.map((each, i) => [i, ...each] as const))(
    '%i of %s takes what fits',
    async (_, dtype, data, wanted) => {
      const model = graph('model', (g) => ({ x: g.constant(data, dtype, [data.length]) }));
      const { executable } = await compile(model.ir, { device });
      expect(numbers((await executable.run({})).x)).toEqual(wanted);
    },
  );

  it('of one number, and a number beside a tensor, are held to the same', async () => {
    const building = (build: Parameters<typeof graph>[1]) => messageOf(() => graph('model', build));
    expect(await building((g) => ({ x: g.constant(3e9, i32) }))).toBe(
      `[FROND-S010] constant: 3000000000, i32 takes ${RANGE.i32}${place}`,
    );
    for (const [value, dtype] of [
      [3e9, i32],
      [-1, u32],
      [0.5, i32],
    ] as const) {
      expect(await building((g) => ({ x: add(g.input('x', dtype, []), value) }))).toBe(
        `[FROND-S010] add: operands are ${dtype} and ${value}${place}\n  hint: a number beside a tensor of ${dtype} is one of ${RANGE[dtype]}`,
      );
    }
  });
});

describe('a parameter written by hand', () => {
  it('refuses what is no number, and takes any list of them', async () => {
    const model = graph('model', (g) => ({ y: mul(g.parameter('w', f32, [3], normal(1)), 2) }));
    const { executable } = await compile(model.ir, { device });
    const write = (values: unknown) => executable.state.write('w', values as HostData);
    expect(await messageOf(() => write([1, 2, 'x']))).toBe(
      '[FROND-R031] parameter w: element 2 is "x", f32 takes numbers',
    );
    await write(BigInt64Array.of(1n, 2n, 3n));
    expect(numbers((await executable.run({})).y)).toEqual([2, 4, 6]);
  });
});

describe('an element type that there is not', () => {
  const hint = '\n  hint: the dtypes are f32, f16, i32, u32, bool';
  it.each<[string, (dtype: never) => Parameters<typeof graph>[1]]>([
    ['input d', (dtype) => (g) => ({ d: g.input('d', dtype, [2]) })],
    ['constant', (dtype) => (g) => ({ d: g.constant(1, dtype) })],
  ])('is refused where it is declared: %s', async (what, build) => {
    for (const dtype of ['f64', 'int', 'constructor', 'F32']) {
      expect(await messageOf(() => graph('model', build(dtype as never)))).toBe(
        `[FROND-I006] ${what}: ${dtype} is not a dtype${place}${hint}`,
      );
    }
  });
});

describe('a mask', () => {
  const model = graph('model', (_, { x, keep }) => ({ y: where(keep, x, 0) }), {
    inputs: { x: declare(f32, ['n']), keep: declare(bool, ['n']) },
  });
  const x = f32Value([3], [1, 2, 3]) as { dtype: 'f32'; shape: number[]; data: Float32Array };

  it('may be bytes or a list of true and false, in types as at run time', async () => {
    const { executable } = await compile(model, { device });
    for (const data of [Uint8Array.of(1, 0, 1), [true, false, true], [1, 0, 1]]) {
      const { y } = await executable.run({ x, keep: { dtype: 'bool', shape: [3], data } });
      expect(Array.from(y.data)).toEqual([1, 0, 3]);
      expectTypeOf(y.data).toEqualTypeOf<Float32Array | Float64Array>();
      expect(y.data.slice(0, 2).map((each) => 2 * each)).toHaveLength(2);
    }
    const keep = { dtype: 'bool', shape: [3] } as const;
    // @ts-expect-error no list
    await expect(executable.run({ x, keep: { ...keep, data: 7 } })).rejects.toThrow('FROND-R023');
    // @ts-expect-error a list of texts
    await expect(executable.run({ x, keep: { ...keep, data: ['1', '0', '1'] } })).rejects.toThrow(
      'FROND-R031',
    );
  });
});
