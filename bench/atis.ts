import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename, dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import { chooseDevice, type Device, palm, wasmDevice } from 'frond';
import { jointModel } from './joint.ts';

/** Trains and evaluates the joint model on ATIS (Hemphill et al. 1990, split of Goo et al. 2018), once for each seed. */

interface Options {
  readonly seeds: string;
  readonly epochs: string;
  readonly device: string;
  readonly threads: string;
  /** joint, or alternate: as many steps for each task as the joint recipe has */
  readonly policy: string;
  readonly data?: string | undefined;
  readonly json?: string | undefined;
}

interface Scores {
  readonly slots: { readonly f1: number };
  readonly intent: { readonly accuracy: number };
  readonly exactMatch: number;
}

interface SeedResult extends Scores {
  readonly seed: number;
  readonly seconds: number;
  readonly processorSeconds: number;
  readonly steps: number;
  readonly bestStep: number | undefined;
  readonly validation: Scores | undefined;
}

const policyOf = ({ policy }: Pick<Options, 'policy'>): palm.Policy =>
  policy === 'alternate' ? policy : 'joint';

/** What is asked of the median, and of each run's time. */
const asked = {
  joint: { f1: 0.935, accuracy: 0.965, exactMatch: 0.815, seconds: 360 },
  alternate: { f1: 0.93, accuracy: 0.96, exactMatch: 0, seconds: 720 },
};

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

async function open(name: string, threads: number): Promise<Device> {
  return name === 'wasm' ? wasmDevice({ threads }) : (await chooseDevice(name)).device;
}

/** @throws for metrics of another form */
function scoresOf(metrics: unknown): Scores {
  const { slots, intent, exactMatch } = metrics as Scores;
  const result = { slots: { f1: slots.f1 }, intent: { accuracy: intent.accuracy }, exactMatch };
  if (![slots.f1, intent.accuracy, exactMatch].every(Number.isFinite))
    throw new Error('metrics without scores');
  return result;
}

async function trainOnce(
  reader: palm.reader.JointReader,
  options: Options,
  seed: number,
): Promise<SeedResult> {
  const device = await open(options.device, Number(options.threads));
  const before = process.cpuUsage();
  const start = performance.now();
  const { trainer } = jointModel(reader, {
    ...{ device, epochs: Number(options.epochs), seed },
    policy: policyOf(options),
  });
  const summary = await trainer.train({
    best: ({ exactMatch }) => Number(exactMatch),
    printEvery: 1000,
    on(event) {
      if (event.type !== 'evaluation') return;
      const { slots, intent, exactMatch } = scoresOf(event.metrics);
      const seconds = ((performance.now() - start) / 1000).toFixed(0);
      const scores = [slots.f1, intent.accuracy, exactMatch]
        .map((value) => (100 * value).toFixed(2))
        .join('  ');
      console.log(`seed ${seed}  epoch ${event.epoch}  ${scores}${event.best ? ' *' : '  '} ${seconds} s`);
    },
  });
  const test = scoresOf(await trainer.evaluate('test'));
  const seconds = (performance.now() - start) / 1000;
  const { user, system } = process.cpuUsage(before);
  await trainer.close();
  await device.close();
  const best = summary.history.find(({ step }) => step === summary.bestStep);
  return {
    seed,
    ...test,
    seconds,
    processorSeconds: (user + system) / 1e6,
    steps: summary.steps,
    bestStep: summary.bestStep,
    validation: best?.metrics === undefined ? undefined : scoresOf(best.metrics),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  const [upper = Number.NaN, lower = upper] = [sorted[middle], sorted[middle - 1]];
  return sorted.length % 2 === 1 ? upper : (lower + upper) / 2;
}

const medianOf = (seeds: readonly SeedResult[]): Scores => ({
  slots: { f1: median(seeds.map(({ slots }) => slots.f1)) },
  intent: { accuracy: median(seeds.map(({ intent }) => intent.accuracy)) },
  exactMatch: median(seeds.map(({ exactMatch }) => exactMatch)),
});

const percent = (value: number): string => `${(100 * value).toFixed(2)} %`;

function tableOf(seeds: readonly SeedResult[], test: Scores, policy: palm.Policy): string {
  const head = ['', 'slot F1', 'intent accuracy', 'exact match', 'seconds', 'processor'];
  const table = new Table({ head, style: { head: [], border: [] } });
  const scores = ({ slots, intent, exactMatch }: Scores) =>
    [slots.f1, intent.accuracy, exactMatch].map(percent);
  for (const result of seeds) {
    const { seed, seconds, processorSeconds } = result;
    table.push([`seed ${seed}`, ...scores(result), seconds.toFixed(0), processorSeconds.toFixed(0)]);
  }
  const longest = Math.max(...seeds.map(({ seconds }) => seconds));
  const { f1, accuracy, exactMatch, seconds } = asked[policy];
  table.push(
    ['median', ...scores(test), longest.toFixed(0), ''],
    ['asked', `≥ ${percent(f1)}`, `≥ ${percent(accuracy)}`, `≥ ${percent(exactMatch)}`, `≤ ${seconds}`, ''],
  );
  return table.toString();
}

const DATA = at('../../shared/data/atis');

/**
 * Where results are written: what is known so far, and, for the whole recipe on ATIS itself, the figures that are published.
 * Other data, or a try of few epochs or seeds, never replace them.
 */
export function resultFiles(
  folder: string,
  { epochs, policy = 'joint' }: { readonly epochs: number; readonly policy?: palm.Policy },
  seeds: number,
): readonly string[] {
  const own = resolve(folder) === resolve(DATA);
  const name = policy === 'joint' ? 'atis' : `atis-${policy}`;
  const tried = at(`../outputs/${own ? name : `${name}-${basename(resolve(folder))}`}.json`);
  return own && epochs === 30 && seeds >= 3 ? [tried, at(`results/${name}.json`)] : [tried];
}

/** @returns the exit status: 1 where the data are missing, 2 for options that make no run */
export async function atis(options: Options, machine: object): Promise<number> {
  const folder = options.data ?? DATA;
  const seeds = options.seeds.split(',').map(Number);
  const counts = [...seeds, Number(options.epochs), Number(options.threads)];
  if (!counts.every((count) => Number.isInteger(count) && count >= 1)) {
    console.error(
      '--seeds, --epochs and --threads are positive whole numbers, such as --seeds 1,2,3 --epochs 30',
    );
    return 2;
  }
  if (!Object.hasOwn(asked, options.policy)) {
    console.error(`--policy is ${options.policy}; give joint or alternate`);
    return 2;
  }
  if (!existsSync(folder)) {
    console.error(
      `not measured: there is no ${folder}; name the folder with train, valid and test by --data`,
    );
    return 1;
  }
  const reader = await palm.reader.jointReader({ folder, readText: (path) => readFile(path) });
  const { device, threads, epochs, json } = options;
  const policy = policyOf(options);
  const settings = {
    device,
    threads: Number(threads),
    epochs: Number(epochs),
    policy,
    data: basename(resolve(folder)),
  };
  const write = (file: string, done: readonly SeedResult[]): void => {
    mkdirSync(dirname(file), { recursive: true });
    const result = { test: medianOf(done), machine, settings, seeds: done };
    writeFileSync(file, `${JSON.stringify(result, null, 2)}\n`);
    console.log(`written: ${file}`);
  };
  const results: SeedResult[] = [];
  for (const seed of seeds) {
    results.push(await trainOnce(reader, options, seed));
    // what is known is kept, should a later seed be broken off
    for (const file of resultFiles(folder, settings, results.length)) write(file, results);
  }
  console.log(tableOf(results, medianOf(results), policy));
  if (json !== undefined) write(json, results);
  return 0;
}
