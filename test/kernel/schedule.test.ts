import { describe, expect, it } from 'vitest';
import { schedulesFrom, shapeClassOf } from '../../src/kernel/schedule.ts';

describe('shape classes', () => {
  it('say how operands lie and the range of each literal size', () => {
    expect(shapeClassOf('nt batched', { m: 3, n: 65, k: 4097 })).toBe('nt batched m≤4 n≤128 k>4096');
    expect(shapeClassOf('nn', { m: 'batch*time', n: 0, k: 4096 })).toBe('nn m n≤4 k≤4096');
  });
});

describe('schedules', () => {
  const table = {
    matmul: {
      'nn m≤4': { tiles: { m: 4 }, stage: 8 },
      '': { tiles: { m: 64, n: 64 }, workgroup: [8, 8] },
      'm≤4': { tiles: { m: 8, n: 128 } },
    },
  } as const;

  it('apply where all words of their key do, more words over fewer', () => {
    const { find } = schedulesFrom([table]);
    expect(find('matmul', 'nn m≤4 n≤8 k')).toEqual({
      tiles: { m: 4, n: 128 },
      workgroup: [8, 8],
      stage: 8,
    });
    expect(find('matmul', 'nt m≤4 n≤8 k').tiles).toEqual({ m: 8, n: 128 });
    expect(find('matmul', 'nt m≤64 n≤8 k')).toEqual({ tiles: { m: 64, n: 64 }, workgroup: [8, 8] });
    expect(find('softmax', 'nt m≤4')).toEqual({});
  });

  it('of a later table lie over those of an earlier one', () => {
    const { find } = schedulesFrom([table, { matmul: { '': { tiles: { m: 16 } } } }]);
    expect(find('matmul', 'nn m≤4').tiles).toEqual({ m: 16, n: 128 });
  });
});
