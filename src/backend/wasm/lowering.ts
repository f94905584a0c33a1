import { defined, FrondError } from '../../base/errors.ts';
import type { Axis, Buffer, Kernel, Span, Term, Value } from '../../kernel/ir.ts';
import { type Analysis, analyse } from './analysis.ts';
import type { Integer, Local, Scalar } from './code.ts';
import { kindOf, scalarLiteral } from './elementwise.ts';
import { FunctionBuilder, ModuleBuilder } from './encode.ts';
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

const PAD = 64;

/** Rows that are multiples of this would fall on few cache sets where a column is walked. */
const ALIASING = 512;

function rowStrideOf([, last]: readonly Axis[]): number {
  if (!last) return 0;
  const bytes = Math.ceil(last.size / 8) * 32;
  return bytes % ALIASING === 0 ? bytes + PAD : bytes;
}

/** Bytes of a tile, but for the padding of a vector. */
export const bytesOf = ({ axes: [first], rowStride }: Place): number => (first?.size ?? 1) * (rowStride || 4);

export const elementBytes = ({ dtype }: Buffer): 2 | 4 => (dtype === 'f16' ? 2 : 4);

/** The program of one kernel while it is written: where its values are, and scratch memory. */
export class Lowering {
  readonly kernel: Kernel;
  readonly analysis: Analysis;
  readonly module = new ModuleBuilder();
  /** the program's function: grid indices, addresses of the buffers, parameters */
  readonly fn: FunctionBuilder;
  /** relaxed SIMD may be used */
  readonly relaxed: boolean;
  /** base address of scratch memory */
  readonly scratch: Local<'i32'>;
  readonly scalars = new Map<Value, Scalar>();
  readonly places = new Map<Value, Place>();
  /** factors of each `dot` that were packed where they were made */
  readonly packs = new Map<Value, { left?: Pack; right?: Pack }>();
  /** of products that `sumFromZero` finds: whether this is the first iteration */
  readonly firsts = new Map<Value, Integer>();
  readonly #addresses: ReadonlyMap<Buffer, Integer>;
  /** bytes of scratch memory in use */
  used = 0;

  constructor(kernel: Kernel, relaxed: boolean) {
    const { gridRank, buffers, parameters } = kernel;
    const fn = new FunctionBuilder([
      ...Array.from({ length: gridRank }, (_, i) => [`program${i}`, 'i32'] as const),
      ...buffers.map(({ name }) => [name, 'i32'] as const),
      ...parameters.map(({ name, dtype }) => [name, kindOf(dtype)] as const),
    ]);
    this.kernel = kernel;
    this.fn = fn;
    this.relaxed = relaxed;
    this.analysis = analyse(kernel);
    this.scratch = fn.local('i32', 'scratch');
    const parameter = (i: number) => defined(fn.parameters[i], 'parameter') as Local<'i32'>;
    this.#addresses = new Map(buffers.map((buffer, i) => [buffer, parameter(gridRank + i)]));
    const numbers = gridRank + buffers.length;
    for (const [i, value] of parameters.entries()) this.scalars.set(value, parameter(numbers + i));
    for (const value of this.analysis.flow.values) {
      if (value.op === 'program') this.scalars.set(value, parameter(value.dimension));
    }
  }

  /** The error of a construct that this backend does not have. */
  unsupported(what: string, node: string): FrondError {
    const summary = `kernel ${this.kernel.name}: ${what} is not supported in WebAssembly`;
    return new FrondError('FROND-K210', summary, {
      node,
      hint: 'run this kernel on the interpreter or on WebGPU',
    });
  }

  /** Reserves scratch memory, on a cache line. */
  reserve(bytes: number): number {
    const offset = this.used;
    this.used += Math.ceil(bytes / 64) * 64;
    return offset;
  }

  /** The address of what lies in scratch memory. */
  scratchAt({ offset }: { readonly offset: number }): Integer {
    return plus(this.scratch, offset);
  }

  /** A place for a tile over `axes`. */
  allocateTile(axes: readonly Axis[]): Place {
    const place = { offset: 0, axes, rowStride: rowStrideOf(axes) };
    return { ...place, offset: this.reserve(bytesOf(place) + (axes.length === 2 ? 0 : 32)) };
  }

  placeOf(value: Value): Place {
    return defined(this.places.get(value), `place of %${value.id} of kernel ${this.kernel.name}`);
  }

  /** Code of a uniform scalar. */
  scalar(value: Value): Scalar {
    if (value.op === 'constant') return scalarLiteral(value.dtype, value.value);
    return defined(this.scalars.get(value), `scalar %${value.id} of kernel ${this.kernel.name}`);
  }

  /** Code of a uniform scalar that is known to be an integer: an index, a stride, a bound. */
  integer(value: Value): Integer {
    const code = this.scalar(value);
    if (code.result !== 'i32') throw new FrondError('FROND-X003', `scalar %${value.id} is not an integer`);
    return code;
  }

  /** limit − start: how many elements a span has. */
  lengthOf({ start, limit }: Span): Integer {
    if (start.op === 'constant' && limit.op === 'constant') return i32.const(limit.value - start.value);
    if (start.op === 'constant' && start.value === 0) return this.integer(limit);
    return i32.sub(this.integer(limit), this.integer(start));
  }

  bufferAddress(buffer: Buffer): Integer {
    return defined(this.#addresses.get(buffer), `address of ${buffer.name}`);
  }

  /** Bytes between elements of a buffer `stride` apart. */
  strideBytes(buffer: Buffer, stride: Value): Integer {
    return times(this.integer(stride), elementBytes(buffer));
  }

  /** Address of the element whose indices are all scalars, or the starts of spans; index tiles count as 0. */
  elementAddress(buffer: Buffer, terms: readonly Term[]): Integer {
    return terms.reduce((address, { index, stride }) => {
      if (index.kind === 'value' && index.axes.length > 0) return address;
      const position = this.integer(index.kind === 'span' ? index.start : index);
      return plus(address, times(position, this.strideBytes(buffer, stride)));
    }, this.bufferAddress(buffer));
  }
}
