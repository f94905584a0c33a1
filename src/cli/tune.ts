import pc from 'picocolors';
import { platform } from '#platform';
import {
  chooseDevice,
  type Device,
  FrondError,
  palm,
  parseTuning,
  printTuning,
  rememberTuning,
  type TuningCache,
  tuneSchedules,
  tuningKey,
  withSchedules,
} from '../index.ts';
import { checkRun } from './runFolder.ts';
import { shellWord, shown } from './shown.ts';
import { shownSizes, sizesOf } from './sizes.ts';
import { writeWhole } from './write.ts';

export interface TuneArguments {
  readonly run: string;
  readonly device: string;
  /** such as batch=32,time=24 */
  readonly sizes: string | undefined;
  readonly seconds: number;
  /** file with the winners */
  readonly cache: string;
  /** of frond */
  readonly version: string;
}

const keyOf = ({ name, adapter }: Device, version: string): string =>
  tuningKey(name, adapter?.name ?? platform.processor, version);

async function readCache(path: string): Promise<TuningCache> {
  const { files } = platform;
  return (await files.kindOf(path)) === 'none' ? {} : parseTuning(await files.readText(path), path);
}

/**
 * The winners of a tuning cache for this device.
 * @throws FROND-U016 when the cache has none for it, FROND-F040 when it is none
 */
export async function tunedSchedules(path: string, device: Device, version: string) {
  const cache = await readCache(path);
  const key = keyOf(device, version);
  const known = cache[key];
  if (known !== undefined) return withSchedules(device, known.table);
  throw new FrondError('FROND-U016', `${path} has no schedules for ${key}`, {
    hint: `find some: frond kernel tune RUN --device ${device.name} --cache ${shellWord(path)}; it has: ${Object.keys(cache).join('; ') || 'none'}`,
  });
}

const text = (schedule: object): string =>
  Object.keys(schedule).length === 0 ? 'built-in' : JSON.stringify(schedule).replaceAll('"', '');

/** `frond kernel tune RUN` */
export async function tune({
  run,
  device: name,
  seconds,
  cache,
  version,
  ...given
}: TuneArguments): Promise<number> {
  checkRun(run);
  const known = await readCache(cache);
  const { step } = await palm.loadModelRecord(run);
  const sizes = sizesOf(step, given.sizes);
  const { device, reason } = await chooseDevice(name);
  const key = keyOf(device, version);
  process.stdout.write(
    `tuning for ${shown(key)} (${reason}) at ${shownSizes(sizes)}, at most ${seconds} s\n`,
  );
  try {
    const tuned = await tuneSchedules(step, {
      ...{ device, sizes, seconds },
      onTuned: ({ kernel, shapeClass, schedule, milliseconds, builtInMilliseconds, tried }, left) => {
        const gain = `${(builtInMilliseconds / milliseconds).toFixed(2)} ×`;
        const times = `${builtInMilliseconds.toFixed(3)} → ${milliseconds.toFixed(3)} ms, ${gain}, ${tried} tried`;
        process.stdout.write(
          `${kernel} ${shapeClass}: ${text(schedule)} ${pc.dim(`(${times}; ${left} left)`)}\n`,
        );
      },
    });
    await writeWhole(cache, printTuning(rememberTuning(known, key, tuned)));
    process.stdout.write(
      `written to ${shown(cache)}; use it: frond train FILE --schedules ${shellWord(cache)}\n`,
    );
    return 0;
  } finally {
    await device.close();
  }
}
