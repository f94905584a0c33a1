import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import type { GpuEntry } from '../types.ts';
import { reasonOf } from './failure.ts';

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
  try {
    return readdirSync(place)
      .filter((name) => name.endsWith('.json'))
      .map((name) => join(place, name));
  } catch {
    return [place];
  }
}

/** Whether a manifest names a library that is there. */
function isDriver(manifest: string): boolean {
  try {
    const { ICD } = JSON.parse(readFileSync(manifest, 'utf8'));
    return isLoadable(String(ICD.library_path), dirname(manifest));
  } catch {
    return false;
  }
}

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

/** What a Linux system lacks of Vulkan. Dawn would say so itself, on standard error. */
function missingVulkan(): { readonly reason: string; readonly hint: string } | undefined {
  if (process.platform !== 'linux') return undefined;
  if (!isLoadable(LOADER, '')) {
    return {
      reason: `the system has no Vulkan (${LOADER})`,
      hint: 'if there is a GPU, install its driver and the Vulkan loader, such as the package libvulkan1',
    };
  }
  if (hasDriver()) return undefined;
  return { reason: 'the system has no Vulkan driver', hint: 'if there is a GPU, install its Vulkan driver' };
}

/** WebGPU by the optional package `webgpu`, which brings Dawn. */
export async function openGpu(): Promise<GpuEntry> {
  try {
    const { create } = await import('webgpu');
    const missing = missingVulkan();
    if (missing !== undefined) return { gpu: undefined, ...missing };
    return {
      // Dawn rounds the GPU's clock to 65 µs, longer than most launches; that is meant for web pages
      gpu: quietly(() => create(['disable-dawn-features=timestamp_quantization'])),
      reason: '',
      hint: 'if there is a GPU, install its Vulkan driver',
    };
  } catch (cause) {
    const absent = /cannot find (package|module)/i.test(String(cause));
    return {
      gpu: undefined,
      reason: absent ? 'the package webgpu is not installed' : reasonOf(cause),
      hint: absent ? 'npm install webgpu' : 'reinstall it for this system: npm install webgpu',
    };
  }
}
