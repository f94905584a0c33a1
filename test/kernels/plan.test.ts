import { describe, expect, it } from 'vitest';
import { tileExtent } from '../../kernels/plan.ts';
import { ceilDivide, evaluate, namesOf, times } from '../../src/base/dim.ts';

describe('tileExtent', () => {
  it('spreads a static size evenly over the fewest tiles', () => {
    expect(tileExtent(130, 64, 8)).toBe(48);
    expect(tileExtent(64, 64, 8)).toBe(64);
    expect(tileExtent(65, 64, 8)).toBe(40);
    expect(tileExtent(3, 64, 4)).toBe(4);
    expect(tileExtent(0, 64, 8)).toBe(8);
  });

  it('is the largest for sizes that are bound later', () => {
    expect(tileExtent('batch*time', 64, 8)).toBe(64);
  });

  it('never exceeds the largest, and its tiles always cover', () => {
    for (let size = 1; size < 600; size++) {
      const tile = tileExtent(size, 64, 8);
      expect(tile <= 64 && tile % 8 === 0 && Math.ceil(size / tile) === Math.ceil(size / 64)).toBe(true);
    }
  });
});

describe('ceilDivide', () => {
  it('counts blocks of static and symbolic sizes', () => {
    expect(ceilDivide(33, 16)).toBe(3);
    const blocks = ceilDivide('batch*(time+1)', 16);
    expect(evaluate(blocks, { batch: 3, time: 10 })).toBe(3);
    expect(evaluate(times(blocks, 'width'), { batch: 3, time: 10, width: 5 })).toBe(15);
    expect(evaluate(ceilDivide('rows', 16), { rows: 0 })).toBe(0);
    expect(namesOf(times(blocks, 'width'))).toEqual(['batch', 'time', 'width']);
  });
});
