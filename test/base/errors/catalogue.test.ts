import { describe, expect, it } from 'vitest';
import { CODES } from '../../../src/base/codes.ts';
import { expectGenerated } from '../../support/generated.ts';
import { raisedCodes, sources, testedCodes } from './sources.ts';

/** Whom the codes of a letter address, and the rooms that may raise them. */
const LETTERS: Readonly<Record<string, { readonly title: string; readonly rooms: readonly string[] }>> = {
  // sizes are bound when a graph runs
  S: {
    title: 'Shapes and types of a graph, arguments of calls',
    rooms: ['base', 'ops', 'dsl', 'runtime'],
  },
  I: { title: 'The graph', rooms: ['ir', 'inspect'] },
  K: { title: 'The kernel language', rooms: ['kernel', 'kernels', 'backend'] },
  P: { title: 'Passes and differentiation', rooms: ['passes', 'ops'] },
  R: { title: 'Running and devices', rooms: ['runtime'] },
  D: { title: 'Data and readers', rooms: ['palm'] },
  C: { title: 'The contract of reader, backbone and head', rooms: ['palm'] },
  W: { title: 'Weights and safetensors', rooms: ['store', 'palm'] },
  F: { title: 'Files and checkpoints', rooms: ['platform', 'store', 'palm', 'tune'] },
  T: { title: 'Training', rooms: ['palm'] },
  U: { title: 'The command line', rooms: ['cli'] },
  X: { title: 'Defects of frond itself', rooms: [] },
};

/** Codes that no test can raise, with the reason. Everything else must be written out in a test. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  X003: 'a legal kernel that a backend cannot spell: the tests of all backends look for one',
};

const raised = raisedCodes();
const codes = Object.entries(CODES);
const roomOf = (file: string): string => (file.startsWith('src/') ? file.split('/')[1] : 'kernels') ?? '';

/** A code that is raised in a new folder shows as a change of the page: there it should mean the same, or be another code. */
const foldersOf = (code: string): string[] => {
  const files = raised.filter((one) => one.code === code).map(({ file }) => file);
  return [...new Set(files.map((file) => file.slice(0, file.lastIndexOf('/'))))].sort();
};

const page = Object.entries(LETTERS).map(([letter, { title }]) => {
  const rows = codes
    .filter(([code]) => code.startsWith(letter))
    .map(([code, meaning]) => `| ${code} | ${meaning} | ${foldersOf(code).join(', ')} |`);
  return [`## ${letter}: ${title}\n`, '| Code | Meaning | Raised in |', '| --- | --- | --- |', ...rows].join(
    '\n',
  );
});

describe('the catalogue of errors', () => {
  it('is printed in docs/errors.md', () => {
    expectGenerated(new URL('../../../docs/errors.md', import.meta.url), { codes: page.join('\n\n') });
  });

  it('has one meaning for each code', () => {
    expect(new Set(Object.values(CODES)).size).toBe(codes.length);
  });

  it('has only codes that are raised', () => {
    expect(codes.filter(([code]) => foldersOf(code).length === 0)).toEqual([]);
  });

  it('has letters that belong to the room that raises them', () => {
    const strays = raised.filter(
      ({ code, file }) => code[0] !== 'X' && !LETTERS[code[0] ?? '']?.rooms.includes(roomOf(file)),
    );
    expect(strays).toEqual([]);
  });

  it('is tested, code by code', () => {
    const tested = testedCodes();
    const untested = codes.map(([code]) => code).filter((code) => !tested.has(code));
    expect(untested).toEqual(Object.keys(UNREACHABLE));
  });

  it('is the only source of errors', () => {
    expect(sources.filter(({ text }) => /throw new Error\(/.test(text)).map(({ file }) => file)).toEqual([]);
  });
});
