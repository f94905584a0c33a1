import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { runs } from '../support/counts.ts';
import { dslRows, nnRows } from './calls/dsl.ts';
import { placesOf, printPath, tryWrong, wrongValues } from './calls/fuzz.ts';
import { builderRows, irRows, runtimeRows, storeRows, tuneRows } from './calls/graphs.ts';
import { kernelRows } from './calls/kernels.ts';
import type { Rows } from './calls/row.ts';

/**
 * What is taken though it is not what the row's right call has: one line for each place, with the names of the values. Whoever
 * adds to it has seen that the value is legal there. `FROND_TEST_LONG=1 FROND_UPDATE_DOCS=1` writes it anew.
 */
const table = new URL('accepted.txt', import.meta.url);
const accepted = new Map(
  readFileSync(table, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [place = '', values = ''] = line.split(': ');
      return [place, values === 'all' ? [...wrongValues.keys()] : values.split(' | ')] as const;
    }),
);

const rooms: Readonly<Record<string, Rows>> = {
  dsl: dslRows,
  nn: nnRows,
  ir: irRows,
  builder: builderRows,
  runtime: runtimeRows,
  tune: tuneRows,
  store: storeRows,
  kernel: kernelRows,
};
/** One of so many wrong calls is made; a stride that no count of values is a multiple of meets all of them. */
const stride = runs(1, 7);

/** Raw errors, and values that are taken but are not in the table, or the other way round. */
async function faultsOf(rows: Rows, found: Map<string, string[]>): Promise<string[]> {
  const faults: string[] = [];
  let count = 0;
  for (const [name, row] of Object.entries(rows)) {
    for (const path of await placesOf(row)) {
      const place = `${name} ${printPath(path)}`;
      for (const [what, make] of wrongValues) {
        if (count++ % stride !== 0) continue;
        const outcome = await tryWrong(row, path, make);
        if (outcome === 'accepted') found.set(place, [...(found.get(place) ?? []), what]);
        const legal = accepted.get(place)?.includes(what) === true;
        if (typeof outcome === 'object') faults.push(`${place} = ${what}: ${outcome.raw}`);
        else if ((outcome === 'accepted') !== legal) faults.push(`${place} = ${what} is ${outcome}`);
      }
    }
  }
  return faults;
}

describe('a wrong argument or option is refused with a typed error, or is legal', () => {
  const found = new Map<string, string[]>();
  it.each(Object.keys(rooms))('of the functions of %s', async (room) => {
    const faults = await faultsOf(rooms[room] ?? {}, found);
    if (!process.env.FROND_UPDATE_DOCS) expect(faults).toEqual([]);
    else expect(faults.filter((fault) => fault.includes('\n'))).toEqual([]);
  });

  it.skipIf(stride > 1)('and the table lists nothing else', () => {
    const print = (values: readonly string[]): string =>
      values.length === wrongValues.size ? 'all' : values.join(' | ');
    const lines = [...found].map(([place, values]) => `${place}: ${print(values)}\n`);
    if (process.env.FROND_UPDATE_DOCS) writeFileSync(table, lines.join(''));
    else expect([...accepted.keys()].filter((place) => !found.has(place))).toEqual([]);
  });
});
