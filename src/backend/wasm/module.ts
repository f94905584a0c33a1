import { assertKernel } from '../../kernel/check.ts';
import type { Buffer, Kernel, Value } from '../../kernel/ir.ts';
import { analyse } from './analysis.ts';
import { branchIf, type Code, call, get, type Local, loop, type Statement, set, tee, when } from './code.ts';
import { kindOf } from './elementwise.ts';
import { FunctionBuilder, type MemoryLimits, ModuleBuilder } from './encode.ts';
import { findInPlace } from './inPlace.ts';
import { globalGet, i32, plus } from './instructions.ts';
import type { Lowering } from './lowering.ts';
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
  /** the caller has judged the kernel already; it is not judged again */
  readonly judged?: boolean | undefined;
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

type IntegerLocal = Local<'i32'>;

const integers = (locals: readonly Local[]): IntegerLocal[] =>
  locals.map((local) => ({ ...local, kind: 'i32' }));

function parametersOf(kernel: Kernel): (readonly [string, 'i32' | 'f32'])[] {
  return [
    ...kernel.buffers.map(({ name }) => [name, 'i32'] as const),
    ...kernel.parameters.map(({ name, dtype }) => [name, kindOf(dtype)] as const),
  ];
}

/** Declares the function that computes one program. */
function declareProgram(kernel: Kernel, module: ModuleBuilder) {
  const grid = Array.from({ length: kernel.gridRank }, (_, i) => [`program${i}`, 'i32'] as const);
  const fn = new FunctionBuilder([...grid, ...parametersOf(kernel)]);
  return { fn, reference: module.declare('program', fn, 'none') };
}

function beginLowering(
  kernel: Kernel,
  { relaxed = false }: WasmOptions,
  module: ModuleBuilder,
  fn: FunctionBuilder,
): Lowering {
  const analysis = analyse(kernel);
  const { gridRank, buffers, parameters } = kernel;
  const addresses = new Map<Buffer, IntegerLocal>();
  integers(fn.parameters.slice(gridRank, gridRank + buffers.length)).forEach((local, i) => {
    const buffer = buffers[i];
    if (buffer) addresses.set(buffer, local);
  });
  const scalars = new Map<Value, Code<'i32'> | Code<'f32'>>();
  parameters.forEach((value, i) => {
    const local = fn.parameters[gridRank + buffers.length + i];
    if (local) scalars.set(value, get(local) as Code<'i32'> | Code<'f32'>);
  });
  const programs = integers(fn.parameters.slice(0, gridRank));
  for (const { statement } of analysis.steps) {
    if (statement.kind !== 'let' || statement.value.op !== 'program') continue;
    const local = programs[statement.value.dimension];
    if (local) scalars.set(statement.value, get(local));
  }
  return {
    ...{ kernel, analysis, relaxed, module, fn, addresses, scalars },
    inPlace: findInPlace(analysis),
    scratch: get(fn.local('i32', 'scratch')),
    carriedLocals: new Map(),
    places: new Map(),
    packs: new Map(),
    used: 0,
  };
}

/** run(first, last, g0, g1, g2, …): one program after the other. */
function defineRun(kernel: Kernel, module: ModuleBuilder, program: ReturnType<typeof declareProgram>): void {
  const sizes = ['grid0', 'grid1', 'grid2'].map((name) => [name, 'i32'] as const);
  const fn = new FunctionBuilder([['first', 'i32'], ['last', 'i32'], ...sizes, ...parametersOf(kernel)]);
  const reference = module.declare('run', fn, 'none');
  const [first, last, ...rest] = integers(fn.parameters) as [IntegerLocal, IntegerLocal, ...IntegerLocal[]];
  const grid = rest.slice(0, 3);
  const left = fn.local('i32', 'left');
  const statements: Statement[] = [set(left, get(first))];
  const indices: Code<'i32'>[] = [];
  for (let dimension = 0; dimension < kernel.gridRank; dimension++) {
    const size = grid[dimension];
    if (!size || dimension === kernel.gridRank - 1) {
      indices.push(get(left));
      break;
    }
    const index = fn.local('i32', `index${dimension}`);
    statements.push(set(index, i32.remU(get(left), get(size))), set(left, i32.divU(get(left), get(size))));
    indices.push(get(index));
  }
  const given = fn.parameters.slice(5).map((local) => get(local));
  const next = tee(first, plus(get(first), i32.const(1)));
  module.define(reference, [
    when(i32.ltU(get(first), get(last)), [
      loop([
        ...statements,
        call(program.reference, [...indices, ...given]),
        branchIf(0, i32.ltU(next, get(last))),
      ]),
    ]),
  ]);
}

/**
 * Assembles a kernel as WebAssembly with 128-bit vectors.
 *
 * @throws FROND-K1… when the kernel is illegal; FROND-K210 when it uses what this reading cannot spell.
 */
export function assembleKernel(kernel: Kernel, options: WasmOptions = {}): WasmKernel {
  if (!options.judged) assertKernel(kernel);
  const module = new ModuleBuilder();
  const program = declareProgram(kernel, module);
  const at = beginLowering(kernel, options, module, program.fn);
  const body = writeRegion(at, kernel.body);
  const scratch = integers([{ index: program.fn.parameters.length, kind: 'i32', name: 'scratch' }])[0];
  const begin = scratch ? [set(scratch, globalGet(0, 'scratch'))] : [];
  module.define(program.reference, [...begin, ...body]);
  defineRun(kernel, module, program);
  const memory = options.memory ?? { initial: Math.ceil((at.used + READ_AHEAD) / PAGE) };
  return {
    kernel,
    bytes: module.encode(memory, ['run']),
    scratchBytes: at.used,
    text: () => printModule(module),
  };
}
