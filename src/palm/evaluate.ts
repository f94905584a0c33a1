import { defined, FrondError } from '../base/errors.ts';
import type { Executable } from '../runtime/executable.ts';
import { feedsFor } from '../runtime/feeds.ts';
import { lengthsOf, packBatch, planBatches } from './batches.ts';
import type { Metrics, Reader } from './contract.ts';
import { breather, type Listener } from './events.ts';
import { resultsOf, type Task } from './graphs.ts';

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

/**
 * Runs a prediction graph over examples, once per batch for all tasks.
 * @throws FROND-C006 for a batch that does not fit, FROND-C009 for a head that decodes too few rows
 */
export async function predictAll(
  executable: Executable,
  { tasks, reader, maximumLength: maximum = reader.maximumLength }: Answering,
  examples: readonly unknown[],
  { signal, on }: PredictOptions = {},
): Promise<Predictions> {
  const cut = examples.filter((example) => (reader.unseen?.(example) ?? 0) > 0).length;
  const message = `the model sees the first ${reader.maximumLength} words only of ${cut} of ${examples.length} texts`;
  if (cut > 0) on?.({ type: 'warning', message });
  const lengths = lengthsOf(reader, examples, maximum);
  const batchSize = Math.max(1, Math.min(BATCH, examples.length));
  const results = new Map(tasks.map((task) => [task.name, new Array<unknown>(examples.length)]));
  const letEventsIn = breather();
  for (const { rows, size, time } of planBatches({ lengths, batchSize, maximum })) {
    await letEventsIn();
    signal?.throwIfAborted();
    const packed = rows.map((row) => examples[row]);
    const batch = packBatch(reader, packed, { batch: size, time });
    const values = await executable.run(feedsFor(executable.graph, batch));
    for (const { name, head } of tasks) {
      const decoded = head.decode(resultsOf(name, values), batch);
      checkDecoded(head.name, decoded, rows.length);
      const kept = defined(results.get(name), name);
      rows.forEach((row, i) => {
        kept[row] = decoded[i];
      });
    }
  }
  return Object.fromEntries(results);
}

/** Metrics over several tasks at once, such as exact match. */
export type JointMetrics = (predictions: Predictions, examples: readonly never[]) => Metrics;

/** Each head's metrics under its task's name, and beside them those of all tasks together. */
export function measure(
  tasks: readonly Task[],
  predictions: Predictions,
  examples: readonly unknown[],
  joint: JointMetrics | undefined,
): Metrics {
  const single = tasks.map(
    ({ name, head }) => [name, head.metrics(predictions[name] ?? [], examples)] as const,
  );
  return { ...Object.fromEntries(single), ...(joint?.(predictions, examples as readonly never[]) ?? {}) };
}
