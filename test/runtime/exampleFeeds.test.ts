import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { optimiseAndLower } from '../../src/runtime/compile.ts';
import { exampleFeeds } from '../../src/runtime/exampleFeeds.ts';
import { schedulesOf } from '../../src/runtime/schedules.ts';

/** A CRF's loss, whose tags have lengths, beside a masked sum of embeddings. */
function program() {
  const b = new GraphBuilder('fed', ops);
  const emissions = b.input('emissions', { dtype: 'f32', shape: ['batch', 'time', 3] });
  const tags = b.input('tags', { dtype: 'i32', shape: ['batch', 'time'] });
  const lengths = b.input('lengths', { dtype: 'i32', shape: ['batch'] });
  const [transitions, start, stop] = [[3, 3], [3], [3]].map((shape, i) =>
    b.input(`weights${i}`, { dtype: 'f32', shape }),
  ) as [string, string, string];
  const inputs = [emissions, tags, lengths, transitions, start, stop];
  const [likelihood = ''] = b.op('crfLogLikelihood', inputs);
  b.output('likelihood', likelihood);
  const mask = b.input('mask', { dtype: 'bool', shape: ['batch', 'time'] });
  const table = b.input('table', { dtype: 'f32', shape: [7, 2] });
  const ids = b.input('ids', { dtype: 'i32', shape: ['batch', 'time'] });
  b.output('rows', b.one('gather', [table, ids]));
  b.output('kept', b.one('not', [mask]));
  return optimiseAndLower(b.finish(), ops, schedulesOf('interpreter')).program;
}

const sizes = { batch: 40, time: 9 };
const extent = (data: ArrayLike<number>) => [Math.min(...Array.from(data)), Math.max(...Array.from(data))];

describe('example feeds', () => {
  it('lie where what reads them takes them, and reach both ends', () => {
    const feeds = exampleFeeds(program(), sizes);
    const extents = Object.entries(feeds).map(([name, { data }]) => [name, extent(data)]);
    expect(Object.fromEntries(extents)).toMatchObject({
      tags: [0, 2],
      lengths: [1, 9],
      mask: [0, 1],
      ids: [0, 6],
    });
    const [low = 0, high = 0] = extent(feeds.emissions?.data ?? []);
    expect(low).toBeGreaterThanOrEqual(-1);
    expect(low).toBeLessThan(-0.9);
    expect(high).toBeLessThan(1);
    expect(high).toBeGreaterThan(0.9);
  });

  it('mask nothing and shorten no row where a step is to have all of its work', () => {
    const { lengths, mask, ids } = exampleFeeds(program(), sizes, { full: true });
    expect(extent(lengths?.data ?? [])).toEqual([9, 9]);
    expect(extent(mask?.data ?? [])).toEqual([1, 1]);
    expect(extent(ids?.data ?? [])).toEqual([0, 6]);
  });

  it('are fixed by their seed', () => {
    const [once, again, other] = [1, 1, 2].map((seed) => exampleFeeds(program(), sizes, { seed }));
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });
});
