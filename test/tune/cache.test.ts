import { describe, expect, it } from 'vitest';
import { parseTuning, printTuning, rememberTuning, tuningKey } from '../../src/tune/cache.ts';
import { messageOf } from '../support/message.ts';

const key = tuningKey('wasm', 'Some Processor', '0.1.0');
const times = { milliseconds: 1, builtInMilliseconds: 2, tried: 5 };
const found = [
  {
    kernel: 'matmul',
    shapeClass: 'nn m n≤64 k≤32',
    ...times,
    schedule: { tiles: { m: 64, n: 32 }, workgroup: [16, 8], stage: 8, split: 2, pack: false },
  },
  { kernel: 'matmul', shapeClass: 'tn m', schedule: {}, ...times },
] as const;

describe('the tuning cache', () => {
  it('is keyed by device, adapter and version', () => {
    expect(key).toBe('wasm, Some Processor, frond 0.1.0');
  });

  it('comes back from its text as it was', () => {
    const cache = rememberTuning({}, key, found);
    expect(parseTuning(printTuning(cache), 'x.json')).toEqual(cache);
    expect(cache[key]?.table).toEqual({ matmul: { 'nn m n≤64 k≤32': found[0].schedule } });
    expect(Object.keys(cache[key]?.measured.matmul ?? {})).toEqual(['nn m n≤64 k≤32', 'tn m']);
  });

  it('replaces what was found before for a class, and keeps the rest', () => {
    const before = rememberTuning({ other: { table: {}, measured: {} } }, key, found);
    const after = rememberTuning(before, key, [{ ...found[0], schedule: {} }]);
    expect(Object.keys(after)).toEqual(['other', key]);
    expect(after[key]?.table).toEqual({ matmul: {} });
    expect(Object.keys(after[key]?.measured.matmul ?? {})).toEqual(['nn m n≤64 k≤32', 'tn m']);
    expect(before[key]?.table.matmul).toHaveProperty('nn m n≤64 k≤32');
  });

  it.each([
    ['format 2', '{"format": 2}'],
    ['the whole', '[]'],
    ['devices', '{"format": 1}'],
    ['devices a, table, matmul, nn, tiles, m', schedule('{"tiles": {"m": 6}}')],
    ['devices a, table, matmul, nn, workgroup', schedule('{"workgroup": [16]}')],
    ['devices a, table, matmul, nn, pack', schedule('{"pack": 1}')],
    ['devices a, table, matmul, nn, split', schedule('{"split": 0}')],
    ['devices a, table, matmul, nn, speed', schedule('{"speed": 1}')],
    ['devices a, measured', '{"format": 1, "devices": {"a": {"table": {}}}}'],
  ])('refuses %s that is none, by its place', async (place, text) => {
    expect(await messageOf(() => parseTuning(text, 'x.json'))).toBe(
      `[FROND-F040] ${place} is not what a tuning cache holds\n  at x.json\n` +
        '  hint: mend the entry, or remove the file: built-in schedules apply without it',
    );
  });
});

function schedule(text: string): string {
  return `{"format": 1, "devices": {"a": {"table": {"matmul": {"nn": ${text}}}, "measured": {}}}}`;
}
