import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { planSoftmax } from '../../../kernels/softmax.ts';
import { dispatchSize, printWgsl, uniformData } from '../../../src/backend/wgsl/index.ts';
import type { Dim } from '../../../src/base/dim.ts';
import { defined } from '../../../src/base/errors.ts';
import { multiplesOf4 } from '../../../src/ir/multiples.ts';
import { type KernelBuilder, traceKernel } from '../../../src/kernel/build.ts';
import { elementwise } from '../../../src/kernel/elementwise.ts';
import type { ElementwiseName, Schedule } from '../../../src/kernel/ir.ts';
import { arenasFor } from '../../support/arenas.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../../support/gpu.ts';
import { input, onlyKernel, output } from '../../support/launch.ts';

const trace = (author: (k: KernelBuilder) => void, schedule: Partial<Schedule> = {}) =>
  traceKernel({ name: 'sample', doc: 'a test', schedule: { tiles: {}, ...schedule } }, author);

/** y = x, element by element. */
function copy(k: KernelBuilder): void {
  const a = k.axis('a', 64);
  const A = k.span(a, k.mul(k.program(0), 64), k.parameter('size'));
  k.store(k.write('y', 'f16'), [[A, 1]], k.load(k.read('x', 'f16'), [[A, 1]]));
}

const softmax = (columns: Dim) =>
  onlyKernel(planSoftmax({ x: input(0), out: output(0), rows: 'rows', columns }));

describe('the WGSL of a kernel', () => {
  it('is the same text every time', () => {
    expect(printWgsl(softmax('columns'))).toEqual(printWgsl(softmax('columns')));
  });

  it('says how to bind buffers and lay out uniforms', () => {
    const module = printWgsl(softmax(30));
    expect(module.bindings.map(({ name, binding, access }) => [name, binding, access])).toEqual([
      ['x', 1, 'read'],
      ['out', 2, 'read_write'],
    ]);
    const scalars = { rows: 7, columns: 30 };
    const data = uniformData(module, { kernel: softmax(30), grid: [3], scalars });
    expect(data.byteLength % 16).toBe(0);
    for (const { name, offset } of module.uniforms) {
      const expected = name === 'grid_0' ? 3 : scalars[name as keyof typeof scalars];
      expect(new DataView(data).getInt32(offset, true), name).toBe(expected);
    }
  });

  it('folds grids into what a dispatch takes', () => {
    expect(dispatchSize([3, 4])).toEqual([12, 1, 1]);
    const [x, y, z] = dispatchSize([70_000, 3]);
    expect(Math.max(x, y, z)).toBeLessThanOrEqual(65_535);
    expect(x * y * z).toBeGreaterThanOrEqual(210_000);
    expect(() => dispatchSize([2 ** 20, 2 ** 12])).toThrow(/^\[FROND-K204\]/);
  });
});

describe('limits', () => {
  it('names the bytes of workgroup memory that are too many', () => {
    const kernel = trace(
      (k) => {
        const [i, j, d] = [k.axis('i', 64), k.axis('j', 1024), k.axis('d', 64)];
        const [I, J, D] = [k.span(i, 0, 64), k.span(j, 0, 1024), k.span(d, 0, 64)];
        const x = k.read('x');
        const left = k.load(x, [
          [I, 64],
          [D, 1],
        ]);
        const right = k.load(x, [
          [D, 64],
          [J, 1],
        ]);
        k.store(
          k.write('y'),
          [
            [I, 1024],
            [J, 1],
          ],
          k.dot(left, right, undefined, d),
        );
      },
      { stage: 32 },
    );
    expect(() => printWgsl(kernel)).toThrowErrorMatchingInlineSnapshot(`
      [FrondError: [FROND-K201] kernel sample (only variant): 17472 bytes of workgroup memory are over the limit of 16384 (left_tile_vec4 1088, right_tile_vec4 16384)
        hint: give the schedule smaller tiles]
    `);
    expect(
      printWgsl(kernel, { limits: { storageBuffers: 8, workgroupBytes: 65_536, invocations: 256 } })
        .workgroupBytes,
    ).toBeGreaterThan(16_384);
  });

  it('names a workgroup that is too large', () => {
    expect(() => printWgsl(trace(copy, { workgroup: [64, 8] }), { shaderF16: true })).toThrow(
      /^\[FROND-K203\].*64 × 8 threads/,
    );
  });

  it('names bindings that are too many, and joins them in arenas', () => {
    const kernel = trace((k) => {
      const a = k.axis('a', 4);
      const A = k.span(a, k.mul(k.program(0), 4), 9);
      const sum = Array.from({ length: 9 }, (_, i) => k.load(k.read(`x${i}`), [[A, 1]])).reduce(k.add);
      k.store(k.write('y'), [[A, 1]], sum);
    });
    expect(() => printWgsl(kernel)).toThrow(/^\[FROND-K202\].*10 storage bindings are over the limit of 8/);
    const { bindings } = printWgsl(kernel, { arenas: arenasFor(kernel) });
    expect(bindings.map(({ name, buffers }) => [name, buffers.length])).toEqual([
      ['operands_f32', 9],
      ['y', 1],
    ]);
  });

  it('takes f16 buffers only from a device that has them', () => {
    expect(() => printWgsl(trace(copy))).toThrow(/^\[FROND-K202\].*f16/);
    expect(printWgsl(trace(copy), { shaderF16: true }).code).toMatch(/^enable f16;/);
  });
});

describe('four neighbours at a time', () => {
  /** y = x, 256 elements a program */
  const copyOf = (dtype: 'f32' | 'f16') =>
    trace((k) => {
      const a = k.axis('a', 256);
      const A = k.span(a, k.mul(k.program(0), 256), k.parameter('size'));
      k.store(k.write('y', dtype), [[A, 1]], k.load(k.read('x', dtype), [[A, 1]]));
    });

  it('are told by sizes alone, whatever their names stand for', () => {
    const scalars = {
      ...{
        literal: 8,
        odd: 6,
        value: 12,
        name: 'rows',
        width: 'rows*128',
        twos: 'rows*2*columns*2',
      },
      sum: 'rows*4+8',
      odds: '(rows+4)*2',
      quotient: 'rows*4/2',
      blocks: 'ceil(rows*4, 3)',
    };
    expect(multiplesOf4({ scalars })).toEqual(['literal', 'value', 'width', 'twos', 'sum']);
  });

  it.each(['f32', 'f16'] as const)('are one access of %s where sizes allow it', (dtype) => {
    const lanesOf = (multiples: readonly string[]) =>
      printWgsl(copyOf(dtype), { shaderF16: true, multiplesOf4: multiples }).bindings.map(
        ({ lanes }) => lanes,
      );
    expect(lanesOf([])).toEqual([1, 1]);
    expect(lanesOf(['size'])).toEqual([4, 4]);
  });

  it('are no part of the text where no access runs along them', () => {
    const kernel = trace((k) =>
      k.store(k.write('y'), [[k.parameter('at'), 1]], k.load(k.read('x'), [[0, 1]])),
    );
    expect(printWgsl(kernel, { multiplesOf4: ['at'] }).code).toBe(printWgsl(kernel).code);
  });

  it('of f16 do not share a binding with others', () => {
    const kernel = trace((k) => {
      const A = k.span(k.axis('a', 8), 0, 8);
      k.store(
        k.write('z'),
        [[A, 1]],
        k.add(k.load(k.read('x', 'f16'), [[A, 1]]), k.load(k.read('y'), [[A, 1]])),
      );
    });
    const arenas = { x: 'both', y: 'both' };
    expect(() => printWgsl(kernel, { shaderF16: true, arenas })).toThrow(
      /^\[FROND-K202\] .* binding both joins/,
    );
  });
});

describe('names', () => {
  let compiler: Gpu;
  beforeAll(async () => {
    compiler = defined(await openGpu('null'), 'null backend');
  });
  afterAll(() => compiler.close());

  it.each([
    'target',
    'main',
    'parts',
    'f32',
    'lane',
    'launch',
    'program_0',
    'exp_f32',
    'is_nan',
    'max_f32',
    'select',
  ])('a buffer, parameter and axis may be called %s', async (name) => {
    const kernel = trace((k) => {
      const a = k.axis(name, 8);
      const x = k.read(name);
      const A = k.span(a, k.mul(k.program(0), 8), k.parameter(`${name}1`));
      const tile = k.exp(k.load(x, [[A, 1]]));
      k.store(k.write(`${name}2`), [[A, 1]], k.sub(tile, k.maximum(tile, a)));
    });
    expect(await compiler.compile(printWgsl(kernel))).toEqual([]);
  });
});

/** Distance of `got` from `want` in units in the last place of `want` as an f32. */
function ulps(got: number, want: number): number {
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(want))));
  return Math.abs(got - Math.fround(want)) / 2 ** (exponent - 23);
}

const functions: readonly [ElementwiseName, low: number, high: number][] = [
  ['exp', -87, 88],
  ['log', 1e-6, 5],
  ['log1p', -0.9, 9],
  ['sin', -1000, 1000],
  ['cos', -1000, 1000],
  ['ceil', -4, 4],
  ['round', -4, 4],
  ['tanh', -3, 3],
  ['erf', -3, 3],
  ['erfcx', -8, 8],
  ['sqrt', 1e-3, 100],
  ['rsqrt', 1e-3, 100],
  ['div', 0.5, 90],
];

describe('accuracy', () => {
  it('of element-wise functions on the device stays within the bounds of their table', async ({ skip }) => {
    const gpu = await openGpu('vulkan');
    if (!gpu) {
      console.log(NO_ADAPTER);
      return skip(NO_ADAPTER);
    }
    const size = 4096;
    const kernel = trace((k) => {
      const a = k.axis('a', 256);
      const A = k.span(a, k.mul(k.program(0), 256), size);
      for (const [fn] of functions) {
        const x = k.load(k.read(`${fn}_x`), [[A, 1]]);
        k.store(k.write(`${fn}_y`), [[A, 1]], elementwise[fn].arity === 2 ? k.map(fn, 3, x) : k.map(fn, x));
      }
    });
    const buffers: Record<string, Float32Array> = {};
    for (const [fn, low, high] of functions) {
      buffers[`${fn}_x`] = Float32Array.from({ length: size }, (_, i) => low + ((high - low) * i) / size);
      buffers[`${fn}_y`] = new Float32Array(size);
    }
    await gpu.run({ kernel, grid: [size / 256], scalars: {} }, buffers);
    gpu.close();
    for (const [fn] of functions) {
      const { reference, ulp, arity } = elementwise[fn];
      const [x, y] = [defined(buffers[`${fn}_x`], 'arguments'), defined(buffers[`${fn}_y`], 'results')];
      x.forEach((argument, i) => {
        const want = arity === 2 ? reference(3, argument, 0) : reference(argument, 0, 0);
        const error = want === 0 ? Math.abs(y[i] as number) : ulps(y[i] as number, want);
        expect(error, `${fn}(${argument})`).toBeLessThanOrEqual(ulp);
      });
    }
  });
});
