import { tmpdir } from 'node:os';
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

/** WebGPU by the optional package `webgpu`, which brings Dawn. */
export async function openGpu(): Promise<GpuEntry> {
  try {
    const { create } = await import('webgpu');
    return {
      gpu: quietly(() => create([])),
      reason: '',
      hint: 'install a Vulkan driver for your GPU, or a software one such as Mesa lavapipe; see frond doctor',
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
