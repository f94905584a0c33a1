import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));

const textOf = (path: string): string => readFileSync(join(root, path), 'utf8');

function files(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`;
    return entry.isDirectory() ? files(path) : /\.(ts|mjs|tsx)$/.test(path) ? [path] : [];
  });
}

/** Comments speak of codes too; only strings raise them. Lines keep their numbers. */
const withoutComments = (text: string): string =>
  text.replace(/\/\*[\s\S]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) => comment.replace(/[^\n]/g, ''));

/** A place in the sources that raises an error. */
export interface Raised {
  /** `S012` */
  readonly code: string;
  /** relative to the root */
  readonly file: string;
}

/** Every error code in `src` and `kernels`, with the files that raise it; samples of ops only expect them. */
export function raisedCodes(): Raised[] {
  return [...files('src'), ...files('kernels')]
    .filter((file) => !file.endsWith('.samples.ts'))
    .flatMap((file) =>
      [...withoutComments(textOf(file)).matchAll(/['"`]FROND-([A-Z]\d+)['"`]/g)].map(([, code = '']) => ({
        code,
        file,
      })),
    );
}

/** Codes that tests write out, whether as `FROND-S012` or, next to a prefix, as `S012`. */
export function testedCodes(): Set<string> {
  const texts = [...files('test'), ...files('src').filter((file) => file.endsWith('.samples.ts'))]
    .filter((file) => !/^test\/errors\/\w+\.test\.ts$/.test(file))
    .map(textOf);
  return new Set(texts.flatMap((text) => [...text.matchAll(/\b[A-Z]\d{3}\b/g)].map(([code]) => code)));
}

/** A row of `docs/errors.md`. */
export interface Documented {
  readonly code: string;
  readonly meaning: string;
  readonly folders: readonly string[];
}

/** Rows of the tables in the documentation: `| S012 | meaning | folders |`. */
export function documentedCodes(): Documented[] {
  return [...textOf('docs/errors.md').matchAll(/^\| ([A-Z]\d{3}) \| (.+) \| (.+) \|$/gm)].map(
    ([, code = '', meaning = '', list = '']) => ({ code, meaning, folders: list.split(', ') }),
  );
}
