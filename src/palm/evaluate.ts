import { show } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import { mapValues } from '../base/own.ts';
import type { Executable } from '../runtime/executable.ts';
import { feedsFor } from '../runtime/feeds.ts';
import { lengthsOf, packBatch, planBatches } from './batches.ts';
import type { Accumulator, Batch, Metrics, Reader } from './contract.ts';
import { breather, type Listener } from './events.ts';
import { resultsOf, type Task } from './graphs.ts';
import { accumulatorKind } from './metrics/accumulator.ts';

/** Predictions of every task for the same examples, in their order. */
export type Predictions = Readonly<Record<string, readonly unknown[]>>;

/** What was closed or freed holds no weights any more. */
export const closed = (caller: string, name: string): FrondError =>
  new FrondError('FROND-T006', `${caller} was called after ${name} was given back`, {
    hint: 'call it before close or free, or load the run again',
  });

/** The example that is meant by a text, or by an example. @throws FROND-C011 when the reader reads files only */
export function exampleOf(reader: Reader, input: string | object): object {
  const example = typeof input === 'string' ? reader.parse?.(input) : input;
  if (typeof example === 'object' && example !== null) return example;
  throw new FrondError('FROND-C011', `the reader ${reader.name} cannot parse a text`, {
    hint: 'give it a function `parse`, or predict examples instead of texts',
  });
}

/** @throws FROND-C009 */
function checkDecoded(head: string, decoded: unknown, rows: number): void {
  if (Array.isArray(decoded) && decoded.length >= rows) return;
  const given = Array.isArray(decoded) ? `${decoded.length} predictions` : 'no list';
  throw new FrondError('FROND-C009', `head ${head}: decode gave ${given}, wanted are at least ${rows}`, {
    hint: 'give one prediction per row of the batch, in its order',
  });
}

/** What predicting takes beside a graph and its weights. */
export interface Answering {
  readonly tasks: readonly Task[];
  readonly reader: Reader;
  /** most words that reader and backbone both allow; default: what the reader says */
  readonly maximumLength?: number | undefined;
}

export interface PredictOptions {
  readonly signal?: AbortSignal | undefined;
  /** receives a warning when the model sees only the first words of some examples, with their number */
  readonly on?: Listener | undefined;
}

/** Examples that are predicted together. */
const BATCH = 32;

/** Predictions of some examples, by task: which they are of, and one for each at least. */
interface PredictedBatch {
  readonly rows: readonly number[];
  readonly predictions: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * Runs a prediction graph over examples, once per batch for all tasks.
 * @throws FROND-C006 for a batch that does not fit, FROND-C009 for a head that decodes too few rows
 */
async function* predictBatches(
  executable: Executable,
  { tasks, reader, maximumLength: maximum = reader.maximumLength }: Answering,
  examples: readonly unknown[],
  { signal, on }: PredictOptions,
): AsyncGenerator<PredictedBatch> {
  const cut = examples.filter((example) => (reader.unseen?.(example) ?? 0) > 0).length;
  const message = `the model sees the first ${reader.maximumLength} words only of ${cut} of ${examples.length} texts`;
  if (cut > 0) on?.({ type: 'warning', message });
  const lengths = lengthsOf(reader, examples, maximum);
  const batchSize = Math.max(1, Math.min(BATCH, examples.length));
  const letEventsIn = breather();
  for (const { rows, size, time } of planBatches({ lengths, batchSize, maximum })) {
    await letEventsIn();
    signal?.throwIfAborted();
    const packed = rows.map((row) => examples[row]);
    const batch = packBatch(reader, packed, { batch: size, time });
    const values = await executable.run(feedsFor(executable.graph, batch));
    const decoded = tasks.map(({ name, head }) => {
      const list = head.decode(resultsOf(name, values), batch);
      checkDecoded(head.name, list, rows.length);
      return [name, list] as const;
    });
    yield { rows, predictions: Object.fromEntries(decoded) };
  }
}

/** Predictions of one task for a batch as its reader packs it. @throws FROND-R009…R012, R023, R031 for another one, FROND-C009 */
export async function predictPacked(
  executable: Executable,
  { tasks }: Answering,
  task: string,
  batch: Batch,
): Promise<readonly unknown[]> {
  const { head } = defined(
    tasks.find(({ name }) => name === task),
    `task ${task}`,
  );
  const values = await executable.run(feedsFor(executable.graph, batch));
  const decoded = head.decode(resultsOf(task, values), batch);
  checkDecoded(head.name, decoded, 0);
  return decoded;
}

/** Predictions of examples, in their order. @throws as `predictBatches` */
export async function predictAll(
  executable: Executable,
  answering: Answering,
  examples: readonly unknown[],
  options: PredictOptions = {},
): Promise<Predictions> {
  const results = answering.tasks.map(({ name }) => [name, new Array<unknown>(examples.length)] as const);
  for await (const { rows, predictions } of predictBatches(executable, answering, examples, options)) {
    for (const [name, kept] of results) {
      for (const [i, row] of rows.entries()) kept[row] = predictions[name]?.[i];
    }
  }
  return Object.fromEntries(results);
}

/** Scores of what all tasks predict for an example together, such as exact match; the predictions stand under their tasks' names. */
export type JointMetrics = () => Accumulator<Readonly<Record<string, unknown>>, never>;

/** @throws FROND-T002 where a function of the user's gave something else */
function checked<F, E>(what: string, score: Accumulator<F, E>): Accumulator<F, E> {
  if (accumulatorKind.holds(score)) return score;
  throw new FrondError('FROND-T002', `${what} gave ${show(score)} for its scores`, {
    hint: `give ${accumulatorKind.what}`,
  });
}

/**
 * Each head's scores under its task's name, and beside them those of all tasks together. Predictions are scored batch by batch,
 * and none is kept.
 * @throws as `predictBatches`, and FROND-T002 for a head without an accumulator
 */
export async function evaluateAll(
  executable: Executable,
  answering: Answering,
  examples: readonly unknown[],
  joint: JointMetrics | undefined,
  options: PredictOptions = {},
): Promise<Metrics> {
  const scores = answering.tasks.map(({ name, head }) => [name, checked(head.name, head.score())] as const);
  const together = joint && checked('metrics', joint());
  for await (const { rows, predictions } of predictBatches(executable, answering, examples, options)) {
    const batch = rows.map((row) => examples[row]);
    for (const [name, score] of scores) score.add((predictions[name] ?? []).slice(0, rows.length), batch);
    together?.add(
      rows.map((_, i) => mapValues(predictions, (list) => list[i])),
      batch as never[],
    );
  }
  const single = scores.map(([name, score]) => [name, score.value()] as const);
  return { ...Object.fromEntries(single), ...(together?.value() ?? {}) };
}
