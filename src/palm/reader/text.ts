import { FrondError, type SourcePlace } from '../../base/errors.ts';
import { decodeUtf8 } from '../../platform/shared.ts';
import { brokenAt, linesOf } from '../words.ts';

/**
 * Gives what a file holds; rejects when it cannot. From bytes, text that is not UTF-8 is refused with its place; a function that
 * decodes by itself, such as `readFile(path, 'utf8')`, puts U+FFFD in its place.
 */
export type ReadText = (path: string) => Promise<string | Uint8Array>;

/**
 * The lines of a file without their ends; blank lines at the end do not count.
 * @param hint what to do when it cannot be read
 * @throws FROND-D001 when it cannot be read, D002 when there is nothing in it, D007 where it is not UTF-8
 */
export async function readLines(file: string, readText: ReadText, hint: string): Promise<readonly string[]> {
  const text = (await contentOf(file, readText, hint)).trimEnd();
  if (text === '') {
    throw new FrondError('FROND-D002', `${file} is empty`, {
      place: { file, line: 1, column: 1 },
      hint: 'one sentence per line is expected',
    });
  }
  refuseBroken(text, file, 1);
  return linesOf(text);
}

const notText = (summary: string, place: SourcePlace | undefined, cause?: unknown): FrondError =>
  new FrondError('FROND-D007', summary, { place, hint: 'convert the file to UTF-8', cause });

async function contentOf(file: string, readText: ReadText, hint: string): Promise<string> {
  let content: unknown;
  try {
    content = await readText(file);
  } catch (cause) {
    if (cause instanceof FrondError) throw cause;
    const reason = cause instanceof Error ? `: ${cause.message}` : '';
    throw new FrondError('FROND-D001', `cannot read ${file}${reason}`, { place: { file }, hint, cause });
  }
  if (typeof content === 'string') return content;
  if (!(content instanceof Uint8Array)) {
    throw new FrondError('FROND-D001', `cannot read ${file}: readText gave neither text nor bytes`, {
      place: { file },
      hint: 'give a function such as (path) => readFile(path)',
    });
  }
  return decode(content, file, 1);
}

function decode(bytes: Uint8Array, file: string, line: number): string {
  try {
    return decodeUtf8(bytes, file);
  } catch (cause) {
    const place = cause instanceof FrondError ? cause.details.place : undefined;
    const found = { file, ...place, line: line + (place?.line ?? 1) - 1 };
    throw notText(`${file} is not valid UTF-8 here`, found, cause);
  }
}

function refuseBroken(text: string, file: string, line: number): void {
  const broken = brokenAt(text);
  if (broken < 0) return;
  const what = text[broken] === '\0' ? 'a zero byte' : 'half of a character';
  throw notText(`${file} holds ${what}`, placeIn(text, broken, file, line));
}

/** The text of bytes of a file that begin with `line`, without a byte-order mark. @throws FROND-D007 where it is none */
export function decodeText(bytes: Uint8Array, file: string, line: number): string {
  const text = decode(bytes, file, line);
  refuseBroken(text, file, line);
  return text;
}

/** The place of a character of a text whose first line is `line`. */
export function placeIn(text: string, offset: number, file: string, line: number): SourcePlace {
  const before = linesOf(text.slice(0, offset));
  return { file, line: line + before.length - 1, column: (before.at(-1) ?? '').length + 1 };
}
