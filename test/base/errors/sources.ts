import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../..', import.meta.url));

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

/** Every file of `src` and `kernels` with its code, comments left out. */
export const sources: readonly { readonly file: string; readonly text: string }[] = [
  ...files('src'),
  ...files('kernels'),
].map((file) => ({ file, text: withoutComments(textOf(file)) }));

/** A place in the sources that raises an error. */
export interface Raised {
  /** `S012` */
  readonly code: string;
  /** relative to the root */
  readonly file: string;
}

/** Every error code in `src` and `kernels`, with the files that raise it. */
export const raisedCodes = (): Raised[] =>
  sources.flatMap(({ file, text }) =>
    [...text.matchAll(/['"`]FROND-([A-Z]\d+)['"`]/g)].map(([, code = '']) => ({ code, file })),
  );

/** Codes that tests write out, whether as `FROND-S012` or, next to a prefix, as `S012`. */
export function testedCodes(): Set<string> {
  const texts = files('test')
    .filter((file) => !/^test\/base\/errors\/\w+\.test\.ts$/.test(file))
    .map(textOf);
  return new Set(texts.flatMap((text) => [...text.matchAll(/\b[A-Z]\d{3}\b/g)].map(([code]) => code)));
}
