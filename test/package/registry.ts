import { readFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { repository } from '../support/build.ts';
import { call } from '../support/call.ts';

interface Packed {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly integrity: string;
  readonly files: readonly { readonly path: string }[];
}

/** Packs folders with npm, without running their scripts. */
export async function pack(folders: readonly string[], into: string): Promise<readonly Packed[]> {
  const args = [
    'pack',
    '--ignore-scripts',
    '--json',
    '--loglevel=error',
    '--pack-destination',
    into,
    ...folders,
  ];
  const { code, out, err } = await call('npm', args, { cwd: into });
  if (code !== 0) throw new Error(`npm pack: ${err}`);
  return JSON.parse(out) as Packed[];
}

/** Folders of everything that the package needs at run time, as npm installed it here. */
export function runtimeDependencies(): string[] {
  const lock = JSON.parse(readFileSync(join(repository, 'node_modules', '.package-lock.json'), 'utf8')) as {
    readonly packages: Readonly<Record<string, { readonly dev?: boolean; readonly devOptional?: boolean }>>;
  };
  return Object.entries(lock.packages)
    .filter(([path, { dev, devOptional }]) => path !== '' && !dev && !devOptional)
    .map(([path]) => join(repository, path));
}

/**
 * A package registry on this machine that knows the given folders only: `npm install` runs as it does for a user, without
 * network and without what earlier installs left in a cache.
 */
export async function startRegistry(
  folders: readonly string[],
  store: string,
): Promise<{ readonly url: string; close(): void }> {
  const packed = await pack(folders, store);
  const manifests = folders.map((folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')));
  let url = '';
  const describe = (name: string): unknown => {
    const versions = packed.flatMap((entry, i) => {
      if (entry.name !== name) return [];
      const dist = { tarball: `${url}/-/${entry.filename}`, integrity: entry.integrity };
      return [[entry.version, { ...manifests[i], dist }] as const];
    });
    const latest = versions.at(-1)?.[0];
    return latest === undefined
      ? undefined
      : { name, 'dist-tags': { latest }, versions: Object.fromEntries(versions) };
  };
  const server: Server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '').slice(1);
    if (path.startsWith('-/')) return response.end(readFileSync(join(store, path.slice(2))));
    const found = describe(path);
    response.statusCode = found === undefined ? 404 : 200;
    return response.end(JSON.stringify(found ?? { error: `no package ${path}` }));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  return { url, close: () => server.close() };
}
