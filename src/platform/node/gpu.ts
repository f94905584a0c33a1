import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { GpuEntry } from '../types.ts';

const reasonOf = (cause: unknown): string =>
  (cause instanceof Error ? cause.message : String(cause)).split('\n')[0] ?? '';

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

/** Whether a Linux system knows no Vulkan loader. Dawn would say so itself, on standard error. */
function lacksVulkan(): boolean {
  if (process.platform !== 'linux' || !existsSync(CACHE)) return false;
  const folders = (process.env.LD_LIBRARY_PATH ?? '').split(delimiter).filter(Boolean);
  return !readFileSync(CACHE).includes(LOADER) && !folders.some((folder) => existsSync(join(folder, LOADER)));
}

/** WebGPU by the optional package `webgpu`, which brings Dawn. */
export async function openGpu(): Promise<GpuEntry> {
  try {
    const { create } = await import('webgpu');
    if (lacksVulkan()) {
      return {
        gpu: undefined,
        reason: `the system has no Vulkan (${LOADER})`,
        hint: 'if there is a GPU, install its driver and the Vulkan loader, such as the package libvulkan1',
      };
    }
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
