import pc from 'picocolors';
import { platform } from '#platform';
import {
  chooseDevice,
  type Device,
  FrondError,
  parseTuning,
  printTuning,
  rememberTuning,
  type TuningCache,
  tuneSchedules,
  tuningKey,
  withSchedules,
} from '../index.ts';
import type { Given } from './commands.ts';
import { version, writeWhole } from './io.ts';
import { loadRun, shownSizes, sizesOf } from './run.ts';
import { shellWord, shown } from './shown.ts';

const keyOf = ({ name, adapter }: Device): string =>
  tuningKey(name, adapter?.name ?? platform.processor, version());

async function readCache(path: string): Promise<TuningCache> {
  const { files } = platform;
  return (await files.kindOf(path)) === 'none' ? {} : parseTuning(await files.readText(path), path);
}

/**
 * The winners of a tuning cache for this device.
 * @throws FROND-U016 when the cache has none for it, FROND-F040 when it is none
 */
export async function tunedSchedules(path: string, device: Device) {
  const cache = await readCache(path);
  const key = keyOf(device);
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
  seconds = 60,
  cache = 'frond-schedules.json',
  ...given
}: Given<'kernel'>): Promise<number> {
  const { step } = await loadRun(run);
  const known = await readCache(cache);
  const sizes = sizesOf(step, given.sizes);
  const { device, reason } = await chooseDevice(name);
  const key = keyOf(device);
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
