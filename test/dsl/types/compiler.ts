import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** One message of the compiler; `text` is all of it, further lines included. */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

/** Runs the pinned compiler on a project below test/dsl/types; gives what it printed. */
export function compile(project: string, ...options: readonly string[]): string {
  const tsc = at('../../../node_modules/.bin/tsc');
  const { stdout, error } = spawnSync(tsc, ['-p', at(project), '--pretty', 'false', ...options], {
    cwd: at('.'),
    encoding: 'utf8',
  });
  if (error !== undefined) throw error;
  return stdout;
}

/** Reads `file(line,column): error TS…: text` and the indented lines that go on with it. */
export function readDiagnostics(output: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  for (const row of output.split('\n')) {
    const [, file, line, text] = /^(\S+)\((\d+),\d+\): error TS\d+: (.*)$/.exec(row) ?? [];
    const last = diagnostics.at(-1);
    if (file !== undefined && text !== undefined) diagnostics.push({ file, line: Number(line), text });
    else if (row.startsWith('  ') && last !== undefined) {
      diagnostics[diagnostics.length - 1] = { ...last, text: `${last.text}\n${row}` };
    }
  }
  return diagnostics;
}

/** What a fixture says will be reported: a block of comments that begins with `// error: ` is about the line below it. */
export function readExpectations(file: string): Diagnostic[] {
  const rows = readFileSync(at(file), 'utf8').split('\n');
  return rows.flatMap((row, i) => {
    const [, first] = /^\s*\/\/ error: (.*)$/.exec(row) ?? [];
    if (first === undefined) return [];
    const more: string[] = [];
    let next = i + 1;
    for (; /^\s*\/\/ {3}/.test(rows[next] ?? ''); next++) {
      more.push((rows[next] ?? '').replace(/^\s*\/\/ /, ''));
    }
    return [{ file, line: next + 1, text: [first, ...more].join('\n') }];
  });
}
