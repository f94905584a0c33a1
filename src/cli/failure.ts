import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type ErrorCode, FrondError, type SourcePlace } from '../base/errors.ts';
import { codeOf, fileFailure, reasonOf, systemFailure } from '../platform/node/failure.ts';

/** Where in `file` an error of any kind was thrown, or parsing it failed: the first line of the stack that ends with a place in it. */
export function placeIn(file: string, error: unknown): SourcePlace | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  const names = [file, pathToFileURL(file).href].flatMap((name) => [` ${name}`, `(${name}`]);
  for (const text of stack.split('\n')) {
    const [, start = '', line, column] = /^(.*):(\d+):(\d+)\)?\s*$/.exec(text) ?? [];
    if (names.some((name) => start.endsWith(name)))
      return { file, line: Number(line), column: Number(column) };
  }
  return undefined;
}

/** `TypeError: x is not a function`, in one line. */
export function describe(error: unknown): string {
  if (!(error instanceof Error)) return `threw ${JSON.stringify(error) ?? String(error)}`;
  const text = reasonOf(error).trim();
  return /^\w*Error: /.test(text) ? text : `${error.name}: ${text}`;
}

/** What a module of the user's threw, with its line; errors of frond as they are. */
export function thrownIn(
  code: ErrorCode,
  what: string,
  file: string,
  cause: unknown,
  hint: string,
): FrondError {
  if (cause instanceof FrondError) return cause;
  const place = { ...placeIn(resolve(file), cause), file };
  return new FrondError(code, `${what}: ${describe(cause)}`, { place, hint, cause });
}

/** Where few files may be open, Node does not find packages that are there. */
function fewFiles(error: unknown): FrondError | undefined {
  if (codeOf(error) !== 'ERR_MODULE_NOT_FOUND') return undefined;
  const { userLimits } = process.report.getReport() as {
    readonly userLimits?: { readonly open_files?: { readonly soft?: unknown } };
  };
  if (!(Number(userLimits?.open_files?.soft) < 256)) return undefined;
  return fileFailure('open', 'the files of frond', Object.assign(new Error(), { code: 'EMFILE' }));
}

/**
 * Any error as one that can be shown: those of frond as they are, all others as a defect, with the way to see more.
 * FROND_STACK=1 in the environment shows stack traces.
 */
export function shownError(error: unknown): FrondError {
  if (error instanceof FrondError) return error;
  // what the system refused, such as a folder that may not be written to
  const refused = systemFailure(error) ?? fewFiles(error);
  if (refused !== undefined) return refused;
  return new FrondError('FROND-X002', `unexpected ${describe(error)}`, {
    hint: 'this looks like a defect of frond: please report it, with what FROND_STACK=1 in the environment shows',
    cause: error,
  });
}
