import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, removeFolder, repository, temporaryFolder } from '../support/build.ts';
import { call, type Outcome } from '../support/call.ts';
import { pack, runtimeDependencies, startRegistry } from './registry.ts';

let home = '';
let files: readonly string[] = [];
let install: (project: string) => Promise<Outcome> = async () => ({ code: null, out: '', err: '' });
const closing: (() => void)[] = [];

beforeAll(async () => {
  const built = buildPackage();
  home = temporaryFolder('projects');
  closing.push(
    () => removeFolder(built),
    () => removeFolder(home),
  );
  const store = join(home, 'store');
  mkdirSync(store);
  const registry = await startRegistry(runtimeDependencies(), store);
  closing.push(registry.close);
  const [frond] = await pack([built], home);
  files = frond?.files.map(({ path }) => path) ?? [];
  install = (project) => {
    const options = ['--registry', registry.url, '--cache', join(home, 'cache'), '--no-audit', '--no-fund'];
    const args = ['install', join(home, frond?.filename ?? ''), '--loglevel=error', ...options];
    return call('npm', args, { cwd: project });
  };
});

afterAll(() => {
  for (const close of closing.reverse()) close();
});

/** An empty project with the package installed from its tarball. */
async function project(name: string, type: Readonly<Record<string, unknown>>): Promise<string> {
  const folder = join(home, name);
  mkdirSync(folder);
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({ name, version: '1.0.0', private: true, ...type }),
  );
  const { code, err } = await install(folder);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return folder;
}

const node = (cwd: string, ...args: string[]): Promise<Outcome> => call(process.execPath, args, { cwd });

const MODEL = `
import { compile, f32, gather, graph, i32, interpreterDevice, linear, matmul, normal, type Tensor } from 'frond';

export const tagger = graph('tagger', (g) => {
  const tokens = g.input('tokens', i32, ['batch', 'time']);
  const table = g.parameter('embedding', f32, [50, 8], normal(0.02));
  const x: Tensor<'f32', ['batch', 'time', 8]> = gather(table, tokens);
  return { scores: linear(x, 3) };
});
export const classes: 3 = tagger.outputs.scores.shape[2];
`;

describe('the package', () => {
  it('holds what it needs and nothing else', () => {
    for (const path of [
      'package.json',
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      'dist/src/index.js',
      'dist/src/index.d.ts',
      'dist/src/cli/main.js',
      'dist/src/platform/node/index.js',
      'dist/src/platform/browser/index.js',
      'examples/joint.ts',
      'examples/data/home/train/seq.in',
    ]) {
      expect(files).toContain(path);
    }
    // sources that README and docs send readers to
    const linked = ['src/ops/softmax.ts', 'kernels/softmax.ts', 'bench/README.md'];
    const strays = files.filter(
      (path) =>
        !/^(dist\/(src|kernels)|docs|examples|bench\/results)\/|^[\w.]+$/.test(path) &&
        !linked.includes(path),
    );
    expect(strays).toEqual([]);
    expect(files.filter((path) => /\.(map|tsbuildinfo|test\.js)$/.test(path))).toEqual([]);
  });

  it('works in an empty JavaScript project: import, run, command', async () => {
    const folder = await project('plain', { type: 'module' });
    writeFileSync(
      join(folder, 'model.js'),
      `${MODEL.replace(', type Tensor', '').replace(/const (\w+): [^=]+=/g, 'const $1 =')}
const { executable } = await compile(tagger.ir, { device: interpreterDevice() });
await executable.state.initialize(1);
const tokens = { dtype: i32, shape: [1, 2], data: [4, 2] };
const { scores } = await executable.run({ tokens }, { read: ['scores'] });
console.log(JSON.stringify([classes, scores.shape, scores.data.some((value) => value !== 0)]));
`,
    );
    expect(await node(folder, 'model.js')).toEqual({ code: 0, out: '[3,[1,2,3],true]\n', err: '' });

    const bin = join(folder, 'node_modules', '.bin', 'frond');
    const doctor = await call(bin, ['doctor'], { cwd: folder });
    expect(doctor).toMatchObject({ code: 0, err: '' });
    expect(doctor.out).toMatch(/^frond \d+\.\d+\.\d+\n✓ Node/);
    // neither optional package is there: it says so, and how to get them
    expect(doctor.out).toMatch(/^✗ WebGPU adapter .*\n {2}→ npm install webgpu$/m);
    expect(doctor.out).toMatch(/^✗ gpu\.js .*\n {2}→ npm install gpu\.js$/m);
  });

  it('has no link that leads out of it, and no code that names a map which is not there', () => {
    const folder = join(home, 'plain', 'node_modules', 'frond');
    const read = (path: string): string => readFileSync(join(folder, path), 'utf8');
    for (const page of files.filter((path) => path.endsWith('.md'))) {
      for (const [, link = ''] of read(page).matchAll(/\]\((?!https?:|#|mailto:)([^)#\s]+)/g)) {
        const target = posix.join(posix.dirname(page), link);
        const known = files.some((path) => path === target || path.startsWith(`${target}/`));
        expect(known, `${page} links to ${link}`).toBe(true);
      }
    }
    for (const path of files.filter((path) => /\.(js|ts)$/.test(path)))
      expect(read(path).includes('sourceMappingURL'), path).toBe(false);
  });

  it('runs its examples, and the first kernel of its docs, where it is installed', async () => {
    const folder = join(home, 'plain');
    const docs = readFileSync(join(folder, 'node_modules', 'frond', 'docs', 'kernel-language.md'), 'utf8');
    const [, example = ''] = /```ts\n(.*?)```/s.exec(docs) ?? [];
    writeFileSync(join(folder, 'kernel.js'), `${example}\nconsole.log(squares.name);\n`);
    expect(await node(folder, 'kernel.js')).toEqual({ code: 0, out: 'squares\n', err: '' });
    const bin = join(folder, 'node_modules', '.bin', 'frond');
    const recipe = join('node_modules', 'frond', 'examples', 'own-head.ts');
    const trained = await call(bin, ['train', recipe, '--epochs', '1', '--device', 'wasm'], { cwd: folder });
    expect(trained).toMatchObject({ code: 0, err: '' });
    expect(trained.out).toContain('accuracy');
  });

  it('works in an empty TypeScript project: a right shape passes, a wrong one is one error at its line', async () => {
    const folder = await project('typed', { type: 'module' });
    const options = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      noEmit: true,
      types: [],
      skipLibCheck: false,
    };
    writeFileSync(
      join(folder, 'tsconfig.json'),
      JSON.stringify({ compilerOptions: options, include: ['*.ts'] }),
    );
    writeFileSync(join(folder, 'right.ts'), MODEL);
    const tsc = (): Promise<Outcome> =>
      node(folder, join(repository, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', '.');
    expect(await tsc()).toEqual({ code: 0, out: '', err: '' });

    const wrong = MODEL.replace('linear(x, 3)', 'matmul(x, table)').replace(/export const classes.*\n/, '');
    writeFileSync(join(folder, 'wrong.ts'), wrong);
    const { code, out } = await tsc();
    expect(code).not.toBe(0);
    const errors = out.split('\n').filter((line) => line.includes('error TS'));
    expect(errors).toHaveLength(1);
    expect(errors[0]).toMatch(/^wrong\.ts\(8,\d+\): error .*matmul: inner dimensions differ: 8 and 50/);
  });

  it('hands out its platform to nobody: only the entry point can be imported', async () => {
    const folder = join(home, 'plain');
    writeFileSync(join(folder, 'inside.js'), "import 'frond/dist/src/ir/graph.js';\n");
    expect((await node(folder, 'inside.js')).err).toContain('ERR_PACKAGE_PATH_NOT_EXPORTED');
  });
});
