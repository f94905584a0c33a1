import { FrondError } from '../../src/base/errors.ts';
import {
  type WebgpuDevice,
  type WebgpuOptions,
  webgpuDevice,
} from '../../src/runtime/webgpu/webgpuDevice.ts';

/** The device webgpu, or undefined where there is no adapter. */
export async function openWebgpu(options: WebgpuOptions = {}): Promise<WebgpuDevice | undefined> {
  try {
    return await webgpuDevice(options);
  } catch (error) {
    if (error instanceof FrondError && error.code === 'FROND-R020') return undefined;
    throw error;
  }
}
