import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Schedule } from '../src/kernel/ir.ts';
import { chooseSchedule, type Schedules, scheduleWords, shapeClassOf } from '../src/kernel/schedule.ts';
import { blocksOf, kernelOnce, tileExtent } from './plan.ts';

/**
 * out[i, :] = table[ids[i], :] for table [vocabulary, width], ids [count] in 0 … vocabulary − 1, out [count, width].
 *
 * A program copies a block of rows and columns. Ids must be in range: the runtime sees to it.
 * Memory: reads count · width elements of the table, writes as many.
 */
export interface GatherArguments {
  /** f32 [vocabulary, width] */
  readonly table: Slot;
  /** i32 [count] */
  readonly ids: Slot;
  /** f32 [count, width] */
  readonly out: Slot;
  readonly count: Dim;
  readonly width: Dim;
  readonly schedules?: Schedules | undefined;
}

const OWN: Schedule = { tiles: { r: 32, c: 256 }, workgroup: [32, 8] };

interface Tiles {
  readonly r: number;
  readonly c: number;
}

function gatherProgram(k: KernelBuilder, tiles: Tiles): void {
  const table = k.read('table');
  const ids = k.read('ids', 'i32');
  const out = k.write('out');
  const width = k.parameter('width');
  const r = k.axis('r', tiles.r);
  const c = k.axis('c', tiles.c);
  const R = k.span(r, k.mul(k.program(0), tiles.r), k.parameter('count'));
  const C = k.span(c, k.mul(k.program(1), tiles.c), width);
  const rows = k.load(table, [
    [k.load(ids, [[R, 1]]), width],
    [C, 1],
  ]);
  k.store(
    out,
    [
      [R, width],
      [C, 1],
    ],
    rows,
  );
}

const traceGather = (tiles: Tiles, schedule: Schedule): Kernel =>
  kernelOnce(
    {
      name: 'gather',
      variant: [`${tiles.r}x${tiles.c}`, ...scheduleWords(schedule, OWN)].join(' '),
      doc: 'out[i, :] = table[ids[i], :]',
      schedule: { ...schedule, tiles: { ...tiles } },
    },
    (k) => gatherProgram(k, tiles),
  );

/** out[i, :] = table[ids[i], :]. One launch. */
export function planGather({ table, ids, out, count, width, schedules }: GatherArguments): LaunchPlan[] {
  const shapeClass = shapeClassOf('', { r: count, c: width });
  const schedule = chooseSchedule(schedules, 'gather', shapeClass, OWN);
  const { r = 32, c = 256 } = schedule.tiles;
  const tiles: Tiles = { r: tileExtent(count, r, 4), c: tileExtent(width, c, 4) };
  return [
    {
      kernel: traceGather(tiles, schedule),
      grid: [blocksOf(count, tiles.r), blocksOf(width, tiles.c)],
      scalars: { count, width },
      slots: { table, ids, out },
      shapeClass,
    },
  ];
}
