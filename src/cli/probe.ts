// Run in a process of its own by `frond doctor`: native libraries print what they like, and keep a process alive.

import { FrondError } from '../base/errors.ts';
import { reasonOf } from '../platform/node/failure.ts';
import { openTried } from '../runtime/chooseDevice.ts';
import type { Device } from '../runtime/device.ts';
import { wasmDevice } from '../runtime/wasm/device.ts';
import { listAdapters } from '../runtime/webgpu/adapter.ts';
import type { AdapterDescription } from '../runtime/webgpu/description.ts';
import { webgpuDevice } from '../runtime/webgpu/webgpuDevice.ts';
import { type Finding, finding, HINTS } from './doctor.ts';

const MIB = 2 ** 20;

function describeAdapter({ name, software, features, limits }: AdapterDescription): Finding {
  const optional = features.filter((feature) => /^(shader-f16|subgroups|timestamp-query)$/.test(feature));
  const { storageBuffers, bufferBytes, bindingBytes, workgroupBytes, invocations } = limits;
  const detail = [
    `${name}${software ? ', a program that plays a GPU' : ''}`,
    optional.join(', ') || 'no optional features',
    `${Math.floor(Math.min(bufferBytes, bindingBytes) / MIB)} MiB a buffer, ${storageBuffers} buffers a kernel`,
    `${workgroupBytes / 1024} KiB and ${invocations} threads a workgroup`,
  ].join('; ');
  const hint = 'if there is a GPU in this machine, install its Vulkan driver';
  return { what: 'WebGPU adapter', detail, ...(software ? { state: 'partly', hint } : { state: 'yes' }) };
}

async function tried(what: keyof typeof HINTS, work: () => Promise<string>): Promise<Finding> {
  try {
    return finding(what, true, await work());
  } catch (cause) {
    const [text, hint] =
      cause instanceof FrondError ? [cause.summary, cause.details.hint] : [reasonOf(cause)];
    return finding(what, false, text, hint || HINTS[what]);
  }
}

/** What a device says of itself once it has computed something here, as `auto` tries it. */
async function said<D extends Device>(
  open: () => D | Promise<D>,
  describe: (device: D) => string,
): Promise<string> {
  const device = await openTried(open);
  await device.close();
  return describe(device);
}

const { adapters, reason: whyNone, hint } = await listAdapters();

async function webgpu(): Promise<Finding> {
  const what = 'device webgpu';
  const [fastest] = adapters;
  if (fastest === undefined) return finding(what, false, whyNone, hint);
  if (!fastest.software) return tried(what, () => said(webgpuDevice, () => 'whole steps on the GPU'));
  return { what, state: 'partly', detail: 'runs, far slower than wasm: only where it is asked for' };
}

const gpu = await webgpu();
const gpuJs = await tried('gpu.js', async () => {
  await import('gpu.js');
  return 'the package gpu.js is installed';
});
const wasm = await tried('device wasm', () => said(wasmDevice, ({ note }) => `generated SIMD code, ${note}`));
const none = finding('WebGPU adapter', false, whyNone, hint);
const findings = [...(adapters.length === 0 ? [none] : adapters.map(describeAdapter)), gpuJs, gpu, wasm];
process.stdout.write(JSON.stringify(findings), () => process.exit(0));
