import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { GpuEntry } from '../types.ts';
import { attempt, reasonOf } from './failure.ts';

/** The Vulkan loader complains where the variable is missing. */
function quietly<T>(work: () => T): T {
  const known = process.env.XDG_RUNTIME_DIR;
  process.env.XDG_RUNTIME_DIR = known ?? tmpdir();
  try {
    return work();
  } finally {
    if (known === undefined) delete process.env.XDG_RUNTIME_DIR;
  }
}

const LOADER = 'libvulkan.so.1';
const CACHE = '/etc/ld.so.cache';

const listOf = (variable: string, otherwise = ''): string[] =>
  (process.env[variable] || otherwise).split(delimiter).filter(Boolean);

/** Whether the system's loader finds a library; `folder`: from where a relative path counts. */
function isLoadable(library: string, folder: string): boolean {
  if (library.includes('/')) return existsSync(resolve(folder, library));
  const isNear = listOf('LD_LIBRARY_PATH').some((place) => existsSync(join(place, library)));
  return isNear || !existsSync(CACHE) || readFileSync(CACHE).includes(library);
}

/** A folder's manifests, or the manifest itself. */
function manifestsIn(place: string): string[] {
  const names = attempt(() => readdirSync(place), undefined);
  return names?.filter((name) => name.endsWith('.json')).map((name) => join(place, name)) ?? [place];
}

/** Whether a manifest names a library that is there. */
const isDriver = (manifest: string): boolean =>
  attempt(() => {
    const { ICD } = JSON.parse(readFileSync(manifest, 'utf8'));
    return isLoadable(String(ICD.library_path), dirname(manifest));
  }, false);

/** Whether the Vulkan loader would find a driver, by the rules of its LoaderDriverInterface.md. */
function hasDriver(): boolean {
  const given = [...listOf('VK_DRIVER_FILES'), ...listOf('VK_ICD_FILENAMES')];
  const system = [
    ...listOf('XDG_CONFIG_HOME', join(homedir(), '.config')),
    ...listOf('XDG_CONFIG_DIRS', '/etc/xdg'),
    ...['/usr/local/etc', '/etc', '/run/opengl-driver/share'],
    ...listOf('XDG_DATA_HOME', join(homedir(), '.local/share')),
    ...listOf('XDG_DATA_DIRS', '/usr/local/share:/usr/share'),
  ].map((folder) => join(folder, 'vulkan/icd.d'));
  const places = given.length > 0 ? given : [...listOf('VK_ADD_DRIVER_FILES'), ...system];
  return places.flatMap(manifestsIn).some(isDriver);
}

/** WebGPU by the optional package `webgpu`, which brings Dawn. */
export async function openGpu(): Promise<GpuEntry> {
  const none = (reason: string, hint: string): GpuEntry => ({ gpu: undefined, reason, hint });
  const hint = 'if there is a GPU, install its Vulkan driver';
  const loaderHint =
    'if there is a GPU, install its driver and the Vulkan loader, such as the package libvulkan1';
  try {
    const { create } = await import('webgpu');
    // what a Linux system lacks of Vulkan Dawn would say itself, on standard error
    const isLinux = process.platform === 'linux';
    if (isLinux && !isLoadable(LOADER, '')) return none(`the system has no Vulkan (${LOADER})`, loaderHint);
    if (isLinux && !hasDriver()) return none('the system has no Vulkan driver', hint);
    // Dawn rounds the GPU's clock to 65 µs, longer than most launches; that is meant for web pages
    return { gpu: quietly(() => create(['disable-dawn-features=timestamp_quantization'])), reason: '', hint };
  } catch (cause) {
    return /cannot find (package|module)/i.test(String(cause))
      ? none('the package webgpu is not installed', 'npm install webgpu')
      : none(reasonOf(cause), 'reinstall it for this system: npm install webgpu');
  }
}
