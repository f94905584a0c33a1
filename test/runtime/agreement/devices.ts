import type { Device } from '../../../src/runtime/device.ts';
import { interpreterDevice } from '../../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../../src/runtime/wasm/device.ts';
import { openWebgpu } from '../../support/webgpu.ts';

/** A device that must agree with the oracle. */
export interface Subject {
  readonly name: string;
  /** undefined where this machine cannot have it */
  open(): Promise<Device | undefined>;
  /** WGSL may assume that there is neither overflow, infinity nor NaN, and may flush subnormals */
  readonly gpu: boolean;
  /** two give the bytes of one, which has tests of its own: results are compared in the long suite */
  readonly threads?: number;
}

/** What all others are compared with. */
export const openOracle = (): Device => interpreterDevice({ precision: 'f64' });

/** The GPU is whatever adapter there is; in the tests' environment software Vulkan, where there is no other. */
export const subjects: readonly Subject[] = [
  { name: 'interpreter', gpu: false, open: async () => interpreterDevice() },
  { name: 'wasm, one thread', gpu: false, open: async () => wasmDevice({ threads: 1 }) },
  { name: 'wasm, two threads', gpu: false, threads: 2, open: async () => wasmDevice({ threads: 2 }) },
  { name: 'webgpu', gpu: true, open: () => openWebgpu() },
];
