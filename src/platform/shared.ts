import { FrondError } from '../base/errors.ts';

/** What the twins of Node and the browser have in common. */

/**
 * How much of `bytes`, from the beginning, is whole characters of UTF-8. The longest prefix that may still become UTF-8 is found by
 * bisection; what it decodes to says how much of it is whole.
 */
function wholeBytes(bytes: Uint8Array): number {
  const decoded = (end: number): string | undefined => {
    try {
      const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
      return decoder.decode(bytes.subarray(0, end), { stream: true });
    } catch {
      return undefined;
    }
  };
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (decoded(middle) !== undefined) low = middle;
    else high = middle - 1;
  }
  return new TextEncoder().encode(decoded(low)).length;
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

/** Runs one call to the file system: what it throws becomes the error that `failure` makes of it, which names path and reason. */
export const attempting =
  (failure: (what: string, path: string, cause: unknown) => FrondError) =>
  async <T>(what: string, path: string, work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (cause) {
      throw cause instanceof FrondError ? cause : failure(what, path, cause);
    }
  };
