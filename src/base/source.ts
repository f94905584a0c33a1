import type { SourcePlace } from '../base/errors.ts';

// The user's line is the innermost stack frame outside frond. Where frond lies follows from this module's own place.

const SCHEME = /^file:\/\//;
const FRAMES = 40;

/** `at f (file:1:2)` and `at file:1:2` of V8 */
const V8_FRAME = /^\s*at (?:.*? \()?(.+?):(\d+):(\d+)\)?$/;
/** `f@file:1:2` of Firefox and Safari */
const OTHER_FRAME = /^[^@]*@(.+?):(\d+):(\d+)$/;

/** Reads one line of a stack; undefined for lines without a place. */
export function readFrame(line: string): SourcePlace | undefined {
  const match = V8_FRAME.exec(line) ?? OTHER_FRAME.exec(line);
  const [, url, lineNumber, column] = match ?? [];
  if (url === undefined) return undefined;
  return { file: SCHEME.test(url) ? fromUrl(url) : url, line: Number(lineNumber), column: Number(column) };
}

const fromUrl = (url: string): string => decodeURIComponent(new URL(url).pathname);

/** The folder of frond's sources as frames name it; undefined where a bundler took the module's address away. */
function frondFolder(): string | undefined {
  const { url }: { url?: string } = import.meta;
  // some loaders evaluate modules from data: addresses, which have no folder
  if (url === undefined || url.startsWith('data:')) return undefined;
  const folder = new URL('../', url).href;
  return SCHEME.test(folder) ? fromUrl(folder) : folder;
}

const isInside = ({ file }: SourcePlace, folder: string): boolean =>
  file.startsWith(folder) || file.startsWith('node:');

/** Where the user called frond; undefined where the engine keeps no stack or all code is one file. */
export function callerPlace(): SourcePlace | undefined {
  const folder = frondFolder();
  if (folder === undefined) return undefined;
  const settings: { stackTraceLimit?: number } = Error;
  const before = settings.stackTraceLimit;
  settings.stackTraceLimit = FRAMES;
  const { stack } = new Error();
  if (before !== undefined) settings.stackTraceLimit = before;
  for (const line of (stack ?? '').split('\n')) {
    const place = readFrame(line);
    if (place !== undefined && !isInside(place, folder)) return place;
  }
  return undefined;
}
