import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = new URL('../', import.meta.url);
const aliases = new Map([
  ['frond', new URL('src/index.ts', root).href],
  ['#platform', new URL('src/platform/node/index.ts', root).href],
]);

export const resolve = (specifier, context, next) => {
  const url = aliases.get(specifier);
  return url === undefined ? next(specifier, context) : { url, shortCircuit: true };
};

export async function load(url, context, next) {
  if (!url.startsWith('file:') || !url.endsWith('.ts')) return next(url, context);
  const { transformSync } = await import('esbuild');
  const path = fileURLToPath(url);
  const { code } = transformSync(readFileSync(path, 'utf8'), {
    loader: 'ts',
    format: 'esm',
    sourcemap: 'inline',
    sourcefile: path,
  });
  return { format: 'module', source: code, shortCircuit: true };
}
