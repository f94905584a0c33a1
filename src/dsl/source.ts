import type { SourcePlace } from '../base/errors.ts';

// The user's line is the innermost stack frame outside frond. Where frond lies follows from this module's own place.

const withoutScheme = (path: string): string => path.replace(/^file:\/\//, '');
const ROOT = withoutScheme(new URL('../', import.meta.url).pathname);
const FRAMES = 40;

/** A frame of V8 (`at f (file:1:2)`), or of Firefox and Safari (`f@file:1:2`). */
const FRAME = /(?:\(|@|at (?:async )?)([^()@]*?):(\d+):(\d+)\)?$/;

function readFrame(line: string): SourcePlace | undefined {
  const [, file, lineNumber, column] = FRAME.exec(line.trim()) ?? [];
  if (file === undefined) return undefined;
  return { file: decodeURI(withoutScheme(file)), line: Number(lineNumber), column: Number(column) };
}

const isInside = ({ file }: SourcePlace): boolean =>
  file.startsWith(ROOT) || file.includes(ROOT) || file.startsWith('node:');

/** Where the user called frond; undefined where the engine keeps no stack or all code is one file. */
export function callerPlace(): SourcePlace | undefined {
  const settings: { stackTraceLimit?: number } = Error;
  const before = settings.stackTraceLimit;
  settings.stackTraceLimit = FRAMES;
  const { stack } = new Error();
  if (before !== undefined) settings.stackTraceLimit = before;
  for (const line of (stack ?? '').split('\n')) {
    const place = readFrame(line);
    if (place !== undefined && !isInside(place)) return place;
  }
  return undefined;
}
