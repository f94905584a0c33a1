import { checkArguments } from '../base/arguments.ts';
import { evaluate, namesOf } from '../base/dim.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { grouped, remembered } from '../base/own.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, irKind, type Node, type Ref } from '../ir/graph.ts';
import { typeOfRef } from '../ir/names.ts';
import { type OpRegistry, registryKind } from '../ir/record.ts';
import { type PartialSchedule, type ScheduleTable, scheduleKind } from '../kernel/schedule.ts';
import { ops } from '../ops/index.ts';
import { compile } from '../runtime/compile.ts';
import { deviceKind } from '../runtime/device.ts';
import { exampleFeeds, requireNames } from '../runtime/exampleFeeds.ts';
import type { Executable } from '../runtime/executable.ts';
import type { Feeds } from '../runtime/feeds.ts';
import type { LoweredProgram } from '../runtime/lower.ts';
import { contextOf } from '../runtime/nodes.ts';
import { knobsOf } from './knobs.ts';
import { type Found, searchSchedule } from './search.ts';

const tuneOptions = {
  device: deviceKind,
  /** sizes of the graph's named dimensions to measure at, such as { batch: 32, time: 32 } */
  sizes: is.sizes,
  /** to spend on all kernels together; default 60. The search of a kernel under way ends with its best so far */
  seconds: is.omittable(is.notNegative),
  registry: is.omittable(registryKind),
  /** after each kernel and class */
  onTuned: is.omittable(is.typed<(tuned: Tuned, left: number) => void>(is.callable)),
};
export type TuneOptions = is.OptionsOf<typeof tuneOptions>;

/** What tuning found for a kernel in one shape class. */
export interface Tuned extends Found {
  readonly kernel: string;
  readonly shapeClass: string;
}

/** For each kernel and class the node with most work, those first whose classes have most. */
function candidates({ graph, nodes }: LoweredProgram, { device, sizes, registry = ops }: TuneOptions) {
  const uses = nodes.flatMap(({ node, launches }) => {
    const cost = registry.get(node.op)?.cost?.(contextOf(graph, node));
    const flops = cost === undefined ? 0 : evaluate(cost.flops, sizes);
    return launches.flatMap(({ kernel: { name: kernel }, shapeClass }) => {
      if (shapeClass === undefined || knobsOf(device.name, kernel).length === 0) return [];
      return [[`${kernel} ${shapeClass}`, { kernel, shapeClass, node, flops }] as const];
    });
  });
  const classes = [...grouped(uses).values()].map((same) => ({
    ...same.reduce((most, use) => (use.flops > most.flops ? use : most)),
    flops: same.reduce((sum, { flops }) => sum + flops, 0),
  }));
  return classes.sort((x, y) => y.flops - x.flops);
}

/** Runs are repeated until they took this long, and the best of so many such series counts. */
const SERIES_MILLISECONDS = 5;
const SERIES = 3;
/** Where the device has a clock of its own, the best of so many runs counts. */
const PROFILES = 8;

/** Best milliseconds of one run: by the device's own clock, or series of runs that a read ends, which waits for the device. */
async function timeOf(executable: Executable, feeds: Feeds): Promise<number> {
  let best = Infinity;
  for (let i = 0; i < PROFILES; i++) {
    const launches = await executable.profile(feeds);
    if (launches === undefined) break;
    const whole = launches.reduce((sum, { milliseconds }) => sum + milliseconds, 0);
    best = Math.min(best, whole);
  }
  if (best < Infinity) return best;
  const read = Object.keys(executable.graph.outputs).slice(0, 1);
  const timed = async (runs: number): Promise<number> => {
    const begin = performance.now();
    for (let i = 1; i < runs; i++) await executable.run(feeds, { read: [] });
    await executable.run(feeds, { read });
    return performance.now() - begin;
  };
  await timed(1);
  let runs = 1;
  while ((await timed(runs)) < SERIES_MILLISECONDS) runs *= 2;
  for (let i = 0; i < SERIES; i++) best = Math.min(best, (await timed(runs)) / runs);
  return best;
}

/** A graph of nothing but `node`, its operands fed and its results given. */
function isolate(graph: Graph, node: Node, registry: OpRegistry): Graph {
  const b = new GraphBuilder(`only-${node.op}`, registry);
  const known = new Map<Ref, Ref>();
  const operands = node.inputs.map((ref, i) =>
    remembered(known, ref, () => b.input(`operand${i}`, typeOfRef(graph, ref))),
  );
  // a sum of dimensions, such as time+1, tells no size: an input that nothing reads does
  const dims = [...known.keys()].flatMap((ref) => typeOfRef(graph, ref).shape);
  for (const name of new Set(dims.flatMap(namesOf))) b.input(`size.${name}`, { dtype: 'f32', shape: [name] });
  b.op(node.op, operands, node.attributes).forEach((ref, i) => {
    b.output(`result${i}`, ref);
  });
  return b.finish();
}

/** Milliseconds of a graph under `schedules`; undefined where they are not legal on the device, or `known` has what they make. */
async function measure(
  graph: Graph,
  schedules: ScheduleTable,
  { device, sizes, registry = ops }: TuneOptions,
  known?: Set<string>,
): Promise<number | undefined> {
  try {
    const { executable } = await compile(graph, { device, registry, schedules });
    const made = JSON.stringify(executable.program.schedules);
    if (known?.has(made)) return undefined;
    known?.add(made);
    const milliseconds = await timeOf(executable, exampleFeeds(executable.program, sizes, { full: true }));
    await executable.free();
    return milliseconds;
  } catch (error) {
    // a kernel that does not fit the device's limits is no candidate; anything else is a mistake of ours
    if (error instanceof FrondError && error.code.startsWith('FROND-K')) return undefined;
    throw error;
  }
}

/**
 * Searches schedules for the kernels of `graph` on a device: each kernel and shape class of the compiled graph is run alone,
 * at `sizes`, under the schedules of its knobs. Nothing changes until `compile` is given the table of what was found.
 */
export async function tuneSchedules(graph: Graph, options: TuneOptions): Promise<readonly Tuned[]> {
  checkArguments('tuneSchedules', { graph: irKind, options: tuneOptions }, [graph, options]);
  const { device, registry = ops, seconds = 60 } = options;
  requireNames(graph, options.sizes);
  const end = performance.now() + 1000 * seconds;
  const { executable } = await compile(graph, { device, registry });
  const list = candidates(executable.program, options);
  await executable.free();
  const tuned: Tuned[] = [];
  for (const [i, { kernel, shapeClass, node }] of list.entries()) {
    if (i > 0 && performance.now() >= end) break;
    const alone = isolate(executable.program.graph, node, registry);
    // an equal share of what is left, so that the last class gets its turn
    const until = performance.now() + (end - performance.now()) / (list.length - i);
    const known = new Set<string>();
    const under = (schedule: PartialSchedule): ScheduleTable => ({ [kernel]: { [shapeClass]: schedule } });
    const found = await searchSchedule(
      knobsOf(device.name, kernel),
      (schedule) => measure(alone, under(schedule), options, known),
      (schedule) => measure(alone, under(schedule), options),
      () => performance.now() < until,
    );
    if (found === undefined) continue;
    const result = { kernel, shapeClass, ...found };
    tuned.push(result);
    options.onTuned?.(result, list.length - i - 1);
  }
  return tuned;
}

export const tunedKind = is.listOf(
  is.withFields('what tuneSchedules finds', {
    kernel: is.text,
    shapeClass: is.text,
    schedule: scheduleKind,
    milliseconds: is.notNegative,
    builtInMilliseconds: is.notNegative,
  }),
  'what tuneSchedules finds',
);

/** Whether nothing beat the built-in schedule. */
export const isBuiltIn = (schedule: PartialSchedule): boolean => Object.keys(schedule).length === 0;

/** The table of what beat the built-in schedules, for `compile({ schedules })`. */
export function tableOf(tuned: readonly Tuned[]): ScheduleTable {
  checkArguments('tableOf', { tuned: tunedKind }, [tuned]);
  const winners = tuned.filter(({ schedule }) => !isBuiltIn(schedule));
  const byKernel = grouped(
    winners.map(({ kernel, shapeClass, schedule }) => [kernel, [shapeClass, schedule] as const] as const),
  );
  return Object.fromEntries([...byKernel].map(([kernel, classes]) => [kernel, Object.fromEntries(classes)]));
}
