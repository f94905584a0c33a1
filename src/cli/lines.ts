import { FrondError } from '../index.ts';

/** Bytes of the longest line that is taken: a sentence of ten million words, which no model reads to its end. */
const LONGEST = 2 ** 26;

const NEWLINE = 10;
const RETURN = 13;

/**
 * Lines as they come, blank ones too; line ends are those of Unix, Windows or old Macs. A byte is looked at and copied once however
 * long its line is, and no more of `input` is read before the last line was taken.
 * @throws FROND-U014 for what is not UTF-8, U020 for a line above 64 MiB; each names the line
 */
export async function* linesFrom(input: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let parts: Uint8Array[] = [];
  let length = 0;
  let number = 1;
  let afterReturn = false;
  const keep = (part: Uint8Array): void => {
    length += part.length;
    if (length > LONGEST) throw tooLong(number);
    parts.push(part);
  };
  const take = (): string => {
    const line = decodeLine(Buffer.concat(parts), number++);
    parts = [];
    length = 0;
    return line;
  };
  for await (const chunk of input) {
    let start = 0;
    for (let i = 0; i < chunk.length; i++) {
      const byte = chunk[i];
      const ends = byte === NEWLINE || byte === RETURN;
      if (byte === NEWLINE && afterReturn) start = i + 1;
      else if (ends) {
        keep(chunk.subarray(start, i));
        start = i + 1;
        yield take();
      }
      afterReturn = byte === RETURN;
    }
    if (start < chunk.length) keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

function decodeLine(bytes: Uint8Array, line: number): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new FrondError('FROND-U014', 'standard input is not valid UTF-8', {
      place: { file: 'standard input', line },
      hint: 'convert the text to UTF-8',
      cause,
    });
  }
}

const tooLong = (line: number): FrondError =>
  new FrondError('FROND-U020', `a line of standard input is longer than ${LONGEST / 2 ** 20} MiB`, {
    place: { file: 'standard input', line },
    hint: 'give one sentence per line',
  });
