import type { Kernel } from '../../kernel/ir.ts';
import type { BoundProgram } from '../device.ts';
import type { BoundLaunch } from './commandList.ts';

/** Where launches run: in the calling thread, or on threads of their own. */
export interface Runner {
  prepare(kernels: readonly Kernel[]): Promise<void>;
  bind(launches: readonly BoundLaunch[]): BoundProgram;
  /** What `work` gives, begun when everything asked for before has ended; rejects where the device has ended. */
  inTurn<T>(work: () => T): Promise<T>;
  /** Whatever is under way rejects with FROND-R026. */
  close(): void;
}
