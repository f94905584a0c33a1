import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { model } from './budget/encoder.ts';

// Counts what the compiler does for a user: the package's declarations are emitted, then the example is checked against
// them with one checker, so that the count depends on nothing but the types.

const ROOT = fileURLToPath(new URL('../../..', import.meta.url));
const EXAMPLE = 'test/dsl/types/budget/encoder.ts';
/** What the example takes at present; a change beyond 5 % either way wants to be looked at, and then pinned anew. */
const PINNED = 15_428;
const BUDGET = 60_000;
/** The same for 200 einsums and rearrangements, all of different sizes. */
const PINNED_PATTERNS = 188_340;
const BUDGET_PATTERNS = 300_000;

const OPTIONS = {
  target: 'es2022',
  lib: ['es2023'],
  module: 'nodenext',
  strict: true,
  noUncheckedIndexedAccess: true,
  exactOptionalPropertyTypes: true,
  allowImportingTsExtensions: true,
  rewriteRelativeImportExtensions: true,
  skipLibCheck: true,
};

function tsc(folder: string, project: object, ...flags: readonly string[]): string {
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(project));
  const program = join(ROOT, 'node_modules/.bin/tsc');
  const { stdout, error } = spawnSync(program, ['-p', folder, '--pretty', 'false', ...flags], {
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return stdout;
}

/** 100 pairs of a rearrange and an einsum, no two of the same sizes. */
function manyPatterns(): string {
  const pairs = Array.from({ length: 100 }, (_, i) => {
    const [heads, width] = [3 + (i % 7), 16 + i];
    return `
  const x${i} = g.input('x${i}', 'f32', ['batch', 'time', ${heads * width}]);
  const q${i} = rearrange(x${i}, 'b t (h d) -> b h t d', { h: ${heads} });
  const s${i}: Tensor<'f32', ['batch', ${heads}, 'time', 'time']> = einsum('b h t d, b h s d -> b h t s', q${i}, q${i});`;
  });
  return `import { einsum, type GraphContext, rearrange, type Tensor } from '../../../../src/dsl/index.ts';
export function many(g: GraphContext): void {${pairs.join('')}
}
`;
}

const folder = mkdtempSync(join(tmpdir(), 'frond-types-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the work of the compiler', () => {
  let report = '';
  const instantiations = (text: string): number => Number(/Instantiations:\s+(\d+)/.exec(text)?.[1]);
  const check = (file: string): string => {
    const options = { compilerOptions: { ...OPTIONS, types: [], noEmit: true }, files: [file] };
    return tsc(folder, options, '--extendedDiagnostics', '--checkers', '1');
  };
  beforeAll(() => {
    const emit = { rootDir: ROOT, outDir: folder, declaration: true, emitDeclarationOnly: true };
    const types = { types: ['node'], typeRoots: [join(ROOT, 'node_modules/@types')] };
    tsc(folder, {
      compilerOptions: { ...OPTIONS, ...emit, ...types },
      files: [join(ROOT, 'src/dsl/index.ts')],
    });
    mkdirSync(dirname(join(folder, EXAMPLE)), { recursive: true });
    copyFileSync(join(ROOT, EXAMPLE), join(folder, EXAMPLE));
    report = check(EXAMPLE);
  });

  test('twelve generic layers check without a message', () => expect(report).not.toContain('error TS'));

  test('and stay near the pinned number of instantiations, far below the budget', () => {
    const count = instantiations(report);
    expect(count).toBeLessThanOrEqual(BUDGET);
    expect(Math.abs(count / PINNED - 1), `${count} instantiations, pinned at ${PINNED}`).toBeLessThanOrEqual(
      0.05,
    );
  });

  test('200 patterns of different sizes check, too, within their budget', () => {
    const file = EXAMPLE.replace('encoder', 'patterns');
    writeFileSync(join(folder, file), manyPatterns());
    const patterns = check(file);
    expect(patterns).not.toContain('error TS');
    const count = instantiations(patterns);
    expect(count).toBeLessThanOrEqual(BUDGET_PATTERNS);
    expect(Math.abs(count / PINNED_PATTERNS - 1), `${count} instantiations`).toBeLessThanOrEqual(0.05);
  });

  test('the example builds: twelve layers of sixteen parameters, a table and two heads', () => {
    const parameters = Object.values(model.ir.nodes).filter(({ op }) => op === 'parameter');
    expect(parameters).toHaveLength(12 * 16 + 1 + 4);
    expect(model.outputs.intents.shape).toEqual(['batch', 'time', 20]);
  });
});
