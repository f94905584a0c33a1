import { describe, expect, it } from 'vitest';
import { documentedCodes, raisedCodes, testedCodes } from './sources.ts';

/** The rooms that may raise a letter's codes: whom they address, as `src/base/errors.ts` says. */
const ROOMS: Readonly<Record<string, readonly string[]>> = {
  // sizes are bound when a graph runs
  S: ['base', 'ops', 'dsl', 'runtime'],
  I: ['ir', 'inspect'],
  K: ['kernel', 'kernels', 'backend'],
  P: ['passes', 'ops'],
  R: ['runtime'],
  D: ['palm'],
  C: ['palm'],
  W: ['store', 'palm'],
  F: ['platform', 'store', 'palm', 'tune'],
  T: ['palm'],
  U: ['cli'],
};

/** Codes that no test can raise, with the reason. Everything else must be written out in a test. */
const UNREACHABLE: Readonly<Record<string, string>> = {
  X003: 'a legal kernel that a reading cannot spell: the tests of all readings look for one',
};

const raised = raisedCodes();
const codes = [...new Set(raised.map(({ code }) => code))].sort();
const folderOf = (file: string): string => file.slice(0, file.lastIndexOf('/'));
const roomOf = (file: string): string => (file.startsWith('src/') ? file.split('/')[1] : 'kernels') ?? '';

describe('the catalogue of errors', () => {
  it('has codes to read', () => {
    expect(codes.length).toBeGreaterThan(100);
    expect(raised).toContainEqual({ code: 'X001', file: 'src/base/errors.ts' });
  });

  it('has codes of one letter and three digits', () => {
    expect(codes.filter((code) => !/^[SIKPRDCWFTUX]\d{3}$/.test(code))).toEqual([]);
  });

  it('has letters that belong to the room that raises them', () => {
    const strays = raised.filter(
      ({ code, file }) => code[0] !== 'X' && !ROOMS[code[0] ?? '']?.includes(roomOf(file)),
    );
    expect(strays).toEqual([]);
  });

  it('is written down in docs/errors.md, each code with one meaning', () => {
    const documented = documentedCodes();
    expect(documented.map(({ code }) => code).sort()).toEqual(codes);
    const meanings = documented.map(({ meaning }) => meaning);
    // F004 and D007: a file in general, and one of training data, which has a line and a hint of its own
    const shared = meanings.filter((meaning, i) => meanings.indexOf(meaning) !== i);
    expect(shared).toEqual(['a file that is not UTF-8 text']);
  });

  // A code in a new folder: if it means the same there, add the folder to its row; if not, take a code of its own.
  it.each(codes)('%s is raised only where docs/errors.md says so', (code) => {
    const row = documentedCodes().find((documented) => documented.code === code);
    const folders = raised.filter((one) => one.code === code).map(({ file }) => folderOf(file));
    expect([...new Set(folders)].sort()).toEqual(row?.folders);
  });

  it('is tested, code by code', () => {
    const tested = testedCodes();
    const spared = new Set(Object.keys(UNREACHABLE));
    expect(codes.filter((code) => !tested.has(code) && !spared.has(code))).toEqual([]);
    expect([...spared].filter((code) => !codes.includes(code) || tested.has(code))).toEqual([]);
  });
});
