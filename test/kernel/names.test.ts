import { expect, it } from 'vitest';
import { interpretKernel } from '../../src/backend/interpreter/index.ts';
import { assembleKernel } from '../../src/backend/wasm/index.ts';
import { printWgsl } from '../../src/backend/wgsl/index.ts';
import { traceKernel } from '../../src/kernel/build.ts';
import { assertKernel } from '../../src/kernel/check.ts';

it('a kernel may call its buffers, parameters and axes by names that objects have already', () => {
  const kernel = traceKernel({ name: 'constructor', doc: 'doubles', schedule: { tiles: {} } }, (k) => {
    const axis = k.axis('valueOf', 4);
    const span = k.span(axis, 0, k.parameter('hasOwnProperty'));
    const x = k.load(k.read('constructor'), [[span, 1]]);
    k.store(k.write('toString'), [[span, 1]], k.mul(x, 2));
  });
  expect(kernel.buffers.map(({ dtype }) => dtype)).toEqual(['f32', 'f32']);
  assertKernel(kernel);
  const data = { constructor: Float32Array.of(1, 2, 3), toString: new Float32Array(3) };
  interpretKernel(kernel, 'f32').run({ grid: [], scalars: { hasOwnProperty: 3 } } as never, data as never);
  expect(Array.from(data.toString)).toEqual([2, 4, 6]);
  expect(() => interpretKernel(kernel, 'f32').run({ grid: [], scalars: {} }, {})).toThrow(/FROND-K030/);
  expect(assembleKernel(kernel).bytes.length).toBeGreaterThan(0);
  expect(printWgsl(kernel).code).toContain('constructor');
});
