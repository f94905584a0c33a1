import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { chooseDevice, FrondError, palm } from '../index.ts';
import { singleTasks } from '../palm/experiment.ts';
import { hasCheckpoint } from '../store/checkpoint.ts';
import type { Given } from './commands.ts';
import { printLine, shown, shownPairs, writeWhole } from './io.ts';
import { loadModule, recipeName, requireFile, runRecipe } from './recipe.ts';
import { type Headline, printTable, scoreText, wholeScores } from './scores.ts';
import { onInterrupt } from './train.ts';

/** Ways to train, by name, and which of them are compared: `[baseline, other]`. */
interface Variants {
  readonly recipes: Readonly<Record<string, palm.Recipe>>;
  readonly pairs: readonly (readonly [string, string])[];
  readonly seeds: readonly number[];
}

const recipesKind = is.objectOf(is.typed<palm.Recipe>(is.callable), 'recipes');

const TOGETHER = 'together';

/** A tasks file: all tasks, and each by itself. A module: the recipes that it exports as `variants`, of which the first is the baseline. */
async function variantsOf(file: string): Promise<Variants> {
  requireFile(file);
  if (extname(file) === '.json') {
    const tasks = await palm.tasksRecipe(readFileSync(file, 'utf8'), file);
    const { settings } = tasks;
    const recipes: Record<string, palm.Recipe> = { [TOGETHER]: tasks };
    for (const [name, own] of Object.entries(singleTasks(settings)))
      recipes[`${name} alone`] = await palm.tasksRecipe(own, file);
    const pairs = Object.keys(recipes)
      .slice(1)
      .map((alone) => [alone, TOGETHER] as const);
    return { recipes, pairs, seeds: settings.seeds };
  }
  const { variants } = await loadModule(file);
  const [first = '', ...others] = Object.keys(Object(variants));
  if (others.length > 0 && recipesKind.holds(variants))
    return { recipes: variants, pairs: others.map((name) => [first, name] as const), seeds: [] };
  throw new FrondError('FROND-U003', `${file} exports no variants`, {
    place: { file },
    hint: 'export const variants = { baseline: recipe, other: recipe }, or give a tasks file with several tasks',
  });
}

type Scores = Readonly<Record<string, Pick<Headline, 'value' | 'share'>>>;
/** What is known so far, as `experiment.json` has it. */
interface Results {
  /** of the file and what the command line says */
  readonly key: string;
  /** by variant and seed */
  readonly runs: Record<string, Record<string, Scores>>;
}

/** What an earlier session has finished. @throws FROND-U005 where it is of another experiment */
function resultsIn(path: string, key: string): Results {
  if (!existsSync(path)) return { key, runs: {} };
  const kept = JSON.parse(readFileSync(path, 'utf8')) as Results;
  if (kept.key === key) return { key, runs: kept.runs };
  throw new FrondError('FROND-U005', 'there is another experiment already', {
    place: { file: path },
    hint: 'the file or its options have changed since: choose another folder with --output',
  });
}

/** Differences of pairs by measure, in an order that puts measures of one pair together. */
const comparisonsOf = ({ pairs }: Variants, { runs }: Results) =>
  pairs.flatMap(([baseline, other]) => {
    const [before, after] = [runs[baseline] ?? {}, runs[other] ?? {}];
    const seeds = Object.keys(before).filter((seed) => Object.hasOwn(after, seed));
    return Object.keys(before[seeds[0] ?? ''] ?? {}).flatMap((measure) => {
      const found = seeds.flatMap((seed) => {
        const [first, second] = [own(before[seed], measure), own(after[seed], measure)];
        return first && second ? [{ first: first.value, second: second.value, share: first.share }] : [];
      });
      if (found.length === 0) return [];
      const share = found[0]?.share === true;
      const intervalOf = (number: (pair: { first: number; second: number }) => number) =>
        palm.pairedInterval(found.map(number));
      const means = [intervalOf(({ first }) => first).mean, intervalOf(({ second }) => second).mean] as const;
      const difference = intervalOf(({ first, second }) => second - first);
      return [{ baseline, other, measure, share, means, difference }];
    });
  });

/** With its sign, in points of percent where it is of shares. */
const signed = (value: number, share: boolean): string =>
  Number.isNaN(value)
    ? '–'
    : `${value < 0 ? '−' : '+'}${share ? (100 * Math.abs(value)).toFixed(2) : Math.abs(value).toFixed(4)}`;

function comparisonTable(comparisons: ReturnType<typeof comparisonsOf>): string {
  const rows = comparisons.map(({ baseline, other, measure, share, means, difference }) => {
    const { mean, low, high, count } = difference;
    const interval = Number.isNaN(low) ? '–' : `${signed(low, share)} … ${signed(high, share)}`;
    const [before = '', after = ''] = means.map((value) => scoreText({ value, share }, 2));
    const scores = [shown(measure), shown(baseline), before, shown(other), after];
    return [...scores, signed(mean, share), interval, String(count)];
  });
  const table = printTable(rows, {
    head: ['measure', 'baseline', '', 'compared', '', 'difference', '95 % interval', 'seeds'],
    colAligns: ['left', 'left', 'right', 'left', 'right', 'right', 'right', 'right'],
  });
  const note = 'differences of scores of the test part under the same seed; shares in points of percent';
  return `${table}\n${note}`;
}

/** `frond experiment FILE` */
export async function experiment(args: Given<'experiment'>): Promise<number> {
  const { file, data, epochs, 'batch-size': batchSize } = args;
  const variants = await variantsOf(file);
  const given = variants.seeds.length > 1 ? variants.seeds : [1, 2, 3];
  const seeds = args.seeds === undefined ? given : Array.from({ length: args.seeds }, (_, i) => i + 1);
  const { output = join('outputs', `${recipeName(file)}-experiment`) } = args;
  const path = join(output, 'experiment.json');
  const hash = createHash('sha256').update(readFileSync(file));
  const key = hash.update(JSON.stringify({ data, epochs, batchSize })).digest('hex');
  const results = resultsIn(path, key);
  mkdirSync(output, { recursive: true });
  const { device } = await chooseDevice(args.device, { wasm: { threads: args.threads } });
  const stop = new AbortController();
  const release = onInterrupt(stop);
  const { signal } = stop;
  const again = `the same command goes on where it stopped: ${shown(output)}`;
  try {
    for (const seed of seeds) {
      for (const [name, recipe] of Object.entries(variants.recipes)) {
        results.runs[name] ??= {};
        const ofVariant = results.runs[name];
        const known = own(ofVariant, String(seed));
        if (known === undefined) {
          const folder = join(output, encodeURIComponent(name), `seed-${seed}`);
          const resume = await hasCheckpoint(join(folder, 'checkpoints'));
          const on: palm.Listener = () => undefined;
          const context = { data, output: folder, epochs, batchSize, seed, resume, device, signal, on };
          const { trainer, summary, test } = await runRecipe(recipe, file, context);
          await trainer.close();
          if (summary.reason === 'aborted') {
            printLine(`stopped; ${again}`);
            return 130;
          }
          const scores = wholeScores(test).map(
            ({ label, value, share }) => [label, { value, share }] as const,
          );
          ofVariant[seed] = Object.fromEntries(scores);
          await writeWhole(path, `${JSON.stringify(results, null, 2)}\n`);
        }
        const scores = Object.entries(ofVariant[seed] ?? {});
        const printed = shownPairs(scores.map(([label, score]) => [label, scoreText(score)]));
        const before = known === undefined ? '' : ' (done before)';
        printLine(`seed ${seed}, ${shown(name)}: ${printed || 'no scores'}${before}`);
      }
    }
    const comparisons = comparisonsOf(variants, results);
    await writeWhole(path, `${JSON.stringify({ ...results, comparisons }, null, 2)}\n`);
    printLine(`\n${comparisonTable(comparisons)}\n\n${shown(path)}`);
    return 0;
  } finally {
    release();
    await device.close();
  }
}
