import { defined, FrondError } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, Span, Term, Value } from '../../kernel/ir.ts';
import type { Analysis } from './analysis.ts';
import type { Code, Local, Scalar } from './code.ts';
import { scalarLiteral } from './elementwise.ts';
import type { FunctionBuilder, ModuleBuilder } from './encode.ts';
import { i32, plus, times } from './instructions.ts';

/** A tile in scratch memory: row-major, rows padded to whole blocks of eight elements. */
export interface Place {
  /** bytes from the base of scratch memory */
  readonly offset: number;
  readonly axes: readonly Axis[];
  /** bytes from row to row; 0 for vectors */
  readonly rowStride: number;
}

/** A factor of `dot` as the micro-kernel walks it; all in bytes. */
export interface Pack {
  readonly offset: number;
  /** left: from row to row of a block of four. Not used on the right */
  readonly rowStep: number;
  /** from one element of the contracted axis to the next */
  readonly depthStep: number;
  /** from one block (4 rows on the left, 8 columns on the right) to the next */
  readonly blockStep: number;
}

/** What is known while the program of one kernel is written. */
export interface Lowering {
  readonly kernel: Kernel;
  readonly analysis: Analysis;
  readonly inPlace: ReadonlyMap<Value, Value>;
  readonly module: ModuleBuilder;
  readonly fn: FunctionBuilder;
  /** relaxed SIMD may be used */
  readonly relaxed: boolean;
  /** base address of scratch memory */
  readonly scratch: Local<'i32'>;
  readonly addresses: ReadonlyMap<Buffer, Local<'i32'>>;
  readonly scalars: Map<Value, Scalar>;
  readonly places: Map<Value, Place>;
  /** factors of each `dot` that were packed where they were made */
  readonly packs: Map<Value, { left?: Pack; right?: Pack }>;
  /** bytes of scratch memory in use */
  used: number;
}

/** The error of a construct that this backend does not have. */
export const unsupported = (kernel: Kernel, what: string, node?: string): FrondError =>
  new FrondError('FROND-K210', `kernel ${kernel.name}: ${what} is not supported in WebAssembly`, {
    node,
    hint: 'run this kernel on the interpreter or on WebGPU',
  });

/** Reserves scratch memory, on a cache line. */
export function reserve(at: Lowering, bytes: number): number {
  const offset = at.used;
  at.used += Math.ceil(bytes / 64) * 64;
  return offset;
}

const PAD = 64;

/** Rows that are multiples of this would fall on few cache sets where a column is walked. */
const ALIASING = 512;

export function rowStrideOf(axes: readonly Axis[]): number {
  const last = axes.length === 2 ? axes[1] : undefined;
  if (!last) return 0;
  const bytes = Math.ceil(last.size / 8) * 32;
  return bytes % ALIASING === 0 ? bytes + PAD : bytes;
}

/** The address of what lies in scratch memory. */
export const scratchAt = ({ scratch }: Lowering, { offset }: { readonly offset: number }): Code<'i32'> =>
  plus(scratch, offset);

/** Bytes of a tile, but for the padding of a vector. */
export const bytesOf = ({ axes: [first], rowStride }: Place): number => (first?.size ?? 1) * (rowStride || 4);

/** A place for a tile over `axes`. */
export function allocateTile(at: Lowering, axes: readonly Axis[]): Place {
  const place = { offset: 0, axes, rowStride: rowStrideOf(axes) };
  return { ...place, offset: reserve(at, bytesOf(place) + (axes.length === 2 ? 0 : 32)) };
}

/** Code of a uniform scalar. */
export function scalar(at: Lowering, value: Value): Scalar {
  if (value.op === 'constant') return scalarLiteral(value.dtype, value.value);
  return defined(at.scalars.get(value), `scalar %${value.id} of kernel ${at.kernel.name}`);
}

/** Code of a uniform scalar that is known to be an integer: an index, a stride, a bound. */
export function integer(at: Lowering, value: Value): Code<'i32'> {
  const code = scalar(at, value);
  if (code.result !== 'i32') throw new FrondError('FROND-X003', `scalar %${value.id} is not an integer`);
  return code;
}

export const placeOf = (at: Lowering, value: Value): Place =>
  defined(at.places.get(value), `place of %${value.id} of kernel ${at.kernel.name}`);

export const elementBytes = ({ dtype }: Buffer): 2 | 4 => (dtype === 'f16' ? 2 : 4);

/** Bytes between elements of a buffer `stride` apart. */
export const strideBytes = (at: Lowering, buffer: Buffer, stride: Value): Code<'i32'> =>
  times(integer(at, stride), elementBytes(buffer));

/** Address of the element whose indices are all scalars, or the starts of spans; index tiles count as 0. */
export const elementAddress = (at: Lowering, buffer: Buffer, terms: readonly Term[]): Code<'i32'> =>
  terms.reduce<Code<'i32'>>(
    (address, { index, stride }) => {
      if (index.kind === 'value' && index.axes.length > 0) return address;
      const position = integer(at, index.kind === 'span' ? index.start : index);
      return plus(address, times(position, strideBytes(at, buffer, stride)));
    },
    bufferAddress(at, buffer),
  );

export const bufferAddress = (at: Lowering, buffer: Buffer): Code<'i32'> =>
  defined(at.addresses.get(buffer), `address of ${buffer.name}`);

/** limit − start: how many elements a span has. */
export const lengthOf = (at: Lowering, span: Span): Code<'i32'> => {
  const { start, limit } = span;
  if (start.op === 'constant' && limit.op === 'constant') return i32.const(limit.value - start.value);
  if (start.op === 'constant' && start.value === 0) return integer(at, limit);
  return i32.sub(integer(at, limit), integer(at, start));
};
