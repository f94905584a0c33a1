import type { Device } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/index.ts';
import { launchingDevice } from './launchingDevice.ts';

/** A device that must agree with the oracle. */
export interface Subject {
  readonly name: string;
  /** undefined where this machine cannot have it */
  open(): Promise<Device | undefined>;
  /** WGSL may assume that there is neither overflow, infinity nor NaN, and may flush subnormals */
  readonly gpu: boolean;
}

/** What all others are compared with. */
export const openOracle = (): Device => interpreterDevice({ precision: 'f64' });

export const subjects: readonly Subject[] = [
  { name: 'interpreter', gpu: false, open: async () => interpreterDevice() },
  { name: 'wasm', gpu: false, open: async () => wasmDevice() },
  { name: 'webgpu', gpu: true, open: launchingDevice },
];
