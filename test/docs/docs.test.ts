import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildPackage, removeFolder, repository, temporaryFolder } from '../support/build.ts';
import { call } from '../support/call.ts';
import { agrees, blocksOf, expectedOf, outputsOf, programOf, readDocument, updated } from './document.ts';

// FROND_UPDATE_DOCS=1 npx vitest run test/docs   writes what blocks print into the documents
const DOCUMENTS = ['README.md', 'docs/tour.md', 'docs/own-ops.md', 'docs/training-loop.md', 'docs/adding.md'];
const codeOf = (path: string) =>
  blocksOf(readDocument(path)).filter(({ language, file }) => language === 'ts' && file === undefined);
const moduleName = (path: string): string => `${path.replaceAll(/\W/g, '-')}.ts`;

let home = '';
let built = '';

beforeAll(() => {
  built = buildPackage();
  home = temporaryFolder('docs');
  mkdirSync(join(home, 'node_modules'));
  symlinkSync(built, join(home, 'node_modules', 'frond'), 'junction');
  symlinkSync(join(repository, 'examples'), join(home, 'examples'), 'junction');
  writeFileSync(join(home, 'package.json'), JSON.stringify({ name: 'reader', type: 'module' }));
  for (const path of DOCUMENTS) writeFileSync(join(home, moduleName(path)), programOf(codeOf(path)));
});

afterAll(() => {
  removeFolder(home);
  removeFolder(built);
});

describe.each(DOCUMENTS)('%s', (path) => {
  it('prints what its comments say, block by block', async () => {
    const blocks = codeOf(path);
    expect(blocks.length).toBeGreaterThan(0);
    const jiti = join(repository, 'node_modules', 'jiti', 'lib', 'jiti-cli.mjs');
    const { code, out, err } = await call(process.execPath, [jiti, moduleName(path)], { cwd: home });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    const outputs = outputsOf(out, blocks.length);
    if (process.env.FROND_UPDATE_DOCS) {
      writeFileSync(join(repository, path), updated(readDocument(path), blocks, outputs));
      return;
    }
    blocks.forEach(({ code: text, line }, i) => {
      const [printed, expected] = [outputs[i] ?? [], expectedOf(text)];
      // shown as a difference of texts where they disagree
      if (!agrees(printed, expected)) expect(printed, `${path}:${line}`).toEqual(expected);
    });
  });
});

const PROJECT = 'docs/own-project.md';

describe(PROJECT, () => {
  it('is true, file by file and command by command', async () => {
    const folder = join(home, 'project');
    mkdirSync(join(folder, 'node_modules'), { recursive: true });
    symlinkSync(built, join(folder, 'node_modules', 'frond'), 'junction');
    symlinkSync(
      join(repository, 'node_modules', '@types'),
      join(folder, 'node_modules', '@types'),
      'junction',
    );
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
    const commands: Readonly<Record<string, string>> = {
      'npx frond': join(built, 'dist', 'src', 'cli', 'main.js'),
      'npx tsc': join(repository, 'node_modules', 'typescript', 'bin', 'tsc'),
      node: '',
    };
    const skipped: string[] = [];
    let last = { out: '', line: 0 };
    let checked = 0;
    for (const { language, file, code, line } of blocksOf(readDocument(PROJECT))) {
      if (file !== undefined) {
        mkdirSync(join(folder, file, '..'), { recursive: true });
        writeFileSync(join(folder, file), code);
      } else if (language === 'text') {
        const printed = last.out.replace(/\n$/, '').split('\n');
        const expected = code.trimEnd().split('\n');
        if (!agrees(printed, expected)) expect(printed, `${PROJECT}:${line}`).toEqual(expected);
        checked++;
      } else {
        for (const command of code.trimEnd().split('\n')) {
          const program = Object.keys(commands).find(
            (name) => command.startsWith(`${name} `) || command === name,
          );
          if (program === undefined) skipped.push(command);
          else {
            const texts = command.slice(program.length).match(/"[^"]*"|\S+/g) ?? [];
            const args = [commands[program] ?? '', ...texts.map((text) => text.replaceAll('"', ''))];
            const { code, out, err } = await call(
              process.execPath,
              args.filter((arg) => arg !== ''),
              { cwd: folder },
            );
            const fails = command.includes('broken');
            expect({ command, code, err: fails ? '' : err }).toEqual({
              command,
              code: fails ? 1 : 0,
              err: '',
            });
            last = { out: fails ? err : out, line };
          }
        }
      }
    }
    // they get what stands in the folder here
    expect(skipped).toEqual([
      'npm init -y',
      'npm install frond',
      'npm install --save-dev typescript @types/node',
    ]);
    expect(checked).toBe(7);
  });
});

const PAGES = [
  ...['README.md', 'CONTRIBUTING.md'],
  ...['docs/tour.md', 'docs/devices.md', 'docs/numerics.md', 'docs/design.md', 'docs/kernel-language.md'],
  ...['docs/adding.md', PROJECT],
];

describe.each(PAGES)('%s', (path) => {
  it('links to what is there', () => {
    const links = [...readDocument(path).matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)|src="([^":]+)"/g)];
    const targets = links.map((match) => join(repository, path, '..', match[1] ?? match[2] ?? ''));
    expect(targets.filter((target) => !existsSync(target))).toEqual([]);
  });

  it('names files that are there', () => {
    const named = [...readDocument(path).matchAll(/`((?:src|kernels|test|docs|examples|bench)\/[\w./-]+)`/g)];
    // x stands for any name
    const missing = named
      .map(([, name = '']) => name)
      .filter((name) => !name.endsWith('/x.ts') && !existsSync(join(repository, name)));
    expect(missing).toEqual([]);
  });
});

describe('the code of all documents', () => {
  it('is well typed', async () => {
    const compilerOptions = {
      strict: true,
      module: 'nodenext',
      target: 'es2022',
      lib: ['es2023'],
      noEmit: true,
      skipLibCheck: true,
      types: ['node'],
      typeRoots: [join(repository, 'node_modules', '@types')],
    };
    writeFileSync(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
    const compiler = join(repository, 'node_modules', 'typescript', 'bin', 'tsc');
    expect(await call(process.execPath, [compiler, '-p', '.'], { cwd: home })).toEqual({
      code: 0,
      out: '',
      err: '',
    });
  });

  it('has the example that the README shows in a file of its own', () => {
    const [first] = codeOf('README.md');
    expect(readDocument('examples/typed-model.ts')).toContain(first?.code ?? 'none');
  });
});

describe('reading what blocks expect', () => {
  it('finds the texts behind the arrows', () => {
    expect(expectedOf('f(1); // → one\nf(2);\n// → two\n//   → no\n// →\n')).toEqual(['one', 'two', '']);
  });

  it('lets an ellipsis stand for anything, and nothing else', () => {
    expect(agrees(['a', 'b', 'c'], ['a', '…', 'c'])).toBe(true);
    expect(agrees(['a', 'c'], ['a', '…', 'c'])).toBe(true);
    expect(agrees(['took 3 ms'], ['took … ms'])).toBe(true);
    expect(agrees(['a', 'b'], ['a'])).toBe(false);
    expect(agrees(['a'], ['a', 'b'])).toBe(false);
    expect(agrees(['a.c'], ['abc'])).toBe(false);
  });
});
