import { existsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join, relative } from 'node:path';
import pc from 'picocolors';
import { FrondError, interpreterDevice, type palm } from '../index.ts';
import { headlines, printScores } from './outcome.ts';
import { describePrediction } from './predict.ts';
import { progressListener } from './progress.ts';
import { loadRecipe, recipeName } from './recipe.ts';
import { writeReport } from './report.ts';

export interface TrainArguments {
  readonly file: string;
  readonly data: string | undefined;
  readonly output: string | undefined;
  readonly epochs: number | undefined;
  readonly batchSize: number | undefined;
  readonly seed: number;
  readonly resume: boolean;
}

type StepEvent = Extract<palm.TrainingEvent, { type: 'step' }>;

/** outputs/NAME, or outputs/NAME-2, … where there is a run already. */
function freshFolder(name: string): string {
  for (let i = 1; ; i++) {
    const folder = join('outputs', i === 1 ? name : `${name}-${i}`);
    if (!existsSync(folder)) return folder;
  }
}

function outputFolder({ file, output, resume }: TrainArguments): string {
  if (resume && output === undefined) {
    throw new FrondError('FROND-U004', '--resume without --output', {
      hint: 'name the folder of the run: --output outputs/joint',
    });
  }
  if (output !== undefined && !resume && existsSync(join(output, 'checkpoints'))) {
    throw new FrondError('FROND-U005', `there is a run in ${output} already`, {
      place: { file: output },
      hint: 'go on with it: --resume, or choose another folder',
    });
  }
  return output ?? freshFolder(recipeName(file));
}

/** Ctrl-C lets the step at hand finish and saves; a second one ends at once. */
function onInterrupt(stop: AbortController): () => void {
  const listener = (): void => {
    if (stop.signal.aborted) process.exit(130);
    process.stderr.write(pc.yellow('\nstopping after this step; press Ctrl-C again to stop at once\n'));
    stop.abort();
  };
  process.on('SIGINT', listener);
  process.on('SIGTERM', listener);
  return () => {
    process.off('SIGINT', listener);
    process.off('SIGTERM', listener);
  };
}

async function finish(
  folder: string,
  result: palm.RecipeResult,
  test: palm.Metrics,
  facts: { readonly seconds: number; readonly seed: number; readonly device: string },
  steps: readonly StepEvent[],
): Promise<void> {
  const scores = headlines(test);
  process.stdout.write(`${printScores(scores)}\n`);
  const { history, bestStep } = result.summary;
  const metrics = {
    test: scores,
    ...facts,
    steps: result.summary.steps,
    epochs: history.length,
    bestStep: bestStep ?? null,
    machine: { cpu: cpus()[0]?.model ?? 'unknown', cores: cpus().length, node: process.version },
  };
  writeFileSync(join(folder, 'metrics.json'), `${JSON.stringify(metrics, null, 2)}\n`);
  writeReport(join(folder, 'report.html'), { name: result.trainer.name, result, test, facts, steps });
  const examples = result.examples ?? [];
  if (examples.length === 0) return;
  const predictions = await result.trainer.predict(examples);
  process.stdout.write('\n');
  examples.forEach((text, i) => {
    process.stdout.write(`${describePrediction(text, predictions, i)}\n`);
  });
}

/** `frond train FILE` */
export async function train(args: TrainArguments): Promise<number> {
  const recipe = await loadRecipe(args.file);
  const output = outputFolder(args);
  const stop = new AbortController();
  const release = onInterrupt(stop);
  const device = interpreterDevice();
  const start = performance.now();
  const { data, epochs, batchSize, seed, resume } = args;
  const shownProgress = progressListener(process.stdout);
  const steps: StepEvent[] = [];
  const listener: palm.Listener = (event) => {
    if (event.type === 'step') steps.push(event);
    shownProgress(event);
  };
  try {
    const context = {
      data,
      output,
      epochs,
      batchSize,
      seed,
      resume,
      device,
      signal: stop.signal,
      on: listener,
    };
    const result = await recipe(context);
    const seconds = (performance.now() - start) / 1000;
    const shown = relative('.', output) || output;
    if (result.summary.reason === 'aborted') {
      process.stdout.write(
        `saved; go on with: npx frond train ${args.file} --resume --output ${shown}${again(args)}\n`,
      );
      return 130;
    }
    if (result.test !== undefined) {
      await finish(output, result, result.test, { seconds, seed, device: device.name }, steps);
    }
    process.stdout.write(`\n${pc.bold(shown)}: checkpoints, metrics.json, report.html\n`);
    process.stdout.write(`ask it: npx frond predict ${shown} "${result.examples?.[0] ?? 'your sentence'}"\n`);
    await result.trainer.close();
    return 0;
  } finally {
    release();
  }
}

/** The settings that a resumed run must repeat. */
function again({ data, epochs, batchSize, seed }: TrainArguments): string {
  const options = { data, epochs, 'batch-size': batchSize, seed: seed === 1 ? undefined : seed };
  return Object.entries(options)
    .map(([name, value]) => (value === undefined ? '' : ` --${name} ${value}`))
    .join('');
}
