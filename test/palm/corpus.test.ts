import { execFileSync } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { execPath } from 'node:process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { chunksOf } from '../../src/nn/tags.ts';
import { type JointReader, jointReader } from '../../src/palm/reader/joint.ts';
import type { JointExample } from '../../src/palm/reader/jointFiles.ts';

const at = (path: string): string => fileURLToPath(new URL(`../../${path}`, import.meta.url));

describe('the bundled corpus', () => {
  let reader: JointReader;
  let parts: Record<'train' | 'valid' | 'test', readonly JointExample[]>;
  beforeAll(async () => {
    const readText = (path: string) => readFile(path);
    reader = await jointReader({
      folder: at('examples/data/home'),
      readText,
      strict: true,
      maximumLength: 30,
    });
    const { train, valid, test } = reader.parts;
    const of = (part: typeof train) => part?.examples ?? [];
    parts = { train: of(train), valid: of(valid), test: of(test) };
  });

  test('is what its script makes', () => {
    const output = execFileSync(execPath, [at('examples/make-corpus.mjs'), '--check'], { encoding: 'utf8' });
    expect(output).toContain('9 files are as made');
  });

  test('has small data sets beside it that are what their script makes', () => {
    const output = execFileSync(execPath, [at('examples/make-data.mjs'), '--check'], { encoding: 'utf8' });
    expect(output).toContain('12 files are as made');
  });

  test('has its sizes, and every label of validation and test in training', () => {
    expect(Object.values(parts).map((examples) => examples.length)).toEqual([3000, 500, 500]);
    expect(reader.intents.names).toHaveLength(14);
    const types = new Set(reader.tags.names.map((tag) => tag.slice(2)));
    expect(types.size - 1).toBeGreaterThanOrEqual(20);
  });

  test('holds every sentence once', () => {
    const texts = Object.values(parts).flatMap((examples) => examples.map(({ words }) => words.join(' ')));
    expect(new Set(texts).size).toBe(4000);
  });

  test('is tagged in BIO', () => {
    for (const { tags, words } of Object.values(parts).flat()) {
      tags.forEach((tag, i) => {
        const before = tags[i - 1] ?? 'O';
        const type = tag.slice(2);
        const legal = !tag.startsWith('I-') || [`B-${type}`, `I-${type}`].includes(before);
        expect(legal, `${words.join(' ')} / ${tags.join(' ')}`).toBe(true);
      });
    }
  });

  test('is plain text: lower-case words, digits, apostrophes', () => {
    for (const { words } of Object.values(parts).flat()) {
      for (const word of words) expect(word).toMatch(/^[a-z0-9':]+$/);
    }
  });

  /** slot type and words of every value of a part */
  const valuesOf = (examples: readonly JointExample[]): string[] =>
    examples.flatMap(({ tags, words }) =>
      chunksOf(tags).map(({ type, start, end }) => `${type}: ${words.slice(start, end).join(' ')}`),
    );
  /** intent and words with each value replaced by its slot */
  const frameOf = ({ intent, tags, words }: JointExample): string =>
    `${intent}: ${words
      .map((word, i) => (tags[i] === 'O' ? word : tags[i]))
      .filter((word) => !word?.startsWith('I-'))
      .join(' ')}`;

  test.each(['valid', 'test'] as const)('shows in %s what training never shows', (part) => {
    const seenValues = new Set(valuesOf(parts.train));
    const values = valuesOf(parts[part]);
    const newValues = values.filter((value) => !seenValues.has(value)).length / values.length;
    const seenFrames = new Set(parts.train.map(frameOf));
    const newFrames = parts[part].filter((example) => !seenFrames.has(frameOf(example))).length / 500;
    expect(newValues).toBeGreaterThan(part === 'test' ? 0.2 : 0.15);
    expect(newValues).toBeLessThan(0.4);
    expect(newFrames).toBeGreaterThan(part === 'test' ? 0.45 : 0.4);
  });
});
