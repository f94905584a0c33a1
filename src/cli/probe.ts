// Run in a process of its own by `frond doctor`: native libraries print what they like, and keep a process alive.

import { FrondError } from '../base/errors.ts';
import { openTried } from '../runtime/chooseDevice.ts';
import type { Device } from '../runtime/device.ts';
import { wasmDevice } from '../runtime/wasm/device.ts';
import { listAdapters } from '../runtime/webgpu/adapter.ts';
import type { AdapterDescription } from '../runtime/webgpu/description.ts';
import { webgpuDevice } from '../runtime/webgpu/webgpuDevice.ts';

/** What a device says of itself, or why it cannot be used. */
interface Tried {
  readonly works: boolean;
  readonly detail: string;
  readonly hint?: string | undefined;
}

interface Probed {
  readonly wasm: Tried;
  /** left out where there is no GPU that is more than a program */
  readonly gpu?: Tried | undefined;
  readonly webgpu: Awaited<ReturnType<typeof listAdapters>>;
  readonly gpuJs: { readonly state: 'yes' | 'no'; readonly detail: string };
}

export type { AdapterDescription, Probed, Tried };

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

/** Whether a device computes something here, as `auto` tries it. */
async function tried<D extends Device>(
  open: () => D | Promise<D>,
  describe: (device: D) => string,
): Promise<Tried> {
  try {
    const device = await openTried(open);
    await device.close();
    return { works: true, detail: describe(device) };
  } catch (cause) {
    if (!(cause instanceof FrondError)) return { works: false, detail: reason(cause) };
    return { works: false, detail: cause.summary, hint: cause.details.hint };
  }
}

const webgpu = await listAdapters();
const hasGpu = webgpu.adapters[0]?.software === false;
const probed: Probed = {
  webgpu,
  gpu: hasGpu ? await tried(webgpuDevice, () => 'whole steps on the GPU') : undefined,
  gpuJs: await gpuJs(),
  wasm: await tried(wasmDevice, ({ note }) => `generated SIMD code, ${note}`),
};
process.stdout.write(JSON.stringify(probed), () => process.exit(0));
