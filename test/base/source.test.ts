import { expect, test } from 'vitest';
import { callerPlace, readFrame } from '../../src/base/source.ts';

test.each([
  ['    at build (file:///home/me/my%20model.ts:12:5)', '/home/me/my model.ts', 12, 5],
  ['    at file:///home/me/model.ts:3:1', '/home/me/model.ts', 3, 1],
  [
    '    at async main (/home/me/node_modules/@scope/a(b)/100%.ts:7:9)',
    '/home/me/node_modules/@scope/a(b)/100%.ts',
    7,
    9,
  ],
  ['    at async file:///home/me/model.ts:5:1', '/home/me/model.ts', 5, 1],
  ['    at new Model [as make] (/home/me/model.ts:4:2)', '/home/me/model.ts', 4, 2],
  ['    at http://localhost:8080/app/model.js:4:2', 'http://localhost:8080/app/model.js', 4, 2],
  ['build@http://localhost:8080/app/model.js:4:2', 'http://localhost:8080/app/model.js', 4, 2],
  ['@file:///home/me/model.js:1:2', '/home/me/model.js', 1, 2],
])('a frame of a stack: %s', (line, file, row, column) => {
  expect(readFrame(line)).toEqual({ file, line: row, column });
});

test.each(['Error: no', '    at <anonymous>', '    at Array.map (<anonymous>)', ''])(
  'no place: %s',
  (line) => {
    expect(readFrame(line)).toBeUndefined();
  },
);

test('what maps frames to sources gets the caller alone, and its word is taken', () => {
  const { prepareStackTrace } = Error;
  let frames = 0;
  Error.prepareStackTrace = (_error, sites) => {
    frames = sites.length;
    return 'Error\n    at build (/home/me/model.ts:4:2)';
  };
  try {
    const expected = { file: '/home/me/model.ts', line: 4, column: 2 };
    const [first] = within(() => callerPlace(), 20);
    expect(first).toEqual(expected);
    expect(frames).toBe(1);
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
});

/** Calls from deep in a stack. */
const within = <T>(call: () => T, depth: number): T[] => (depth === 0 ? [call()] : within(call, depth - 1));
