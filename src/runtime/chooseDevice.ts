import { FrondError } from '../base/errors.ts';
import { hasSimd } from '../target/wasm/index.ts';
import type { Device, DeviceName } from './device.ts';
import { interpreterDevice } from './interpreterDevice.ts';
import { type WasmOptions, wasmDevice } from './wasm/device.ts';
import { describeAdapter, findAdapter } from './webgpu/adapter.ts';
import { type WebgpuDevice, type WebgpuOptions, webgpuDevice } from './webgpu/webgpuDevice.ts';

export interface ChosenDevice {
  readonly device: Device;
  /** why this one, in a few words: nothing is chosen silently */
  readonly reason: string;
}

export interface ChooseOptions {
  /** for the device webgpu */
  readonly webgpu?: WebgpuOptions | undefined;
  /** for the device wasm */
  readonly wasm?: WasmOptions | undefined;
}

/** Devices that run whole steps, the preferred one first. */
export const deviceNames: readonly DeviceName[] = ['webgpu', 'wasm', 'interpreter'];

const gpuName = ({ adapter: { name, software } }: WebgpuDevice): string =>
  software ? `${name}: no GPU but a program, far slower than wasm` : name;

/** Why no GPU is used; undefined where there is one. */
async function whyNoGpu({ webgpu }: ChooseOptions): Promise<string | undefined> {
  const search = await findAdapter(webgpu?.gpu as GPU | undefined);
  if (search.adapter === undefined) return search.reason;
  const { name, software } = describeAdapter(search.adapter);
  return software ? `the only GPU is a program, ${name}` : undefined;
}

async function best(options: ChooseOptions): Promise<ChosenDevice> {
  let refused = await whyNoGpu(options);
  if (refused === undefined) {
    try {
      const device = await webgpuDevice(options.webgpu);
      return { device, reason: `the fastest device that works here: ${gpuName(device)}` };
    } catch (cause) {
      if (!(cause instanceof FrondError)) throw cause;
      refused = cause.summary;
    }
  }
  return hasSimd()
    ? onWasm('the fastest device that works here', options, `; ${refused}`)
    : { device: interpreterDevice(), reason: `this engine has no WebAssembly SIMD; ${refused}` };
}

/** Says how many threads there are, and why not more. */
function onWasm(why: string, { wasm }: ChooseOptions, end = ''): ChosenDevice {
  const device = wasmDevice(wasm);
  return { device, reason: `${why}, ${device.note}${end}` };
}

/**
 * Opens a device by name; `auto` takes the fastest one that works here and says why: a GPU, unless it is a program that plays one,
 * else WebAssembly, else the interpreter.
 * @throws FROND-R020 where the device asked for cannot be run, FROND-R021 for a name that is none
 */
export async function chooseDevice(name: string, options: ChooseOptions = {}): Promise<ChosenDevice> {
  switch (name) {
    case 'interpreter':
      return { device: interpreterDevice(), reason: 'asked for' };
    case 'wasm':
      return onWasm('asked for', options);
    case 'webgpu': {
      const device = await webgpuDevice(options.webgpu);
      return { device, reason: gpuName(device) };
    }
    case 'auto':
      return best(options);
    default:
      throw new FrondError('FROND-R021', `there is no device ${name}`, {
        hint: `choose one of: auto, ${deviceNames.join(', ')}`,
      });
  }
}
