import { expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { uniforms } from '../../src/base/random.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { runs } from '../support/counts.ts';

const EDGES = {
  f32: [0, -0, 1, -1.5, 0.1, 1e30, -1e30, 1e-30, 1e-40, 3e9, 16_777_216, 65_520, 2049],
  f16: [0, -0, 1, -1.5, 0.1, 2049, 65_504, -65_504, 6e-8],
  i32: [0, 1, -1, 7, -7, 65_537, 2 ** 31 - 1, -(2 ** 31)],
  u32: [0, 1, 7, 65_537, 2 ** 31, 2 ** 32 - 1],
} as const;
type Type = keyof typeof EDGES;
const TYPES = Object.keys(EDGES) as Type[];
/** Ops that every device computes exactly: what is folded has to be equal in every bit. */
const BINARY = ['add', 'sub', 'mul', 'div', 'maximum', 'minimum'];
const UNARY = ['neg', 'abs'];
const COMPARISONS = ['less', 'lessEqual', 'equal', 'notEqual', 'greater'];

/** A graph of expressions over constants, drawn at random; some are lists. */
function constants(seed: number, count: number) {
  const b = new GraphBuilder('constants', ops);
  let drawn = 0;
  const pick = <T>(list: readonly T[]): T => {
    const [u] = uniforms(seed, 'folding', drawn++);
    return defined(list[Math.floor(u * list.length)], 'choice');
  };
  const literal = (dtype: Type): Ref =>
    pick([true, true, false])
      ? b.constant(pick<number>(EDGES[dtype]), { dtype, shape: [] })
      : b.constant(
          [0, 1, 2].map(() => pick<number>(EDGES[dtype])),
          { dtype, shape: [3] },
        );
  const expression = (dtype: Type, depth: number): Ref => {
    const part = (type: Type): Ref => expression(type, depth - 1);
    if (depth === 0) return literal(dtype);
    switch (pick(['binary', 'binary', 'unary', 'cast', 'where'])) {
      case 'binary':
        return b.one(pick(BINARY), [part(dtype), part(dtype)]);
      case 'unary':
        return b.one(pick(UNARY), [part(dtype)]);
      case 'cast':
        return b.one('cast', [part(pick(TYPES))], { dtype });
      default: {
        const type = pick(TYPES);
        return b.where(b.one(pick(COMPARISONS), [part(type), part(type)]), part(dtype), part(dtype));
      }
    }
  };
  for (let i = 0; i < count; i++) b.output(`y${i}`, expression(pick(TYPES), 1 + (i % 3)));
  return b.finish();
}

it.each([
  ['interpreter', interpreterDevice],
  ['interpreter in f64', () => interpreterDevice({ precision: 'f64' })],
  ['wasm', () => wasmDevice({ threads: 1 })],
] as const)('folds constants to the bits that the %s computes', async (_, open) => {
  const device = open();
  for (let seed = 1; seed <= runs(20, 2); seed++) {
    const graph = constants(seed, 60);
    const results = [];
    for (const disable of [[], ['foldConstants', 'simplify']]) {
      const { executable } = await compile(graph, { device, disable });
      results.push(await executable.run({}));
      await executable.free();
    }
    const [folded = {}, computed = {}] = results;
    for (const [name, { dtype, data }] of Object.entries(folded)) {
      expect(Array.from(data), `${name} ${dtype} of graph ${seed}`).toEqual(
        Array.from(defined(computed[name], name).data),
      );
    }
  }
  await device.close();
});
