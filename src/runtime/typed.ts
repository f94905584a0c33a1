import type { DType } from '../base/dtype.ts';
import type { Declarations, Outputs, RANDOM_KEY } from '../dsl/index.ts';
import type { Executable } from './executable.ts';
import type { FedTensor, TensorValue } from './feeds.ts';

// What the compiler knows of a typed graph's feeds and results: names and element types. Sizes are checked when they are fed.

type Typed<T, D extends DType> = T & { readonly dtype: D };

/**
 * One tensor per declared input; the key of random numbers beside them. Whether a graph draws some (dropout in a training
 * graph) is known when it is built, not to the compiler: such a graph needs the key, u32 [seed, step], with another step
 * for each run:
 *
 *     'random.key': { dtype: 'u32', shape: [2], data: [seed, step] }
 *
 * Without it the run is refused with FROND-R009.
 */
export type FeedsOf<I extends Declarations> = {
  readonly [K in keyof I]: Typed<FedTensor, I[K]['dtype']>;
} & { readonly [RANDOM_KEY]?: Typed<FedTensor, 'u32'> };

/** An executable whose feeds and results are those of a typed graph. */
export interface TypedExecutable<I extends Declarations, O extends Outputs> extends Omit<Executable, 'run'> {
  /**
   * Feeds, runs, and reads back the named outputs (default: all of them).
   * @throws FROND-R009…R012, R031 when what is fed does not fit the declaration
   */
  run<K extends keyof O & string = keyof O & string>(
    feeds: FeedsOf<I>,
    options?: { readonly read?: readonly K[] },
  ): Promise<{ readonly [P in K]: Typed<TensorValue, O[P]['dtype']> }>;
}
