import { type ErrorCode, FrondError, type SourcePlace } from './errors.ts';

// The user's line is the innermost stack frame outside frond. Where frond lies follows from this module's own place.

const SCHEME = /^file:\/\//;
const FRAMES = 40;

/** `at f (file:1:2)`, `at file:1:2` and `at async file:1:2` of V8 */
const V8_FRAME = /^\s*at (?:async )?(?:.*? \()?(.+?):(\d+):(\d+)\)?$/;
/** `f@file:1:2` of Firefox and Safari */
const OTHER_FRAME = /^[^@]*@(.+?):(\d+):(\d+)$/;

/** Reads one line of a stack; undefined for lines without a place. */
export function readFrame(line: string): SourcePlace | undefined {
  const match = V8_FRAME.exec(line) ?? OTHER_FRAME.exec(line);
  const [, url, lineNumber, column] = match ?? [];
  if (url === undefined) return undefined;
  return { file: pathOf(url), line: Number(lineNumber), column: Number(column) };
}

const pathOf = (url: string): string => (SCHEME.test(url) ? decodeURIComponent(new URL(url).pathname) : url);

/** The folder of frond's sources as frames name it; undefined where a bundler took the module's address away. */
function frondFolder(): string | undefined {
  const { url }: { url?: string } = import.meta;
  // some loaders evaluate modules from data: addresses, which have no folder
  if (url === undefined || url.startsWith('data:')) return undefined;
  return pathOf(new URL('../', url).href);
}

const isInside = (file: string, folder: string): boolean =>
  file.startsWith(folder) || file.startsWith('node:');

/** Where the user called frond; undefined where the engine keeps no stack or all code is one file. */
export function callerPlace(): SourcePlace | undefined {
  const folder = frondFolder();
  if (folder === undefined) return undefined;
  for (const line of callerStack(folder).split('\n')) {
    const place = readFrame(line);
    if (place !== undefined && !isInside(place.file, folder)) return place;
  }
  return undefined;
}

/** An error at the line where the user called frond. */
export const errorAtCall = (code: ErrorCode, summary: string, hint?: string): FrondError =>
  new FrondError(code, summary, { place: callerPlace(), hint });

interface StackSettings {
  stackTraceLimit?: number;
  prepareStackTrace?(error: Error, sites: StackSite[]): unknown;
}

interface StackSite {
  getFileName(): string | null | undefined;
}

/**
 * The stack as text. Loaders that compile modules on their way map frames to the sources through a hook of V8, which takes
 * several times as long as making a node: they get the caller's frame alone.
 */
function callerStack(folder: string): string {
  const settings: StackSettings = Error;
  const { stackTraceLimit, prepareStackTrace } = settings;
  settings.stackTraceLimit = FRAMES;
  if (prepareStackTrace !== undefined) {
    settings.prepareStackTrace = (error, sites) => {
      const caller = sites.find((site) => !isInside(pathOf(site.getFileName() ?? 'node:'), folder));
      return prepareStackTrace(error, caller === undefined ? [] : [caller]);
    };
  }
  try {
    return new Error().stack ?? '';
  } finally {
    if (stackTraceLimit !== undefined) settings.stackTraceLimit = stackTraceLimit;
    if (prepareStackTrace !== undefined) settings.prepareStackTrace = prepareStackTrace;
  }
}
