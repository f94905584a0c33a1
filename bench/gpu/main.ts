import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { webgpuDevice } from 'frond';
import { judged, type Limit, type Row } from '../row.ts';
import { tableOf } from '../table.ts';
import { type Attempt, attemptsOf, by, type Plan } from './attempts.ts';

/**
 * main.ts [--sizes 512,1024,…] [--small] [--milliseconds 300] [--peak-f32 TFLOP/s] [--peak-f16 TFLOP/s] [--only TEXT]
 *         [--tune-seconds 30] [--python PROGRAM] [--out FILE]
 *
 * Each figure is tried by itself: one that fails says why, and the others go on.
 */
const { values: options } = parseArgs({
  options: {
    sizes: { type: 'string' },
    small: { type: 'boolean', default: false },
    milliseconds: { type: 'string', default: '300' },
    'tune-seconds': { type: 'string', default: '30' },
    'peak-f32': { type: 'string' },
    'peak-f16': { type: 'string' },
    only: { type: 'string' },
    python: { type: 'string', default: process.env.FROND_PYTHON ?? 'python3' },
    out: { type: 'string' },
  },
});

/** TFLOP/s of data sheets, outside of matrix units, which WebGPU does not reach. */
const PEAKS: readonly (readonly [RegExp, { readonly f32: number; readonly f16: number }])[] = [
  [/H100|H200/i, { f32: 67, f16: 134 }],
  [/A100/i, { f32: 19.5, f16: 78 }],
];

const rows: Row[] = [];

function record(row: Row): void {
  const made = judged(row);
  rows.push(made);
  const { value, unit, note } = made;
  console.log(
    `${made.case}  ${made.what}  ${made.by}  ${value?.toPrecision(4) ?? '–'} ${unit}  ${note ?? ''}`,
  );
}

/** One figure, or the reason why there is none. */
async function attempt({ row, work }: Attempt): Promise<void> {
  if (options.only !== undefined && !`${row.case} ${row.what}`.includes(options.only)) return;
  try {
    for (const made of await work()) record({ ...row, by, ...made });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
    record({ ...row, by, note: `not measured: ${why}` });
  }
}

/** What PyTorch does on the same card: rows of the same cases. */
function pytorch(plan: Plan): void {
  const script = fileURLToPath(new URL('pytorchGpu.py', import.meta.url));
  try {
    const text = execFileSync(options.python, [script, JSON.stringify(plan)], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: 300_000,
    });
    for (const line of text.split('\n')) if (line.startsWith('@')) record(JSON.parse(line.slice(1)));
  } catch (cause) {
    const { stderr = '', message = '' } = cause as { readonly stderr?: string; readonly message?: string };
    const why = stderr.trim().split('\n').at(-1) || message.split('\n')[0];
    const row = { case: 'all', what: 'PyTorch on the same card', by: 'PyTorch', unit: '' };
    record({ ...row, note: `not measured: ${why}` });
  }
}

/** Ratios to PyTorch, where both were measured. */
function compare(): void {
  for (const [i, row] of rows.entries()) {
    const ours = rows.find((other) => other.by === by && other.case === row.case && other.what === row.what);
    if (row.by !== 'PyTorch' || row.value === undefined || ours?.value === undefined) continue;
    const ratio = row.unit.endsWith('/s') ? ours.value / row.value : row.value / ours.value;
    const aim: Limit | undefined = row.case.startsWith('BERT-base') ? { of: 'ratio', least: 0.5 } : undefined;
    rows[i] = { ...row, compared: 'frond ÷ PyTorch', ratio, aim };
  }
}

const sizes = options.sizes?.split(',').map(Number);
const spending = { milliseconds: Number(options.milliseconds), tuneSeconds: Number(options['tune-seconds']) };
const card: Plan = {
  small: false,
  sizes: sizes ?? [512, 1024, 2048, 4096, 8192],
  batch: 32,
  time: 128,
  ...spending,
};
const small: Plan = { small: true, sizes: sizes ?? [64, 128], batch: 2, time: 16, ...spending };

async function measure(): Promise<object> {
  let raw: unknown;
  const device = await webgpuDevice({
    onDevice(given) {
      raw = given;
    },
  });
  const { name: adapter, software, features, limits } = device.adapter;
  console.log(`${adapter}${software ? ' (a program, no GPU: its figures say nothing of speed)' : ''}`);
  const known = PEAKS.find(([pattern]) => pattern.test(adapter))?.[1];
  const peaks = {
    f32: Number(options['peak-f32'] ?? known?.f32 ?? Number.NaN),
    f16: Number(options['peak-f16'] ?? known?.f16 ?? Number.NaN),
  };
  const plan = options.small || software ? small : card;
  const on = { device, raw: raw as GPUDevice, peaks };
  for (const each of attemptsOf(plan, on)) await attempt(each);
  if (software) {
    const note = 'not measured: no GPU here';
    for (const { row } of attemptsOf(card, on)) record({ ...row, by, note });
    record({ case: 'all', what: 'PyTorch on the same card', by: 'PyTorch', unit: '', note });
  } else {
    pytorch(plan);
    compare();
  }
  await device.close();
  return { adapter, software, features, limits };
}

const found = await measure().catch((cause: unknown) => {
  const why = cause instanceof Error ? cause.message.split('\n')[0] : String(cause);
  record({ case: 'all', what: 'everything', by, unit: '', note: `not measured: ${why}` });
  return {};
});
const date = new Date().toISOString().slice(0, 10);
const machine = { ...found, cpu: cpus()[0]?.model ?? 'unknown', node: process.version, date };
console.log(tableOf(rows));
if (options.out !== undefined) {
  mkdirSync(dirname(options.out), { recursive: true });
  writeFileSync(options.out, `${JSON.stringify({ machine, rows }, null, 2)}\n`);
  console.log(`written: ${options.out}`);
}
process.exit(rows.some(({ value }) => value !== undefined) ? 0 : 1);
