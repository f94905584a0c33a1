import { compile, type Graph, ops, passes, reportProgram, wasmDevice } from 'frond';
import { ARENA_BLOCKS } from '../src/ir/record.ts';
import { BLOCK } from '../src/runtime/parameters.ts';
import { type Ceilings, ceilingsOf } from './ceilings.ts';
import { classes, matmulFlops, nameOf, type StepCase, trainingStep } from './models.ts';
import { type Entrant, type Figure, measured, Races } from './race.ts';
import { type Context, comparedRow, judged, type Limit, type Row, rowOf, time } from './row.ts';

export const about = 'training step of a pre-norm encoder: forward, backward, AdamW, f32';

interface Case extends StepCase {
  readonly asked?: Limit;
  readonly aim: Limit;
  /** milliseconds of processor time that the interpreter may take at a ceiling of 43 GFLOP/s in registers */
  readonly interpreter?: number;
  /** times as fast as each peer, our two threads against its one */
  readonly against: Readonly<Record<string, number>>;
}

const cases: readonly Case[] = [
  {
    layers: 2,
    width: 128,
    heads: 4,
    inner: 512,
    batch: 32,
    time: 32,
    asked: { of: 'value', most: 36 },
    aim: { of: 'value', most: 26 },
    interpreter: 900,
    against: { 'jax-js': 2.6, 'tfjs-wasm': 20 },
  },
  {
    layers: 4,
    width: 256,
    heads: 4,
    inner: 1024,
    batch: 16,
    time: 64,
    aim: { of: 'value', most: 215 },
    against: { 'jax-js': 2.5 },
  },
];

/** GFLOP/s in registers of the machine for which the interpreter's time was asked. */
const CEILING = 43;

function entrants({ interpreter, ...at }: Case): readonly Entrant[] {
  const frond = (name: string, what: string, options: object): Entrant => ({
    name,
    file: 'frond.ts',
    what,
    options,
  });
  const peer = (name: string, file: string, options: object): Entrant => ({
    name,
    file: `peers/${file}`,
    what: 'step',
    options: { at, classes, ...options },
  });
  return [
    frond('frond 2', 'step', { at, device: 'wasm', threads: 2 }),
    frond('frond 1', 'step', { at, device: 'wasm', threads: 1 }),
    ...(interpreter === undefined
      ? []
      : [frond('frond interpreter', 'step', { at, device: 'interpreter', threads: 1 })]),
    frond('frond 512³', 'matmul', { rows: 512, inner: 512, count: 1, device: 'wasm', threads: 1 }),
    peer('jax-js', 'jax.mjs', { update: true }),
    peer('jax-js, no update', 'jax.mjs', { update: false }),
    peer('PyTorch', 'pytorch.py', { threads: 1 }),
    peer('tfjs-wasm', 'tfjs.mjs', {}),
  ];
}

function timesOf(at: Case, figures: ReadonlyMap<string, Figure>, { arithmetic = CEILING }: Ceilings): Row[] {
  const row = { case: nameOf(at), what: 'step' };
  const [one, two] = [figures.get('frond 1'), figures.get('frond 2')];
  const { asked, aim } = at;
  const double = { ...row, by: 'frond wasm', threads: 2, compared: '2 threads ÷ 1', asked, aim };
  const rows = [
    rowOf({ ...row, by: 'frond wasm', threads: 1 }, time, one),
    comparedRow(rowOf(double, time, two), two, one),
  ];
  if (at.interpreter !== undefined) {
    const most = Math.round((at.interpreter * CEILING) / arithmetic);
    const interpreted = {
      ...row,
      by: 'frond interpreter',
      threads: 1,
      asked: { of: 'processor', most },
    } as const;
    rows.push(rowOf(interpreted, time, figures.get('frond interpreter')));
  }
  for (const [name, figure] of figures) {
    if (name.startsWith('frond')) continue;
    const factor = at.against[name];
    const limit: Limit | undefined = factor === undefined ? undefined : { of: 'ratio', least: factor };
    const compared = `frond, 2 threads ÷ ${name}`;
    rows.push(
      comparedRow(rowOf({ ...row, by: name, threads: 1, compared, asked: limit }, time, figure), two, figure),
    );
  }
  return rows;
}

/** The share of a step that its matrix products would take at the speed of 512³, times 1.8 for two threads. */
function shareOf(at: StepCase, figures: ReadonlyMap<string, Figure>): Row {
  const [two, product] = [figures.get('frond 2'), figures.get('frond 512³')];
  const row: Row = {
    case: nameOf(at),
    what: 'matmul share of the step',
    by: 'frond wasm',
    threads: 2,
    unit: '%',
    asked: { of: 'value', least: 70 },
    aim: { of: 'value', least: 85 },
  };
  if (!measured(two) || !measured(product)) return { ...row, note: 'not measured' };
  const alone = (matmulFlops(at) * product.wall) / (2 * 512 ** 3 * 1.8);
  return judged({ ...row, value: (100 * alone) / two.wall });
}

const count = (at: StepCase, what: string, value: number, unit: string, more: Partial<Row> = {}): Row =>
  judged({ case: nameOf(at), what, by: 'frond', value, unit, ...more });

/** What is known before a step runs, planned and fused, against the graph without passes. */
async function planOf(at: StepCase, { arithmetic, memory }: Ceilings): Promise<Row[]> {
  const report = async (graph: Graph, disable: readonly string[]) => {
    const device = wasmDevice({ threads: 1 });
    const { executable } = await compile(graph, { device, disable });
    const { batch, time: steps } = at;
    const blocks = executable.state.layout.trained / BLOCK;
    const result = reportProgram(executable.program, ops, { batch, time: steps, [ARENA_BLOCKS]: blocks });
    await device.close();
    return result;
  };
  const planned = await report(trainingStep(at), []);
  const plain = await report(
    trainingStep(at),
    passes.map(({ name }) => name),
  );
  const [mebi, mega] = [2 ** 20, 1e6];
  const { layers } = at;
  const two = { threads: 2 };
  const deep = layers >= 4;
  return [
    count(at, 'matmul work', matmulFlops(at) / 1e9, 'GFLOP'),
    ...(arithmetic === undefined
      ? []
      : [count(at, 'floor: matmul work at the ceiling', matmulFlops(at) / arithmetic / 2 / mega, 'ms', two)]),
    ...(memory === undefined
      ? []
      : [count(at, 'bytes moved, at the speed of a copy', planned.bytesMoved / memory / mega, 'ms')]),
    count(at, 'work, all told', planned.flops / 1e9, 'GFLOP'),
    count(at, 'launches', planned.launches, 'launches', {
      asked: { of: 'value', most: 34 * layers + 40 },
      aim: { of: 'value', most: 24 * layers + 25 },
      note: `unfused ${plain.launches}`,
    }),
    count(at, 'kernels', planned.kernels, 'texts'),
    count(at, 'bytes moved', planned.bytesMoved / mebi, 'MiB', {
      note: `unfused ${(plain.bytesMoved / mebi).toFixed(0)}`,
    }),
    count(at, 'peak memory of intermediates', planned.peakBytes / mebi, 'MiB'),
    count(at, 'the same, of the unfused graph', (100 * planned.peakBytes) / plain.unsharedBytes, '%', {
      ...(deep ? { asked: { of: 'value', most: 60 }, aim: { of: 'value', most: 40 } } : {}),
      note: `unfused ${(plain.unsharedBytes / mebi).toFixed(1)} MiB`,
    }),
  ];
}

export async function run({ quick }: Context): Promise<readonly Row[]> {
  const races = new Races(quick ? { rounds: 2, milliseconds: 150 } : { rounds: 8, milliseconds: 600 });
  const ceilings = await ceilingsOf(races);
  const rows: Row[] = [...ceilings.rows];
  for (const at of quick ? cases.slice(0, 1) : cases) {
    const figures = await races.race(entrants(at));
    rows.push(...timesOf(at, figures, ceilings), shareOf(at, figures), ...(await planOf(at, ceilings)));
  }
  races.end();
  return rows;
}
