import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { compile, wasmDevice } from 'frond';
import { sideBySide } from './models.ts';
import { type Context, judged, type Row } from './row.ts';

export const about =
  "compiling a training step of BERT's sizes, and wide graphs, for wasm: passes, lowering, generating and loading code";

interface Times {
  readonly declared: number;
  readonly compiled: number;
  readonly passes: number;
  readonly warm: number;
  readonly nodes: number;
  /** bytes of the process */
  readonly resident: number;
}

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

/** In a process of its own, as somebody who starts a training meets it. */
async function once(layers: number): Promise<Times> {
  const args = [
    '--import',
    new URL('load.mjs', import.meta.url).href,
    path('compileOnce.ts'),
    String(layers),
  ];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout.slice(stdout.lastIndexOf('@') + 1));
}

/** The best of several processes. */
async function best(layers: number, rounds: number): Promise<Times> {
  let least = await once(layers);
  for (let i = 1; i < rounds; i++) {
    const next = await once(layers);
    if (next.compiled < least.compiled) least = next;
  }
  return least;
}

/** Seconds of processor time that compiling takes: what else runs on the machine counts less. */
async function processorSeconds(nodes: number): Promise<number> {
  const graph = sideBySide(nodes);
  const device = await wasmDevice();
  const before = process.cpuUsage();
  await compile(graph, { device });
  const { user, system } = process.cpuUsage(before);
  await device.close();
  return (user + system) / 1e6;
}

/** How compiling grows with the nodes of a graph whose kernels all differ. */
async function wideRows(): Promise<readonly Row[]> {
  await processorSeconds(2_000);
  const [half, whole] = [await processorSeconds(10_000), await processorSeconds(20_000)];
  const row = { by: 'frond wasm', case: '20,000 nodes side by side' };
  return [
    judged({
      ...row,
      what: 'compile, processor time',
      unit: 's',
      value: whole,
      asked: { of: 'value', most: 6 },
    }),
    judged({
      ...row,
      what: 'time over that of 10,000',
      unit: '×',
      value: whole / half,
      asked: { of: 'value', most: 2.4 },
    }),
  ];
}

/** A model of many layers, from the call of its function to kernels that can run. */
async function deepRows(): Promise<readonly Row[]> {
  const { declared, compiled, nodes, resident } = await once(128);
  const row = { case: '128 layers', by: 'frond wasm', note: `${nodes} nodes` };
  const seconds = (declared + compiled) / 1000;
  const asked = { of: 'value', most: 4 } as const;
  return [
    judged({ ...row, what: 'declared, differentiated, compiled', unit: 's', value: seconds, asked }),
    judged({
      ...row,
      what: 'memory of the process',
      unit: 'MB',
      value: resident / 1e6,
      asked: { of: 'value', most: 600 },
    }),
  ];
}

export async function run({ quick }: Context): Promise<readonly Row[]> {
  const rows: Row[] = [];
  const known = new Map<number, number>();
  for (const layers of quick ? [2, 12] : [2, 4, 12, 24]) {
    const times = await best(layers, quick ? 1 : 3);
    known.set(layers, times.compiled);
    const row = { case: `${layers} layers`, by: 'frond wasm', unit: 'ms' };
    const asked = layers === 12 ? ({ of: 'value', most: 2000 } as const) : undefined;
    rows.push(
      {
        ...row,
        what: 'declaration and differentiation',
        value: times.declared,
        note: `${times.nodes} nodes`,
      },
      judged({ ...row, what: 'compile, first time in a process', value: times.compiled, asked }),
      { ...row, what: 'passes', value: times.passes },
      { ...row, what: 'compile again', value: times.warm },
    );
  }
  const [twelve, twice] = [known.get(12), known.get(24)];
  if (twelve !== undefined && twice !== undefined) {
    const growth = { case: '24 layers', what: 'time over that of 12', by: 'frond wasm', unit: '×' };
    rows.push(judged({ ...growth, value: twice / twelve, asked: { of: 'value', most: 2.2 } }));
  }
  return [...rows, ...(await deepRows()), ...(await wideRows())];
}
