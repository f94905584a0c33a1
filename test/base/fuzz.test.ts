import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { runs } from '../support/counts.ts';
import { dslRows, nnRows } from './calls/dsl.ts';
import { placesOf, printPath, tryWrong, wrongValues } from './calls/fuzz.ts';
import { builderRows, irRows, runtimeRows, storeRows, tuneRows } from './calls/graphs.ts';
import { kernelRows } from './calls/kernels.ts';
import { checkpointRows, palmRows, removedAtEnd } from './calls/palm.ts';
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
  palm: palmRows,
  checkpoint: checkpointRows,
};
/** One of so many wrong calls is made; a stride that no count of values is a multiple of meets all of them. */
const stride = runs(1, 7);

/** Raw errors, and values that are taken but are not in the table, or the other way round. */
async function faultsOf(rows: Rows, found: Map<string, string[]>): Promise<string[]> {
  const faults: string[] = [];
  let count = 0;
  for (const [name, row] of Object.entries(rows)) {
    // what a call saves under a relative path is found by no other
    process.chdir(mkdtempSync(join(removedAtEnd(), 'row-')));
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

/** Functions without a row, each with its reason. */
const EXEMPT: Readonly<Record<string, string>> = {
  FrondError: 'made by frond: others catch it',
  'FrondError#with': 'made by frond: others catch it',
  'palm.Predictor': 'made by Predictor.load',
  webgpuDevice: 'a right call takes a GPU; chooseDevice checks the same options',
  ...Object.fromEntries(
    ['tasksOf', 'forward', 'jointMetrics', 'fit'].map((name) => [`palm.Trainer#${name}`, 'protected']),
  ),
};

type Method = (...args: never[]) => unknown;
const isFunction = (value: unknown): value is Method => typeof value === 'function';

/** Functions of an object and of the classes it is made by, without accessors. */
function methodsOf(value: object): [string, Method][] {
  const own = Object.entries(Object.getOwnPropertyDescriptors(value)).flatMap(([name, { value: held }]) =>
    isFunction(held) && name !== 'constructor' ? [[name, held] as [string, Method]] : [],
  );
  const above: object | null = Object.getPrototypeOf(value);
  const ends = above === null || above === Object.prototype || above === Error.prototype;
  return ends ? own : [...own, ...methodsOf(above)];
}

/** Every function that the package exports, in namespaces and classes too, by the name of its row. */
function functionsOf(path: string, value: unknown): [string, Method][] {
  if (isFunction(value)) {
    const statics = Object.entries(value).filter(([, held]) => isFunction(held));
    const { prototype } = value as { readonly prototype?: object };
    const isClass = prototype !== undefined && Function.prototype.toString.call(value).startsWith('class');
    return [
      [path, value],
      ...statics.map(([name, held]) => [`${path}.${name}`, held] as [string, Method]),
      ...(isClass
        ? methodsOf(prototype).map(([name, held]) => [`${path}#${name}`, held] as [string, Method])
        : []),
      ...(isClass
        ? Object.getOwnPropertyNames(value).flatMap((name): [string, Method][] => {
            const held = Object.getOwnPropertyDescriptor(value, name)?.value as unknown;
            return isFunction(held) ? [[`${path}.${name}`, held]] : [];
          })
        : []),
    ];
  }
  if (typeof value !== 'object' || value === null || value instanceof Map || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([name, held]) =>
    functionsOf(path === '' ? name : `${path}.${name}`, held),
  );
}

/** What functions hand to their callers. */
function handed(): [string, object][] {
  const found: [string, object][] = [['GraphBuilder', new frond.GraphBuilder('model', frond.ops)]];
  frond.graph('model', (g) => {
    found.push(['GraphContext', g]);
    return {};
  });
  frond.traceKernel({ name: 'k', doc: 'd', schedule: { tiles: {} } }, (k) => {
    found.push(['KernelBuilder', k]);
  });
  return found;
}

it('every public function has a row', () => {
  const functions = [
    ...functionsOf('', { ...frond }),
    ...handed().flatMap(([name, value]) =>
      methodsOf(value).map(([method, held]) => [`${name}#${method}`, held] as [string, Method]),
    ),
  ];
  const names = new Map<Method, string[]>();
  for (const [name, held] of functions) names.set(held, [...(names.get(held) ?? []), name]);
  const rowed = new Set(Object.values(rooms).flatMap((rows) => Object.keys(rows)));
  const known = (name: string): boolean =>
    [name, name.replace('MultiHeadTrainer#', 'Trainer#')].some((one) => rowed.has(one) || one in EXEMPT);
  const missing = [...names.values()].filter((all) => !all.some(known));
  expect(missing).toEqual([]);
  expect(functions.length).toBeGreaterThan(220);
});

const home = process.cwd();
afterAll(() => {
  process.chdir(home);
  rmSync(removedAtEnd(), { recursive: true });
});

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
