import pc from 'picocolors';
import { FrondError, palm } from '../index.ts';
import { bracket } from './outcome.ts';
import { checkRun } from './runFolder.ts';
import { shown, shownJson } from './shown.ts';

export interface PredictArguments {
  readonly run: string;
  readonly texts: readonly string[];
  readonly json: boolean;
}

const isTagged = (value: unknown): value is palm.head.Tagged =>
  typeof value === 'object' && value !== null && 'tags' in value;
const isClassified = (value: unknown): value is palm.head.Classified =>
  typeof value === 'object' && value !== null && 'label' in value;

const wordsOf = (text: string): string[] => text.trim().split(/\s+/);
const percent = (probability: number): string => `${(100 * probability).toFixed(1)} %`;

/** Chunks of a tagged sentence by type. */
function chunksIn(
  words: readonly string[],
  tags: readonly string[],
): { type: string; text: string; from: number; to: number }[] {
  return palm.metrics.chunksOf(tags).map(({ type, start, end }) => ({
    type,
    text: words.slice(start, end).join(' '),
    from: start,
    to: end,
  }));
}

/** Everything that is known of one sentence, as `--json` prints it. */
export function predictionRecord(
  text: string,
  predictions: palm.Predictions,
  index: number,
): Record<string, unknown> {
  const words = wordsOf(text);
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
export function describePrediction(text: string, predictions: palm.Predictions, index: number): string {
  const words = wordsOf(text);
  const lines: string[] = [];
  const details: string[] = [];
  for (const [task, list] of Object.entries(predictions)) {
    const prediction = list[index];
    if (isTagged(prediction)) {
      lines.push(shown(bracket(words, prediction.tags)));
      details.push(`${shown(task)} ${percent(prediction.probability)}`);
    } else if (isClassified(prediction)) {
      details.unshift(
        `${shown(task)} ${pc.bold(shown(prediction.label))} ${percent(prediction.probability)}`,
      );
    } else details.push(`${shown(task)} ${shownJson(prediction)}`);
  }
  return [lines[0] ?? shown(text), `  ${details.join(', ')}`].join('\n');
}

async function* linesOf(input: NodeJS.ReadStream): AsyncGenerator<string> {
  if (input.isTTY) process.stderr.write('one sentence per line; Ctrl-D ends\n');
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let number = 0;
  const decode = (bytes: Uint8Array): string => {
    number++;
    try {
      return decoder.decode(bytes).replace(/\r$/, '');
    } catch (cause) {
      throw new FrondError('FROND-U014', 'standard input is not valid UTF-8', {
        place: { file: 'standard input', line: number },
        hint: 'convert the text to UTF-8',
        cause,
      });
    }
  };
  let rest = Buffer.alloc(0);
  for await (const chunk of input) {
    rest = Buffer.concat([rest, chunk as Buffer]);
    for (let end = rest.indexOf(10); end >= 0; end = rest.indexOf(10)) {
      const line = decode(rest.subarray(0, end));
      rest = rest.subarray(end + 1);
      if (line.trim() !== '') yield line;
    }
  }
  const last = decode(rest);
  if (last.trim() !== '') yield last;
}

/** `frond predict RUN [TEXT …]`: without texts, one sentence per line of standard input. */
export async function predict({ run, texts, json }: PredictArguments): Promise<number> {
  checkRun(run);
  const predictor = await palm.Predictor.load(run);
  for (const { name, reason } of predictor.checkpoint.skipped) {
    process.stderr.write(pc.yellow(`warning: checkpoint ${shown(name)} was passed over: ${shown(reason)}\n`));
  }
  const warn = (text: string): void => {
    const seen = predictor.reader.length({ words: wordsOf(text) });
    const given = wordsOf(text).length;
    if (seen >= given) return;
    process.stderr.write(pc.yellow(`warning: the model sees the first ${seen} of ${given} words\n`));
  };
  const show = async (batch: readonly string[]): Promise<void> => {
    const predictions = await predictor.predict(batch);
    batch.forEach((text, i) => {
      warn(text);
      const line = json
        ? shownJson(predictionRecord(text, predictions, i))
        : describePrediction(text, predictions, i);
      process.stdout.write(`${line}\n`);
    });
  };
  if (texts.length > 0) await show(texts);
  else for await (const text of linesOf(process.stdin)) await show([text]);
  predictor.free();
  return 0;
}
