import * as frond from '../../../src/index.ts';
import type { Kernel, Value } from '../../../src/kernel/ir.ts';
import type { Call, Row, Rows } from './row.ts';

type K = frond.KernelBuilder;
const OPTIONS = {
  name: 'rows',
  variant: '',
  doc: 'y = Σx by rows',
  schedule: { tiles: { i: 4, j: 8 }, split: 1 },
  storage: { x: 'f32' },
} as const;

/** What rows of methods work with. */
function parts(k: K) {
  const [i, j] = [k.axis('i', 4), k.axis('j', 8)];
  const I = k.span(i, k.mul(k.program(0), 4), k.parameter('rows'));
  const J = k.span(j, 0, 8);
  const x = k.read('x');
  const tile = k.load(x, [
    [I, 8],
    [J, 1],
  ]);
  return { i, j, I, J, x, y: k.write('y'), tile };
}

const tracing =
  (row: (k: K, call: Call) => unknown): Row =>
  (call) =>
    frond.traceKernel(OPTIONS, (k) => {
      row(k, call);
    });

const sums = (): Kernel =>
  frond.traceKernel(OPTIONS, (k) => {
    const { I, y, tile, j } = parts(k);
    k.store(y, [[I, 1]], k.sum(tile, j));
  });
const launch = () => ({ grid: [1], scalars: { rows: 4 } });
const buffers = () => ({ x: new Float32Array(32), y: new Float32Array(4) });

const two = ['add', 'sub', 'mul', 'div', 'rem', 'min', 'max', 'lt', 'le', 'eq'] as const;
const one = ['neg', 'exp', 'log', 'sqrt', 'rsqrt', 'isFinite', 'isNaN'] as const;
const k$ = 'KernelBuilder#';
const truth = (k: K): Value => k.lt(k.program(0), 3);

const declaration = {
  name: 'own',
  doc: 'y = x',
  variant: ['plain'],
  reads: { x: 'f32' },
  writes: { y: 'f32' },
  parameters: { count: 'i32' },
} as const;

export const kernelRows: Rows = {
  kernel: (call) => call(frond.kernel, { ...declaration, tiles: { i: 4 } }, () => undefined),
  rowKernel: (call) => call(frond.rowKernel, { ...declaration, perTile: true }, () => undefined),
  traceKernel: (call) =>
    call(frond.traceKernel, OPTIONS, (k: K) => {
      parts(k);
    }),
  printKernel: (call) => call(frond.printKernel, sums(), { sources: true }),
  checkKernel: (call) => call(frond.checkKernel, sums()),
  assertKernel: (call) => call(frond.assertKernel, sums()),
  printWgsl: (call) =>
    call(frond.printWgsl, sums(), {
      limits: { storageBuffers: 8, workgroupBytes: 16_384, invocations: 256 },
      shaderF16: false,
      unroll: true,
      transcendentals: 'builtin',
      multiplesOf4: ['rows'],
      subgroups: undefined,
      arenas: { x: 'a' },
      readWrite: ['x'],
    }),
  interpretKernel: (call) => call(frond.interpretKernel, sums(), 'f32'),
  'interpretKernel#run': (call) => {
    const made = frond.interpretKernel(sums(), 'f32');
    return call(made.run.bind(made), launch(), buffers());
  },
  simulate: (call) => call(frond.simulate, sums(), launch(), buffers()),
  launch: (call) => call(frond.launch, frond.interpreterDevice(), sums(), launch(), buffers()),
  ...Object.fromEntries(
    two.map((name) => [k$ + name, tracing((k, call) => call(k[name].bind(k), k.program(0), 3))]),
  ),
  ...Object.fromEntries(
    one.map((name) => [k$ + name, tracing((k, call) => call(k[name].bind(k), k.constant(2)))]),
  ),
  ...Object.fromEntries(
    (['and', 'or'] as const).map((name) => [
      k$ + name,
      tracing((k, call) => call(k[name].bind(k), truth(k), truth(k))),
    ]),
  ),
  [`${k$}not`]: tracing((k, call) => call(k.not.bind(k), truth(k))),
  [`${k$}select`]: tracing((k, call) => call(k.select.bind(k), truth(k), 1, k.constant(2))),
  [`${k$}map`]: tracing((k, call) => call(k.map.bind(k), 'add', k.constant(2), 3)),
  [`${k$}axis`]: tracing((k, call) => call(k.axis.bind(k), 'i', 8)),
  [`${k$}buffer`]: tracing((k, call) => call(k.buffer.bind(k), 'x', 'f32', 'read')),
  [`${k$}read`]: tracing((k, call) => call(k.read.bind(k), 'x', 'f32')),
  [`${k$}write`]: tracing((k, call) => call(k.write.bind(k), 'x', 'f32')),
  [`${k$}parameter`]: tracing((k, call) => call(k.parameter.bind(k), 'rows', 'i32')),
  [`${k$}program`]: tracing((k, call) => call(k.program.bind(k), 1)),
  [`${k$}arange`]: tracing((k, call) => call(k.arange.bind(k), parts(k).i)),
  [`${k$}span`]: tracing((k, call) => call(k.span.bind(k), parts(k).i, 0, 4)),
  [`${k$}inside`]: tracing((k, call) => call(k.inside.bind(k), parts(k).I)),
  [`${k$}constant`]: tracing((k, call) => call(k.constant.bind(k), 1, 'f32')),
  [`${k$}fill`]: tracing((k, call) => call(k.fill.bind(k), [parts(k).i], 0, 'f32')),
  [`${k$}cast`]: tracing((k, call) => call(k.cast.bind(k), k.program(0), 'f32')),
  [`${k$}load`]: tracing((k, call) => {
    const { I, J, x } = parts(k);
    return call(
      k.load.bind(k),
      x,
      [
        [I, 8],
        [J, 1],
      ],
      0,
    );
  }),
  [`${k$}store`]: tracing((k, call) => {
    const { I, y, tile, j } = parts(k);
    return call(k.store.bind(k), y, [[I, 1]], k.sum(tile, j));
  }),
  [`${k$}reduce`]: tracing((k, call) => {
    const { tile, j } = parts(k);
    return call(k.reduce.bind(k), 'sum', tile, j);
  }),
  ...Object.fromEntries(
    (['sum', 'maximum', 'argmax'] as const).map((name) => [
      k$ + name,
      tracing((k, call) => {
        const { tile, j } = parts(k);
        return call(k[name].bind(k), tile, j);
      }),
    ]),
  ),
  [`${k$}pow`]: tracing((k, call) => call(k.pow.bind(k), k.constant(2), 3)),
  [`${k$}dot`]: tracing((k, call) => {
    const [m, n, d] = [k.axis('m', 4), k.axis('n', 8), k.axis('d', 8)];
    return call(k.dot.bind(k), k.fill([m, d], 1), k.fill([n, d], 1), k.fill([m, n], 0), d);
  }),
  [`${k$}rename`]: tracing((k, call) => {
    const { tile, j } = parts(k);
    return call(k.rename.bind(k), tile, j, k.axis('other', 8));
  }),
  [`${k$}random`]: tracing((k, call) => call(k.random.bind(k), [1, 2], [3, k.cast(k.program(0), 'u32')], 1)),
  [`${k$}name`]: tracing((k, call) => call(k.name.bind(k), { two: k.constant(2) })),
  [`${k$}loop`]: tracing((k, call) =>
    call(k.loop.bind(k), 0, 16, 8, [k.constant(0)], (_: Value, sum: Value) => [k.add(sum, 1)]),
  ),
  [`${k$}when`]: tracing((k, call) => call(k.when.bind(k), truth(k), () => undefined)),
  [`${k$}finish`]: tracing((k, call) => call(k.finish.bind(k), 'rows', '', 'doc', OPTIONS.schedule)),
};
