import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { buildPackage, removeFolder, repository, temporaryFolder } from '../support/build.ts';

/** What the compiler may do for a model beyond what `import * as f from 'frond'` costs by itself. */
const BUDGET = 60_000;

const built = buildPackage();
const home = temporaryFolder('instantiations');
afterAll(() => {
  removeFolder(built);
  rmSync(home, { recursive: true });
});

const folder = join(repository, 'examples', 'models');
const models = readdirSync(folder);

function instantiations(file: string): number {
  const options = {
    target: 'es2022',
    lib: ['es2023', 'dom'],
    module: 'nodenext',
    strict: true,
    skipLibCheck: true,
  };
  const more = { noUncheckedIndexedAccess: true, allowImportingTsExtensions: true, noEmit: true, types: [] };
  const paths = { frond: [join(built, 'dist', 'src', 'index.d.ts')] };
  writeFileSync(
    join(home, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...options, ...more, paths }, files: [file] }),
  );
  const tsc = join(repository, 'node_modules/.bin/tsc');
  const { stdout } = spawnSync(tsc, ['-p', home, '--extendedDiagnostics', '--checkers', '1'], {
    encoding: 'utf8',
  });
  expect(stdout).not.toContain('error TS');
  return Number(/Instantiations:\s+(\d+)/.exec(stdout)?.[1]);
}

it('no example model is work for the compiler', () => {
  mkdirSync(home, { recursive: true });
  for (const file of models) copyFileSync(join(folder, file), join(home, file));
  writeFileSync(join(home, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(
    join(home, 'none.ts'),
    "import * as f from 'frond';\nexport const nothing: f.DType = 'f32';\n",
  );
  const baseline = instantiations('none.ts');
  for (const file of models) {
    const count = instantiations(file) - baseline;
    process.stdout.write(`${file}: ${count} instantiations beyond ${baseline}\n`);
    expect(count, file).toBeLessThanOrEqual(BUDGET);
  }
});
