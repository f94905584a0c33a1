import { existsSync, readFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** What a figure depends on besides the code. */
export function machineOf(): Readonly<Record<string, string | number>> {
  const [first] = cpus();
  const { version } = JSON.parse(readFileSync(at('../package.json'), 'utf8'));
  return {
    cpu: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    platform: `${process.platform} ${process.arch}`,
    node: process.version,
    frond: version,
    ...peerVersions(),
    date: new Date().toISOString().slice(0, 10),
  };
}

function peerVersions(): Record<string, string> {
  const names = { 'tfjs-wasm': '@tensorflow/tfjs-backend-wasm', 'jax-js': '@jax-js/jax' };
  return Object.fromEntries(
    Object.entries(names).flatMap(([peer, name]) => {
      const path = at(`peers/node_modules/${name}/package.json`);
      return existsSync(path) ? [[peer, String(JSON.parse(readFileSync(path, 'utf8')).version)]] : [];
    }),
  );
}
