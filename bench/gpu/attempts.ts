import { ops, reportProgram, tableOf, tuneSchedules, type WebgpuDevice } from 'frond';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import { BLOCK } from '../../src/runtime/parameters.ts';
import type { Limit, Row } from '../row.ts';
import { gpuCeiling } from './ceiling.ts';
import {
  type AttentionSize,
  attentionSubject,
  bertSubject,
  jointSubject,
  matmulSubject,
  type Prepared,
  prepare,
  type Subject,
  timeOf,
} from './figures.ts';

export const by = 'frond webgpu';

/** Sizes of a run, which PyTorch gets too. */
export interface Plan {
  readonly small: boolean;
  readonly sizes: readonly number[];
  readonly batch: number;
  readonly time: number;
  /** that a measurement takes about */
  readonly milliseconds: number;
  /** that the search of schedules for one case may take */
  readonly tuneSeconds: number;
}

export interface On {
  readonly device: WebgpuDevice;
  readonly raw: GPUDevice;
  /** TFLOP/s of the card's data sheet; NaN where they are not known */
  readonly peaks: Readonly<Record<Half, number>>;
}

type Half = 'f32' | 'f16';
type Made = Partial<Row>;

/** One figure, or a few from one measurement. */
export interface Attempt {
  readonly row: Pick<Row, 'case' | 'what' | 'unit'>;
  readonly work: () => Promise<readonly Made[]>;
}

/** @throws where f16 is asked for and the adapter has none */
function requireHalves({ device }: On, type: Half): void {
  if (type === 'f16' && !device.adapter.features.includes('shader-f16')) {
    throw new Error('the adapter has no shader-f16');
  }
}

async function withSubject<T>(
  on: On,
  subject: Subject,
  work: (prepared: Prepared) => Promise<T>,
): Promise<T> {
  const prepared = await prepare(on.device, subject);
  try {
    return await work(prepared);
  } finally {
    await prepared.free();
  }
}

/** The largest error of some elements of x · w, against sums in double precision. */
async function errorOf({ executable }: Prepared, { feeds }: Subject, size: number): Promise<number> {
  const { out } = await executable.run(feeds);
  const [x, w] = [feeds.x, feeds.w].map((fed) => Float64Array.from(fed?.data ?? [], Number)) as [
    Float64Array,
    Float64Array,
  ];
  let worst = 0;
  for (let probe = 0; probe < 64; probe++) {
    const [row, column] = [(probe * 7919) % size, (probe * 104_729) % size];
    let sum = 0;
    for (let k = 0; k < size; k++) sum += (x[row * size + k] ?? 0) * (w[k * size + column] ?? 0);
    worst = Math.max(worst, Math.abs(sum - (out?.data[row * size + column] ?? Number.NaN)));
  }
  return worst;
}

/** What multiplications and additions in registers reach; kept for the shares of matmul. */
const ceiling = (on: On, type: Half, reached: Map<Half, number>): Attempt => ({
  row: { case: 'in registers', what: `multiply, add ${type}`, unit: 'GFLOP/s' },
  async work() {
    requireHalves(on, type);
    const value = await gpuCeiling(on.raw, type, on.device.adapter.software);
    reached.set(type, value);
    return [{ by: 'this card', value }];
  },
});

function matmul(on: On, plan: Plan, size: number, type: Half, reached: ReadonlyMap<Half, number>): Attempt {
  const peak = on.peaks[type];
  const wanted = type === 'f32' && size === 4096 && !Number.isNaN(peak);
  const aim: Limit | undefined = wanted ? { of: 'value', least: 600 * peak } : undefined;
  return {
    row: { case: `${size}x${size}x${size}`, what: `matmul ${type}`, unit: 'GFLOP/s' },
    async work() {
      requireHalves(on, type);
      const single = matmulSubject(size, 1, type);
      const error = await withSubject(on, single, (prepared) => errorOf(prepared, single, size));
      if (!(error < (type === 'f16' ? 0.1 : 1e-3))) throw new Error(`wrong numbers: off by ${error}`);
      const flops = 2 * size ** 3;
      const count = Math.max(1, Math.min(64, Math.round((plan.small ? 1e7 : 2e11) / flops)));
      const several = matmulSubject(size, count, type);
      const { each } = await withSubject(on, several, (prepared) => timeOf(prepared, plan.milliseconds));
      const value = (flops * count) / each / 1e6;
      const share = (of: number | undefined, name: string) =>
        of === undefined || Number.isNaN(of) ? [] : [`${((100 * value) / of).toFixed(1)} % of ${name}`];
      const shares = [...share(1000 * peak, 'peak'), ...share(reached.get(type), 'the measured ceiling')];
      return [{ value, aim, note: [...shares, `largest error ${error.toExponential(1)}`].join(', ') }];
    },
  };
}

function attention(on: On, { milliseconds }: Plan, at: AttentionSize, backward: boolean): Attempt {
  // scores and weighted sum forward; backward the scores again, and four products for the gradients
  const flops = (backward ? 14 : 4) * at.batch * at.time * at.time * at.width;
  return {
    row: {
      case: `b${at.batch} t${at.time} h${at.heads} w${at.width}`,
      what: backward ? 'attention forward and backward' : 'attention forward',
      unit: 'ms',
    },
    work: () =>
      withSubject(on, attentionSubject(at, backward), async (prepared) => {
        const { each } = await timeOf(prepared, milliseconds);
        return [{ value: each, note: `${(flops / each / 1e6).toPrecision(3)} GFLOP/s` }];
      }),
  };
}

const step = (on: On, { batch, time, milliseconds }: Plan, name: string, make: () => Subject): Attempt => ({
  row: { case: `${name} b${batch} t${time}`, what: 'training step', unit: 'ms' },
  work: () =>
    withSubject(on, make(), async (prepared) => {
      const { each, alone } = await timeOf(prepared, milliseconds);
      const { executable, compileMilliseconds } = prepared;
      const blocks = executable.state.layout.trained / BLOCK;
      const report = reportProgram(executable.program, ops, { batch, time, [ARENA_BLOCKS]: blocks });
      const facts = [
        `${report.launches} launches of ${report.kernels} kernels`,
        `${(report.flops / each / 1e6).toPrecision(3)} GFLOP/s`,
        `${alone.toFixed(1)} ms where each is waited for`,
        `compiled in ${(compileMilliseconds / 1000).toFixed(1)} s`,
      ];
      return [{ value: each, note: facts.join(', ') }, ...(await longestKernels(prepared))];
    }),
});

/** The kernels that a step spends most of its time in, by the card's own clock where it has one. */
async function longestKernels({ executable, feeds }: Prepared): Promise<Made[]> {
  await executable.profile(feeds);
  const launches = await executable.profile(feeds);
  if (launches === undefined)
    return [{ what: 'time of kernels', note: 'not measured: no clock for launches' }];
  const times = new Map<string, { count: number; milliseconds: number }>();
  let total = 0;
  for (const { kernel, variant, milliseconds } of launches) {
    const known = times.get(`${kernel} ${variant}`) ?? { count: 0, milliseconds: 0 };
    times.set(`${kernel} ${variant}`, {
      count: known.count + 1,
      milliseconds: known.milliseconds + milliseconds,
    });
    total += milliseconds;
  }
  const longest = [...times].sort(([, a], [, b]) => b.milliseconds - a.milliseconds).slice(0, 12);
  return [
    { what: 'time of kernels', value: total, note: `${launches.length} launches` },
    ...longest.map(([name, { count, milliseconds }]) => ({
      what: `  ${name}`,
      value: milliseconds,
      note: `${count} launches, ${((100 * milliseconds) / total).toFixed(1)} %`,
    })),
  ];
}

/** The same under schedules that a search has found, over what it is under the built-in ones. */
function tuned(
  on: On,
  { batch, time, milliseconds, tuneSeconds }: Plan,
  of: Attempt['row'],
  make: () => Subject,
): Attempt {
  return {
    row: { ...of, what: `${of.what}, tuned`, unit: 'ms' },
    async work() {
      const subject = make();
      const found = await tuneSchedules(subject.graph, {
        device: on.device,
        sizes: { batch, time },
        seconds: tuneSeconds,
      });
      const table = tableOf(found);
      const searched = `${found.length} classes searched`;
      if (Object.keys(table).length === 0) {
        return [{ note: `${searched}, nothing beat the built-in schedules` }];
      }
      const builtIn = await prepare(on.device, subject);
      const best = await prepare(on.device, subject, table);
      let [before, after] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
      for (let turn = 0; turn < 3; turn++) {
        before = Math.min(before, (await timeOf(builtIn, milliseconds)).each);
        after = Math.min(after, (await timeOf(best, milliseconds)).each);
      }
      await Promise.all([builtIn.free(), best.free()]);
      const note = `${searched}, ${JSON.stringify(table).replaceAll('"', '')}`;
      return [{ value: after, compared: 'tuned ÷ built-in', ratio: before / after, note }];
    },
  };
}

const launches = (on: On, { small, milliseconds }: Plan): Attempt => ({
  row: { case: '4x4x4', what: 'launch overhead', unit: 'µs' },
  async work() {
    const many = small ? 65 : 257;
    const time = (count: number) =>
      withSubject(on, matmulSubject(4, count), (prepared) => timeOf(prepared, milliseconds));
    const [one, all] = [await time(1), await time(many)];
    return [
      { value: (1000 * (all.each - one.each)) / (many - 1), note: 'of one more launch in a submission' },
      { what: 'submission', value: 1000 * one.each, note: `waited for: ${(1000 * one.alone).toFixed(0)} µs` },
    ];
  },
});

/** Everything that is to be known of a card, in an order that makes the first figures the most telling. */
export function attemptsOf(plan: Plan, on: On): readonly Attempt[] {
  const { small, sizes, batch, time } = plan;
  const reached = new Map<Half, number>();
  const types: readonly Half[] = ['f32', 'f16'];
  const heads = small ? { heads: 2, width: 64 } : { heads: 12, width: 768 };
  const texts: readonly AttentionSize[] = [
    { batch, time, ...heads },
    ...(small ? [] : [{ batch: 8, time: 512, ...heads }]),
  ];
  const [layers, width, name] = small ? [1, 64, 'BERT 1x64'] : [12, 768, 'BERT-base'];
  const bert = step(on, plan, name, () => bertSubject(layers, width, batch, time));
  return [
    ...types.map((type) => ceiling(on, type, reached)),
    ...sizes.flatMap((size) => types.map((type) => matmul(on, plan, size, type, reached))),
    ...texts.flatMap((at) => [attention(on, plan, at, false), attention(on, plan, at, true)]),
    launches(on, plan),
    bert,
    step(on, plan, 'joint 2x128', () => jointSubject(on.device, batch, time)),
    ...[sizes[0] ?? 64, ...(sizes.includes(4096) ? [4096] : [])].map((size) =>
      tuned(on, plan, matmul(on, plan, size, 'f32', reached).row, () => matmulSubject(size, 1)),
    ),
    tuned(on, plan, bert.row, () => bertSubject(layers, width, batch, time)),
  ];
}
