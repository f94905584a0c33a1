import { once } from 'node:events';
import pc from 'picocolors';
import { mapValues } from '../base/own.ts';
import { chooseDevice, FrondError, palm } from '../index.ts';
import { wordsIn } from '../palm/words.ts';
import type { Given } from './commands.ts';
import { isClosed, linesFrom, percent, shown, shownJson } from './io.ts';
import { checkRun } from './run.ts';
import { printScores } from './scores.ts';

/** What a head of frond predicts; one of the user's own gives what it likes. */
const fieldsOf = (prediction: unknown): Partial<palm.head.Tagged & palm.head.Classified> =>
  Object(prediction);

/** One sentence with its chunks in brackets: `play [genre jazz] in the [room kitchen]`. */
export function bracket(words: readonly string[], tags: readonly string[]): string {
  const marked = [...words];
  for (const { type, start, end } of palm.metrics.chunksOf(tags)) {
    marked[start] = `[${type} ${marked[start]}`;
    marked[end - 1] += ']';
  }
  return marked.join(' ');
}

/** A sentence with what is predicted for it, by task. */
interface Answered {
  readonly text: string;
  readonly words: readonly string[];
  /** words that training never showed */
  readonly unknown?: readonly string[] | undefined;
  readonly answers: Readonly<Record<string, unknown>>;
}

/** What is predicted for the example at a place. */
export const answersAt = (predictions: palm.Predictions, at: number): Answered['answers'] =>
  mapValues(predictions, (list) => list[at]);

/** Everything that is known of one sentence, as `--json` prints it; its words as they were typed, parted as the reader parts them. */
function predictionRecord({ text, words, unknown = [], answers }: Answered): Record<string, unknown> {
  const tasks = mapValues(answers, (answer) => {
    const { tags, probability } = fieldsOf(answer);
    if (tags === undefined) return answer;
    const chunks = palm.metrics
      .chunksOf(tags)
      .map(({ type, start: from, end: to }) => ({ type, text: words.slice(from, to).join(' '), from, to }));
    return { chunks, tags, probability };
  });
  return { text, words, ...(unknown.length > 0 && { unknown }), ...tasks };
}

/** The same for people: the sentence with its slots in brackets, then intent and scores. */
export function describePrediction({ text, words, unknown = [], answers }: Answered): string {
  const lines: string[] = [];
  const details: string[] = [];
  for (const [task, answer] of Object.entries(answers)) {
    const { tags, label, probability } = fieldsOf(answer);
    const score = `${percent(probability)} %`;
    if (tags !== undefined) {
      lines.push(shown(bracket(words, tags)));
      details.push(`${shown(task)} ${score}`);
    } else if (label !== undefined) details.unshift(`${shown(task)} ${pc.bold(shown(label))} ${score}`);
    else details.push(`${shown(task)} ${shownJson(answer)}`);
  }
  const never = unknown.length === 0 ? '' : pc.yellow(`\n  never seen: ${shown(unknown.join(', '))}`);
  return `${lines[0] ?? shown(text)}\n  ${details.join(', ')}${never}`;
}

/** What answers, and where to. */
export interface Answering {
  readonly predictor: Pick<palm.Predictor, 'tasks' | 'readerOf' | 'predict' | 'unknown'>;
  readonly json: boolean;
  /** default: all */
  readonly tasks?: readonly string[] | undefined;
  readonly out: NodeJS.WritableStream;
  readonly warn: (message: string) => void;
}

/** Whoever reads slowly is waited for. */
async function print({ out }: Pick<Answering, 'out'>, line: string): Promise<void> {
  if (isClosed(out) || out.write(`${line}\n`)) return;
  await once(out, 'drain').catch((cause: unknown) => {
    if (!isClosed(out)) throw cause;
  });
}

const tasksOf = ({ tasks, predictor }: Answering): readonly string[] =>
  tasks ?? predictor.tasks.map(({ name }) => name);

/** What stands for a record in answers: its texts, with a tab between. */
const textOf = (input: string | object): string => {
  if (typeof input === 'string') return input;
  const { text_a: first = Object.values(input)[0], text_b: second } = input as Record<string, unknown>;
  return [first, second].flatMap((text) => (text === undefined ? [] : [[text].flat().join(' ')])).join('\t');
};

/** Answers in the order of the texts or records. */
export async function answer(inputs: readonly (string | object)[], to: Answering): Promise<void> {
  const { predictor, json, warn, tasks } = to;
  const limits = tasksOf(to).map(
    (task) => predictor.readerOf(task).maximumLength ?? Number.POSITIVE_INFINITY,
  );
  const [least, most] = [Math.min(...limits), Math.max(...limits)];
  const who = least < most ? 'a task' : 'the model';
  const asked = inputs.map((input) => ({ input, text: textOf(input), words: wordsIn(textOf(input)) }));
  // of a text of millions of words the readers get those that one of them lets the model see
  const seen = asked.map(({ input, words }) =>
    words.length > most && typeof input === 'string' ? words.slice(0, most).join(' ') : input,
  );
  const options = tasks === undefined ? {} : { tasks };
  const predictions = await predictor.predict(seen, options);
  const unknown = predictor.unknown(seen, options);
  for (const [i, { text, words }] of asked.entries()) {
    if (words.length > least) warn(`${who} sees the first ${least} of ${words.length} words`);
    const answered = { text, words, unknown: unknown[i], answers: answersAt(predictions, i) };
    await print(to, json ? shownJson(predictionRecord(answered)) : describePrediction(answered));
  }
}

/** Answers each line. A blank one gets an answer without labels: the n-th answer is that of the n-th line. */
export async function answerLines(lines: AsyncIterable<string>, to: Answering): Promise<void> {
  const labels = Object.fromEntries(tasksOf(to).map((name) => [name, null]));
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
export async function predict(args: Given<'predict'>): Promise<number> {
  const { run, text: texts, file, task, json } = args;
  if (texts.length > 0 && file !== undefined) {
    throw new FrondError('FROND-U026', 'frond predict does not look at --file where sentences are given', {
      hint: 'leave one of them out',
    });
  }
  checkRun(run);
  const chosen = args.device === 'auto' ? undefined : (await chooseDevice(args.device)).device;
  const predictor = await palm.Predictor.load(run, chosen && { device: chosen });
  for (const { name, reason } of predictor.checkpoint.skipped) {
    warn(`checkpoint ${shown(name)} was passed over: ${shown(reason)}`);
  }
  const to: Answering = { predictor, json, tasks: task?.split(','), out: process.stdout, warn };
  if (texts.length > 0) await answer(texts, to);
  else if (file !== undefined) for await (const record of palm.formats.open(file)) await answer([record], to);
  else {
    if (process.stdin.isTTY) process.stderr.write('one sentence per line; Ctrl-D ends\n');
    await answerLines(linesFrom(process.stdin), to);
  }
  predictor.free();
  await chosen?.close();
  return 0;
}

/** `frond evaluate RUN` */
export async function evaluate({ run, part, json, device: name }: Given<'evaluate'>): Promise<number> {
  checkRun(run);
  const { device } = await chooseDevice(name);
  try {
    const metrics = await palm.evaluateRun(run, { part, device });
    await print({ out: process.stdout }, json ? shownJson(metrics) : printScores(metrics, part));
  } finally {
    await device.close();
  }
  return 0;
}
