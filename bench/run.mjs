// npm run bench [-- SUITE …] [--json FILE]: runs suites, prints tables, writes bench/results/SUITE.json.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { createJiti } from 'jiti';

const here = new URL('.', import.meta.url);
const at = (path) => fileURLToPath(new URL(path, here));
const jiti = createJiti(import.meta.url, {
  alias: { '#platform': at('../src/platform/node/index.ts'), frond: at('../src/index.ts') },
});

const suites = readdirSync(at('.'))
  .filter((name) => name.endsWith('.bench.ts'))
  .map((name) => name.replace(/\.bench\.ts$/, ''));

const args = process.argv.slice(2);
const jsonAt = args.indexOf('--json');
const jsonFile = jsonAt < 0 ? undefined : args[jsonAt + 1];
const wanted = args.filter((arg, i) => !arg.startsWith('--') && (jsonAt < 0 || i !== jsonAt + 1));
const unknown = wanted.find((name) => !suites.includes(name));
if (unknown !== undefined || (jsonAt >= 0 && jsonFile === undefined)) {
  console.error(`usage: npm run bench [-- SUITE …] [--json FILE]   suites: ${suites.join(', ')}`);
  process.exit(2);
}

const cpu = cpus();
const machine = {
  cpu: cpu[0]?.model ?? 'unknown',
  cores: cpu.length,
  node: process.version,
  platform: `${process.platform} ${process.arch}`,
  version: JSON.parse(readFileSync(at('../package.json'), 'utf8')).version,
};

const shown = (value) =>
  value >= 100 ? value.toFixed(0) : value >= 1 ? value.toFixed(2) : value.toPrecision(3);
const all = {};
mkdirSync(at('results'), { recursive: true });
for (const name of wanted.length > 0 ? wanted : suites) {
  const suite = await jiti.import(at(`${name}.bench.ts`));
  const rows = await suite.run();
  const table = new Table({
    head: ['case', 'what', 'value', 'unit', 'device', 'threads', 'peer', 'ratio'],
    style: { head: [], border: [] },
  });
  for (const row of rows) {
    table.push([
      row.case,
      row.what,
      shown(row.value),
      row.unit,
      row.device,
      row.threads,
      row.peer ?? '',
      row.ratio === undefined ? '' : `${shown(row.ratio)}×`,
    ]);
  }
  console.log(`\n${name}: ${suite.about}\n${table}`);
  all[name] = { machine, rows };
  writeFileSync(at(`results/${name}.json`), `${JSON.stringify(all[name], null, 2)}\n`);
}
if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(all, null, 2)}\n`);
process.exit(0);
