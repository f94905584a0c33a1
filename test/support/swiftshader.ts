import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

/**
 * A software Vulkan out of npm: `@sparticuz/chromium` carries SwiftShader as a brotli-packed tar. Unpacked once under
 * node_modules/.cache/frond.
 */

const text = (bytes: Uint8Array, from: number, length: number): string =>
  new TextDecoder('latin1').decode(bytes.subarray(from, from + length)).replace(/\0.*$/s, '');

/** Plain files of a tar archive (POSIX ustar): headers of 512 bytes, each followed by its file, padded to 512. */
export function readTar(archive: Uint8Array): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  for (let at = 0; at + 512 <= archive.length; ) {
    const name = text(archive, at, 100);
    if (name === '') break;
    const size = Number.parseInt(text(archive, at + 124, 12), 8);
    const type = text(archive, at + 156, 1);
    if (type === '0' || type === '') files.set(name, archive.subarray(at + 512, at + 512 + size));
    at += 512 + Math.ceil(size / 512) * 512;
  }
  return files;
}

/**
 * Unpacks SwiftShader where it is not yet and gives the environment that makes Dawn find it. Must be in place before a
 * process starts, because the loader's search path is read once. Undefined where the package has none for this machine.
 */
export function swiftshaderEnvironment(): Record<string, string> | undefined {
  if (process.platform !== 'linux' || process.arch !== 'x64') return undefined;
  const archive = findArchive();
  if (archive === undefined) return undefined;
  const cache = fileURLToPath(new URL('../../node_modules/.cache/frond', import.meta.url));
  const folder = join(cache, 'swiftshader');
  if (!existsSync(join(folder, 'vk_swiftshader_icd.json'))) {
    mkdirSync(cache, { recursive: true });
    const fresh = mkdtempSync(join(cache, 'unpacking-'));
    for (const [name, bytes] of readTar(brotliDecompressSync(readFileSync(archive)))) {
      writeFileSync(join(fresh, basename(name)), bytes, { mode: 0o755 });
    }
    try {
      renameSync(fresh, folder);
    } catch {
      // another process was first
      rmSync(fresh, { recursive: true, force: true });
    }
  }
  return {
    VK_ICD_FILENAMES: join(folder, 'vk_swiftshader_icd.json'),
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    // the Vulkan loader complains where there is no session
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? cache,
  };
}

/** The archive in the `bin` folder of the package. */
function findArchive(): string | undefined {
  let folder: string;
  try {
    folder = dirname(createRequire(import.meta.url).resolve('@sparticuz/chromium'));
  } catch {
    return undefined;
  }
  for (; folder !== dirname(folder); folder = dirname(folder)) {
    const candidate = join(folder, 'bin', 'swiftshader.tar.br');
    if (existsSync(candidate)) return candidate;
  }
  return undefined;
}
