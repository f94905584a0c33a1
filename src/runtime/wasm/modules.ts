import { assembleKernel } from '../../backend/wasm/index.ts';
import type { WebAssemblyApi } from '../../base/webAssembly.ts';
import type { Kernel } from '../../kernel/ir.ts';
import { printKernel } from '../../kernel/print.ts';

/** A kernel that an engine has compiled, without a memory yet. */
export interface CompiledKernel {
  readonly module: object;
  /** scratch memory that each thread needs */
  readonly scratchBytes: number;
}

/** Modules kept in a process: some large models' worth. */
const KEPT = 1024;

/** By text, the latest used last: executables and devices of one process share modules, and assembling them costs most. */
const modules = new Map<string, Promise<CompiledKernel>>();

/** What one text makes different modules of. */
export interface CompileSettings {
  /** threads share the memory */
  readonly shared: boolean;
  /** multiply and add in one instruction of relaxed SIMD */
  readonly relaxed: boolean;
}

/** Compiles a kernel; one of the same text and settings is compiled once in a process. */
export function compileKernel(
  engine: WebAssemblyApi,
  kernel: Kernel,
  settings: CompileSettings,
): Promise<CompiledKernel> {
  const key = `${settings.shared} ${settings.relaxed} ${JSON.stringify(kernel.schedule)} ${printKernel(kernel)}`;
  const compiled = modules.get(key) ?? assemble(engine, kernel, settings);
  modules.delete(key);
  modules.set(key, compiled);
  compiled.catch(() => modules.delete(key));
  const oldest = modules.keys().next().value;
  if (modules.size > KEPT && oldest !== undefined) modules.delete(oldest);
  return compiled;
}

async function assemble(
  engine: WebAssemblyApi,
  kernel: Kernel,
  { shared, relaxed }: CompileSettings,
): Promise<CompiledKernel> {
  // a memory with a lower maximum may be imported too
  const memory = shared ? { initial: 1, maximum: 65_536, shared } : { initial: 1 };
  const { bytes, scratchBytes } = assembleKernel(kernel, { memory, relaxed });
  return { module: await engine.compile(bytes), scratchBytes };
}
