import { expect, it, vi } from 'vitest';
import { f32, graph, matmul } from '../../../src/dsl/index.ts';
import { compile } from '../../../src/runtime/compile.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { expectClose } from '../../support/arrays.ts';

// Node 20 has it behind a flag
await vi.hoisted(async () => {
  const { setFlagsFromString } = await import('node:v8');
  setFlagsFromString('--experimental-wasm-relaxed-simd');
});

it('a device multiplies and adds in one instruction when asked to', async () => {
  const model = graph('square', (g) => {
    const x = g.input('x', f32, [8, 8]);
    return { y: matmul(x, x) };
  });
  const data = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i * i));
  const run = async (relaxed: boolean) => {
    const device = wasmDevice({ threads: 1, relaxed });
    const { executable } = await compile(model, { device });
    const { y } = await executable.run({ x: { dtype: 'f32', shape: [8, 8], data } });
    await device.close();
    return y.data;
  };
  const [plain, relaxed] = [await run(false), await run(true)];
  expectClose(relaxed, plain, { absolute: 1e-5, relative: 0 });
  // one rounding in place of two shows somewhere
  expect(Array.from(relaxed)).not.toEqual(Array.from(plain));
});
