import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { graph, i32 } from '../../src/dsl/index.ts';
import { printGraph } from '../../src/ir/print.ts';
import { buildPackage, removeFolder, temporaryFolder } from '../support/build.ts';
import type { Outcome } from '../support/call.ts';
import { type CommandLine, openCommandLine } from '../support/commandLine.ts';
import { expectGenerated, fenced } from '../support/generated.ts';

let built = '';
let home = '';

let line: CommandLine;
const frond = (...args: string[]): Promise<Outcome> => line.run(['compare', ...args], home);

const MODEL = `import { f32, gather, graph, i32, linear, normal, softmax } from 'frond';

export const tagger = graph('tagger', (g) => {
  const tokens = g.input('tokens', i32, ['batch', 'time']);
  const x = gather(g.parameter('embedding', f32, [9, 8], normal(0.5)), tokens);
  return { shares: softmax(linear(x, 5)) };
});
`;

beforeAll(() => {
  built = buildPackage();
  line = openCommandLine(join(built, 'dist/src/cli/main.js'));
  home = temporaryFolder('compare');
  writeFileSync(join(home, 'model.ts'), MODEL);
  writeFileSync(join(home, 'two.ts'), `${MODEL}export const other = tagger.ir;\n`);
  writeFileSync(join(home, 'none.js'), 'export const seven = 7;\n');
  const counter = graph('counter', (g) => ({ y: g.input('x', i32, ['batch']) })).ir;
  writeFileSync(join(home, 'counter.txt'), printGraph(counter));
  mkdirSync(join(home, 'empty'));
});

afterAll(() => {
  line.close();
  removeFolder(built);
  removeFolder(home);
});

describe('frond inspect', () => {
  const inspect = (...args: string[]): Promise<Outcome> => line.run(['inspect', ...args], home);

  it('prints the graph of a module, and what it printed', async () => {
    const { code, out, err } = await inspect('model.ts');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^graph tagger\(tokens: i32\[batch, time\]\) \{\n/);
    writeFileSync(join(home, 'printed.txt'), out);
    expect((await inspect('printed.txt')).out).toBe(out);
    const other = await inspect('two.ts', '--graph', 'other');
    expect(other.out.replaceAll('two.ts', 'model.ts')).toBe(out);
    expect((await inspect('model.ts', '--format', 'mermaid')).out).toMatch(/^flowchart TD\n/);
  });

  it('says which graphs there are', async () => {
    expect((await inspect('two.ts')).err).toContain('choose one: --graph other, --graph tagger');
    expect((await inspect('nowhere')).err).toContain('[FROND-U018] there is no nowhere');
  });
});

describe('frond compare', () => {
  it('finds two devices equal within the tolerance', async () => {
    const { code, out, err } = await frond(
      'interpreter:f64',
      'wasm',
      'model.ts',
      '--sizes',
      'batch=3,time=4',
    );
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(
      /^interpreter:f64 and wasm at batch 3, time 4\n7 nodes agree within 0\.00001; the largest difference:\nlinear\/linear \(model\.ts:6:\d+\)\n {2}linear, shape \[3, 4, 5\]\n {2}at \[.+\]: \S+ on interpreter:f64, \S+ on wasm\n {2}\S+e-\d of the largest element\n$/,
    );
  });

  it('runs no graph whose types are not what its ops give', async () => {
    const text = `graph g(x: f32[4]) {
  %x = input() {name: "x"} : f32[4]
  %y = relu(%x) : f32[2]
  output y = %y
}
`;
    writeFileSync(join(home, 'illegal.txt'), text);
    expect(await frond('interpreter:f64', 'interpreter', 'illegal.txt')).toEqual({
      code: 1,
      out: '',
      err: `[FROND-I006] relu gives f32[4], but the node says f32[2]
  at node y
  hint: around it:
    %x = input() {name: "x"} : f32[4]
  > %y = relu(%x) : f32[2]
`,
    });
  });

  it('names the first node that differs by more, and says so by its exit code', async () => {
    const { code, out, err } = await frond('interpreter:f64', 'interpreter', 'model.ts', '--tolerance', '0');
    expect({ code, err }).toEqual({ code: 1, err: '' });
    expect(out).toMatch(
      /^interpreter:f64 and interpreter at batch 32, time 32\n7 nodes; the first to differ by more than 0:\nlinear\/linear \(model\.ts:6:\d+\)\n {2}linear, shape \[32, 32, 5\]\n/,
    );
  });

  it('takes printed graphs, threads, and the nodes that the passes leave', async () => {
    expect(await frond('wasm:1', 'wasm:2', 'counter.txt', '--seed', '3')).toEqual({
      code: 0,
      err: '',
      out: 'wasm:1 and wasm:2 at batch 32\n1 nodes agree within 0.00001; all are equal\n',
    });
    const fused = await frond('wasm:1', 'wasm:2', 'model.ts', '--optimised');
    expect(fused).toMatchObject({ code: 0, err: '' });
    expect(fused.out).toMatch(/agree within 0\.00001; all are equal\n$/);
  });

  it('prints what docs/compare.md shows', async () => {
    const command = ['interpreter:f64', 'interpreter', 'model.ts', '--sizes', 'batch=4,time=8'];
    const shown = async (...more: string[]) => {
      const { out, code } = await frond(...command, ...more);
      return fenced('', `$ npx frond compare ${[...command, ...more].join(' ')}\n${out}$ echo $?\n${code}`);
    };
    expectGenerated(new URL('../../docs/compare.md', import.meta.url), {
      model: fenced('ts', MODEL),
      equal: await shown(),
      different: await shown('--tolerance', '1e-9'),
    });
  });

  it.each([
    [['interpreter', 'wasm'], '[FROND-U011] frond compare: WHAT is missing\n'],
    [['interpreter', 'wasm', 'nowhere'], '[FROND-U018] there is no nowhere\n'],
    [['interpreter', 'wasm', 'none.js'], '[FROND-U017] none.js exports no graph\n  at none.js\n'],
    [
      ['interpreter', 'wasm', 'two.ts'],
      '[FROND-U019] two.ts exports 2 graphs\n  at two.ts\n  hint: choose one: --graph other, --graph tagger\n',
    ],
    [
      ['interpreter', 'wasm', 'two.ts', '--graph', 'third'],
      '[FROND-U006] there is no graph third\n  hint: choose one of: other, tagger\n',
    ],
    [['interpreter', 'abacus', 'model.ts'], '[FROND-R021] there is no device abacus\n'],
    [['interpreter', 'wasm:0', 'model.ts'], '[FROND-R028] wasmDevice: threads is 0\n'],
    [
      ['interpreter', 'wasm', 'model.ts', '--tolerance', 'little'],
      '[FROND-U001] --tolerance little is not a number from 0 on\n',
    ],
    [
      ['interpreter', 'wasm', 'model.ts', '--sizes', 'batch=4,time=99999999999'],
      '[FROND-U015] --sizes: time is 99999999999, not from 1 to 4294967295\n',
    ],
    [
      ['interpreter', 'wasm', 'model.ts', '--sizes', 'rows=3'],
      '[FROND-U015] --sizes: the graph tagger has no dimension rows\n',
    ],
    [['interpreter', 'wasm', 'empty'], '[FROND-F012] there is no whole checkpoint in empty\n'],
  ])('refuses %j', async (args, message) => {
    const { code, out, err } = await frond(...args);
    expect({ out, code: code === 1 || code === 2 }).toEqual({ out: '', code: true });
    expect(err.slice(0, message.length)).toBe(message);
  });
});
