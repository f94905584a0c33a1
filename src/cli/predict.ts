import { once } from 'node:events';
import pc from 'picocolors';
import { chooseDevice, palm } from '../index.ts';
import { wordsIn } from '../palm/words.ts';
import type { Given } from './commands.ts';
import { isClosed, linesFrom } from './io.ts';
import { checkRun } from './run.ts';
import { percent, shown, shownJson } from './shown.ts';

const isTagged = (value: unknown): value is palm.head.Tagged =>
  typeof value === 'object' && value !== null && 'tags' in value;
const isClassified = (value: unknown): value is palm.head.Classified =>
  typeof value === 'object' && value !== null && 'label' in value;

/** Chunks of a tagged sentence by type. */
const chunksIn = (words: readonly string[], tags: readonly string[]) =>
  palm.metrics
    .chunksOf(tags)
    .map(({ type, start, end }) => ({ type, text: words.slice(start, end).join(' '), from: start, to: end }));

/** One sentence with its chunks in brackets: `play [genre jazz] in the [room kitchen]`. */
export function bracket(words: readonly string[], tags: readonly string[]): string {
  const marked = [...words];
  for (const { type, start, end } of palm.metrics.chunksOf(tags)) {
    marked[start] = `[${type} ${marked[start]}`;
    marked[end - 1] += ']';
  }
  return marked.join(' ');
}

/** Everything that is known of one sentence, as `--json` prints it; its words as they were typed, parted as the reader parts them. */
export function predictionRecord(
  text: string,
  predictions: palm.Predictions,
  index: number,
  words = wordsIn(text),
): Record<string, unknown> {
  const tasks = Object.entries(predictions).map(([task, list]) => {
    const prediction = list[index];
    if (isTagged(prediction)) {
      const { tags, probability } = prediction;
      return [task, { chunks: chunksIn(words, tags), tags, probability }] as const;
    }
    return [task, prediction] as const;
  });
  return { text, words, ...Object.fromEntries(tasks) };
}

/** The same for people: the sentence with its slots in brackets, then intent and scores. */
export function describePrediction(
  text: string,
  predictions: palm.Predictions,
  index: number,
  words = wordsIn(text),
): string {
  const lines: string[] = [];
  const details: string[] = [];
  for (const [task, list] of Object.entries(predictions)) {
    const prediction = list[index];
    if (isTagged(prediction)) {
      lines.push(shown(bracket(words, prediction.tags)));
      details.push(`${shown(task)} ${percent(prediction.probability)} %`);
    } else if (isClassified(prediction)) {
      details.unshift(
        `${shown(task)} ${pc.bold(shown(prediction.label))} ${percent(prediction.probability)} %`,
      );
    } else details.push(`${shown(task)} ${shownJson(prediction)}`);
  }
  return [lines[0] ?? shown(text), `  ${details.join(', ')}`].join('\n');
}

/** What answers, and where to. */
export interface Answering {
  readonly predictor: Pick<palm.Predictor, 'tasks' | 'reader' | 'predict'>;
  readonly json: boolean;
  readonly out: NodeJS.WritableStream;
  readonly warn: (message: string) => void;
}

/** Whoever reads slowly is waited for. */
async function print({ out }: Answering, line: string): Promise<void> {
  if (isClosed(out) || out.write(`${line}\n`)) return;
  await once(out, 'drain').catch((cause: unknown) => {
    if (!isClosed(out)) throw cause;
  });
}

/** Answers in the order of the texts. */
export async function answer(texts: readonly string[], to: Answering): Promise<void> {
  const { predictor, json, warn } = to;
  const { maximumLength: most = Number.POSITIVE_INFINITY } = predictor.reader;
  const asked = texts.map((text) => ({ text, words: wordsIn(text) }));
  // of a text of millions of words the reader gets those that the model sees
  const seen = asked.map(({ text, words }) => (words.length > most ? words.slice(0, most).join(' ') : text));
  const predictions = await predictor.predict(seen);
  for (const [i, { text, words }] of asked.entries()) {
    if (words.length > most) warn(`the model sees the first ${most} of ${words.length} words`);
    const line = json
      ? shownJson(predictionRecord(text, predictions, i, words))
      : describePrediction(text, predictions, i, words);
    await print(to, line);
  }
}

/** Answers each line. A blank one gets an answer without labels: the n-th answer is that of the n-th line. */
export async function answerLines(lines: AsyncIterable<string>, to: Answering): Promise<void> {
  const labels = Object.fromEntries(to.predictor.tasks.map(({ name }) => [name, null]));
  for await (const line of lines) {
    if (isClosed(to.out)) return;
    if (line.trim() !== '') await answer([line], to);
    else await print(to, to.json ? shownJson({ text: line, words: [], ...labels }) : '\n  no words');
  }
}

const warn = (message: string): void => {
  process.stderr.write(pc.yellow(`warning: ${message}\n`));
};

/** `frond predict RUN [TEXT …]`: without texts, one sentence per line of standard input. */
export async function predict({ run, text: texts, json, device: name }: Given<'predict'>): Promise<number> {
  checkRun(run);
  const chosen = name === 'auto' ? undefined : (await chooseDevice(name)).device;
  const predictor = await palm.Predictor.load(run, chosen && { device: chosen });
  for (const { name, reason } of predictor.checkpoint.skipped) {
    warn(`checkpoint ${shown(name)} was passed over: ${shown(reason)}`);
  }
  const to: Answering = { predictor, json, out: process.stdout, warn };
  if (texts.length > 0) await answer(texts, to);
  else {
    if (process.stdin.isTTY) process.stderr.write('one sentence per line; Ctrl-D ends\n');
    await answerLines(linesFrom(process.stdin), to);
  }
  predictor.free();
  await chosen?.close();
  return 0;
}
