import { ceilingsOf } from './ceilings.ts';
import { type Entrant, type Figure, Races } from './race.ts';
import { type Context, comparedRow, type Limit, type Row, rate, rowOf } from './row.ts';

export const about = 'f32 matrix product rows × inner × inner, launch included';

interface Size {
  readonly rows: number;
  readonly inner: number;
  readonly asked: number | undefined;
  readonly aim: number;
  readonly large?: boolean;
}

/** GFLOP/s asked and aimed at on the reference machine, an AMD EPYC whose ceiling in registers is about 85. */
const sizes: readonly Size[] = [
  { rows: 512, inner: 512, asked: undefined, aim: 57, large: true },
  { rows: 1024, inner: 1024, asked: undefined, aim: 57, large: true },
  { rows: 64, inner: 64, asked: 40, aim: 54 },
  { rows: 65, inner: 65, asked: 35, aim: 45 },
  { rows: 100, inner: 100, asked: 45, aim: 50 },
  { rows: 127, inner: 127, asked: 45, aim: 52 },
  { rows: 257, inner: 257, asked: 47, aim: 52 },
  { rows: 1, inner: 512, asked: 12, aim: 18 },
];

const frond = (name: string, what: string, options: object): Entrant => ({
  name,
  file: 'frond.ts',
  what,
  options,
});
const peer = (name: string, file: string, options: object, what = 'matmul'): Entrant => ({
  name,
  file: `peers/${file}`,
  what,
  options,
});

function entrants({ rows, inner, large }: Size): readonly Entrant[] {
  const at = { rows, inner };
  // as many products in one submission as make it worth a measurement
  const count = Math.max(1, Math.min(64, Math.round(2e7 / (2 * rows * inner * inner))));
  const plain = inner <= 512 && (large || inner === 64);
  return [
    frond('frond 1', 'matmul', { ...at, count, device: 'wasm', threads: 1 }),
    frond('frond 2', 'matmul', { ...at, count, device: 'wasm', threads: 2 }),
    ...(count > 1 ? [frond('frond alone', 'matmul', { ...at, count: 1, device: 'wasm', threads: 1 })] : []),
    peer('prototype', 'prototype.mjs', at),
    peer('tfjs-wasm', 'tfjs.mjs', at),
    peer('jax-js', 'jax.mjs', at),
    peer('jax-js A·Bᵀ', 'jax.mjs', { ...at, transposed: true }),
    peer('PyTorch', 'pytorch.py', { ...at, threads: 1 }),
    ...(plain
      ? [
          frond('interpreter', 'matmul', { ...at, count: 1, device: 'interpreter', threads: 1 }),
          peer('plain loop', 'gpujs.mjs', at, 'loop'),
          peer('gpu.js', 'gpujs.mjs', at, 'gpujs'),
        ]
      : []),
  ];
}

const least = (of: Limit['of'], value: number): Limit => ({ of, least: value });

/** What each peer is to be beaten by at the large sizes, one thread against one. */
const wanted: Readonly<Record<string, Limit>> = {
  prototype: least('ratio', 0.95),
  'tfjs-wasm': least('ratio', 1.3),
  'jax-js': least('ratio', 1.4),
};

function rowsOf(size: Size, figures: ReadonlyMap<string, Figure>, ceiling: number | undefined): Row[] {
  const { rows, inner, large } = size;
  const row = { case: `${rows}x${inner}x${inner}`, what: 'matmul f32', threads: 1 };
  const scale = rate(2 * rows * inner * inner);
  const ours = figures.get('frond 1');
  const single = rowOf(
    {
      ...row,
      by: 'frond wasm',
      aim: least('value', size.aim),
      asked: size.asked === undefined ? undefined : least('value', size.asked),
    },
    scale,
    ours,
  );
  const share =
    ceiling === undefined || single.value === undefined
      ? []
      : [`${((100 * single.value) / ceiling).toFixed(0)} % of the ceiling`];
  const bytes = 4 * (2 * rows * inner + inner * inner);
  const work = `${((2 * rows * inner * inner) / 1e6).toPrecision(3)} MFLOP, ${(bytes / 2 ** 20).toPrecision(3)} MiB`;
  return [...figures].map(([name, figure]): Row => {
    switch (name) {
      case 'frond 1':
        return {
          ...single,
          note: [...(single.note === undefined ? [] : [single.note]), work, ...share].join(', '),
        };
      case 'frond 2': {
        const limits = large ? { asked: least('ratio', 1.8), aim: least('ratio', 1.95) } : {};
        const twice = { ...row, by: 'frond wasm', threads: 2, compared: '2 threads ÷ 1', ...limits };
        return comparedRow(rowOf(twice, scale, figure), figure, ours);
      }
      case 'frond alone':
        return rowOf({ ...row, what: 'one product per submission', by: 'frond wasm' }, scale, figure);
      default: {
        const asked = large ? wanted[name] : undefined;
        return comparedRow(
          rowOf({ ...row, by: name, compared: `frond ÷ ${name}`, asked }, scale, figure),
          ours,
          figure,
        );
      }
    }
  });
}

export async function run({ quick }: Context): Promise<readonly Row[]> {
  const races = new Races(quick ? { rounds: 2, milliseconds: 80 } : { rounds: 6, milliseconds: 150 });
  const rows: Row[] = [];
  const ceilings = await ceilingsOf(races);
  rows.push(...ceilings.rows);
  for (const size of quick ? sizes.filter(({ inner }) => inner === 512 || inner === 64) : sizes) {
    rows.push(...rowsOf(size, await races.race(entrants(size)), ceilings.arithmetic));
  }
  races.end();
  return rows;
}
