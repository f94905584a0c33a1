import { setFlagsFromString } from 'node:v8';
import { expect, it } from 'vitest';
import { planSoftmax } from '../../../kernels/softmax.ts';
import { assembleKernel, hasRelaxedSimd, hasSimd, READ_AHEAD } from '../../../src/backend/wasm/index.ts';
import { defined } from '../../../src/base/errors.ts';
import { webAssembly } from '../../../src/base/webAssembly.ts';
import type { KernelBuilder } from '../../../src/kernel/build.ts';
import { expectClose } from '../../support/arrays.ts';
import { input, interpreterOf, onlyKernel, output, runPlans } from '../../support/launch.ts';
import { trace } from '../interpreter/support.ts';
import { ODD, samplesAt } from '../wgsl/samples.ts';
import { instantiateKernel, wasmRunner } from './support.ts';

const engine = defined(webAssembly(), 'WebAssembly');

const unsupported: readonly (readonly [string, string, (k: KernelBuilder) => void])[] = [
  [
    'a maximum of bools',
    'FROND-K001',
    (k) => {
      const c = k.axis('c', 4);
      const any = k.maximum(k.lt(k.arange(c), 2), c);
      k.store(k.write('out'), [[k.program(0), 1]], k.cast(any, 'f32'));
    },
  ],
  [
    'a kernel that the checker refuses',
    'FROND-K108',
    (k) => {
      const c = k.axis('c', 4);
      k.store(k.write('out'), [[k.arange(c), 0]], k.add(k.fill([c], 0), k.cast(k.program(0), 'f32')));
    },
  ],
];

it.each(unsupported)('%s gives a typed error', (_, code, author) => {
  expect(() => assembleKernel(trace(author))).toThrow(expect.objectContaining({ code }));
});

const softmax = onlyKernel(planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns: 7 }));

it('names what it does not have in a kernel that was not checked', () => {
  const kernel = trace((k) => {
    const c = k.axis('c', 4);
    const truths = k.lt(k.arange(c), 2);
    const most = k.maximum(k.cast(truths, 'i32'), c);
    Object.assign(most, { arg: truths, dtype: 'bool' });
    k.store(k.write('out'), [[k.program(0), 1]], k.cast(most, 'f32'));
  });
  expect(() => assembleKernel(kernel, { checked: true })).toThrow(/^\[FROND-K210\].*reduce max of bools/);
});

it('turns a trap into a typed error', () => {
  const memory = new engine.Memory({ initial: 1 });
  const endless = trace((k) => {
    k.loop(0, 4, k.parameter('step'), [], (i) => {
      k.store(k.write('out'), [[i, 1], [k.program(0), 4]], k.cast(i, 'f32')); // biome-ignore format: one line
      return [];
    });
  });
  const run = instantiateKernel(assembleKernel(endless), memory, 0);
  expect(() => run({ grid: [1], buffers: { out: 0 }, scalars: { step: 0 } })).toThrow(/FROND-K212/);
  const outside = { grid: [1], buffers: { out: 65_536 }, scalars: { step: 1 } };
  expect(() => run(outside)).toThrow(/FROND-K212/);
});

it('shares a grid out over several instances with scratch memory of their own', () => {
  const [rows, columns] = [37, 7];
  const assembled = assembleKernel(softmax, { memory: { initial: 1, maximum: 8, shared: true } });
  const memory = new engine.Memory({ initial: 1, maximum: 8, shared: true });
  const start = 2 * Math.ceil(assembled.scratchBytes / 64) * 64;
  const length = rows * columns;
  const buffers = { x: start, out: start + length * 4 + READ_AHEAD };
  new Float32Array(memory.buffer, buffers.x, length).set(Array.from({ length }, (_, i) => Math.sin(i)));
  const launch = { grid: [Math.ceil(rows / 4)], buffers, scalars: { rows, columns } };
  const workers = [0, start / 2].map((scratch) => instantiateKernel(assembled, memory, scratch));
  workers[1]?.(launch, 4);
  workers[0]?.(launch, 0, 4);
  const x = new Float32Array(memory.buffer, buffers.x, length).slice();
  const expected = new Float32Array(length);
  interpreterOf('f32')({ ...launch, kernel: softmax }, { x, out: expected });
  const got = new Float32Array(memory.buffer, buffers.out, length).slice();
  expectClose(got, expected, { absolute: 1e-6, relative: 0 });
});

it('multiplies and adds in one instruction where the engine can', () => {
  expect(hasSimd()).toBe(true);
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  expect(hasRelaxedSimd()).toBe(true);
  const { rows, columns } = ODD;
  const numbers = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i * i));
  const [expected, got] = [new Float32Array(rows * columns), new Float32Array(rows * columns)];
  const sample = samplesAt(ODD).find(({ name }) => name === 'matmul with epilogue');
  const { plans, inputs: lengths } = defined(sample, 'sample of a matmul');
  const inputs = lengths.map((length) => numbers(length as number));
  runPlans(plans, { inputs, outputs: [expected], sizes: { ...ODD } }, 'f32');
  const run = wasmRunner({ relaxed: true });
  runPlans(plans, { inputs, outputs: [got], sizes: { ...ODD } }, 'f32', run);
  expectClose(got, expected, { absolute: 2e-5, relative: 0 });
});
