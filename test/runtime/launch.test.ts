import { expect, it } from 'vitest';
import { launch } from '../../src/runtime/launch.ts';
import { trace } from '../backend/interpreter/support.ts';
import { NO_ADAPTER } from '../support/gpu.ts';
import { onEveryDevice } from './agreement/everyDevice.ts';

/** y = 2 x, and how often it was launched. */
const twice = trace((k) => {
  const i = k.axis('i', 256);
  const count = k.parameter('count');
  const I = k.span(i, k.mul(k.program(0), 256), count);
  const [x, y, launches] = [k.read('x'), k.write('y'), k.buffer('launches', 'i32', 'update')];
  k.store(y, [[I, 1]], k.mul(k.load(x, [[I, 1]]), 2));
  k.when(k.eq(k.program(0), 0), () => k.store(launches, [[0, 1]], k.add(k.load(launches, [[0, 1]]), 1)));
}, 'twice');

const x = Float32Array.from({ length: 300 }, (_, i) => i / 4);
const arrays = () => ({ x, y: new Float32Array(300), launches: Int32Array.of(5) });
const sizes = { grid: [2], scalars: { count: 300 } };

onEveryDevice((device) => {
  it('runs a kernel without a graph', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const given = arrays();
    const results = await launch(opened, twice, sizes, given);
    expect(Object.keys(results)).toEqual(['y', 'launches']);
    expect(Array.from(results.y ?? [])).toEqual(Array.from(x, (each) => 2 * each));
    expect(results.launches?.[0]).toBe(6);
    expect(given.launches[0]).toBe(5);
  });

  it('runs nothing on an empty grid', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const { y } = await launch(opened, twice, { ...sizes, grid: [0] }, arrays());
    expect(y?.every((each) => each === 0)).toBe(true);
  });

  it('says what is missing', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const { launches: _, ...some } = arrays();
    await expect(launch(opened, twice, sizes, some)).rejects.toThrow(
      /^\[FROND-K030] kernel twice: .*launches/,
    );
    await expect(launch(opened, twice, { grid: [2], scalars: {} }, arrays())).rejects.toThrow('scalar count');
  });
});
