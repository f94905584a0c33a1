import { describe, expect, test } from 'vitest';
import { FrondError } from '../../../src/base/errors.ts';
import { graph } from '../../../src/dsl/index.ts';
import { compile, type Diagnostic, readDiagnostics, readExpectations } from './compiler.ts';
import { type Mistake, mistakes } from './fixtures/mistake.ts';

/** Fixtures whose programs run as well; those of `generic` are functions that nobody calls. */
const RUNNING = ['elementwise', 'products', 'views'];
const FILES = [...RUNNING, 'generic'];

const byPlace = (a: Diagnostic, b: Diagnostic): number => a.file.localeCompare(b.file) || a.line - b.line;
const expected = FILES.flatMap((name) => readExpectations(`fixtures/${name}.ts`)).sort(byPlace);
const reported = readDiagnostics(compile('fixtures')).sort(byPlace);

/** The error that building a graph with the program throws. */
function failureOf(program: Mistake): FrondError {
  try {
    graph('mistake', (g) => {
      program(g);
      return {};
    });
  } catch (error) {
    if (error instanceof FrondError) return error;
    throw error;
  }
  throw new Error('the graph was built');
}

describe('wrong programs', () => {
  test('there are enough of them', () => expect(expected.length).toBeGreaterThanOrEqual(60));

  test('give one message each, where the mistake is, word for word', () =>
    expect(reported).toEqual(expected));

  test('take one line each, but for the boundaries of a user’s function', () => {
    const long = reported.filter(({ text }) => text.includes('\n'));
    expect(long.map(({ text }) => text.split('\n')[0]?.replace(/F<.*?> ?>?/g, ''))).toHaveLength(3);
  });
});

describe('the same programs without types', async () => {
  const running: (Diagnostic & { readonly program: Mistake })[] = [];
  for (const name of RUNNING) {
    const before = mistakes.length;
    await import(`./fixtures/${name}.ts`);
    const places = expected.filter(({ file }) => file === `fixtures/${name}.ts`);
    const programs = mistakes.slice(before);
    if (programs.length !== places.length) throw new Error(`${name}: ${programs.length} programs`);
    programs.forEach((program, i) => {
      running.push({ ...(places[i] as Diagnostic), program });
    });
  }

  test.each(running)('$file:$line', ({ line, file, text, program }) => {
    const error = failureOf(program);
    expect(text).toContain(`"${error.summary}"`);
    expect(error.code).toMatch(/^FROND-S/);
    expect(error.details.place?.file).toContain(file);
    expect(error.details.place?.line).toBe(line);
  });
});
