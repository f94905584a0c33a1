import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** A folder of its own, with the way to remove it. */
export function temporaryFolder(): { readonly path: string; readonly remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'frond-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Bundles a script into one file that Node 20 runs; a name alone is a script of this folder. */
export async function bundleScript(name: string | URL, folder: string): Promise<string> {
  const entry = typeof name === 'string' ? at(`./${name}.ts`) : fileURLToPath(name);
  const outfile = join(folder, `${basename(entry, '.ts')}.mjs`);
  await build({
    entryPoints: [entry],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile,
    alias: { '#platform': at('../../../src/platform/node/index.ts') },
    logLevel: 'error',
  });
  return outfile;
}

export interface Child {
  readonly process: ChildProcess;
  /** the lines of its standard output so far */
  readonly lines: string[];
  /** resolves when a line satisfies `wanted` */
  readonly seen: (wanted: (line: string) => boolean) => Promise<string>;
  /** exit code, or the signal that ended it */
  readonly end: Promise<number | string>;
}

export function startScript(script: string, args: readonly string[]): Child {
  const child = spawn(process.execPath, [script, ...args], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines: string[] = [];
  const waiting = new Set<{ wanted: (line: string) => boolean; resolve: (line: string) => void }>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    lines.push(line);
    for (const waiter of waiting) {
      if (!waiter.wanted(line)) continue;
      waiting.delete(waiter);
      waiter.resolve(line);
    }
  });
  const end = new Promise<number | string>((resolve) => {
    child.on('close', (code, signal) => resolve(code ?? signal ?? 'unknown'));
  });
  const seen = (wanted: (line: string) => boolean): Promise<string> =>
    Promise.race([
      new Promise<string>((resolve) => {
        const known = lines.find(wanted);
        if (known === undefined) waiting.add({ wanted, resolve });
        else resolve(known);
      }),
      end.then((code) => {
        throw new Error(`the script ended with ${code} after: ${lines.join(' | ')}`);
      }),
    ]);
  return { process: child, lines, seen, end };
}
