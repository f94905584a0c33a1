import Table from 'cli-table3';
import { chooseDevice, compile, type Device, type Graph } from '../index.ts';
import type { LaunchTime } from '../runtime/device.ts';
import { exampleFeeds } from '../runtime/exampleFeeds.ts';
import type { Given } from './commands.ts';
import { loadRun, shownSizes, sizesOf } from './run.ts';

/** Steps that are measured; the shortest time of each launch counts. */
const STEPS = 5;

/** The shortest time of each launch over several steps; undefined where the device has no clock for launches. */
async function measure(graph: Graph, device: Device, sizes: Readonly<Record<string, number>>) {
  const { executable } = await compile(graph, { device });
  await executable.state.initialize(1);
  const feeds = exampleFeeds(executable.program, sizes, { full: true });
  await executable.run(feeds);
  let shortest: readonly LaunchTime[] | undefined;
  for (let step = 0; step < STEPS; step++) {
    const times = await executable.profile(feeds);
    const before = shortest;
    shortest = times?.map((time, i) => ({
      ...time,
      milliseconds: Math.min(time.milliseconds, before?.[i]?.milliseconds ?? Number.POSITIVE_INFINITY),
    }));
  }
  return shortest;
}

/** Kernels by the time that they take, as a table. */
export function profileTable(times: readonly LaunchTime[]): string {
  const kernels = new Map<string, { launches: number; milliseconds: number }>();
  for (const { kernel, variant, milliseconds } of times) {
    const name = variant === '' ? kernel : `${kernel} ${variant}`;
    const sum = kernels.get(name) ?? { launches: 0, milliseconds: 0 };
    kernels.set(name, { launches: sum.launches + 1, milliseconds: sum.milliseconds + milliseconds });
  }
  const total = times.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
  const table = new Table({
    head: ['kernel', 'launches', 'ms', 'share'],
    style: { head: [], border: [] },
    // no lines between kernels: there are many
    chars: { mid: '', 'left-mid': '', 'mid-mid': '', 'right-mid': '' },
    colAligns: ['left', 'right', 'right', 'right'],
    colWidths: [64],
    wordWrap: true,
  });
  const row = (name: string, launches: number, milliseconds: number): void => {
    const share = total === 0 ? 0 : (100 * milliseconds) / total;
    table.push([name, launches, milliseconds.toFixed(3), `${share.toFixed(1)} %`]);
  };
  const byTime = [...kernels].sort(([, a], [, b]) => b.milliseconds - a.milliseconds);
  for (const [name, { launches, milliseconds }] of byTime) row(name, launches, milliseconds);
  row('all', times.length, total);
  return table.toString();
}

/** `frond kernel profile RUN`: how long each kernel of a training step takes. */
export async function profile({ run, device: name, sizes: given }: Given<'kernel'>): Promise<number> {
  const { step } = await loadRun(run);
  const sizes = sizesOf(step, given);
  const { device, reason } = await chooseDevice(name);
  try {
    process.stdout.write(`one training step on ${device.name} (${reason}) at ${shownSizes(sizes)}\n`);
    const times = await measure(step, device, sizes);
    const text =
      times === undefined ? 'not measured: this device has no clock for launches' : profileTable(times);
    process.stdout.write(`${text}\n`);
    return 0;
  } finally {
    await device.close();
  }
}
