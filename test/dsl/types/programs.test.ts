import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { uniforms } from '../../../src/base/random.ts';
import * as f from '../../../src/dsl/index.ts';
import { repository } from '../../support/build.ts';
import { runs } from '../../support/counts.ts';

/*
 * Programs of one or two operations at random, right and wrong: the compiler and the build of the graph give the same verdict, and where
 * only one thing can be wrong the same words.
 */

const INPUTS: Readonly<Record<string, readonly (string | number)[]>> = {
  a: ['batch', 'time', 6],
  b: ['batch', 'time', 4],
  c: ['batch', 5, 6],
  d: ['time', 6],
  e: ['batch', 'time'],
  h: [4, 6],
  k: ['batch', 1, 6],
};
const names = Object.keys(INPUTS);

/** Draws the programs; each parameter has a name of its own. */
function programs(count: number): string[] {
  let drawn = 0;
  const draw = (): number => uniforms(11, 'programs', drawn++)[0];
  const int = (from: number, to: number): number => from + Math.floor(draw() * (to - from + 1));
  const pick = <T>(list: readonly T[]): T => list[int(0, list.length - 1)] as T;
  const OPERATIONS: readonly ((x: () => string) => string)[] = [
    (x) => `f.slice(${x()}, ${int(0, 2)}, ${int(-2, 3)})`,
    (x) => `f.slice(${x()}, ${int(0, 2)}, ${int(0, 2)}, ${int(-2, 5)})`,
    (x) => `f.concat([${x()}, ${x()}], ${int(-1, 2)})`,
    (x) => `f.concat([f.slice(${x()}, 1, 0, 1), f.slice(${x()}, 1, 0, -1)], 1)`,
    (x) => `f.add(${x()}, ${x()})`,
    (x) => `f.transpose(${x()}, ${pick(['[0, 2, 1]', '[1, 0, 2]', '[1, 0]', '[2, 1, 0]'])})`,
    (x) =>
      `f.reshape(${x()}, ${pick(["['batch', -1]", "['batch', 'time', 2, 3]", '[-1, 6]', "['batch*time', 6]", '[-1]'])})`,
    (x) =>
      `f.rearrange(${x()}, ${pick(["'b t (h d) -> b h t d', { h: 2 }", "'b t d -> (b t) d'", "'b (t p) d -> b t (p d)', { p: 2 }"])})`,
    (x) => `f.matmul(${x()}, ${x()})`,
    (x) => `f.sum(${x()}, ${pick(['0', '-1', '2', '[0, 1]'])})`,
    (x) => `f.softmax(${x()}, ${int(-2, 3)})`,
    (x) => `f.linear(${x()}, ${int(1, 5)}, { name: 'l${drawn}' })`,
    (x) => `f.split(${x()}, -1, [2, ${int(2, 4)}])[0]`,
  ];
  const leaf = (): string => pick(names);
  const inner = (): string => (draw() < 0.3 ? pick(OPERATIONS)(leaf) : leaf());
  return Array.from({ length: count }, () => pick(OPERATIONS)(inner));
}

const folder = mkdtempSync(join(tmpdir(), 'frond-programs-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** What the compiler says of each program, by its number. */
function compilerOn(list: readonly string[]): ReadonlyMap<number, string> {
  const head = [
    `import * as f from ${JSON.stringify(join(repository, 'src/dsl/index.ts'))};`,
    'export function all(g: f.GraphContext) {',
    ...names.map((name) => `  const ${name} = g.input('${name}', 'f32', ${JSON.stringify(INPUTS[name])});`),
  ];
  const body = list.map((code, i) => `  const p${i} = ${code};`);
  writeFileSync(join(folder, 'programs.ts'), `${[...head, ...body, '}'].join('\n')}\n`);
  const strict = { strict: true, noUncheckedIndexedAccess: true, exactOptionalPropertyTypes: true };
  const modules = {
    target: 'es2022',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    allowImportingTsExtensions: true,
  };
  const compilerOptions = { ...strict, ...modules, noEmit: true, skipLibCheck: true, types: [] };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions, files: ['programs.ts'] }));
  const tsc = join(repository, 'node_modules/.bin/tsc');
  const { stdout } = spawnSync(tsc, ['-p', folder, '--pretty', 'false'], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const found = new Map<number, string>();
  for (const line of stdout.split('\n')) {
    const [, at, message = ''] = /programs\.ts\((\d+),\d+\): error TS\d+: (.*)/.exec(line) ?? [];
    const number = Number(at) - head.length - 1;
    if (at !== undefined && !found.has(number)) found.set(number, message);
  }
  return found;
}

/** What the build of a graph says of a program, undefined where it builds. */
function buildOf(code: string): string | undefined {
  try {
    f.graph('g', (g) => {
      const inputs = names.map((name) => g.input(name, 'f32', INPUTS[name] ?? []));
      new Function('f', ...names, `return ${code};`)(f, ...inputs);
      return {};
    });
    return undefined;
  } catch (error) {
    return error instanceof FrondError ? error.summary : `no error of frond: ${error}`;
  }
}

it('the compiler and the build agree on programs at random, verdict and words', () => {
  const list = programs(runs(2000, 400));
  const said = compilerOn(list);
  const built = list.map(buildOf);
  const verdicts = list.flatMap((code, i) =>
    said.has(i) === (built[i] !== undefined) ? [] : [{ code, compiler: said.get(i), build: built[i] }],
  );
  expect(verdicts).toEqual([]);
  // of two mistakes the compiler may name the other one first
  const words = list.flatMap((code, i) => {
    const isSingle = code.split('f.').length === 2;
    const [compiler, build] = [said.get(i), built[i]];
    return isSingle && build !== undefined && compiler?.includes(build) === false
      ? [{ code, compiler, build }]
      : [];
  });
  expect(words).toEqual([]);
  const wrong = built.filter((message) => message !== undefined).length;
  expect(wrong / list.length).toBeGreaterThan(0.3);
  expect(wrong / list.length).toBeLessThan(0.8);
});
