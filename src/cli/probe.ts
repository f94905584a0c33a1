// Run in a process of its own by `frond doctor`: native libraries print what they like, and keep a process alive.

import { listAdapters } from '../runtime/webgpu/adapter.ts';
import type { AdapterDescription } from '../runtime/webgpu/description.ts';

interface Probed {
  readonly webgpu: Awaited<ReturnType<typeof listAdapters>>;
  readonly gpuJs: { readonly state: 'yes' | 'no'; readonly detail: string };
}

export type { AdapterDescription, Probed };

const reason = (cause: unknown): string =>
  cause instanceof Error ? (cause.message.split('\n')[0] ?? '') : String(cause);

async function gpuJs(): Promise<Probed['gpuJs']> {
  try {
    await import('gpu.js');
    return { state: 'yes', detail: 'the package gpu.js is installed' };
  } catch (cause) {
    return { state: 'no', detail: reason(cause) };
  }
}

const probed: Probed = { webgpu: await listAdapters(), gpuJs: await gpuJs() };
process.stdout.write(JSON.stringify(probed), () => process.exit(0));
