/**
 * The kernel language as plain data: what a traced kernel is.
 *
 * A kernel is one *program*, run for every cell of a grid of up to four axes. A program computes with uniform
 * scalars and with tiles of rank 1 or 2 over named axes, always in the order in which the axes were declared.
 * There are no threads, barriers or shared memory: each backend (interpreter, WGSL, WASM) decides those.
 */

import type { ElementwiseName, ValueType } from './elementwise.ts';

export type { ElementwiseName, ValueType };

/** Element type of a buffer. A bool tensor is stored as u32; f16 is converted on load and store. */
export type StorageType = 'f32' | 'f16' | 'i32' | 'u32';

/** A tile axis: its extent is static and a multiple of 4. `order` is its place of declaration in the kernel. */
export interface Axis {
  readonly kind: 'axis';
  readonly order: number;
  readonly name: string;
  readonly size: number;
}

/** The range `start .. min(start + axis.size, limit)` of a logical index that an axis stands for. */
export interface Span {
  readonly kind: 'span';
  readonly axis: Axis;
  readonly start: Value;
  readonly limit: Value;
}

/**
 * What a program may do with a buffer.
 * `read`: only load. `write`: only store, each element by one program, once.
 * `update`: load and store in place, each element by one program only, its loads before its store.
 * `scratch`: planned memory that one program writes and the same program reads back later.
 */
export type Access = 'read' | 'write' | 'update' | 'scratch';

export interface Buffer {
  readonly kind: 'buffer';
  readonly name: string;
  readonly dtype: StorageType;
  readonly access: Access;
}

/** One summand of an element's address: index × stride, in elements. The index is a span, a scalar, or an index tile. */
export interface Term {
  readonly index: Span | Value;
  readonly stride: Value;
}

export type Combine = 'sum' | 'max' | 'argmax';

export interface Typed {
  readonly kind: 'value';
  /** unique in its kernel, in order of creation */
  readonly id: number;
  /** [] for a uniform scalar, else one or two axes in declaration order */
  readonly axes: readonly Axis[];
  readonly dtype: ValueType;
  /** the region whose statements compute it */
  readonly region: Region;
  /** `file:line` of the author's call, where known */
  readonly source?: string | undefined;
  /** what its author calls it: for generated text that people read, without meaning */
  readonly label?: string | undefined;
}

export type Value = Typed &
  (
    | { readonly op: 'constant'; readonly value: number }
    /** a run-time scalar given at launch: size, stride, rate */
    | { readonly op: 'parameter'; readonly name: string }
    /** index of this program along a grid dimension */
    | { readonly op: 'program'; readonly dimension: 0 | 1 | 2 | 3 }
    /** 0, 1, … along one axis, i32 */
    | { readonly op: 'arange' }
    /** start + arange < limit of a span, bool */
    | { readonly op: 'inside'; readonly span: Span }
    | { readonly op: 'fill'; readonly value: number }
    | { readonly op: 'elementwise'; readonly fn: ElementwiseName; readonly args: readonly Value[] }
    | { readonly op: 'cast'; readonly arg: Value }
    /** elements outside a span read as `otherwise`; index tiles and scalars must be in range */
    | {
        readonly op: 'load';
        readonly buffer: Buffer;
        readonly terms: readonly Term[];
        readonly otherwise: number;
      }
    /** over all axes: a uniform scalar. argmax gives the smallest index (along the one reduced axis) of a largest element, i32 */
    | {
        readonly op: 'reduce';
        readonly combine: Combine;
        readonly arg: Value;
        readonly over: readonly Axis[];
      }
    /** Σ over `over` of left[row, over] · right[over, column], plus `accumulator`; either operand may be stored transposed */
    | {
        readonly op: 'dot';
        readonly left: Value;
        readonly right: Value;
        readonly accumulator: Value | undefined;
        readonly over: Axis;
        readonly row: Axis;
        readonly column: Axis;
      }
    /** the same elements along another axis of equal size */
    | { readonly op: 'rename'; readonly arg: Value; readonly from: Axis; readonly to: Axis }
    /** word 0 or 1 of Threefry-2x32 under key (key0, key1) and counter (counter0, counter1), u32 */
    | {
        readonly op: 'random';
        readonly key0: Value;
        readonly key1: Value;
        readonly counter0: Value;
        readonly counter1: Value;
        readonly word: 0 | 1;
      }
    /** the counter of a loop, i32 scalar; only inside its body */
    | { readonly op: 'induction' }
    /** the value that the previous iteration yielded (or the initial one); only inside the body */
    | { readonly op: 'carried'; readonly index: number }
    /** the last yielded value of a finished loop */
    | { readonly op: 'result'; readonly loop: Loop; readonly index: number }
  );

export type ValueOf<Op extends Value['op']> = Extract<Value, { readonly op: Op }>;

export interface Region {
  readonly id: number;
  readonly parent: Region | undefined;
  readonly statements: Statement[];
}

export interface Store {
  readonly kind: 'store';
  readonly buffer: Buffer;
  readonly terms: readonly Term[];
  readonly value: Value;
  readonly source?: string | undefined;
}

/** for (i = from; i < to; i += step) with carried values; bounds are uniform scalars */
export interface Loop {
  readonly kind: 'loop';
  readonly from: Value;
  readonly to: Value;
  readonly step: Value;
  readonly induction: Value;
  readonly initial: readonly Value[];
  readonly carried: readonly Value[];
  readonly yields: readonly Value[];
  readonly body: Region;
}

/** runs its body where a uniform bool scalar holds; values made inside stay inside */
export interface When {
  readonly kind: 'when';
  readonly condition: Value;
  readonly body: Region;
}

/** `let` fixes the place of a value in program order: loads of `update` and `scratch` buffers must not move past stores. */
export type Statement = { readonly kind: 'let'; readonly value: Value } | Store | Loop | When;

/** Numbers that shape how a kernel runs and never what it computes, beyond rounding. */
export interface Schedule {
  /** extents of the tile axes by axis name */
  readonly tiles: Readonly<Record<string, number>>;
  /**
   * WGSL: threads along axis 1 (x) and axis 0 (y) of a tile. Where four times as many divide an axis, threads own groups of
   * four neighbours (vec4). Absent: the backend chooses, for products so that a thread has up to 8 × 8 elements of a tile.
   */
  readonly workgroup?: readonly [x: number, y: number] | undefined;
  /** WGSL: depth of one staged step of a `dot`, 16 where absent; halved until it fits the device's workgroup memory */
  readonly stage?: number | undefined;
  /** WASM: whether operands of `dot` are packed into panels; default: the backend decides */
  readonly pack?: boolean | undefined;
  /** ranges of a contracted dimension that programs of their own sum up before one more launch adds those; default 1 */
  readonly split?: number | undefined;
  /** whether long sums of products are added up in blocks (`kernels/longSum.ts`): where tiles are in memory, not in registers */
  readonly blocks?: boolean | undefined;
}

export interface Kernel {
  readonly name: string;
  /** what distinguishes this text from other traces of the same kernel: schedule, dtypes, epilogue */
  readonly variant: string;
  readonly doc: string;
  readonly schedule: Schedule;
  readonly axes: readonly Axis[];
  readonly buffers: readonly Buffer[];
  readonly parameters: readonly ValueOf<'parameter'>[];
  /** number of grid dimensions in use, 1 to 4 */
  readonly gridRank: number;
  readonly body: Region;
}

/** One launch with its sizes bound: what every backend executes. */
export interface Launch {
  readonly kernel: Kernel;
  readonly grid: readonly number[];
  readonly scalars: Readonly<Record<string, number>>;
}
