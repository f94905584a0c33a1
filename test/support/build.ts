import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const repository = fileURLToPath(new URL('../..', import.meta.url)).replace(/[\\/]$/, '');

/** A fresh folder in the system's place for such, by its real path. */
export const temporaryFolder = (name: string): string =>
  realpathSync(mkdtempSync(join(tmpdir(), `frond-${name}-`)));

export const removeFolder = (path: string): void => rmSync(path, { recursive: true, force: true });

/** The package as it is built from today's sources, in a folder of its own: never a stale `dist`. */
export function buildPackage(): string {
  const folder = temporaryFolder('package');
  const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
  // types are judged by `npm run types`; here they are only printed
  const options = ['-p', 'tsconfig.build.json', '--noCheck', '--outDir', join(folder, 'dist')];
  const { status, stdout, stderr } = spawnSync(process.execPath, [compiler, ...options], {
    cwd: repository,
    encoding: 'utf8',
  });
  if (status !== 0) throw new Error(`the build fails:\n${stdout}${stderr}`);
  for (const name of [
    'package.json',
    'README.md',
    'CHANGELOG.md',
    'LICENSE',
    'CONTRIBUTING.md',
    'docs',
    'examples',
    'src/ops/softmax.ts',
    'kernels/softmax.ts',
    'bench/README.md',
    'bench/results',
  ]) {
    cpSync(join(repository, name), join(folder, name), { recursive: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(folder, 'node_modules'), 'junction');
  return folder;
}
