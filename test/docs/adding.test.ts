import { cpSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeFolder, repository, temporaryFolder } from '../support/build.ts';
import { call } from '../support/call.ts';
import { type Block, blocksOf, readDocument } from './document.ts';

/*
 * docs/adding.md, followed to the letter: a copy of the sources in which each block with a file is written, or each difference made;
 * then the compiler, and the tests that every op has. Its other blocks run with those of README and tour (docs.test.ts).
 */

const blocks = blocksOf(readDocument('docs/adding.md')).filter(({ file }) => file !== undefined);

/** The text with the lines marked + put in, where those marked with a blank stand next to each other, and those marked − taken out. */
function changed(text: string, { code, file, line }: Block): string {
  const lines = code.trimEnd().split('\n');
  const side = (drop: string): string =>
    lines.flatMap((one) => (one.startsWith(drop) ? [] : [`${one.slice(1)}\n`])).join('');
  const before = side('+');
  if (text.split(before).length !== 2)
    throw new Error(`docs/adding.md:${line}: ${file} has no such lines, or has them twice`);
  return text.replace(before, () => side('-'));
}

let copy = '';

beforeAll(() => {
  copy = temporaryFolder('adding');
  for (const name of ['src', 'kernels', 'test', 'package.json', 'tsconfig.json', 'vitest.config.ts']) {
    cpSync(join(repository, name), join(copy, name), { recursive: true });
  }
  symlinkSync(join(repository, 'node_modules'), join(copy, 'node_modules'), 'junction');
  for (const block of blocks) {
    const path = join(copy, block.file ?? '');
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, block.language === 'diff' ? changed(readFileSync(path, 'utf8'), block) : block.code);
  }
});

afterAll(() => removeFolder(copy));

describe('what docs/adding.md adds', () => {
  it('is well typed', async () => {
    const compiler = join(copy, 'node_modules', 'typescript', 'bin', 'tsc');
    const include = ['src', 'kernels', 'test/ops', 'test/runtime/agreement', 'test/base/calls'];
    writeFileSync(
      join(copy, 'tsconfig.adding.json'),
      JSON.stringify({ extends: './tsconfig.json', include }),
    );
    const { code, out } = await call(process.execPath, [compiler, '-p', 'tsconfig.adding.json'], {
      cwd: copy,
    });
    expect({ code, out }).toEqual({ code: 0, out: '' });
  });

  it('passes the tests that every op has', async () => {
    const vitest = join(copy, 'node_modules', 'vitest', 'vitest.mjs');
    const files = ['forward', 'gradients', 'legal', 'invalid'].map((name) => `test/ops/${name}.test.ts`);
    const args = [
      'run',
      ...files,
      ...['test/runtime/agreement/ops.test.ts', 'test/base/fuzz.test.ts'],
      '-t',
      'samples|softsign|rmsNorm|dsl',
      '--reporter=json',
    ];
    const { out } = await call(process.execPath, [vitest, ...args], { cwd: copy });
    const report = JSON.parse(out.slice(out.indexOf('{'))) as {
      readonly numFailedTests: number;
      readonly testResults: readonly {
        readonly assertionResults: readonly {
          readonly fullName: string;
          readonly status: string;
          readonly failureMessages: readonly string[];
        }[];
      }[];
    };
    const tests = report.testResults.flatMap(({ assertionResults }) => assertionResults);
    const failed = tests.filter(({ status }) => status === 'failed');
    expect(failed.map(({ fullName, failureMessages }) => [fullName, ...failureMessages])).toEqual([]);
    const passed = tests.filter(({ status }) => status === 'passed').map(({ fullName }) => fullName);
    for (const op of ['softsign', 'rmsNorm']) {
      // forward, gradients with and without names, and each device
      expect(passed.filter((name) => name.includes(op)).length, op).toBeGreaterThanOrEqual(5);
    }
  });
});
