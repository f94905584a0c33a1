import { FrondError } from '../../base/errors.ts';
import type { Kernel } from '../../kernel/ir.ts';

/** The error of a construct that this reading cannot spell. */
export const unsupported = (kernel: Kernel, what: string, node?: string): FrondError =>
  new FrondError('FROND-K210', `kernel ${kernel.name}: ${what} is not supported in WebAssembly`, {
    node,
    hint: 'run this kernel on the interpreter or on WebGPU',
  });
