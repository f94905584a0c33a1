import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { machineOf } from './machine.ts';
import type { Suite } from './row.ts';
import { tableOf } from './table.ts';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** Suites of figures: what `all` runs. `atis` trains models, and has options of its own. */
const suites: Readonly<Record<string, () => Promise<Suite>>> = {
  matmul: () => import('./matmul.bench.ts'),
  step: () => import('./step.bench.ts'),
  crf: () => import('./crf.bench.ts'),
  compile: () => import('./compile.bench.ts'),
  memory: () => import('./memory.bench.ts'),
};

const usage = `usage: npm run bench -- SUITE … [--quick] [--json FILE]   suites: ${Object.keys(suites).join(', ')}, all
       npm run bench -- atis [--seeds 1,2,3] [--epochs 30] [--device wasm] [--threads 2] [--policy joint] [--data FOLDER] [--json FILE]`;

async function runSuites(
  names: readonly string[],
  quick: boolean,
  json: string | undefined,
): Promise<number> {
  if (!existsSync(at('peers/node_modules'))) {
    console.log(
      'peers are not installed and will not be measured; install them: npm ci --prefix bench/peers',
    );
  }
  const all: Record<string, object> = {};
  mkdirSync(at('results'), { recursive: true });
  for (const name of names) {
    const load = suites[name];
    if (load === undefined) continue;
    const start = performance.now();
    const { about, run } = await load();
    const rows = await run({ quick });
    const seconds = Math.round((performance.now() - start) / 1000);
    console.log(`\n${name}: ${about}; ${seconds} s\n${tableOf(rows)}`);
    const result = { machine: machineOf(), about, quick, seconds, rows };
    all[name] = result;
    // a short look does not replace figures that were taken with care
    if (!quick) writeFileSync(at(`results/${name}.json`), `${JSON.stringify(result, null, 2)}\n`);
  }
  if (json !== undefined) writeFileSync(json, `${JSON.stringify(all, null, 2)}\n`);
  return 0;
}

const options = {
  quick: { type: 'boolean', default: false },
  json: { type: 'string' },
  seeds: { type: 'string', default: '1,2,3' },
  epochs: { type: 'string', default: '30' },
  device: { type: 'string', default: 'wasm' },
  threads: { type: 'string', default: '2' },
  policy: { type: 'string', default: 'joint' },
  data: { type: 'string' },
} as const;

function read(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : error}\n${usage}`);
    return undefined;
  }
}

/** @returns the exit status: 2 for arguments that are none */
export async function main(args: readonly string[]): Promise<number> {
  const given = read(args);
  if (given === undefined) return 2;
  const { values, positionals } = given;
  const wanted = positionals.length === 0 ? ['all'] : positionals;
  if (wanted.length === 1 && wanted[0] === 'atis') {
    const { atis } = await import('./atis.ts');
    return atis(values, machineOf());
  }
  const unknown = wanted.find((name) => name !== 'all' && !Object.hasOwn(suites, name));
  if (unknown !== undefined) {
    console.error(`there is no suite ${unknown}\n${usage}`);
    return 2;
  }
  const names = wanted.includes('all') ? Object.keys(suites) : wanted;
  return runSuites(names, values.quick, values.json);
}
