import type { DType } from '../../../src/base/dtype.ts';
import type { ErrorCode } from '../../../src/base/errors.ts';
import type { Attributes, TensorType } from '../../../src/ir/graph.ts';
import type { Tolerance } from '../../runtime/agreement/agree.ts';
import type { Reference } from '../../support/tensor.ts';

/*
 * What tests know of an op: operands that it takes and refuses, and its meaning as plainly as it can be said. Every test of ops draws
 * on these, so that a new op needs a file here and a line in `all.ts`.
 */

/** An operand: floats are drawn from `range`, other types list their elements. */
export interface SampleInput {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** of uniform floats; [-2, 2] by default */
  readonly range?: readonly [number, number];
  /** elements in row-major order, repeated as often as needed */
  readonly values?: readonly number[];
}

/** Operands that an op takes: what its forward and gradient tests run on. */
export interface Sample {
  readonly op: string;
  readonly inputs: readonly SampleInput[];
  readonly attributes?: Attributes;
}

/** Operands that an op must refuse, and the words in which it does. */
export interface InvalidSample {
  readonly op: string;
  readonly inputs: readonly TensorType[];
  readonly attributes?: Attributes;
  readonly code: ErrorCode;
  /** the first line of the message, without its code */
  readonly summary: string;
}

/** Largest magnitudes that an op's f32 results can follow, and how close they are there. */
export interface Reach {
  readonly most: number;
  readonly tolerance: Tolerance;
}

/** Samples of the ops of one file, by the names of the ops where they differ. */
export interface OpSamples {
  readonly valid: readonly Sample[];
  readonly invalid: readonly InvalidSample[];
  /** the meaning of each op that has samples */
  readonly references: Readonly<Record<string, Reference>>;
  /** ops without samples, and what judges them instead */
  readonly elsewhere?: Readonly<Record<string, string>>;
  /** where f32 ends before its largest number, whatever computes it */
  readonly reach?: Readonly<Record<string, Reach>>;
  /** ops whose operands lie in a range of their own: not tried at the ends of f32 */
  readonly parts?: readonly string[];
}

export const f32 = (...shape: readonly number[]): SampleInput => ({ dtype: 'f32', shape });
export const f32In = (range: readonly [number, number], ...shape: readonly number[]): SampleInput => ({
  dtype: 'f32',
  shape,
  range,
});
export const i32 = (values: readonly number[], ...shape: readonly number[]): SampleInput => ({
  dtype: 'i32',
  shape,
  values,
});
export const bool = (values: readonly number[], ...shape: readonly number[]): SampleInput => ({
  dtype: 'bool',
  shape,
  values,
});
export const u32 = (values: readonly number[], ...shape: readonly number[]): SampleInput => ({
  dtype: 'u32',
  shape,
  values,
});

/** Type of an operand with named dimensions, for what must be refused. */
export const type = (dtype: DType, ...shape: TensorType['shape']): TensorType => ({ dtype, shape });
