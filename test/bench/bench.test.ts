import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { compile, type Graph, interpreterDevice } from 'frond';
import { expect, test } from 'vitest';
import { resultFiles } from '../../bench/atis.ts';
import { attentionSubject, bertSubject, jointSubject, type Subject } from '../../bench/gpu/figures.ts';
import { chain, crfGradient, matmulFlops } from '../../bench/models.ts';
import { measured, Races } from '../../bench/race.ts';
import { comparedRow, judged, type Row, rate, rowOf, time } from '../../bench/row.ts';
import { tableOf } from '../../bench/table.ts';

const named = { case: 'c', what: 'w', by: 'b' };

test('what is asked of a figure holds or does not, and is open where there is none', () => {
  const asked = { of: 'value', most: 10 } as const;
  expect(rowOf({ ...named, asked }, time, { wall: 10, processor: 12 })).toMatchObject({
    value: 10,
    processor: 12,
    holds: true,
  });
  expect(rowOf({ ...named, asked }, time, { wall: 10.1, processor: 9 }).holds).toBe(false);
  const none = judged(rowOf({ ...named, asked }, time, { failed: 'no peer' }));
  expect([none.value, none.holds, none.note]).toEqual([undefined, undefined, 'not measured: no peer']);
  expect(rowOf(named, rate(2e9), { wall: 100, processor: 100 }).value).toBeCloseTo(20);
});

test('a ratio says how many times as fast the first is, by wall and processor time', () => {
  const row = rowOf({ ...named, asked: { of: 'ratio', least: 2.5 } }, time, { wall: 30, processor: 8 });
  const compared = comparedRow(row, { wall: 10, processor: 4 }, { wall: 30, processor: 8 });
  expect(compared).toMatchObject({ ratio: 3, processorRatio: 2, holds: true });
  expect(comparedRow(row, { failed: 'gone' }, { wall: 30, processor: 8 }).ratio).toBeUndefined();
});

test('the work of the two steps is what their floors are taken from', () => {
  const small = { layers: 2, width: 128, heads: 4, inner: 512, batch: 32, time: 32 };
  const large = { layers: 4, width: 256, heads: 4, inner: 1024, batch: 16, time: 64 };
  expect(matmulFlops(small) / 1e9).toBeCloseTo(2.52, 2);
  expect(matmulFlops(large) / 1e9).toBeCloseTo(20.1, 1);
});

test('contenders are measured in processes of their own; one that fails says why', async () => {
  const races = new Races({ rounds: 1, milliseconds: 5 });
  const options = { rows: 4, inner: 12, count: 3, device: 'wasm', threads: 1 };
  const figures = await races.race([
    { name: 'frond', file: 'frond.ts', what: 'matmul', options },
    { name: 'none', file: 'frond.ts', what: 'nothing', options },
    { name: 'absent', file: 'absent.ts', what: 'matmul', options },
  ]);
  races.end();
  const frond = figures.get('frond');
  expect(measured(frond) && frond.wall > 0 && frond.wall < 1000 && frond.processor > 0).toBe(true);
  expect(figures.get('none')).toEqual({ failed: 'has no nothing' });
  expect(figures.get('absent')).toMatchObject({ failed: expect.stringContaining('absent.ts') });
});

async function run(graph: Graph, feeds: Subject['feeds'], weights = false) {
  const { executable } = await compile(graph, { device: interpreterDevice() });
  if (weights) await executable.state.initialize(1);
  return executable.run(feeds);
}

const sum = (data: ArrayLike<number>): number => Array.from(data).reduce((total, value) => total + value, 0);
const tensor = (data: number[], ...shape: number[]) => ({ dtype: 'f32', shape, data }) as const;

test('products follow each other as often as is said', async () => {
  const feeds = { x: tensor([1, 2], 1, 2), w: tensor([1, 1, 0, 2], 2, 2) };
  const { out } = await run(chain(1, 2, 3), feeds);
  expect(Array.from(out?.data ?? [])).toEqual([1, 23]);
});

test('a CRF gives all of its gradients, and those of the emissions of a step add up to nothing', async () => {
  const [batch, steps, labels] = [2, 3, 4];
  const draw = (length: number) => Array.from({ length }, (_, i) => Math.sin(i + length));
  const indices = (data: number[], ...shape: number[]) => ({ dtype: 'i32', shape, data }) as const;
  const values = await run(crfGradient(labels), {
    emissions: tensor(draw(batch * steps * labels), batch, steps, labels),
    transitions: tensor(draw(labels * labels), labels, labels),
    start: tensor(draw(labels), labels),
    stop: tensor(draw(labels), labels),
    tags: indices([0, 1, 2, 3, 2, 1], batch, steps),
    lengths: indices([3, 2], batch),
  });
  expect(Object.keys(values).sort()).toEqual(['d.emissions', 'd.start', 'd.stop', 'd.transitions', 'loss']);
  const emissions = Array.from(values['d.emissions']?.data ?? []);
  expect(
    emissions
      .slice(0, labels)
      .map(Math.abs)
      .some((value) => value > 0.01),
  ).toBe(true);
  expect(sum(emissions.slice(0, labels))).toBeCloseTo(0, 6);
});

test('the graphs that are measured on a GPU run, and their gradients are there', async () => {
  const at = { batch: 1, time: 4, heads: 1, width: 8 };
  const forward = attentionSubject(at, false);
  const backward = attentionSubject(at, true);
  const values = await run(backward.graph, backward.feeds);
  expect(Object.keys(values).sort()).toEqual(['d.k', 'd.q', 'd.v', 'out']);
  expect(values.out?.data).toEqual((await run(forward.graph, forward.feeds)).out?.data);
  for (const subject of [bertSubject(1, 64, 1, 4), jointSubject(interpreterDevice(), 1, 4)]) {
    const { loss } = await run(subject.graph, subject.feeds, true);
    expect(loss?.data[0]).toBeGreaterThan(1);
    expect(loss?.data[0]).toBeLessThan(100);
  }
});

test('the published scores of ATIS are replaced by the whole recipe on ATIS alone', () => {
  const atis = fileURLToPath(new URL('../../../shared/data/atis', import.meta.url));
  const published = (folder: string, epochs: number, seeds: number) =>
    resultFiles(folder, { epochs }, seeds).some((file) => /results.atis\.json$/.test(file));
  expect(published(atis, 30, 3)).toBe(true);
  expect(published(`${atis}/`, 30, 3)).toBe(true);
  for (const [folder, epochs, seeds] of [
    ['other', 30, 3],
    [`${atis}/../snips`, 30, 3],
    [atis, 29, 3],
    [atis, 30, 2],
  ] as const)
    expect(published(folder, epochs, seeds)).toBe(false);
  expect(resultFiles('other', { epochs: 30 }, 3)).toEqual([
    expect.stringMatching(/outputs.atis-other\.json$/),
  ]);
});

test.each(['matmul', 'step', 'crf', 'compile'])(
  'the table of %s fits 120 columns and loses no remark',
  (suite) => {
    const file = fileURLToPath(new URL(`../../bench/results/${suite}.json`, import.meta.url));
    const { rows } = JSON.parse(readFileSync(file, 'utf8')) as { readonly rows: readonly Row[] };
    const table = tableOf(rows);
    expect(table.split('\n').filter((line) => [...line].length > 120)).toEqual([]);
    for (const { note, compared } of rows)
      for (const text of [note, compared]) expect(table).toContain(text ?? '');
  },
);
