import { createRequire } from 'node:module';
import { platform } from '#platform';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import { shown, UNSEEN } from '../base/shown.ts';

import { fileFailure } from '../platform/node/failure.ts';

/** Bytes of the longest line that is taken: a sentence of ten million words, which no model reads to its end. */
const LONGEST = 2 ** 26;

/** As a place of errors. */
const INPUT = 'standard input';

/**
 * Lines as they come, blank ones too; line ends are those of Unix, Windows or old Macs. A byte is looked at and copied once however
 * long its line is, and no more of `input` is read before the last line was taken.
 * @throws FROND-U014 for what is not UTF-8, U020 for a line above 64 MiB; each names the line
 */
export async function* linesFrom(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let line = '';
  let number = 1;
  let afterReturn = false;
  for await (const chunk of input) {
    // a character for each byte, so that bytes of one letter may come in two chunks
    const text = Buffer.from(chunk).toString('latin1');
    const lines = text.slice(afterReturn && text.startsWith('\n') ? 1 : 0).split(/\r\n?|\n/);
    afterReturn = text.endsWith('\r');
    for (const [i, part] of lines.entries()) {
      if (i > 0) {
        yield decodeLine(line, number++);
        line = '';
      }
      line += part;
      if (line.length <= LONGEST) continue;
      const what = `a line of ${INPUT} is longer than ${LONGEST / 2 ** 20} MiB`;
      throw inputError('FROND-U020', what, number, 'give one sentence per line');
    }
  }
  if (line !== '') yield decodeLine(line, number);
}

function decodeLine(bytes: string, line: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
  } catch (cause) {
    throw inputError('FROND-U014', `${INPUT} is not valid UTF-8`, line, 'convert the text to UTF-8', cause);
  }
}

const inputError = (code: ErrorCode, what: string, line: number, hint: string, cause?: unknown): FrondError =>
  new FrondError(code, what, { place: { file: INPUT, line }, hint, cause });

/** Streams without a reader; Node itself lets them be written to again and again. */
const closed = new WeakSet<object>();

export const isClosed = (stream: object): boolean => closed.has(stream);

/**
 * A reader that has seen enough, such as `head`, or a terminal that is gone, ends the printing and nothing else. Where output is
 * lost for another reason, such as a full disk, this is said once, and `lost` is called.
 */
export function watchOutputs(lost: () => void): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      if (closed.has(stream)) return;
      closed.add(stream);
      if (error.code === 'EPIPE' || (stream.isTTY && error.code === 'EIO')) return;
      lost();
      if (stream === process.stdout)
        process.stderr.write(`${fileFailure('write to', 'standard output', error).message}\n`);
    });
  }
}

/**
 * Writes a file so that it is there whole or not at all.
 * @throws FROND-F… naming the path
 */
export async function writeWhole(path: string, text: string): Promise<void> {
  const { files } = platform;
  const temporary = `${path}.tmp`;
  await files.makeFolder(files.join(path, '..'));
  try {
    await files.writeDurably(temporary, new TextEncoder().encode(text));
    await files.rename(temporary, path);
  } finally {
    await files.remove(temporary);
  }
}

export { shown };

/** What a terminal may see of text of several lines, such as an error's. */
export const shownLines = (text: string): string => text.split('\n').map(shown).join('\n');

/** `intent 0.53, slots 0.41` */
export const shownPairs = (pairs: readonly (readonly [name: string, value: string | number])[]): string =>
  pairs.map(([name, value]) => `${shown(name)} ${value}`).join(', ');

/** One line of JSON that a terminal may see: `JSON.stringify` leaves some of those characters as they are. */
export const shownJson = (value: unknown): string =>
  (JSON.stringify(value) ?? 'null').replace(
    UNSEEN,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );

/** A fraction of 1 as percent, without the sign. */
export const percent = (fraction: unknown, digits = 1): string =>
  typeof fraction === 'number' ? (100 * fraction).toFixed(digits) : '–';

/** A word of a command line, quoted where a shell would read something else; control characters as `$'\x1b'`. */
export function shellWord(word: string): string {
  if (/^[\w./][\w@%+=:,./-]*$/.test(word)) return word;
  const safe = word.replace(/[\\']/g, '\\$&');
  return shown(word) === word ? `'${word.replace(/'/g, `'\\''`)}'` : `$'${shown(safe)}'`;
}

/** A line of standard output. */
export function printLine(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Of frond. */
export const version = (): string => String(createRequire(import.meta.url)('../../../package.json').version);
