import { FrondError } from '../../base/errors.ts';

/** Gives the text of a file, decoded as UTF-8; rejects when it cannot. The platform provides one. */
export type ReadText = (path: string) => Promise<string>;

/** A word with the column it begins in, from 1. */
export interface Word {
  readonly text: string;
  readonly column: number;
}

/**
 * The lines of a file without their ends; blank lines at the end do not count.
 * @throws FROND-D001 when it cannot be read, D002 when there is nothing in it, D007 where it is not UTF-8
 */
export async function readLines(file: string, readText: ReadText): Promise<readonly string[]> {
  const raw = await readText(file).catch((cause: unknown) => {
    throw new FrondError('FROND-D001', `cannot read ${file}${reason(cause)}`, {
      place: { file },
      hint: 'a part has three files: seq.in (words), seq.out (tags) and label (intents)',
      cause,
    });
  });
  const text = raw
    .replace(/^\uFEFF/, '')
    .replace(/\r\n?/g, '\n')
    .replace(/\s+$/, '');
  if (text === '') {
    throw new FrondError('FROND-D002', `${file} is empty`, {
      place: { file, line: 1, column: 1 },
      hint: 'one sentence per line is expected',
    });
  }
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    const broken = line.search(/[\uFFFD\0]/);
    if (broken < 0) return;
    const what = line[broken] === '\0' ? 'holds a zero byte' : 'is not valid UTF-8 here';
    throw new FrondError('FROND-D007', `${file} ${what}`, {
      place: { file, line: i + 1, column: broken + 1 },
      hint: 'convert the file to UTF-8',
    });
  });
  return lines;
}

const reason = (cause: unknown): string => (cause instanceof Error ? `: ${cause.message}` : '');

/** The words of a line, parted by spaces or tabs. */
export function splitWords(line: string): readonly Word[] {
  return [...line.matchAll(/[^ \t]+/g)].map((match) => ({ text: match[0], column: match.index + 1 }));
}
