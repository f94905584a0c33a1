import { describe, expect, it } from 'vitest';
import type { PartialSchedule } from '../../src/kernel/schedule.ts';
import { knobsOf } from '../../src/tune/knobs.ts';
import { searchSchedule } from '../../src/tune/search.ts';

const knobs = [
  { name: 'tile m', settings: [{ tiles: { m: 32 } }, { tiles: { m: 64 } }, { tiles: { m: 128 } }] },
  { name: 'stage', settings: [{ stage: 8 }, { stage: 16 }] },
];

/** A landscape whose floor is at m = 64, stage = 16; m = 128 is refused. */
const landscape = async ({ tiles, stage }: PartialSchedule): Promise<number | undefined> => {
  if (tiles?.m === 128) return undefined;
  return 10 - (tiles?.m === 64 ? 4 : 0) - (stage === 16 ? 2 : 0);
};

describe('the search of a schedule', () => {
  it('finds the floor, knob by knob, and passes over what the device refuses', async () => {
    const found = await searchSchedule(knobs, landscape, landscape, () => true);
    expect(found).toMatchObject({
      schedule: { tiles: { m: 64 }, stage: 16 },
      milliseconds: 4,
      builtInMilliseconds: 10,
    });
  });

  it('keeps the built-in schedule where nothing is clearly faster', async () => {
    const flat = async (schedule: PartialSchedule) => (Object.keys(schedule).length === 0 ? 10 : 9.9);
    expect(await searchSchedule(knobs, flat, flat, () => true)).toMatchObject({ schedule: {} });
  });

  it('keeps the built-in schedule where a lucky measurement does not come again', async () => {
    const steady = async () => 10;
    const found = await searchSchedule(knobs, landscape, steady, () => true);
    expect(found).toMatchObject({ schedule: {}, milliseconds: 10 });
  });

  it('ends with its best so far when the time is over', async () => {
    let left = 2;
    const found = await searchSchedule(knobs, landscape, landscape, () => left-- > 0);
    expect(found).toMatchObject({ schedule: { tiles: { m: 64 } }, tried: 3 });
  });

  it('gives nothing where the built-in schedule does not run', async () => {
    expect(
      await searchSchedule(
        knobs,
        async () => undefined,
        landscape,
        () => true,
      ),
    ).toBeUndefined();
  });

  it('has knobs for the matrix product on every device, and none for what takes no schedule', () => {
    for (const device of ['wasm', 'webgpu', 'interpreter'] as const) {
      expect(knobsOf(device, 'matmul').length).toBeGreaterThan(1);
      expect(knobsOf(device, 'constructor')).toEqual([]);
    }
  });
});
