import pc from 'picocolors';
import { platform } from '#platform';
import { FrondError } from '../base/errors.ts';
import { grouped, own } from '../base/own.ts';
import * as frond from '../index.ts';
import type { LaunchTime } from '../runtime/device.ts';
import { exampleFeeds } from '../runtime/exampleFeeds.ts';
import type { Given } from './commands.ts';
import { percent, printLine, shellWord, shown, version, writeWhole } from './io.ts';
import { loadRun, shownSizes, sizesOf } from './run.ts';
import { printTable } from './scores.ts';

const keyOf = ({ name, adapter }: frond.Device): string =>
  frond.tuningKey(name, adapter?.name ?? platform.processor, version());

async function readCache(path: string): Promise<frond.TuningCache> {
  const { files } = platform;
  return (await files.kindOf(path)) === 'none' ? {} : frond.parseTuning(await files.readText(path), path);
}

/**
 * The winners of a tuning cache for this device.
 * @throws FROND-U016 when the cache has none for it, FROND-F040 when the file is no tuning cache
 */
export async function tunedSchedules(path: string, device: frond.Device) {
  const cache = await readCache(path);
  const key = keyOf(device);
  const known = cache[key];
  if (known !== undefined) return frond.withSchedules(device, known.table);
  throw new FrondError('FROND-U016', `${path} has no schedules for ${key}`, {
    hint: `find some: frond kernel tune RUN --device ${device.name} --cache ${shellWord(path)}; it has: ${Object.keys(cache).join('; ') || 'none'}`,
  });
}

const text = (schedule: object): string =>
  Object.keys(schedule).length === 0 ? 'built-in' : JSON.stringify(schedule).replaceAll('"', '');

/** A training step, and the device and sizes to measure it with. */
interface Subject extends frond.ChosenDevice {
  readonly step: frond.Graph;
  readonly sizes: Record<string, number>;
}

async function tune({ step, device, reason, sizes }: Subject, given: Given<'kernel'>): Promise<void> {
  const { seconds = 60, cache = 'frond-schedules.json' } = given;
  const known = await readCache(cache);
  const key = keyOf(device);
  printLine(`tuning for ${shown(key)} (${reason}) at ${shownSizes(sizes)}, at most ${seconds} s`);
  const onTuned = (tuned: frond.Tuned, left: number): void => {
    const { kernel, shapeClass, schedule, milliseconds, builtInMilliseconds, tried } = tuned;
    const gain = `${(builtInMilliseconds / milliseconds).toFixed(2)} ×`;
    const times = `${builtInMilliseconds.toFixed(3)} → ${milliseconds.toFixed(3)} ms, ${gain}, ${tried} tried`;
    printLine(`${kernel} ${shapeClass}: ${text(schedule)} ${pc.dim(`(${times}; ${left} left)`)}`);
  };
  const tuned = await frond.tuneSchedules(step, { device, sizes, seconds, onTuned });
  await writeWhole(cache, frond.printTuning(frond.rememberTuning(known, key, tuned)));
  printLine(`written to ${shown(cache)}; use it: frond train FILE --schedules ${shellWord(cache)}`);
}

/** Steps that are measured; the shortest time of each launch counts. */
const STEPS = 5;

/** The shortest time of each launch over several steps; none where the device has no clock for launches. */
async function measure(graph: frond.Graph, device: frond.Device, sizes: Readonly<Record<string, number>>) {
  const { executable } = await frond.compile(graph, { device });
  await executable.state.initialize(1);
  const feeds = exampleFeeds(executable.program, sizes, { full: true });
  await executable.run(feeds);
  const rounds: (readonly LaunchTime[])[] = [];
  for (let step = 0; step < STEPS; step++) rounds.push((await executable.profile(feeds)) ?? []);
  return (rounds[0] ?? []).map((launch, i) => {
    const times = rounds.flatMap((round) => round[i]?.milliseconds ?? []);
    return { ...launch, milliseconds: Math.min(...times) };
  });
}

const sum = (list: readonly number[]): number => list.reduce((total, each) => total + each, 0);

/** Kernels by the time that they take, as a table. */
function profileTable(times: readonly LaunchTime[]): string {
  const spent = grouped(times.map((each) => [`${each.kernel} ${each.variant}`.trim(), each.milliseconds]));
  const all = [...spent.values()].flat();
  const kernels = [...spent].sort(([, a], [, b]) => sum(b) - sum(a));
  const rows = [...kernels, ['all', all] as const].map(([name, list]) => {
    const share = sum(all) === 0 ? 0 : sum(list) / sum(all);
    return [name, String(list.length), sum(list).toFixed(3), `${percent(share)} %`];
  });
  return printTable(rows, {
    head: ['kernel', 'launches', 'ms', 'share'],
    // no lines between kernels: there are many
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: ['left', 'right', 'right', 'right'],
    colWidths: [64],
    wordWrap: true,
  });
}

async function profile({ step, device, reason, sizes }: Subject): Promise<void> {
  printLine(`one training step on ${device.name} (${reason}) at ${shownSizes(sizes)}`);
  const times = await measure(step, device, sizes);
  printLine(times.length === 0 ? 'not measured: this device has no clock for launches' : profileTable(times));
}

const ACTIONS: Readonly<Record<string, typeof tune>> = { tune, profile };

/** `frond kernel tune RUN`: searches schedules. `frond kernel profile RUN`: how long each kernel of a training step takes. */
export async function kernel(given: Given<'kernel'>): Promise<number> {
  const act = own(ACTIONS, given.action);
  if (act === undefined) {
    throw new FrondError('FROND-U011', `frond kernel ${given.action}: there is no such action`, {
      hint: 'write frond kernel tune RUN, or frond kernel profile RUN',
    });
  }
  const { step } = await loadRun(given.run);
  const sizes = sizesOf(step, given.sizes);
  const { device, reason } = await frond.chooseDevice(given.device);
  try {
    await act({ step, device, reason, sizes }, given);
    return 0;
  } finally {
    await device.close();
  }
}
