import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { WgslOptions } from '../../../src/backend/wgsl/index.ts';
import { allocate, type TypedArray } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { type KernelBuilder, traceKernel } from '../../../src/kernel/build.ts';
import type { Kernel, Value } from '../../../src/kernel/ir.ts';
import { expectClose, gaussian } from '../../support/arrays.ts';
import { type Gpu, NO_ADAPTER, openGpu } from '../../support/gpu.ts';
import { interpreterOf } from '../../support/launch.ts';

/** Small kernels for what the kernels of the house do not stress, each executed against the f64 interpreter. */
interface Case {
  readonly name: string;
  readonly workgroup: readonly [number, number];
  readonly author: (k: KernelBuilder) => void;
  readonly grid: readonly number[];
  readonly scalars?: Readonly<Record<string, number>>;
  /** lengths of buffers, or their data */
  readonly buffers: Readonly<Record<string, number | Int32Array | Uint32Array | Float64Array>>;
  readonly options?: WgslOptions;
}

/** Softmax-like rows: loads, transcendentals, reductions both ways, an epilogue that broadcasts. */
function rows(k: KernelBuilder): void {
  const [x, y] = [k.read('x'), k.write('y')];
  const [r, c] = [k.axis('r', 12), k.axis('c', 20)];
  const [R, C] = [k.span(r, k.mul(k.program(0), 12), 17), k.span(c, 0, 19)];
  const tile = k.load(x, [
    [R, 19],
    [C, 1],
  ]);
  const columns = k.sum(k.select(k.inside(R), tile, 0), r);
  const scaled = k.mul(k.map('erf', k.map('tanh', tile)), k.rsqrt(k.add(k.map('abs', columns), 1)));
  k.store(
    y,
    [
      [R, 19],
      [C, 1],
    ],
    k.add(k.log(k.add(k.exp(scaled), 1)), k.maximum(scaled, c)),
  );
}

/** A prefix sum through scratch: each round reads what other threads wrote in the round before. */
function scratchRounds(k: KernelBuilder): void {
  const x = k.read('x');
  const memory = k.buffer('memory', 'f32', 'scratch');
  const out = k.write('out');
  const a = k.axis('a', 32);
  const base = k.mul(k.program(0), 32);
  const A = k.span(a, base, 64);
  const here = k.add(k.arange(a), base);
  k.store(memory, [[A, 1]], k.load(x, [[A, 1]]));
  k.loop(0, 5, 1, [k.constant(1, 'i32')], (_, distance) => {
    const step = distance as Value;
    const there = k.max(k.sub(here, step), base);
    const before = k.load(memory, [[there, 1]]);
    const own = k.load(memory, [[A, 1]]);
    k.store(memory, [[A, 1]], k.add(own, k.select(k.le(step, k.arange(a)), before, 0)));
    return [k.mul(step, 2)];
  });
  k.store(out, [[A, 1]], k.load(memory, [[A, 1]]));
}

/** A vector used along both dimensions of a tile: its elements change threads. */
function outerProduct(k: KernelBuilder): void {
  const [x, y] = [k.read('x'), k.write('y')];
  const [i, j] = [k.axis('i', 12), k.axis('j', 12)];
  const [I, J] = [k.span(i, 0, 11), k.span(j, 0, 11)];
  const table = k.load(x, [
    [I, 11],
    [J, 1],
  ]);
  const down = k.sum(table, i);
  k.store(
    y,
    [
      [I, 11],
      [J, 1],
    ],
    k.mul(k.rename(down, j, i), down),
  );
}

/** Uniform control from memory, carried values that change places, ties of argmax, random words, integers, bools. */
function controls(k: KernelBuilder): void {
  const counts = k.read('counts', 'i32');
  const [out, best, words] = [k.write('out'), k.write('best', 'i32'), k.write('words', 'u32')];
  const a = k.axis('a', 8);
  const program = k.program(0);
  const here = k.add(k.arange(a), k.mul(program, 8));
  const A = k.span(a, k.mul(program, 8), k.parameter('size'));
  const start = [k.cast(here, 'f32'), k.fill([a], 1), k.constant(3)];
  const results = k.loop(0, k.load(counts, [[program, 1]]), 1, start, (i, ...carried) => {
    const [p, q, s] = carried as [Value, Value, Value];
    return [q, k.add(p, k.mul(q, k.cast(i, 'f32'))), k.mul(s, 0.5)];
  });
  const [p, q, s] = results as [Value, Value, Value];
  k.store(out, [[A, 1]], k.add(k.sub(p, q), s));
  k.when(k.eq(k.rem(program, 2), 0), () => {
    const mixed = k.map('bitAnd', k.map('shiftRight', k.mul(here, -1), 1), 5);
    k.store(best, [[program, 1]], k.add(k.argmax(mixed, a), k.maximum(mixed, a)));
  });
  const random = k.random([7, k.cast(program, 'u32')], [k.cast(here, 'u32'), 9], 1);
  k.store(words, [[A, 1]], k.select(k.isFinite(k.cast(here, 'f32')), random, 0));
}

/** More parts than one thread folds: of a scalar 256, of rows 64, of the place of a largest element 64 with ties. */
function trees(k: KernelBuilder): void {
  const [x, ties] = [k.read('x'), k.read('ties', 'i32')];
  const [y, z, best] = [k.write('y'), k.write('z'), k.write('best', 'i32')];
  const [r, c] = [k.axis('r', 8), k.axis('c', 64)];
  const [R, C] = [k.span(r, 0, 8), k.span(c, 0, 64)];
  const tile = k.load(x, [
    [R, 64],
    [C, 1],
  ]);
  k.store(y, [[0, 1]], k.add(k.sum(tile, r, c), k.maximum(tile, r, c)));
  k.store(z, [[R, 1]], k.add(k.sum(tile, c), k.maximum(tile, c)));
  k.store(best, [[0, 1]], k.argmax(k.load(ties, [[C, 1]]), c));
}

/** Three grid dimensions and more programs than one dimension of a dispatch takes. */
function manyPrograms(k: KernelBuilder): void {
  const out = k.write('out', 'i32');
  const [x, y, z] = [k.program(0), k.program(1), k.program(2)];
  const value = k.add(x, k.add(k.mul(y, 1000), k.mul(z, 1000000)));
  k.store(
    out,
    [
      [x, 1],
      [y, 300],
      [z, 300 * 250],
    ],
    value,
  );
}

const cases: readonly Case[] = [
  {
    name: 'rows',
    workgroup: [8, 4],
    author: rows,
    grid: [2],
    buffers: { x: 17 * 19, y: 17 * 19 },
  },
  {
    name: 'rows, elements written out',
    workgroup: [8, 4],
    author: rows,
    grid: [2],
    buffers: { x: 17 * 19, y: 17 * 19 },
    options: { unroll: true },
  },
  {
    name: 'scratch between rounds',
    workgroup: [8, 1],
    author: scratchRounds,
    grid: [2],
    buffers: { x: 64, memory: 64, out: 64 },
  },
  {
    name: 'a vector along both dimensions',
    workgroup: [8, 4],
    author: outerProduct,
    grid: [1],
    buffers: { x: 121, y: 121 },
  },
  {
    name: 'uniform control',
    workgroup: [8, 1],
    author: controls,
    grid: [3],
    scalars: { size: 21 },
    buffers: {
      counts: Int32Array.of(0, 3, 5),
      out: 21,
      best: new Int32Array(3),
      words: new Uint32Array(21),
    },
  },
  ...[{}, { unroll: true }].map((options) => ({
    ...{
      name: `trees of parts ${JSON.stringify(options)}`,
      workgroup: [64, 4] as const,
      author: trees,
      grid: [1],
    },
    buffers: {
      x: 512,
      ties: Int32Array.from({ length: 64 }, (_, i) => (i * 7) % 5),
      y: 1,
      z: 8,
      best: new Int32Array(1),
    },
    options,
  })),
  {
    name: 'a large grid',
    workgroup: [1, 1],
    author: manyPrograms,
    grid: [300, 250, 2],
    buffers: { out: new Int32Array(300 * 250 * 2) },
  },
];

const kernelOf = ({ name, workgroup, author }: Case): Kernel =>
  traceKernel({ name, doc: 'a test', schedule: { tiles: {}, workgroup } }, author);

function buffersOf({ buffers }: Case, precision: 'f32' | 'f64'): Record<string, TypedArray> {
  return Object.fromEntries(
    Object.entries(buffers).map(([name, data]) => {
      if (typeof data !== 'number') return [name, data.slice()];
      const array = allocate('f32', data, precision);
      array.set(Float32Array.from(gaussian(data, name)));
      return [name, array];
    }),
  );
}

describe('constructs executed as WGSL', () => {
  let gpu: Gpu | undefined;
  beforeAll(async () => {
    gpu = await openGpu('vulkan');
    if (!gpu) console.log(NO_ADAPTER);
  });
  afterAll(() => gpu?.close());

  it.for(cases)('$name', async (test, { skip }) => {
    if (!gpu) return skip(NO_ADAPTER);
    const kernel = kernelOf(test);
    const launch = { kernel, grid: test.grid, scalars: test.scalars ?? {} };
    const exact = buffersOf(test, 'f64');
    interpreterOf('f64')(launch, exact);
    const got = buffersOf(test, 'f32');
    await gpu.run(launch, got, test.options);
    for (const { name, dtype, access } of kernel.buffers) {
      if (access === 'read') continue;
      const [actual, expected] = [defined(got[name], name), defined(exact[name], name)];
      if (dtype === 'f32') expectClose(actual, expected, { absolute: 1e-5, relative: 1e-5 }, name);
      else expect(Array.from(actual)).toEqual(Array.from(expected));
    }
  });
});
