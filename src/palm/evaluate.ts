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
import { ahead, fixedDraw, partOf, readRows } from './parts.ts';

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

export function exampleOf(reader: Reader, input: string | object): unknown {
  const example = reader.parse === undefined && typeof input === 'object' ? input : reader.parse?.(input);
  if (example !== undefined && example !== null) return example;
  throw new FrondError('FROND-C011', `the reader ${reader.name} cannot parse a text`, {
    hint: 'give it a function `parse`, or predict examples instead of texts',
  });
}

/** @throws FROND-C009 */
function checkGiven(
  head: string,
  by: 'decode' | 'finish',
  given: unknown,
  least: number,
): readonly unknown[] {
  if (Array.isArray(given) && given.length >= least) return given;
  const what = Array.isArray(given) ? `${given.length} predictions` : 'no list';
  throw new FrondError('FROND-C009', `head ${head}: ${by} gave ${what}, wanted are at least ${least}`, {
    hint: `give one prediction per ${by === 'decode' ? 'row of the batch' : 'example of the part'}, in its order`,
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

/** What was predicted for some examples of a part. */
interface PredictedBatch {
  readonly rows: readonly number[];
  readonly examples: readonly unknown[];
  /** by task: what is predicted for each row of the batch, those of an example next to each other */
  readonly values: Readonly<Record<string, readonly unknown[]>>;
}

/** What is predicted for examples whose rows are not finished: for each that of its row, or a list where it has several. */
const byExample = (count: number, each: number, values: readonly unknown[] = []): readonly unknown[] =>
  each === 1
    ? values.slice(0, count)
    : Array.from({ length: count }, (_, i) => values.slice(i * each, (i + 1) * each));

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
    const examples = await readRows(reader.name, part, rows);
    return { rows, examples, batch: packBatch(reader, examples, size, fixedDraw(reader.name, rows)) };
  };
  let cut = 0;
  for await (const { rows, examples, batch } of ahead(planned, read)) {
    await letEventsIn();
    signal?.throwIfAborted();
    cut += examples.filter((example) => (reader.unseen?.(example) ?? 0) > 0).length;
    const values = await executable.run(feedsFor(executable.graph, batch));
    const decoded = tasks.map(({ name, head }) => {
      const list = head.decode(resultsOf(name, values), batch);
      checkGiven(head.name, 'decode', list, rows.length * each);
      return [name, list] as const;
    });
    yield { rows, examples, values: Object.fromEntries(decoded) };
  }
  const message = `${cut} of ${part.size} texts are longer than ${maximum}: the model does not see their ends`;
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
  checkGiven(head.name, 'decode', decoded, 0);
  return decoded;
}

/** What is predicted for the rows of all examples by a task alone, as it comes. */
async function* rowValues(
  ...[executable, answering, ...rest]: Parameters<typeof predictBatches>
): AsyncGenerator<{ readonly row: number; readonly value: unknown }> {
  const each = rowsPerExample(answering.reader);
  for await (const { rows, values } of predictBatches(executable, answering, ...rest)) {
    const [list = []] = Object.values(values);
    for (const [i, value] of list.slice(0, rows.length * each).entries())
      yield { row: rows[Math.floor(i / each)] ?? 0, value };
  }
}

/**
 * Predictions of the examples of a part, in their order. All heads predict in one pass, but for those that finish theirs: each has a pass
 * of its own, which it takes at its pace.
 * @throws as `predictBatches`, and FROND-C009 for a head that finishes too few
 */
export async function predictAll(
  executable: Executable,
  answering: Answering,
  part: Part,
  options: PredictOptions = {},
): Promise<Predictions> {
  const found = new Map<string, unknown[]>();
  const { tasks, reader } = answering;
  const kept = tasks.filter(({ head }) => head.finish === undefined);
  for (const { name } of kept) found.set(name, new Array(part.size));
  const together = { ...answering, tasks: kept };
  for await (const { rows, values } of kept.length === 0
    ? []
    : predictBatches(executable, together, part, options)) {
    for (const [name, results] of found) {
      const list = byExample(rows.length, rowsPerExample(reader), values[name]);
      for (const [i, row] of rows.entries()) results[row] = list[i];
    }
  }
  for (const task of tasks) {
    const { name, head } = task;
    // one warning is enough
    const said = found.size === 0 ? options : { signal: options.signal };
    const values = rowValues(executable, { ...answering, tasks: [task] }, part, said);
    if (head.finish !== undefined)
      found.set(
        name,
        checkGiven(head.name, 'finish', await head.finish(values, part), part.size).slice(0, part.size),
      );
  }
  return Object.fromEntries(tasks.map(({ name }) => [name, found.get(name) ?? []]));
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

/** Batches with a result for each example instead of values of rows. None is kept; where a head finishes them, all are there first. */
export async function* resultsIn(
  ...[executable, answering, part, options]: Parameters<typeof predictBatches>
): AsyncGenerator<PredictedBatch> {
  if (answering.tasks.every(({ head }) => head.finish === undefined)) {
    const each = rowsPerExample(answering.reader);
    for await (const { rows, values, ...rest } of predictBatches(executable, answering, part, options))
      yield { rows, values: mapValues(values, (list) => byExample(rows.length, each, list)), ...rest };
    return;
  }
  const all = await predictAll(executable, answering, part, options);
  for (let from = 0; from < part.size; from += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, part.size - from) }, (_, i) => from + i);
    const examples = await readRows(answering.reader.name, part, rows);
    yield { rows, examples, values: mapValues(all, (list) => list.slice(from, from + BATCH)) };
  }
}

/**
 * Each head's scores under its task's name, and beside them those of all tasks together.
 * @throws as `predictAll`, and FROND-T002 for a head without an accumulator
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
  for await (const { examples, values } of resultsIn(executable, answering, part, options)) {
    for (const [name, score] of scores) score.add(values[name] ?? [], examples);
    together?.add(
      examples.map((_, i) => mapValues(values, (list) => list[i])),
      examples as never[],
    );
  }
  const single = scores.map(([name, score]) => [name, score.value()] as const);
  return { ...Object.fromEntries(single), ...(together?.value() ?? {}) };
}
