import { FrondError } from '../base/errors.ts';

/** Line and column (from 1, in bytes) of a byte offset. */
function placeOf(bytes: Uint8Array, offset: number): { line: number; column: number } {
  let line = 1;
  let start = 0;
  for (let i = 0; i < offset; i++) {
    if (bytes[i] === 10) {
      line++;
      start = i + 1;
    }
  }
  return { line, column: offset - start + 1 };
}

/**
 * Where `bytes` stops being UTF-8: the beginning of the first character that is not whole. The longest prefix that may still
 * become UTF-8 is found by bisection; what it decodes to says how much of it is whole characters.
 */
function firstBadByte(bytes: Uint8Array): number {
  const decode = (end: number): string =>
    new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(0, end), {
      stream: true,
    });
  const good = (end: number): boolean => {
    try {
      decode(end);
      return true;
    } catch {
      return false;
    }
  };
  let low = 0;
  let high = bytes.length;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if (good(middle)) low = middle;
    else high = middle - 1;
  }
  return new TextEncoder().encode(decode(low)).length;
}

/** Strict UTF-8 without a byte-order mark. @throws FROND-F004 naming file, line and column of the first bad byte */
export function decodeUtf8(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FrondError('FROND-F004', `${file} is not UTF-8 text`, {
      place: { file, ...placeOf(bytes, firstBadByte(bytes)) },
      hint: 'save the file as UTF-8',
      cause,
    });
  }
}
