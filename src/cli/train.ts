import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import pc from 'picocolors';
import { chooseDevice, FrondError, palm } from '../index.ts';
import { wordsIn } from '../palm/words.ts';
import { attempt, codeOf } from '../platform/node/failure.ts';
import { hasCheckpoint } from '../store/checkpoint.ts';
import type { Argument } from './arguments.ts';
import { COMMANDS, type Given } from './commands.ts';
import { Curve } from './curve.ts';
import { printLine, shellWord, shown, writeWhole } from './io.ts';
import { tunedSchedules } from './kernel.ts';
import { answersAt, describePrediction } from './predict.ts';
import { compileProgress, progressListener } from './progress.ts';
import { loadRecipe, recipeName, runRecipe } from './recipe.ts';
import { type ReportInput, reportPage } from './report.ts';
import { printScores, scoresOf } from './scores.ts';

/** outputs/NAME, or outputs/NAME-2, … where there is a run already. */
function freshFolder(name: string): string {
  mkdirSync('outputs', { recursive: true });
  for (let i = 1; ; i++) {
    const folder = join('outputs', i === 1 ? name : `${name}-${i}`);
    try {
      // making it claims it: of two runs that start at once, one goes on to the next name
      mkdirSync(folder);
      return folder;
    } catch (cause) {
      if (codeOf(cause) !== 'EEXIST') throw cause;
    }
  }
}

const hasRun = (folder: string): Promise<boolean> => hasCheckpoint(join(folder, 'checkpoints'));

async function outputFolder({ file, output, resume }: Given<'train'>): Promise<string> {
  if (resume && output === undefined) {
    throw new FrondError('FROND-U004', '--resume without --output', {
      hint: `name the folder of the run: --output outputs/${recipeName(file)}`,
    });
  }
  if (output !== undefined && !resume && (await hasRun(output))) {
    throw new FrondError('FROND-U005', `there is a run in ${output} already`, {
      place: { file: output },
      hint: 'go on with it: --resume, or choose another folder',
    });
  }
  return output ?? freshFolder(recipeName(file));
}

/** Signals that ask a process to end: Ctrl-C, `kill`, a terminal that is closed. */
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Ctrl-C lets the step at hand finish and saves; a second one, or one before there is anything to save, ends at once. */
export function onInterrupt(stop: AbortController, started = () => true, tidy = () => {}): () => void {
  const listener = (): void => {
    if (stop.signal.aborted || !started()) {
      tidy();
      process.exit(130);
    }
    process.stderr.write(pc.yellow('\nstopping after this step; press Ctrl-C again to stop at once\n'));
    stop.abort();
  };
  for (const signal of ENDING) process.on(signal, listener);
  return () => {
    for (const signal of ENDING) process.off(signal, listener);
  };
}

/** Writes metrics.json and report.html, prints the scores and labels the example sentences. */
async function finish(
  folder: string,
  result: palm.RecipeResult,
  test: palm.Metrics,
  facts: ReportInput['facts'],
  { start, steps, gradients }: Curve,
): Promise<void> {
  const { trainer, summary, examples = [] } = result;
  printLine(printScores(test));
  const { history, bestStep } = summary;
  const kept = history.find(({ step }) => step === bestStep) ?? history.at(-1);
  const metrics = {
    test: scoresOf(test),
    validation: kept?.metrics === undefined ? null : scoresOf(kept.metrics),
    ...facts,
    steps: summary.steps,
    epochs: history.length,
    bestStep: bestStep ?? null,
    ...(start?.from ? { resumedFrom: start.from } : {}),
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
  };
  await writeWhole(join(folder, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  const mistakes = await trainer.mistakes();
  const page = reportPage({ name: trainer.name, result, test, mistakes, facts, steps, gradients });
  await writeWhole(join(folder, 'report.html'), page);
  if (examples.length === 0) return;
  const predictions = await trainer.predict(examples);
  const described = examples.map((text, i) =>
    describePrediction({ text, words: wordsIn(text), answers: answersAt(predictions, i) }),
  );
  printLine(`\n${described.join('\n')}`);
}

/** `frond train FILE` */
export async function train(args: Given<'train'>): Promise<number> {
  const { file, data, epochs, 'batch-size': batchSize, resume, schedules } = args;
  const recipe = await loadRecipe(file);
  const { seed = recipe.settings?.seeds[0] ?? 1 } = args;
  const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
  const { device: chosen, reason } = await chooseDevice(args.device, {
    webgpu: { onProgress: compileProgress(process.stdout) },
    wasm: { threads: args.threads },
  });
  const device = schedules === undefined ? chosen : await tunedSchedules(schedules, chosen);
  const output = await outputFolder(args);
  const progress = progressListener(process.stdout, reason === 'asked for' ? undefined : reason);
  const curve = new Curve(output);
  const tidy = (): void => {
    progress.stop();
    // where the run came to nothing its folder is empty and goes; one that holds something stays
    for (const folder of [output, 'outputs']) attempt(() => rmdirSync(folder), undefined);
  };
  const stop = new AbortController();
  const release = onInterrupt(stop, () => curve.start !== undefined, tidy);
  const on: palm.Listener = (event) => {
    curve.add(event);
    progress.listener(event);
  };
  try {
    const context = { data, output, epochs, batchSize, seed, resume, device, signal: stop.signal, on };
    const result = await runRecipe(recipe, file, context);
    if (result.summary.reason === 'aborted') {
      printLine(await interrupted(args, output));
      return 130;
    }
    const facts = {
      recipe: { file, sha256 },
      data: { folder: data ?? null, fingerprint: curve.start?.data ?? '' },
      seconds: curve.seconds,
      seed,
      device: device.name,
    };
    if (result.test !== undefined) await finish(output, result, result.test, facts, curve);
    printLine(`\n${await farewell(output, result)}`);
    await result.trainer.close();
    return 0;
  } finally {
    tidy();
    release();
    await device.close();
  }
}

/** What was written, and how to ask the model; where tasks have readers of their own, not each of them takes every sentence. */
async function farewell(output: string, { examples = [], test }: palm.RecipeResult): Promise<string> {
  const written = ['checkpoints', 'metrics.json', 'report.html'].filter((name) =>
    existsSync(join(output, name)),
  );
  const files = written.length === 0 ? 'nothing was saved: the recipe sets no saver' : written.join(', ');
  const line = `${pc.bold(shown(output))}: ${files}`;
  if (test === undefined || !(await hasRun(output))) return line;
  const { inferences, tasks } = await palm.loadModelRecord(output);
  const one = inferences.length === 0 ? [] : tasks.slice(0, 1).map(({ name }) => `--task ${shellWord(name)}`);
  const words = [shellWord(output), ...one, shellWord(examples[0] ?? 'your sentence')];
  return `${line}\nask it: npx frond predict ${words.join(' ')}`;
}

/** What to type to go on: the settings that a resumed run must repeat among it. */
async function interrupted(given: Given<'train'>, output: string): Promise<string> {
  if (!(await hasRun(output))) return 'stopped; nothing was saved: the recipe sets no saver';
  const { file, output: _, resume, ...settings } = given;
  const repeated = Object.entries(settings).flatMap(([name, value]) => {
    const { default: usual }: Argument = COMMANDS.train.args[name as keyof typeof settings];
    return value === usual ? [] : [`--${name}`, shellWord(String(value))];
  });
  const words = ['npx frond train', shellWord(file), '--resume --output', shellWord(output), ...repeated];
  return `saved; go on with: ${words.join(' ')}`;
}
