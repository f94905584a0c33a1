import { expect, it } from 'vitest';
import { roundHalf } from '../../src/base/half.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { fusingPasses } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';

/** Operands that f16 holds exactly, so that storing them so changes nothing. */
const exact = (length: number, scale: number) =>
  Float32Array.from({ length }, (_, i) => (((i * 37) % 64) - 32) / scale);

it('takes tensors of f16 in every kernel: the same results as with f32 that f16 holds', async () => {
  const results = async (dtype: 'f16' | 'f32', device = interpreterDevice()) => {
    const b = new GraphBuilder('g', ops);
    const store = (name: string, ...shape: number[]) =>
      b.one('cast', [b.input(name, { dtype: 'f32', shape })], { dtype });
    const [x, w, gamma] = [store('x', 2, 9, 24), store('w', 24, 24), store('gamma', 24)];
    b.output('product', b.matmul(x, w));
    b.output('gradient', b.matmul(b.reshape(x, [18, 24]), b.reshape(x, [18, 24]), { transposeX: true }));
    const [normal = x] = b.op('layerNorm', [x, gamma, gamma], { epsilon: 1e-5 });
    b.output('normal', normal);
    const [attended = x] = b.op('attention', [x, x, x], { heads: 3, causal: true });
    b.output('attended', attended);
    b.output('total', b.sum(b.one('softmax', [x], { axis: -1 }), [0, 1]));
    const { executable } = await compile(b.finish(), { device });
    const feeds = {
      x: { dtype: 'f32' as const, shape: [2, 9, 24], data: exact(432, 16) },
      w: { dtype: 'f32' as const, shape: [24, 24], data: exact(576, 32) },
      gamma: { dtype: 'f32' as const, shape: [24], data: exact(24, 8) },
    };
    const values = await executable.run(feeds);
    await device.close();
    return Object.fromEntries(Object.entries(values).map(([name, { data }]) => [name, Array.from(data)]));
  };
  const full = await results('f32');
  for (const device of [interpreterDevice(), wasmDevice({ threads: 1 })]) {
    const half = await results('f16', device);
    for (const [name, wanted] of Object.entries(full)) {
      // softmax gives f16 back
      const tolerance = name === 'total' ? 4e-3 : 1e-5;
      half[name]?.forEach((value, i) => {
        expect(Math.abs(value - (wanted[i] ?? Number.NaN)), `${name}[${i}]`).toBeLessThan(
          tolerance * (1 + Math.abs(wanted[i] ?? 0)),
        );
      });
      expect(half[name]).toHaveLength(wanted.length);
    }
  }
});

it('rounds to f16 what is f16, also where the next op could be computed in the same kernel', async () => {
  const b = new GraphBuilder('g', ops);
  const [x, y] = ['x', 'y'].map((name) => b.input(name, { dtype: 'f16', shape: [4, 4] })) as [string, string];
  const wide = (ref: string) => b.one('cast', [ref], { dtype: 'f32' });
  b.output('product', wide(b.one('cast', [b.matmul(x, y)], { dtype: 'f16' })));
  b.output('sum', wide(b.add(b.mul(x, y), x)));
  const feed = (scale: number) => ({ dtype: 'f16' as const, shape: [4, 4], data: exact(16, scale) });
  for (const device of [interpreterDevice(), wasmDevice({ threads: 1 })]) {
    const results = [];
    for (const disable of [[], fusingPasses]) {
      const { executable } = await compile(b.finish(), { device, disable });
      results.push(await executable.run({ x: feed(7), y: feed(0.1) }));
    }
    await device.close();
    expect(results[0]).toEqual(results[1]);
    for (const { data } of Object.values(results[0] ?? {}))
      expect(Array.from(data, roundHalf)).toEqual(Array.from(data));
  }
});
