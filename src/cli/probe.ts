// Run in a process of its own by `frond doctor`: native libraries print what they like, and keep a process alive.

import { FrondError } from '../base/errors.ts';
import { openTried } from '../runtime/trial.ts';
import { wasmDevice } from '../runtime/wasm/device.ts';
import { listAdapters } from '../runtime/webgpu/adapter.ts';
import type { AdapterDescription } from '../runtime/webgpu/description.ts';

interface Probed {
  /** what it says of itself, or why it cannot be used */
  readonly wasm: { readonly works: boolean; readonly detail: string; readonly hint?: string | undefined };
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

async function wasm(): Promise<Probed['wasm']> {
  try {
    const device = await openTried(() => wasmDevice());
    await device.close();
    return { works: true, detail: device.note };
  } catch (cause) {
    if (!(cause instanceof FrondError)) return { works: false, detail: reason(cause) };
    return { works: false, detail: cause.summary, hint: cause.details.hint };
  }
}

const probed: Probed = { webgpu: await listAdapters(), gpuJs: await gpuJs(), wasm: await wasm() };
process.stdout.write(JSON.stringify(probed), () => process.exit(0));
