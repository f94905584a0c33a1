import type { UpdateRule } from '../../../kernels/update.ts';
import { interpretKernel, requireClean, simulate } from '../../../src/backend/interpreter/index.ts';
import { dispatchSize, printWgsl, uniformData } from '../../../src/backend/wgsl/index.ts';
import { type KernelBuilder, traceKernel } from '../../../src/kernel/build.ts';
import { assertKernel } from '../../../src/kernel/check.ts';
import { statementsOf, valuesOf } from '../../../src/kernel/flow.ts';
import type { Axis, Kernel, Value } from '../../../src/kernel/ir.ts';
import { updateOp } from '../../../src/ops/update.ts';
import type { Case } from './case.ts';

const scalar = { dtype: 'f32', shape: [] } as const;

const trace = (
  program: (k: KernelBuilder) => void,
  schedule: { readonly workgroup?: readonly [number, number]; readonly stage?: number } = {},
): Kernel => traceKernel({ name: 'sample', doc: 'a test', schedule: { tiles: {}, ...schedule } }, program);

/** y = Σ_j x[i, j] in a loop, of tiles [i, j]. */
const sums = (k: KernelBuilder): void => {
  const [i, j] = [k.axis('i', 8), k.axis('j', 8)];
  const I = k.span(i, k.mul(k.program(0), 8), k.parameter('rows'));
  const x = k.read('x');
  const [total] = k.loop(0, 16, 8, [k.fill([i], 0)], (from, sum) => {
    const tile = k.load(x, [
      [I, 16],
      [k.span(j, from, 16), 1],
    ]);
    return [k.add(sum as Value, k.sum(tile, j))];
  });
  k.store(k.write('y'), [[I, 1]], total as Value);
};

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** The kernel of `sums` with fields of what `pick` finds changed: what a faulty author of a pass could do. */
function broken<T extends object>(
  pick: (kernel: Kernel, values: readonly Value[]) => T | undefined,
  fields: Partial<Mutable<T>>,
): () => void {
  return () => {
    const kernel = trace(sums);
    const target = pick(kernel, valuesOf(statementsOf(kernel)));
    if (target === undefined) throw new Error('nothing to break');
    Object.assign(target, fields);
    assertKernel(kernel);
  };
}

const checked = (program: (k: KernelBuilder) => void) => () => assertKernel(trace(program));
const loopOf = (kernel: Kernel) =>
  statementsOf(kernel).flatMap(({ statement }) => (statement.kind === 'loop' ? [statement] : []))[0];
const firstOf = (op: Value['op']) => (_: Kernel, values: readonly Value[]) =>
  values.find((value) => value.op === op);
const tileOf = (_: Kernel, values: readonly Value[]) => values.find(({ axes }) => axes.length === 2);

/** A product whose tiles need 17,472 bytes at the smallest stage. */
const wide = (k: KernelBuilder): void => {
  const [i, j, d] = [k.axis('i', 64), k.axis('j', 1024), k.axis('d', 64)];
  const [I, J, D] = [k.span(i, 0, 64), k.span(j, 0, 1024), k.span(d, 0, 64)];
  const x = k.read('x');
  const tile = (rows: typeof I, columns: typeof I) =>
    k.load(x, [
      [rows, 64],
      [columns, 1],
    ]);
  const product = k.dot(tile(I, D), tile(D, J), undefined, d);
  const at = [
    [I, 1024],
    [J, 1],
  ] as const;
  k.store(k.write('y'), at, product);
};

/** Copies x, of a given type of elements, to y. */
const copy = (k: KernelBuilder, dtype: 'f32' | 'f16' = 'f32'): void => {
  const A = k.span(k.axis('a', 8), k.mul(k.program(0), 8), k.parameter('size'));
  k.store(k.write('y', dtype), [[A, 1]], k.load(k.read('x', dtype), [[A, 1]]));
};

const forgetful: UpdateRule = {
  name: 'forgetful',
  moments: 1,
  settings: [],
  apply: (_, { parameter }) => ({ parameter }),
};

const launch = { grid: [1], scalars: { size: 8 } } as const;

export const kernelCases: readonly Case[] = [
  ['K001', () => trace((k) => k.axis('i', 6))],
  ['K001', () => trace((k) => k.store(k.read('x'), [[k.span(k.axis('i', 4), 0, 4), 1]], 1))],
  ['K030', () => interpretKernel(trace(copy), 'f32').run({ grid: [1], scalars: {} }, {})],
  ['K030', () => interpretKernel(trace(copy), 'f32').run(launch, { x: new Float64Array(8) })],
  ['K030', () => simulate(trace(copy), launch, { x: new Float32Array(8) })],
  ['K030', () => simulate(trace(copy), { grid: [0.5], scalars: { size: 8 } }, {})],
  ['K030', () => simulate(trace(copy), { grid: [-1], scalars: { size: 8 } }, {})],
  ['K030', () => simulate(trace(copy), { grid: [1], scalars: { size: Number.NaN } }, {})],
  ['K030', () => simulate(trace(copy), {} as never, {})],
  ['K030', () => interpretKernel(trace(copy), 'f32').run({ grid: [1] } as never, {})],
  [
    'K031',
    () => {
      const kernel = trace((k) => {
        const y = k.write('y');
        k.loop(0, 8, k.parameter('step'), [], (at) => {
          k.store(y, [[at, 1]], 1);
          return [];
        });
      });
      simulate(kernel, { grid: [1], scalars: { step: 0 } }, { y: new Float32Array(8) });
    },
  ],
  [
    'K032',
    () => {
      const kernel = trace((k) => {
        const A = k.span(k.axis('a', 8), 4, 12);
        k.store(k.write('y'), [[A, 1]], k.fill([A.axis], 1));
      });
      requireClean(simulate(kernel, { grid: [1], scalars: {} }, { y: new Float32Array(8) }));
    },
  ],
  [
    'K040',
    () =>
      updateOp(forgetful).lower?.({
        inputs: [{ dtype: 'f32', shape: [1, 8] }],
        outputs: [scalar],
        attributes: { parameters: [] },
      }),
  ],
  [
    'K101',
    () => {
      const kernel = trace(sums);
      const tile = tileOf(kernel, valuesOf(statementsOf(kernel)));
      if (tile) Object.assign(tile, { axes: [...tile.axes].reverse() });
      assertKernel(kernel);
    },
  ],
  ['K102', broken((kernel) => kernel.axes[0] as Mutable<Axis> | undefined, { size: 6 })],
  ['K102', broken((kernel) => kernel.buffers[0], { name: 'rows' })],
  [
    'K103',
    checked((k) => {
      const [i, j, d] = [k.axis('i', 8), k.axis('j', 8), k.axis('d', 8)];
      const [I, J, D] = [i, j, d].map((axis) => k.span(axis, 0, 8)) as [never, never, never];
      for (const [name, rows, columns, axes] of [
        ['x', I, J, [i, j]],
        ['y', J, D, [j, d]],
        ['z', I, D, [i, d]],
      ] as const) {
        const at = [
          [rows, 8],
          [columns, 1],
        ] as const;
        k.store(k.write(name), at, k.fill(axes, 1));
      }
    }),
  ],
  [
    'K104',
    checked((k) => {
      let inner: Value | undefined;
      k.loop(0, 4, 1, [], (at) => {
        inner = at;
        return [];
      });
      k.store(k.write('y', 'i32'), [[0, 1]], inner ?? 0);
    }),
  ],
  [
    'K105',
    checked((k) => {
      k.loop(0, k.load(k.buffer('x', 'i32', 'scratch'), [[k.program(0), 1]]), 1, [], () => []);
    }),
  ],
  ['K106', broken(firstOf('fill'), { value: Number.NaN } as Partial<Value>)],
  ['K107', broken((kernel) => kernel.buffers.find(({ name }) => name === 'x'), { access: 'write' })],
  [
    'K108',
    checked((k) => {
      const [i, j] = [k.axis('i', 8), k.axis('j', 8)];
      const at = [
        [k.span(i, 0, 8), 8],
        [k.span(j, 0, 8), 0],
      ] as const;
      k.store(k.write('y'), at, k.fill([i, j], 1));
    }),
  ],
  ['K109', broken(loopOf, { yields: [] })],
  ['K110', broken(firstOf('reduce'), { over: [] } as Partial<Value>)],
  [
    'K112',
    checked((k) => {
      const A = k.span(k.axis('a', 8), 0, 8);
      const state = k.buffer('state', 'f32', 'update');
      k.store(state, [[A, 1]], k.fill([A.axis], 1));
      k.store(k.write('y'), [[A, 1]], k.load(state, [[A, 1]]));
    }),
  ],
  ['K201', () => printWgsl(trace(wide, { stage: 32 }))],
  ['K202', () => printWgsl(trace((k) => copy(k, 'f16')))],
  ['K203', () => printWgsl(trace(copy, { workgroup: [64, 8] }))],
  ['K204', () => dispatchSize([2 ** 20, 2 ** 12])],
  ['K205', () => uniformData(printWgsl(trace(copy)), { kernel: trace(copy), grid: [1], scalars: {} })],
];
