/** Kernels assembled as WebAssembly modules with 128-bit vectors. */
import { defined, FrondError } from '../../base/errors.ts';
import { type WebAssemblyMemory, webAssembly } from '../../base/webAssembly.ts';
import { assertKernel } from '../../kernel/check.ts';
import type { Kernel } from '../../kernel/ir.ts';
import type { Body, FunctionReference, Local, Statement } from './code.ts';
import { branchIf, call, loop, set, tee, when } from './control.ts';
import { FunctionBuilder, type MemoryLimits, ModuleBuilder } from './encode.ts';
import { f32x4, globalGet, i32, plus, v128 } from './instructions.ts';
import { Lowering } from './lowering.ts';
import { printModule } from './print.ts';
import { writeRegion } from './statements.ts';

export interface WasmOptions {
  /** limits of the memory that the module imports; a shared one needs a maximum */
  readonly memory?: MemoryLimits | undefined;
  /**
   * Multiply and add in one instruction, which rounds once where the machine has it: faster, and no longer the same bytes
   * on every machine. Default false; `hasRelaxedSimd` says whether the engine knows it.
   */
  readonly relaxed?: boolean | undefined;
  /** the caller has checked the kernel already; it is not checked again */
  readonly checked?: boolean | undefined;
}

/** A kernel as a WebAssembly module. */
export interface WasmKernel {
  readonly kernel: Kernel;
  /**
   * The module. It imports `frond.memory` and `frond.scratch`, the address of scratch memory of its own, and exports
   * `run(first, last, g0, g1, g2, …buffer addresses, …scalars)`: programs first … last − 1 of the grid in order, the
   * first dimension running fastest. Several instances may share out one grid.
   */
  readonly bytes: Uint8Array;
  /** scratch memory that an instance needs, from a multiple of 64 on */
  readonly scratchBytes: number;
  /** the text form of the module */
  text(): string;
}

/** Bytes that have to follow the last buffer in memory: whole vectors are read where some lanes are used. */
export const READ_AHEAD = 16;

const PAGE = 65_536;

type Index = Local<'i32'>;

/** run(first, last, g0, g1, g2, …): one program after the other. */
function defineRun({ module, fn, kernel: { gridRank } }: Lowering, program: FunctionReference<'none'>): void {
  const own = fn.parameters.slice(gridRank).map(({ name, result }) => [name, result] as const);
  const counts = ['first', 'last', 'grid0', 'grid1', 'grid2'].map((name) => [name, 'i32'] as const);
  const run = new FunctionBuilder([...counts, ...own]);
  const [first, last, ...grid] = run.parameters.slice(0, 5) as [Index, Index, ...Index[]];
  const left = run.local('i32', 'left');
  const statements: Statement[] = [set(left, first)];
  const indices = grid.slice(0, gridRank - 1).map((size, dimension) => {
    const index = run.local('i32', `index${dimension}`);
    statements.push(set(index, i32.remU(left, size)), set(left, i32.divU(left, size)));
    return index;
  });
  const args = [...indices, left, ...run.parameters.slice(5)];
  const next = tee(first, plus(first, 1));
  const each = loop([...statements, call(program, args), branchIf(0, i32.ltU(next, last))]);
  module.declare('run', run, 'none').body = [when(i32.ltU(first, last), [each])];
}

/**
 * Assembles a kernel as WebAssembly with 128-bit vectors.
 *
 * @throws FROND-K1… when the kernel is illegal; FROND-K210 when it uses what this backend does not have.
 */
export function assembleKernel(kernel: Kernel, options: WasmOptions = {}): WasmKernel {
  if (!options.checked) assertKernel(kernel);
  const at = new Lowering(kernel, options.relaxed ?? false);
  const program = at.module.declare('program', at.fn, 'none');
  program.body = [set(at.scratch, globalGet(0, 'scratch')), ...writeRegion(at, kernel.body)];
  defineRun(at, program);
  const memory = options.memory ?? { initial: Math.ceil((at.used + READ_AHEAD) / PAGE) };
  return {
    kernel,
    bytes: at.module.encode(memory, ['run']),
    scratchBytes: at.used,
    text: () => printModule(at.module),
  };
}

/** The function that a module exports: programs first … last − 1, then grid sizes, addresses and scalars. */
export type RunCells = (first: number, last: number, ...numbers: readonly number[]) => void;

/** Gives a compiled module its memory and scratch memory of its own. */
export function instantiateModule(module: object, memory: WebAssemblyMemory, scratch: number): RunCells {
  const { Instance } = defined(webAssembly(), 'WebAssembly');
  return new Instance(module, { frond: { memory, scratch } }).exports.run as RunCells;
}

/** What a program that trapped gives. */
export const trapped = (kernel: string, cause: unknown): FrondError =>
  new FrondError('FROND-K212', `kernel ${kernel}: a program trapped`, {
    hint: 'check addresses and sizes, and that the steps of its loops are positive',
    cause,
  });

/** Whether the engine takes a module whose one function runs `body`. */
function takes(body: Body): boolean {
  const module = new ModuleBuilder();
  module.declare('probe', new FunctionBuilder([]), 'none').body = body;
  return webAssembly()?.validate(module.encode({ initial: 1 }, ['probe'])) ?? false;
}

const zero = f32x4.const(0);

/** Whether the engine runs what `assembleKernel` makes: WebAssembly with 128-bit vectors. */
export const hasSimd = (): boolean => takes([v128.store(0, zero)]);

/** Whether it also has relaxed SIMD: from Node 22 on without a flag. */
export const hasRelaxedSimd = (): boolean => takes([v128.store(0, f32x4.relaxedMadd(zero, zero, zero))]);
