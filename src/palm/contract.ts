import type { TypedArray } from '../base/dtype.ts';
import type { Declarations, GraphContext, Outputs } from '../dsl/graph.ts';
import type { Tensor } from '../dsl/tensor.ts';
import type { Tensors } from '../dsl/types/result.ts';
import type { Attribute } from '../ir/graph.ts';
import type { TensorValue } from '../runtime/feeds.ts';

// The contract of PALM: every component declares the named tensors that it needs and those that it gives. The compiler compares
// the declarations where components meet, and `checkContract` does so again when a program runs.

/** Outputs tensors that a component needs or gives. */
export type Specs = Declarations;

/** What ids stand for: names in the order of their ids, by the tensor that holds the ids. */
export type Names = Readonly<Record<string, readonly string[]>>;

/** A tensor of numbers on the host, ready to be fed. */
export interface BatchTensor extends TensorValue {
  readonly data: TypedArray | Uint8Array;
}
/** One batch: the numbers of every tensor that a reader gives. */
export type Batch<G extends Specs = Specs> = { readonly [K in keyof G]: BatchTensor };

/** What a batch is packed to. */
export interface BatchSize {
  /** rows, those of weight 0 that fill a partial batch included */
  readonly batch: number;
  /** columns of every tensor over time */
  readonly time: number;
}

/**
 * Plain data from which a component can be made again: a checkpoint keeps it, so that a run can be asked for predictions without
 * the program that trained it. `kind` names who makes it.
 */
export interface ComponentRecord {
  readonly kind: string;
  readonly [key: string]: Attribute;
}

/** Examples that need not fit in memory. */
export interface Part<E = unknown> {
  /** number of examples */
  readonly size: number;
  /** words of an example as the model sees it, at least 1 */
  lengthOf(row: number): number;
  /** Examples by their rows, from 0, in the order that is asked for. */
  read(rows: readonly number[]): Promise<readonly E[]>;
  /** tells it apart from parts with other examples, or with the same in another order */
  readonly digest: string;
}

/** Random numbers that follow from what they are for alone: a row's are the same in any batch, of any size, and after resuming. */
export interface Draw {
  /**
   * In [0, 1), of the run's seed, the reader and the epoch; evaluation and prediction have a seed and an epoch of their own, always
   * the same.
   * @param stream names what it decides, such as `mask`
   * @param example its place in the list that `pack` was given
   * @param index which number of the stream
   */
  uniform(stream: string, example: number, index: number): number;
}

/** Turns examples of type E into batches. */
export interface Reader<G extends Specs = Specs, E = unknown> {
  readonly name: string;
  readonly gives: G;
  /** of those of its tensors that hold ids: heads and earlier runs must mean the same by them */
  readonly names?: Names;
  /** the examples: `train`, and where there are any `valid` and `test` */
  readonly parts: Readonly<Record<string, Part<E>>>;
  /** rows of a batch that each example takes, next to each other; default 1 */
  readonly rowsPerExample?: number;
  /** words of an example as the model sees it, at least 1 */
  length(example: E): number;
  /** the most that `length` gives; without it, any number */
  readonly maximumLength?: number;
  /** words of an example that the model does not see: prediction warns of them; without it, none */
  unseen?(example: E): number;
  /** words of an example that the model has never seen: whoever predicts says so; without it, nobody knows */
  unknown?(example: E): readonly string[];
  /** Packs as many examples as `size.batch` rows hold, or fewer; rows without an example have weight 0. */
  pack(examples: readonly E[], size: BatchSize, draw: Draw): Batch<G>;
  /** The example that is meant by what prediction was given: a text, or an object, which may be an example already. */
  parse?(input: unknown): E;
  /** what a checkpoint keeps of it */
  readonly record?: ComponentRecord;
  /** what is odd about the data: training warns of it when it begins */
  readonly notes?: readonly string[];
}

/** The shared encoder: from what a reader gives to what heads need. */
export interface Backbone<N extends Specs = Specs, G extends Specs = Specs> {
  readonly name: string;
  readonly needs: N;
  readonly gives: G;
  /** how many ids it has a place for, by the tensor that holds them */
  readonly counts?: Readonly<Record<string, number>>;
  /** most columns over time that it takes: no batch is padded to more; without it, any number */
  readonly maximumLength?: number;
  /**
   * Declares the encoder; called once per graph, within the scope of the backbone's name.
   * @param layers whether a task takes a mix of its layers: then it gives, beside the rest, `layers` [layers, batch, time, width] and
   *   `sentences` [layers, batch, width], what `encoded` and `sentence` are made of after each of them, the embedding the first
   */
  build(g: GraphContext, inputs: Tensors<N>, layers?: boolean): Tensors<G>;
}

export interface HeadNeeds<B extends Specs = Specs, R extends Specs = Specs, L extends Specs = Specs> {
  /** of the backbone */
  readonly backbone: B;
  /** of the reader, in training and in prediction */
  readonly reader: R;
  /** of the reader, in training only */
  readonly labels: L;
}

/** Plain numbers, in tables or groups, that say how good predictions are. */
export type Metrics = Readonly<Record<string, unknown>>;

/**
 * Takes results with the examples that they are of, batch by batch, and says what they are worth. How they are split into
 * batches makes no difference, and nothing is kept of a batch but what the value takes.
 */
export interface Accumulator<F = unknown, E = unknown, M = Metrics> {
  /** @throws FROND-T030 when results and examples differ in number */
  add(results: readonly F[], examples: readonly E[]): void;
  /** of all that was added so far */
  value(): M;
  /** What the result says of the example, and what is right; without it, mistakes are not listed. */
  compare?(result: F, example: E): Comparison;
}

export interface Comparison {
  readonly predicted: unknown;
  readonly gold: unknown;
  readonly right: boolean;
}

/** Numbers read back from the device, by name of the output. */
export type Values = Readonly<Record<string, TensorValue>>;

/**
 * A task on top of a backbone. P is what it predicts for a row of a batch, E an example as the reader keeps it, with its gold labels,
 * F what it predicts for an example: P, or a list of them where the reader has several `rowsPerExample`, unless `finish` says more.
 */
export interface Head<
  B extends Specs = Specs,
  R extends Specs = Specs,
  L extends Specs = Specs,
  P = unknown,
  E = unknown,
  F = P,
> {
  readonly name: string;
  readonly needs: HeadNeeds<B, R, L>;
  /** of those of its labels that are ids: the reader must mean the same by them */
  readonly names?: Names;
  /** Declares the tensors of the task, such as scores. */
  build(g: GraphContext, inputs: Tensors<B & R>): Outputs;
  /** The mean loss over rows by weight. `tensors` are the inputs, the labels and what `build` gave, by name. */
  loss(g: GraphContext, tensors: Outputs): Tensor<'f32', []>;
  /**
   * What the mean divides by: the part of a batch in the loss of a step that takes several ones. Without it, the sum of the label
   * `weights`, or where the head needs none the rows that hold an example.
   */
  weigh?(batch: Batch): number;
  /** What a prediction reads back; without it, all that `build` gave. */
  predict?(g: GraphContext, tensors: Outputs): Outputs;
  /** One prediction per row of the batch, rows without an example included. */
  decode(values: Values, batch: Batch<R>): readonly P[];
  /**
   * Makes of what was predicted for rows what is predicted for examples, one for each of the part, in its order. Values come with the
   * number of their example in the part, those of one example in the order of its rows; examples come in any order.
   */
  finish?(
    values: AsyncIterable<{ readonly row: number; readonly value: P }>,
    part: Part<E>,
  ): Promise<readonly F[]>;
  /** What takes predictions with their examples, batch by batch, and scores them; made anew for each evaluation. */
  score(): Accumulator<F, E>;
  /** what a checkpoint keeps of it */
  readonly record?: ComponentRecord;
}
