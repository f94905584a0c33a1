import { FrondError } from '../base/errors.ts';
import { hasSimd } from '../target/wasm/index.ts';
import type { Device, DeviceName } from './device.ts';
import { interpreterDevice } from './interpreterDevice.ts';
import { wasmDevice } from './wasmDevice.ts';

export interface ChosenDevice {
  readonly device: Device;
  /** why this one, in a few words: nothing is chosen silently */
  readonly reason: string;
}

/** Devices that run whole steps, the preferred one first. */
export const deviceNames: readonly DeviceName[] = ['wasm', 'interpreter'];

/**
 * Opens a device by name; `auto` takes the fastest one that works here and says why.
 * @throws FROND-R020 when the engine cannot run the device asked for, FROND-R021 for a name that is none
 */
export function chooseDevice(name: string): ChosenDevice {
  switch (name) {
    case 'interpreter':
      return { device: interpreterDevice(), reason: 'asked for' };
    case 'wasm':
      return { device: wasmDevice(), reason: 'asked for' };
    case 'auto':
      return hasSimd()
        ? { device: wasmDevice(), reason: 'the fastest device that works here' }
        : { device: interpreterDevice(), reason: 'this engine has no WebAssembly SIMD' };
    default:
      throw new FrondError('FROND-R021', `there is no device ${name}`, {
        hint: `choose one of: auto, ${deviceNames.join(', ')}`,
      });
  }
}
