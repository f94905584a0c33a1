import { webAssembly } from '../../base/webAssembly.ts';
import type { Statement } from './code.ts';
import { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { f32x4, v128 } from './instructions.ts';

/** Whether the engine takes a module whose one function runs `body`. */
function takes(body: readonly Statement[]): boolean {
  const module = new ModuleBuilder();
  module.define(module.declare('probe', new FunctionBuilder([]), 'none'), body);
  return webAssembly()?.validate(module.encode({ initial: 1 }, ['probe'])) ?? false;
}

const zero = f32x4.const(0);

/** Whether the engine runs what `assembleKernel` makes: WebAssembly with 128-bit vectors. */
export const hasSimd = (): boolean => takes([v128.store(0, zero)]);

/** Whether it also has relaxed SIMD: from Node 22 on without a flag. */
export const hasRelaxedSimd = (): boolean => takes([v128.store(0, f32x4.relaxedMadd(zero, zero, zero))]);
