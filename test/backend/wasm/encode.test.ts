import { describe, expect, it } from 'vitest';
import { floatBytes, signed, unsigned } from '../../../src/backend/wasm/bytes.ts';
import type { Code, Kind, Statement } from '../../../src/backend/wasm/code.ts';
import {
  block,
  branch,
  branchIf,
  call,
  countUp,
  loop,
  select,
  set,
  tee,
  when,
} from '../../../src/backend/wasm/control.ts';
import { FunctionBuilder, ModuleBuilder } from '../../../src/backend/wasm/encode.ts';
import { f32, f32x4, i32, i32x4, memory, plus, times, v128 } from '../../../src/backend/wasm/instructions.ts';
import { defined } from '../../../src/base/errors.ts';
import { webAssembly } from '../../../src/base/webAssembly.ts';

const engine = defined(webAssembly(), 'WebAssembly');

/** Runs `body` over 64 KiB of memory whose first words are given, and gives the words back. */
function execute(
  body: (fn: FunctionBuilder, module: ModuleBuilder) => readonly Statement[],
  words: number[] = [],
) {
  const module = new ModuleBuilder();
  const fn = new FunctionBuilder([]);
  module.declare('run', fn, 'none').body = body(fn, module);
  const bytes = module.encode({ initial: 1 }, ['run']);
  expect(engine.validate(bytes)).toBe(true);
  const held = new engine.Memory({ initial: 1 });
  new Int32Array(held.buffer).set(words);
  const { exports } = new engine.Instance(new engine.Module(bytes), { frond: { memory: held, scratch: 0 } });
  (exports.run as () => void)();
  return { words: new Int32Array(held.buffer), floats: new Float32Array(held.buffer) };
}

describe('LEB128', () => {
  it('spells the examples of the standard', () => {
    expect(unsigned(0)).toEqual([0]);
    expect(unsigned(127)).toEqual([0x7f]);
    expect(unsigned(624485)).toEqual([0xe5, 0x8e, 0x26]);
    expect(unsigned(0xffffffff)).toEqual([0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(signed(-123456)).toEqual([0xc0, 0xbb, 0x78]);
    expect(signed(63)).toEqual([63]);
    expect(signed(64)).toEqual([0xc0, 0]);
    expect(signed(-64)).toEqual([0x40]);
    expect(floatBytes(1)).toEqual([0, 0, 0x80, 0x3f]);
  });

  it('brings integers of every size through an engine unchanged', () => {
    const numbers = Array.from({ length: 32 }, (_, bit) => [2 ** bit, 2 ** bit - 1, -(2 ** bit), ~(2 ** bit)])
      .flat()
      .map((n) => n | 0);
    const { words } = execute(() => numbers.map((n, i) => i32.store(i32.const(i * 4), i32.const(n))));
    expect(Array.from(words.slice(0, numbers.length))).toEqual(numbers);
  });
});

describe('control', () => {
  it('loops, leaves blocks, and takes branches', () => {
    const { words } = execute((fn) => {
      const [i, sum] = [fn.local('i32', 'i'), fn.local('i32', 'sum')];
      const add = set(sum, plus(sum, i));
      return [
        ...countUp(i, 1, i32.const(10), [add]),
        i32.store(i32.const(0), sum),
        set(i, i32.const(0)),
        block([
          loop([
            branchIf(1, i32.geS(i, i32.const(5))),
            when(i32.eq(i, i32.const(3)), [branch(2)], [i32.store(i32.const(4), i)]),
            set(i, plus(i, i32.const(1))),
            branch(0),
          ]),
        ]),
      ];
    });
    expect(Array.from(words.slice(0, 2))).toEqual([45, 2]);
  });

  it('calls helpers, which are made once', () => {
    const { floats } = execute((_, module) => {
      const twice = () => module.helper('twice', 'f32', ['x'], 'f32', (_fn, [x]) => [f32.add(x, x)]);
      const [first, second] = [twice(), twice()];
      expect(second).toBe(first);
      return [f32.store(i32.const(0), call(first, [call(second, [f32.const(1.5)])]))];
    });
    expect(floats[0]).toBe(6);
  });

  it('gives a local that has left its scope to others, and live ones names of their own', () => {
    const fn = new FunctionBuilder([['x', 'i32']]);
    const first = fn.scoped(() => fn.local('v128', 'a'));
    const [second, third] = [fn.local('v128', 'a'), fn.local('v128', 'a')];
    expect(second.index).toBe(first.index);
    expect(third.index).not.toBe(first.index);
    expect([second.name, third.name]).toEqual(['a', 'a_2']);
    expect(fn.locals).toEqual([[2, 'v128']]);
  });
});

describe('instructions', () => {
  /** Stores what an instruction gives for operands of its kinds. */
  const results: readonly (readonly [string, (...operands: never[]) => Code, Kind])[] = [
    ...group(
      'i32',
      i32,
      ['const', 'load', 'store', 'load16', 'store16', 'reinterpret', 'truncateS', 'truncateU'],
      'i32',
    ),
    ...group('f32', f32, ['const', 'load', 'store', 'convertS', 'convertU'], 'f32'),
    ...group(
      'v128',
      v128,
      ['load', 'loadSplat', 'load16x4', 'loadLane', 'store', 'storeLow', 'storeLane', 'shuffle'],
      'v128',
    ),
    ...group('i32x4', i32x4, ['const', 'splat', 'lane', 'replace', 'shl', 'shrS', 'shrU'], 'v128'),
    ...group('f32x4', f32x4, ['const', 'splat', 'lane', 'relaxedMadd'], 'v128'),
  ];

  function group(name: string, members: object, except: readonly string[], kind: Kind) {
    return Object.entries(members)
      .filter(([key]) => !except.includes(key))
      .map(([key, make]) => [`${name}.${key}`, make as (...operands: never[]) => Code, kind] as const);
  }

  const zero: Readonly<Record<Kind, Code>> = { i32: i32.const(3), f32: f32.const(2), v128: f32x4.const(1) };

  const stored = (value: Code): Statement => {
    if (value.result === 'i32') return i32.store(i32.const(0), value as Code<'i32'>);
    if (value.result === 'f32') return f32.store(i32.const(0), value as Code<'f32'>);
    return v128.store(i32.const(0), value as Code<'v128'>);
  };

  it.each(results)('%s validates', (_, make, kind) => {
    const operands = Array.from({ length: make.length }, () => zero[kind]) as never[];
    execute(() => [stored(make(...operands))]);
  });

  it('moves lanes', () => {
    const input = [10, 11, 12, 13, 20, 21, 22, 23];
    const { words } = execute((fn) => {
      const [x, y] = [fn.local('v128', 'x'), fn.local('v128', 'y')];
      return [
        set(x, v128.load(i32.const(0))),
        set(y, tee(x, v128.load(i32.const(0), 16))),
        set(x, v128.load(i32.const(0))),
        v128.store(i32.const(32), v128.shuffle(x, y, [7, 0, 5, 2])),
        v128.store(i32.const(48), v128.loadLane(i32.const(4), y, 2, 4)),
        v128.storeLane(i32.const(64), x, 3),
        v128.store(i32.const(80), i32x4.replace(v128.loadSplat(i32.const(16)), i32.const(-1), 1)),
        i32.store(i32.const(96), i32x4.lane(x, 2)),
        v128.store(i32.const(112), i32x4.shl(i32x4.const(1, 2, 3, 4), i32.const(3))),
        v128.store(i32.const(128), i32x4.shrS(i32x4.const(-8), i32.const(1))),
        v128.store(i32.const(144), i32x4.shrU(i32x4.const(-8), i32.const(28))),
      ];
    }, input);
    expect(Array.from(words.slice(8, 16))).toEqual([23, 10, 21, 12, 20, 21, 12, 23]);
    expect(words[16]).toBe(13);
    expect(Array.from(words.slice(20, 25))).toEqual([20, -1, 20, 20, 12]);
    expect(Array.from(words.slice(28, 40))).toEqual([8, 16, 24, 32, -4, -4, -4, -4, 15, 15, 15, 15]);
  });

  it('converts, selects, fills and copies', () => {
    const { words, floats } = execute(() => [
      i32.store(i32.const(0), i32.truncateS(f32.const(-2.9))),
      i32.store(i32.const(4), i32.truncateU(f32.const(-2.9))),
      f32.store(i32.const(8), f32.convertU(i32.const(-1))),
      f32.store(i32.const(12), f32.convertS(i32.const(-1))),
      i32.store(i32.const(16), i32.reinterpret(f32.const(1))),
      i32.store(i32.const(20), select(i32.const(1), i32.const(5), i32.const(6))),
      v128.store(i32.const(32), v128.select(i32x4.const(-1, 0, -1, 0), i32x4.const(1), i32x4.const(2))),
      memory.fill(i32.const(48), i32.const(1), i32.const(8)),
      memory.copy(i32.const(56), i32.const(48), i32.const(4)),
    ]);
    expect(Array.from(words.slice(0, 2))).toEqual([-2, 0]);
    expect(Array.from(floats.slice(2, 4))).toEqual([4294967296, -1]);
    expect(Array.from(words.slice(4, 6))).toEqual([0x3f800000, 5]);
    expect(Array.from(words.slice(8, 16))).toEqual([1, 2, 1, 2, 0x01010101, 0x01010101, 0x01010101, 0]);
  });

  it('folds constants of addresses', () => {
    const x = i32.load(i32.const(0));
    expect(plus(i32.const(3), i32.const(4)).text).toBe('7');
    expect(plus(x, i32.const(0))).toBe(x);
    expect(times(x, i32.const(1))).toBe(x);
    expect(times(x, i32.const(0)).text).toBe('0');
    expect(times(i32.const(8), x).text).toBe('i32.shl');
  });
});

it('keeps constants apart that differ in their last bit or in the sign of zero', () => {
  const numbers = [0, -0, 0.1, Math.fround(0.1) + 2 ** -27, -1, Number.NaN];
  const { words } = execute((fn) =>
    numbers.map((value, i) => v128.store(i32.const(16 * i), fn.float(value))),
  );
  const expected = new Int32Array(Float32Array.from(numbers).buffer);
  expect(Array.from(numbers, (_, i) => words[4 * i])).toEqual(Array.from(expected));
});
