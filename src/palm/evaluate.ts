import { show } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import { mapValues } from '../base/own.ts';
import type { Executable } from '../runtime/executable.ts';
import { feedsFor } from '../runtime/feeds.ts';
import { lengthsOf, type PlannedBatch, packBatch, planBatches, rowsPerExample } from './batches.ts';
import type { Accumulator, Batch, Head, Metrics, Part, Reader } from './contract.ts';
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
      checkDecoded(head.name, list, rows.length * each);
      return [name, list] as const;
    });
    yield { rows, examples, values: Object.fromEntries(decoded) };
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

/** What takes the values of rows batch by batch, and gives the results of all examples. */
interface Sink {
  add(rows: readonly number[], values: readonly unknown[]): unknown;
  end(): Promise<readonly unknown[]>;
  /** no more values will come */
  fail(cause: unknown): void;
}

function keeping(part: Part, each: number): Sink {
  const kept = new Array<unknown>(part.size);
  return {
    add(rows, values) {
      const results = byExample(rows.length, each, values);
      for (const [i, row] of rows.entries()) kept[row] = results[i];
    },
    end: async () => kept,
    fail: () => undefined,
  };
}

/** Lets a head finish: it takes values at its pace, and the next batch waits until it has taken those of this one. */
function finishing({ name, finish }: Head, part: Part, each: number): Sink {
  const { readable, writable } = new TransformStream<readonly { row: number; value: unknown }[]>();
  const writer = writable.getWriter();
  async function* values() {
    const reader = readable.getReader();
    for (let taken = await reader.read(); !taken.done; taken = await reader.read()) yield* taken.value;
  }
  const finished = (async () => finish?.(values(), part))();
  finished.catch(() => undefined);
  // a head that ends early takes no more
  const taken = (written: Promise<void>) => Promise.race([written, finished]);
  return {
    add(rows, list) {
      const of = (row: number, i: number) =>
        list.slice(i * each, (i + 1) * each).map((value) => ({ row, value }));
      return taken(writer.write(rows.flatMap(of)));
    },
    async end() {
      await taken(writer.close());
      const results = await finished;
      if (Array.isArray(results) && results.length === part.size) return results;
      const given = Array.isArray(results) ? `${results.length} results` : 'no list';
      throw new FrondError('FROND-C009', `head ${name}: finish gave ${given} for ${part.size} examples`, {
        hint: 'give one result per example of the part, in its order',
      });
    },
    fail(cause) {
      writer.abort(cause).catch(() => undefined);
    },
  };
}

/** Predictions of the examples of a part, in their order. @throws as `predictBatches`, and FROND-C009 for a head that finishes other examples */
export async function predictAll(
  executable: Executable,
  answering: Answering,
  part: Part,
  options: PredictOptions = {},
): Promise<Predictions> {
  const each = rowsPerExample(answering.reader);
  const sinks = answering.tasks.map(({ name, head }) => {
    return [name, head.finish === undefined ? keeping(part, each) : finishing(head, part, each)] as const;
  });
  try {
    for await (const { rows, values } of predictBatches(executable, answering, part, options)) {
      for (const [name, sink] of sinks) await sink.add(rows, values[name] ?? []);
    }
    const ended: [string, readonly unknown[]][] = [];
    for (const [name, sink] of sinks) ended.push([name, await sink.end()]);
    return Object.fromEntries(ended);
  } catch (cause) {
    for (const [, sink] of sinks) sink.fail(cause);
    throw cause;
  }
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

/** Results of all tasks for examples that are read along with them. */
interface Scored {
  readonly examples: readonly unknown[];
  readonly results: Readonly<Record<string, readonly unknown[]>>;
}

/** Results batch by batch, of which none is kept; where a head finishes them, all of them are there first. */
export async function* resultsIn(
  executable: Executable,
  answering: Answering,
  part: Part,
  options: PredictOptions,
): AsyncGenerator<Scored> {
  if (answering.tasks.every(({ head }) => head.finish === undefined)) {
    const each = rowsPerExample(answering.reader);
    for await (const { examples, values } of predictBatches(executable, answering, part, options))
      yield { examples, results: mapValues(values, (list) => byExample(examples.length, each, list)) };
    return;
  }
  const all = await predictAll(executable, answering, part, options);
  for (let from = 0; from < part.size; from += BATCH) {
    const rows = Array.from({ length: Math.min(BATCH, part.size - from) }, (_, i) => from + i);
    yield {
      examples: await readRows(answering.reader.name, part, rows),
      results: mapValues(all, (list) => list.slice(from, from + BATCH)),
    };
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
  for await (const { examples, results } of resultsIn(executable, answering, part, options)) {
    for (const [name, score] of scores) score.add(results[name] ?? [], examples);
    together?.add(
      examples.map((_, i) => mapValues(results, (list) => list[i])),
      examples as never[],
    );
  }
  const single = scores.map(([name, score]) => [name, score.value()] as const);
  return { ...Object.fromEntries(single), ...(together?.value() ?? {}) };
}
