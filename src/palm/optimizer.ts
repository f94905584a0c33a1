import type { Schedule } from './schedule.ts';

/** An optimizer as plain data: what a checkpoint records and a step graph is built from. */
export interface Optimizer {
  /** op of the update phase that applies it */
  readonly op: string;
  readonly rate: Schedule;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface AdamOptions {
  /** learning rate over the real number of steps */
  readonly rate: Schedule;
  /** decay of the mean gradient, default 0.9 */
  readonly beta1?: number;
  /** decay of the mean squared gradient, default 0.999 */
  readonly beta2?: number;
  /** added to the root, default 1e-8 */
  readonly epsilon?: number;
}

/**
 * Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019): the decay that `buildBackward` is
 * given shrinks the weights directly and never enters the moments.
 */
export const adamW = ({ rate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 }: AdamOptions): Optimizer => ({
  op: 'adamW',
  rate,
  beta1,
  beta2,
  epsilon,
});

/** PALM's name for the same optimizer: without weight decay the two are one. */
export const adam = adamW;

/** Names of the fed tensors that change from step to step. */
export const HYPER = 'optimizer.hyper';
export const RANDOM_KEY = 'random.key';

/** Scalars of step `step` (from 0): rate, the two bias corrections, and the largest gradient norm (0: no clipping). */
export function hyperOf(optimizer: Optimizer, rate: number, step: number, clipNorm: number): Float32Array {
  const t = step + 1;
  return Float32Array.of(rate, 1 / (1 - optimizer.beta1 ** t), 1 / (1 - optimizer.beta2 ** t), clipNorm);
}
