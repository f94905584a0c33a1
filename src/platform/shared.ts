import { type ErrorCode, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Pieces } from './types.ts';

/** What the twins of Node and the browser have in common. */

/** How much of `bytes`, from the beginning, is whole characters of UTF-8. */
function wholeBytes(bytes: Uint8Array): number {
  // U+FFFD stands for what is broken, and for itself where its own three bytes are there
  const parts = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes).split('\ufffd');
  let whole = 0;
  for (const part of parts) {
    whole += new TextEncoder().encode(part).length;
    if (bytes[whole] !== 0xef || bytes[whole + 1] !== 0xbf || bytes[whole + 2] !== 0xbd) break;
    whole += 3;
  }
  return whole;
}

/** Strict UTF-8 without a byte-order mark. @throws FROND-F004 naming file, line and column (in bytes) of the first bad byte */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    const whole = bytes.subarray(0, wholeBytes(bytes));
    const line = whole.filter((byte) => byte === 10).length + 1;
    throw new FrondError('FROND-F004', `${file} is not UTF-8 text`, {
      place: { file, line, column: whole.length - whole.lastIndexOf(10) },
      hint: 'save the file as UTF-8',
      cause,
    });
  }
}

/** What is to be done about a failure of the file system, by the system's own name for it; F002 where it has no code of its own. */
export type KnownFailures = Readonly<Record<string, { readonly code?: ErrorCode; readonly hint?: string }>>;

/** A call to the file system that failed, as an error that names path and reason. */
export function failureIn(
  known: KnownFailures,
  name: string,
  what: string,
  path: string,
  cause: unknown,
): FrondError {
  const { code = 'FROND-F002', hint } = own(known, name) ?? {};
  return new FrondError(code, `cannot ${what} ${path}: ${name || String(cause)}`, {
    place: { file: path },
    hint,
    cause,
  });
}

/** Makes calls to the file system whose errors are those that `failure` makes of what `work` throws; `what` says what it does. */
export const attempting =
  (failure: (what: string, path: string, cause: unknown) => FrondError) =>
  <A extends readonly unknown[], T>(what: string, work: (path: string, ...more: A) => Promise<T>) =>
  async (path: string, ...more: A): Promise<T> => {
    try {
      return await work(path, ...more);
    } catch (cause) {
      throw cause instanceof FrondError ? cause : failure(what, path, cause);
    }
  };

/** Bytes as one piece; pieces as they are. */
export async function* piecesOf(content: Uint8Array | Pieces): Pieces {
  if (content instanceof Uint8Array) yield content;
  else yield* content;
}
