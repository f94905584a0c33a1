import { expect, expectTypeOf, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { messageOf } from '../support/message.ts';

const [batch, time, inner, outer] = [2, 7, 3, 4];
const wave = (length: number): number[] =>
  Array.from({ length }, (_, i) => Math.fround(Math.sin(0.9 * i + 0.2)));

/** y in plain loops. */
function expected(
  x: readonly number[],
  w: readonly number[],
  size: number,
  stride: number,
  dilation: number,
  before: number,
  count: number,
) {
  return Array.from({ length: batch * count * outer }, (_, flat) => {
    const [o, t, b] = [flat % outer, Math.floor(flat / outer) % count, Math.floor(flat / outer / count)];
    let sum = 0;
    for (let j = 0; j < size; j++) {
      const at = t * stride + j * dilation - before;
      if (at < 0 || at >= time) continue;
      for (let i = 0; i < inner; i++)
        sum += (x[(b * time + at) * inner + i] ?? 0) * (w[(j * inner + i) * outer + o] ?? 0);
    }
    return sum;
  });
}

it.each([
  { padding: 'same', size: 3, stride: 1, dilation: 1, before: 1, count: 7 },
  { padding: 'same', size: 4, stride: 2, dilation: 1, before: 1, count: 4 },
  { padding: 'causal', size: 3, stride: 1, dilation: 2, before: 4, count: 7 },
  { padding: 'valid', size: 3, stride: 2, dilation: 1, before: 0, count: 3 },
] as const)('conv1d, $padding, $size taps, stride $stride, dilation $dilation', async (how) => {
  const { padding, size, stride, dilation, before, count } = how;
  const model = frond.graph('c', (g) => {
    const x = g.input('x', 'f32', ['batch', time, inner]);
    return { y: frond.conv1d(x, outer, { padding, size, stride, dilation, bias: false }) };
  });
  expect(model.outputs.y.shape).toEqual(['batch', count, outer]);
  const device = frond.interpreterDevice({ precision: 'f64' });
  const { executable } = await frond.compile(model, { device });
  const [x, w] = [wave(batch * time * inner), wave(size * inner * outer)];
  await executable.state.write('conv1d/weight', w);
  const { y } = await executable.run({ x: { dtype: 'f32', shape: [batch, time, inner], data: x } });
  const wanted = expected(x, w, size, stride, dilation, before, count);
  for (const [i, value] of wanted.entries()) expect(y.data[i]).toBeCloseTo(value, 10);
});

it('keeps a named time where a stride of 1 meets zeros around it', () => {
  const model = frond.graph('c', (g) => {
    const x = g.input('x', 'f32', ['batch', 'time', 3]);
    const y = frond.conv1d(x, 4, { size: 5, padding: 'causal' });
    expectTypeOf(y).toEqualTypeOf<frond.Tensor<'f32', ['batch', 'time', 4]>>();
    return { y, shorter: frond.conv1d(x, outer, { size: 3, padding: 'valid', name: 'valid' }) };
  });
  expect(model.outputs.y.shape).toEqual(['batch', 'time', outer]);
  expect(model.outputs.shorter.shape).toEqual(['batch', 'time-2', outer]);
});

it('pools by the largest and by the mean', async () => {
  const model = frond.graph('p', (g) => {
    const x = g.input('x', 'f32', ['batch', 4, 2]);
    return { most: frond.maxPool1d(x, { size: 2 }), mean: frond.meanPool1d(x, { size: 3, stride: 1 }) };
  });
  const { executable } = await frond.compile(model, { device: frond.interpreterDevice() });
  const x = { dtype: 'f32', shape: [1, 4, 2], data: [1, 2, 3, 1, 0, 6, 6, 3] } as const;
  const { most, mean } = await executable.run({ x });
  expect([most.shape, Array.from(most.data)]).toEqual([
    [1, 2, 2],
    [3, 2, 6, 6],
  ]);
  expect([mean.shape, Array.from(mean.data, (value) => Math.round(3 * value))]).toEqual([
    [1, 2, 2],
    [4, 9, 9, 10],
  ]);
});

it('says what a stride needs', async () => {
  const strided = () =>
    frond.graph('c', (g) => ({
      y: frond.conv1d(g.input('x', 'f32', ['batch', 'time', 3]), 4, { size: 3, stride: 2 }),
    }));
  expect(await messageOf(strided)).toContain('the stride is 2, and time has no number yet');
});
