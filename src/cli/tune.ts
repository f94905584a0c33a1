import pc from 'picocolors';
import { platform } from '#platform';
import { namesOf } from '../base/dim.ts';
import {
  chooseDevice,
  FrondError,
  type Graph,
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

/** Size of a named dimension that nobody gave. */
const USUAL_SIZE = 32;

/** @throws FROND-U015 for what is no list of the graph's dimensions */
export function sizesOf(graph: Graph, text: string | undefined): Record<string, number> {
  const shapes = graph.inputs.flatMap((name) => graph.nodes[name]?.types[0]?.shape ?? []);
  const names = [...new Set(shapes.flatMap(namesOf))];
  const sizes = Object.fromEntries(names.map((name) => [name, USUAL_SIZE]));
  for (const part of text === undefined ? [] : text.split(',')) {
    const [, name = '', value = ''] = /^([^=]+)=(\d+)$/.exec(part.trim()) ?? [];
    if (!names.includes(name) || Number(value) < 1) {
      throw new FrondError('FROND-U015', `--sizes: ${part} is no size of a dimension`, {
        hint: `the dimensions are ${names.join(', ')}: --sizes ${names.map((each) => `${each}=32`).join(',')}`,
      });
    }
    sizes[name] = Number(value);
  }
  return sizes;
}

async function readCache(path: string): Promise<TuningCache> {
  const { files } = platform;
  return (await files.kindOf(path)) === 'none' ? {} : parseTuning(await files.readText(path), path);
}

/**
 * The winners of a tuning cache for this device.
 * @throws FROND-U016 when the cache has none for it, FROND-F040 when it is none
 */
export async function tunedSchedules(
  path: string,
  device: Parameters<typeof withSchedules>[0],
  version: string,
) {
  const cache = await readCache(path);
  const key = tuningKey(device.name, device.adapter?.name ?? platform.processor, version);
  const known = cache[key];
  if (known !== undefined) return withSchedules(device, known.table);
  throw new FrondError('FROND-U016', `${path} has no schedules for ${key}`, {
    hint: `find some: frond kernel tune RUN --device ${device.name} --cache ${path}; it has: ${Object.keys(cache).join('; ') || 'none'}`,
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
  const key = tuningKey(device.name, device.adapter?.name ?? platform.processor, version);
  const at = Object.entries(sizes).map((pair) => pair.join(' '));
  process.stdout.write(`tuning for ${key} (${reason}) at ${at.join(', ')}, at most ${seconds} s\n`);
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
    process.stdout.write(`written to ${cache}; use it: frond train FILE --schedules ${cache}\n`);
    return 0;
  } finally {
    await device.close();
  }
}
