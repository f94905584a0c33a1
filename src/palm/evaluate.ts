import { show } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import { mapValues } from '../base/own.ts';
import type { Executable } from '../runtime/executable.ts';
import { feedsFor } from '../runtime/feeds.ts';
import { lengthsOf, type PlannedBatch, packBatch, planBatches, rowsPerExample } from './batches.ts';
import type { Accumulator, Batch, Metrics, Part, Reader } from './contract.ts';
import { breather, type Listener } from './events.ts';
import { resultsOf, type Task } from './graphs.ts';
import { accumulatorKind } from './metrics/accumulator.ts';
import { ahead, fixedDraw, partOf } from './parts.ts';

/** Predictions of every task for the same examples, in their order. */
export type Predictions = Readonly<Record<string, readonly unknown[]>>;

/** What was closed or freed holds no weights any more. */
export const closed = (caller: string, name: string): FrondError =>
  new FrondError('FROND-T006', `${caller} was called after ${name} was given back`, {
    hint: 'call it before close or free, or load the run again',
  });

/**
 * The examples that texts or objects mean to a reader.
 * @throws FROND-C011 for a text where the reader cannot parse any
 */
export const inputPart = (reader: Reader, inputs: readonly (string | object)[]): Part =>
  partOf(
    inputs.map((input) => exampleOf(reader, input)),
    (example) => reader.length(example),
  );

function exampleOf(reader: Reader, input: string | object): unknown {
  const example = reader.parse === undefined && typeof input === 'object' ? input : reader.parse?.(input);
  if (example !== undefined && example !== null) return example;
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

/** What was predicted for some examples: by task, a result for each. */
interface PredictedBatch {
  /** of the part */
  readonly rows: readonly number[];
  readonly examples: readonly unknown[];
  readonly results: Readonly<Record<string, readonly unknown[]>>;
}

/**
 * Runs a prediction graph over the examples of a part, once per batch for all tasks.
 * @throws FROND-C006 for a batch that does not fit, FROND-C009 for a head that decodes too few rows
 */
async function* predictBatches(
  executable: Executable,
  { tasks, reader, maximumLength: maximum = reader.maximumLength }: Answering,
  part: Part,
  { signal, on }: PredictOptions,
): AsyncGenerator<PredictedBatch> {
  const lengths = lengthsOf(reader, part, maximum);
  const batchSize = Math.max(1, Math.min(BATCH, part.size));
  const each = rowsPerExample(reader);
  const letEventsIn = breather();
  const planned = planBatches({ lengths, batchSize, maximum });
  const read = async ({ rows, ...size }: PlannedBatch) => {
    const examples = await part.read(rows);
    return { rows, examples, batch: packBatch(reader, examples, size, fixedDraw(reader.name, rows)) };
  };
  let cut = 0;
  for await (const { rows, examples, batch } of ahead(planned, read)) {
    await letEventsIn();
    signal?.throwIfAborted();
    cut += examples.filter((example) => (reader.unseen?.(example) ?? 0) > 0).length;
    const values = await executable.run(feedsFor(executable.graph, batch));
    const results = tasks.map(({ name, head }) => {
      const list = head.decode(resultsOf(name, values), batch);
      checkDecoded(head.name, list, rows.length * each);
      const ofExample = (_: unknown, i: number): unknown =>
        each === 1 ? list[i] : list.slice(i * each, (i + 1) * each);
      return [name, rows.map(ofExample)] as const;
    });
    yield { rows, examples, results: Object.fromEntries(results) };
  }
  const message = `the model sees the first ${reader.maximumLength} words only of ${cut} of ${part.size} texts`;
  if (cut > 0) on?.({ type: 'warning', message });
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

/** Predictions of the examples of a part, in their order. @throws as `predictBatches` */
export async function predictAll(
  executable: Executable,
  answering: Answering,
  part: Part,
  options: PredictOptions = {},
): Promise<Predictions> {
  const all = answering.tasks.map(({ name }) => [name, new Array<unknown>(part.size)] as const);
  for await (const { rows, results } of predictBatches(executable, answering, part, options)) {
    for (const [name, kept] of all) {
      for (const [i, row] of rows.entries()) kept[row] = results[name]?.[i];
    }
  }
  return Object.fromEntries(all);
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
  part: Part,
  joint: JointMetrics | undefined,
  options: PredictOptions = {},
): Promise<Metrics> {
  const scores = answering.tasks.map(({ name, head }) => [name, checked(head.name, head.score())] as const);
  const together = joint && checked('metrics', joint());
  for await (const { examples, results } of predictBatches(executable, answering, part, options)) {
    for (const [name, score] of scores) score.add(results[name] ?? [], examples);
    together?.add(
      examples.map((_, i) => mapValues(results, (list) => list[i])),
      examples as never[],
    );
  }
  const single = scores.map(([name, score]) => [name, score.value()] as const);
  return { ...Object.fromEntries(single), ...(together?.value() ?? {}) };
}
