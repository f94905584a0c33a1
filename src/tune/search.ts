import { mergeSchedules, type PartialSchedule } from '../kernel/schedule.ts';
import type { Knob } from './knobs.ts';

export interface Found {
  /** {}: nothing beat the built-in schedule */
  readonly schedule: PartialSchedule;
  readonly milliseconds: number;
  readonly builtInMilliseconds: number;
  readonly tried: number;
}

/** A schedule must win by this factor, so that the noise of a clock chooses nothing. */
const MARGIN = 0.97;

/** One schedule's milliseconds; undefined where the device refuses it, or where it makes the same text as one before. */
export type Measure = (schedule: PartialSchedule) => Promise<number | undefined>;

/**
 * Coordinate descent from the built-in schedule: each knob is turned through its settings while the others stay, the best
 * stays, until a whole round changes nothing. The winner is then measured against the built-in schedule once more, by
 * turns, since the fastest of many noisy measurements is partly luck. `again` measures what has been measured before.
 */
export async function searchSchedule(
  knobs: readonly Knob[],
  measure: Measure,
  again: Measure,
  timeLeft: () => boolean,
): Promise<Found | undefined> {
  const builtIn = await measure({});
  if (builtIn === undefined) return undefined;
  const seen = new Set(['{}']);
  let best: PartialSchedule = {};
  let least = builtIn;
  for (let improved = true; improved; ) {
    improved = false;
    for (const setting of knobs.flatMap((knob) => knob.settings)) {
      const schedule = mergeSchedules(best, setting);
      const key = JSON.stringify(schedule);
      if (seen.has(key) || !timeLeft()) continue;
      seen.add(key);
      const milliseconds = await measure(schedule);
      if (milliseconds === undefined || milliseconds > least * MARGIN) continue;
      [best, least, improved] = [schedule, milliseconds, true];
    }
  }
  const tried = seen.size;
  const unchanged = { schedule: {}, milliseconds: builtIn, builtInMilliseconds: builtIn, tried };
  if (Object.keys(best).length === 0) return unchanged;
  const times = await byTurns(again, best);
  if (times === undefined || times.best > times.builtIn * MARGIN) return unchanged;
  return { schedule: best, milliseconds: times.best, builtInMilliseconds: times.builtIn, tried };
}

/** The least of a few measurements of each, taken alternately. */
async function byTurns(
  measure: Measure,
  schedule: PartialSchedule,
): Promise<{ readonly best: number; readonly builtIn: number } | undefined> {
  let [best, builtIn] = [Infinity, Infinity];
  for (let turn = 0; turn < 3; turn++) {
    const [one, other] = [await measure(schedule), await measure({})];
    if (one === undefined || other === undefined) return undefined;
    [best, builtIn] = [Math.min(best, one), Math.min(builtIn, other)];
  }
  return { best, builtIn };
}
