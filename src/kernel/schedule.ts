import type { Dim } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { own, remembered } from '../base/own.ts';
import type { Schedule } from './ir.ts';

/*
 * Where the numbers of a schedule come from. A plan function (`planMatmul`, …) describes what it is about to launch as a
 * kernel name and a *shape class*, and asks for a schedule; what it is not told it chooses itself. Kernels thereby know
 * nothing of devices, and tables nothing of kernels' insides.
 *
 * A shape class is a line of words, made only from what is known when a graph is lowered: how operands lie (`nn`, `nt`,
 * `tn`, `tt` of a matmul; `batched`), and each size as a range (`m≤64`, `k>4096`). A size that only a feed will tell is its
 * name alone (`k`). So equal texts have equal classes, and a new batch length is no new class.
 */

/** The part of a schedule that a table gives. Tiles left out, and extents left out of `tiles`, are the plan function's. */
export type PartialSchedule = Partial<Schedule>;

/**
 * Kernel name → class → partial schedule. A key need not be a whole class: it applies to each class that has all of its
 * words, `''` to every class. Where several apply, those with more words win; of equally many, the later one.
 *
 *   { matmul: { '': { tiles: { m: 64, n: 64, k: 64 } }, 'nn m≤4': { tiles: { m: 4, n: 128 } } } }
 */
export type ScheduleTable = Readonly<Record<string, Readonly<Record<string, PartialSchedule>>>>;

export const scheduleFields = {
  tiles: is.optional(is.objectOf(is.count, 'tiles')),
  workgroup: is.optional(is.listOf(is.count, 'threads')),
  stage: is.optional(is.count),
  split: is.optional(is.count),
  pack: is.optional(is.flag),
  blocks: is.optional(is.flag),
};
export const scheduleKind = is.typed<PartialSchedule>(is.recordOf('a schedule', scheduleFields));
/** By kernel and shape class. */
export const byClass = <T>(
  entry: is.Kind<T>,
): is.Kind<Readonly<Record<string, Readonly<Record<string, T>>>>> =>
  is.objectOf(
    is.objectOf(entry, 'classes'),
    "an object by kernel and shape class, such as { matmul: { '': … } }",
  );
export const tableKind = byClass(scheduleKind);

/** What lowering is told about the device. */
export interface Schedules {
  /** What the tables say for a launch of `kernel` in `shapeClass`; {} where they say nothing. */
  find(kernel: string, shapeClass: string): PartialSchedule;
  /**
   * Programs that a launch should have, so that all threads of the device have work: plan functions take smaller tiles, or
   * split a contracted dimension, where literal sizes would give fewer. A number of the kind of device, never of the
   * threads at hand: results must not depend on those.
   */
  readonly programs: number;
}

/** A device's own numbers: plain data, in effect where no tuning has been done. */
export interface DeviceSchedules {
  readonly table: ScheduleTable;
  /** `Schedules.programs` */
  readonly programs: number;
}

/** What holds where no device is known: plan functions choose. */
export const noSchedules: Schedules = { find: () => ({}), programs: 1 };

const wordsOf = (text: string): string[] => text.split(' ').filter((word) => word !== '');

/** `over` laid over `under`, tile by tile. */
export const mergeSchedules = <S extends PartialSchedule>(under: S, over: PartialSchedule): S => ({
  ...under,
  ...over,
  ...(over.tiles && { tiles: { ...under.tiles, ...over.tiles } }),
});

/** One source from several tables: a later table is laid over the earlier ones. */
export function schedulesFrom(tables: readonly ScheduleTable[], programs = 1): Schedules {
  const known = new Map<string, PartialSchedule>();
  return {
    programs,
    find(kernel, shapeClass) {
      const key = `${kernel} ${shapeClass}`;
      const words = new Set(wordsOf(shapeClass));
      return remembered(known, key, () =>
        tables.flatMap((table) => entriesFor(table, kernel, words)).reduce(mergeSchedules, {}),
      );
    },
  };
}

/** The entries of a table that apply, those with fewer words first. */
const entriesFor = (table: ScheduleTable, kernel: string, words: ReadonlySet<string>): PartialSchedule[] =>
  Object.entries(own(table, kernel) ?? {})
    .map(([key, schedule]) => ({ schedule, asked: wordsOf(key) }))
    .filter(({ asked }) => asked.every((word) => words.has(word)))
    .sort((x, y) => x.asked.length - y.asked.length)
    .map(({ schedule }) => schedule);

/** Ranges end at powers of two from 4 to this. */
const LARGEST_RANGE = 4096;

/** `m≤64` for a literal size, `m>4096` for a large one, `m` for one that only a feed will tell. */
export function sizeWord(name: string, size: Dim): string {
  if (typeof size !== 'number') return name;
  if (size > LARGEST_RANGE) return `${name}>${LARGEST_RANGE}`;
  return `${name}≤${Math.max(4, 2 ** Math.ceil(Math.log2(Math.max(1, size))))}`;
}

/** The class of a launch: words on how operands lie, then its sizes. */
export const shapeClassOf = (words: string, sizes: Readonly<Record<string, Dim>>): string =>
  [...wordsOf(words), ...Object.entries(sizes).map(([name, size]) => sizeWord(name, size))].join(' ');

/** The plan function's own schedule with what the device's tables say laid over it. */
export const chooseSchedule = (
  schedules: Schedules | undefined,
  kernel: string,
  shapeClass: string,
  own: Schedule,
): Schedule => mergeSchedules(own, schedules?.find(kernel, shapeClass) ?? {});

/** Equal for schedules that say the same, in whatever order. */
export const scheduleKey = ({ tiles, workgroup, stage, pack, split, blocks }: Schedule): string => {
  const extents = Object.keys(tiles)
    .sort()
    .map((axis) => `${axis}=${tiles[axis]}`);
  return [extents, workgroup, stage, pack, split, blocks].join(' ');
};

/** What tells a text from the one of the plan function's own schedule, tiles and split apart: a part of its variant. */
export function scheduleWords({ workgroup, stage, pack, blocks }: Schedule, own: Schedule): string[] {
  return [
    ...(workgroup && workgroup.join() !== own.workgroup?.join() ? [`workgroup ${workgroup.join('x')}`] : []),
    ...(stage !== undefined && stage !== own.stage ? [`stage ${stage}`] : []),
    ...(pack !== undefined && pack !== own.pack ? [pack ? 'packed' : 'unpacked'] : []),
    ...(blocks ? ['blocks'] : []),
  ];
}
