import type { Dim, Shape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import type { KernelBuilder } from '../kernel/build.ts';
import type { Kernel, Value } from '../kernel/ir.ts';
import type { Schedules } from '../kernel/schedule.ts';
import type { Attributes, Ref, TensorType } from './graph.ts';
import type { Name, NamedOperands, Operand } from './operands.ts';

/**
 * Appends nodes to a graph under construction. Rules of ops (vjp, decompositions) receive one, so that op files never
 * import each other. A `Ref` made by one builder is only good for the same one.
 */
export interface Build {
  /**
   * Adds a node of any op; its types come from the op's shape rule. Gives one ref per output. Operands are a list, or go by the names
   * that the op's record gives them. A number among them becomes a scalar constant of the element type of the last tensor among
   * them.
   */
  op(name: string, operands: readonly Operand[] | NamedOperands, attributes?: Attributes): readonly Ref[];
  /** The same for ops with a single output. */
  one(name: string, operands: readonly Operand[] | NamedOperands, attributes?: Attributes): Ref;
  typeOf(ref: Ref): TensorType;
  /** A scalar (or filled) constant. */
  constant(value: number, type?: TensorType): Ref;

  add(x: Operand, y: Operand): Ref;
  sub(x: Operand, y: Operand): Ref;
  mul(x: Operand, y: Operand): Ref;
  div(x: Operand, y: Operand): Ref;
  neg(x: Ref): Ref;
  exp(x: Ref): Ref;
  log(x: Ref): Ref;
  sqrt(x: Ref): Ref;
  rsqrt(x: Ref): Ref;
  where(condition: Ref, yes: Operand, no: Operand): Ref;
  sum(x: Ref, axes: readonly number[], keepDims?: boolean): Ref;
  reshape(x: Ref, shape: readonly Dim[]): Ref;
  transpose(x: Ref, permutation: readonly number[]): Ref;
  broadcast(x: Ref, shape: readonly Dim[]): Ref;
  /** x · y over the last two dims; `transposeX`/`transposeY` swap an operand's last two dims first. */
  matmul(x: Ref, y: Ref, options?: { readonly transposeX?: boolean; readonly transposeY?: boolean }): Ref;
  /** Sums `dy` over the dims along which a tensor of shape `shape` was broadcast, giving that shape back. */
  unbroadcast(dy: Ref, shape: readonly Dim[]): Ref;
}

export interface VjpContext {
  readonly inputs: readonly Ref[];
  /** the op's own outputs */
  readonly outputs: readonly Ref[];
  /** upstream gradient of each output; undefined where nothing depends on it */
  readonly gradients: readonly (Ref | undefined)[];
  readonly attributes: Attributes;
  /** which inputs need a gradient; rules may skip the others */
  readonly needs: readonly boolean[];
}

// ---- lowering: a node becomes launches over symbolic sizes -------------------------------------------------

/** A size that must not be negative, such as what is left behind a slice of a named dimension; or one that must not be 0. */
export type Demand = Dim | { readonly some: Dim };

/**
 * Number of programs along one grid dimension: ceil(size / per), and no fewer than `least`, which is 0 where it is left out: what a
 * program writes beside elements of its own has to be written where there are none, too.
 */
export interface GridExpression {
  readonly size: Dim;
  readonly per: number;
  readonly least?: number;
}

/**
 * The sizes that no feed binds: the number of 256-element blocks of an arena, and the index of the arena chunk that a launch
 * works on. Launches of update ops use them; the runtime binds them beside the sizes of the batch.
 */
export { ARENA_BLOCKS, ARENA_CHUNK } from '../base/dim.ts';

/** What a kernel's buffer is bound to: an operand or result of the node, or scratch planned for it. */
export type Slot =
  | { readonly kind: 'input'; readonly index: number }
  | { readonly kind: 'output'; readonly index: number }
  /** temporary memory that lives through this node's launches */
  | { readonly kind: 'temporary'; readonly name: string; readonly type: TensorType }
  /**
   * The trained part of the parameter arena, or an arena beside it (`gradient`, `moment1`, `moment2`, or any other name), as f32. Only
   * update ops use it. */
  | { readonly kind: 'arena'; readonly name: string }
  /**
   * Memory that stays from run to run, i32: `group`, which row of the fed table of groups each block (256 elements) has, or four words
   * under any other name, zero at first */
  | { readonly kind: 'table'; readonly name: string };

/** One launch over symbolic sizes: plain data. */
export interface LaunchPlan {
  readonly kernel: Kernel;
  readonly grid: readonly GridExpression[];
  /** by parameter: a size, or a plain number */
  readonly scalars: Readonly<Record<string, Dim>>;
  /** by buffer name of the kernel */
  readonly slots: Readonly<Record<string, Slot>>;
  /** the class under which its schedule was looked up (`kernel/schedule.ts`); absent where the kernel takes none */
  readonly shapeClass?: string | undefined;
}

export interface LowerContext {
  readonly inputs: readonly TensorType[];
  readonly outputs: readonly TensorType[];
  readonly attributes: Attributes;
  /** schedules for the device that is lowered for; absent: the plan functions' own */
  readonly schedules?: Schedules | undefined;
}

export interface Cost {
  /** floating-point operations (a multiply-add counts 2) */
  readonly flops: Dim;
  /** bytes read and written, each operand once */
  readonly bytes: Dim;
}

/** low ≤ value < below */
export interface IndexBounds {
  readonly low: number;
  readonly below: Dim;
}

/** An input whose values must lie within bounds. */
export interface IndexedInput extends IndexBounds {
  readonly input: number;
  /**
   * Input with the lengths of its rows, i32 [rows]: elements of `input` [rows, …] at or beyond them are not read, so they
   * may hold anything. Without lengths that can be seen on the host, every element must lie in the range.
   */
  readonly lengths?: number | undefined;
}

/** What an element-wise function may ask for besides one element of each operand. */
export interface ElementContext {
  /** logical index of the element in the result, u32: the counter of random numbers */
  index(): Value;
  /** element `at` of an operand that the record lists in `whole` */
  element(operand: number, at: number): Value;
  /** one of the record's `scalars` */
  scalar(name: string): Value;
}

/** Numbers given at each launch, by name. */
export type LaunchScalars = Readonly<Record<string, readonly ['i32' | 'u32' | 'f32', Dim]>>;

/** Everything frond knows about an op, in one place. */
export interface OpRecord {
  readonly name: string;
  /** of an op that a program defined: tells it from others that had its name before */
  readonly edition?: number;
  /** one line, for docs */
  readonly doc: string;
  /** 'elementwise': output = f(inputs) per element with broadcasting; the fusion pass joins such nodes. */
  readonly kind: 'elementwise' | 'view' | 'reduction' | 'kernel' | 'source' | 'update';
  /** number of inputs; [min, max] where it varies */
  readonly arity: number | readonly [number, number];
  /** what the operands are called, so that the builder takes them by name */
  readonly operands?: readonly Name[];
  /** The attributes that it takes, by name; a node with others is refused. Absent: they are for its own rules to judge. */
  readonly attributes?: Readonly<Record<string, is.Kind>>;
  /**
   * Types of the outputs. Throws FROND-S… in the words of the type-level messages, such as
   * `matmul: inner dimensions differ: 128 and 256 in [batch, time, 128] x [256, 64]`.
   */
  shape(inputs: readonly TensorType[], attributes: Attributes): readonly TensorType[];
  /**
   * Gradient for each input; undefined for inputs that have none (integers, masks). Of an f16 input it may be f32: it is rounded.
   * Absent: not differentiable.
   */
  vjp?(b: Build, context: VjpContext): readonly (Ref | undefined)[];
  /**
   * For kind 'elementwise': the same function on values of the kernel language, so that fused chains become one kernel.
   * `args` are already broadcast over the tile.
   */
  emit?(
    k: KernelBuilder,
    args: readonly Value[],
    attributes: Attributes,
    context?: ElementContext | undefined,
  ): Value;
  /** For kind 'elementwise': operands that do not broadcast but are read whole, such as a random key. `args` has their element 0. */
  readonly whole?: readonly number[];
  /** For kind 'elementwise': what `emit` knows of the attributes, so that they are no part of a kernel's text. */
  scalars?(attributes: Attributes): LaunchScalars;
  /** Kernels that compute it. Absent: another pass must have replaced it (sources, fused views). */
  lower?(context: LowerContext): readonly LaunchPlan[];
  /**
   * Rewrites the op into others before differentiation or lowering (convenience ops such as `linear`, `mean`).
   */
  expand?(
    b: Build,
    context: { readonly inputs: readonly Ref[]; readonly attributes: Attributes },
  ): readonly Ref[];
  cost?(context: LowerContext): Cost;
  /** What sizes must be, which only a feed can tell. */
  demands?(context: LowerContext): readonly Demand[];

  // ---- what rewriting passes may rely on, for every number, −0, infinities and NaN included

  /** f(x, value) = x; where `commutes`, f(value, x) too */
  readonly neutral?: { readonly value: number; readonly commutes: boolean };
  /** f(f(x)) = x */
  readonly involution?: true;
  /** Wherever the result has the type of the first operand, it is the first operand. */
  readonly idle?: true;
  /** Attributes with which the op does at once what it does behind itself with attributes `inner`. */
  compose?(outer: Attributes, inner: Attributes): Attributes;
  /** Nothing but the order of axes changes: axis i of the result is axis permutation[i] of the operand. */
  permutation?(attributes: Attributes): readonly number[];
  /** Repeats its operand as broadcasting does, so that element-wise readers can do without it. */
  readonly broadcasts?: true;
  /** Attributes with which operand `index` is read with its last two axes swapped; undefined where it cannot be. */
  swapLast?(attributes: Attributes, index: number): Attributes | undefined;
  /** Takes an attribute `epilogue`: element-wise instructions on its result, with up to this many operands behind its own. */
  readonly epilogueOperands?: number;
  /** The axes, from the left, over which it adds up its operand and which it leaves out; undefined where it does something else. */
  sumsOver?(attributes: Attributes, shape: Shape): readonly number[] | undefined;
  /** Takes an attribute `columnSums`: a second result, the sums over the rows of its right operand, a matrix. */
  readonly sumsColumns?: true;

  /**
   * Inputs that index something. What is fed or constant is checked against it on the host, what the graph computes is clamped on
   * the device, so that kernels may trust them.
   */
  indices?(context: LowerContext): readonly IndexedInput[];
  /** Bounds that every element of the first result keeps, whatever the operands. */
  within?(context: LowerContext): IndexBounds;
  /** For what clamps ids: the table in which it notes the first one outside. */
  report?(attributes: Attributes): string;
}

/** Name → record. Passes and runtime receive it, so that neither imports the ops. */
export type OpRegistry = ReadonlyMap<string, OpRecord>;

export const registryKind = is.kind<OpRegistry>(
  'the ops by name, such as frond exports as ops',
  (value) =>
    value instanceof Map && [...value.values()].every((record) => typeof Object(record).shape === 'function'),
);
