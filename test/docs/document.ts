import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repository } from '../support/build.ts';

/** One block of code in a document. */
export interface Block {
  readonly language: string;
  /** the file that it shows, whole (`ts FILE`) or changed (`diff FILE`); absent: a program of its own */
  readonly file?: string | undefined;
  readonly code: string;
  /** line of its first line in the document, from 1 */
  readonly line: number;
}

export const readDocument = (path: string): string => readFileSync(join(repository, path), 'utf8');

/** The fenced blocks of a document, in order. */
export function blocksOf(text: string): Block[] {
  const blocks: Block[] = [];
  let open: { language: string; file: string | undefined; line: number; lines: string[] } | undefined;
  text.split('\n').forEach((line, i) => {
    const fence = /^```(\S*) ?(\S*)/.exec(line);
    if (open === undefined) {
      if (fence !== null)
        open = { language: fence[1] ?? '', file: fence[2] || undefined, line: i + 2, lines: [] };
    } else if (fence !== null) {
      const { lines, ...block } = open;
      blocks.push({ ...block, code: `${lines.join('\n')}\n` });
      open = undefined;
    } else open.lines.push(line);
  });
  return blocks;
}

const EXPECTED = /(?:^|\s)\/\/ → ?(.*)$/;

/** What a block says that it prints: the texts behind `// →`, at the end of a line or on lines of their own. */
export const expectedOf = (code: string): string[] =>
  code.split('\n').flatMap((line) => {
    const match = EXPECTED.exec(line);
    return match === null ? [] : [(match[1] ?? '').trimEnd()];
  });

const mark = (index: number): string => `\u0000block ${index}`;

/** The blocks of a document as one module: later blocks know what earlier ones declared. */
export const programOf = (blocks: readonly Block[]): string =>
  blocks.map(({ code }, i) => `console.log(${JSON.stringify(mark(i))});\n${code}`).join('\n');

/** What each block printed, by lines, from the output of the whole module. */
export function outputsOf(printed: string, count: number): string[][] {
  return Array.from({ length: count }, (_, i) => {
    const start = printed.indexOf(`${mark(i)}\n`);
    if (start < 0) return ['(was not reached)'];
    const end = printed.indexOf('\u0000block', start + 1);
    const text = printed.slice(start + mark(i).length + 1, end < 0 ? undefined : end);
    return text === ''
      ? []
      : text
          .replace(/\n$/, '')
          .split('\n')
          .map((line) => line.trimEnd());
  });
}

/**
 * Whether what was printed is what a block says. A line `…` stands for any number of lines; `…` within a line stands for any
 * text, for what differs from run to run (times) or is too long to read.
 */
export function agrees(printed: readonly string[], expected: readonly string[]): boolean {
  const [first, ...rest] = expected;
  if (first === undefined) return printed.length === 0;
  if (first === '…') {
    return Array.from({ length: printed.length + 1 }, (_, skip) => skip).some((skip) =>
      agrees(printed.slice(skip), rest),
    );
  }
  const [line, ...others] = printed;
  if (line === undefined) return false;
  const pattern = first
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('.*');
  return new RegExp(`^${pattern}$`).test(line) && agrees(others, rest);
}

const withoutArrows = (code: string): string[] =>
  code
    .split('\n')
    .filter((line) => !/^\s*\/\/ →/.test(line))
    .map((line) => line.replace(/ \/\/ → .*$/, ''));

/** A block with what it printed: behind each call where every call printed one short line, else at the end. */
function withOutput(code: string, printed: readonly string[]): string {
  const lines = withoutArrows(code.trimEnd());
  const calls = lines.flatMap((line, i) => (/^console\.log\(.*\);$/.test(line) ? [i] : []));
  const logs = lines.filter((line) => line.includes('console.log(')).length;
  const fits = calls.every((at, i) => `${lines[at]} // → ${printed[i]}`.length <= 128);
  if (calls.length === logs && calls.length === printed.length && fits) {
    calls.forEach((at, i) => {
      lines[at] += ` // → ${printed[i]}`;
    });
    return `${lines.join('\n')}\n`;
  }
  return `${[...lines, ...printed.map((line) => `// → ${line}`.trimEnd())].join('\n')}\n`;
}

/** The document with what its blocks print today, where that is not what they say. */
export function updated(
  text: string,
  blocks: readonly Block[],
  outputs: readonly (readonly string[])[],
): string {
  return blocks.reduce((all, { code }, i) => {
    const printed = outputs[i] ?? [];
    return agrees(printed, expectedOf(code)) ? all : all.replace(code, () => withOutput(code, printed));
  }, text);
}
