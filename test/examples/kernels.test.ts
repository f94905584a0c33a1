import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { rmsNorm } from '../../examples/kernels/rmsNorm.ts';
import { rotary } from '../../examples/kernels/rotary.ts';
import { swiglu } from '../../examples/kernels/swiglu.ts';
import * as frond from '../../src/index.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { repository } from '../support/build.ts';
import { NO_ADAPTER } from '../support/gpu.ts';

const [batch, time, width] = [2, 5, 16];
const wave = (phase: number, length = batch * time * width): number[] =>
  Array.from({ length }, (_, i) => Math.fround(Math.sin(0.7 * i + phase)));

type Operands = Readonly<Record<'x' | 'y', readonly number[]>>;
const inputs = {
  x: frond.declare('f32', ['batch', 'time', 16]),
  y: frond.declare('f32', ['batch', 'time', 16]),
  gain: frond.declare('f32', [16]),
};
const gain = wave(2, width);
const model = frond.graph(
  'examples',
  (_, { x, y, gain }) => {
    const outputs = {
      rmsNorm: rmsNorm(x, gain, { epsilon: 0.01 }),
      rotary: rotary(x, { heads: 2, base: 100 }),
      swiglu: swiglu(x, y),
    };
    // a loss in which every element counts, and differently
    const lossOf = (out: frond.Tensor<'f32', ['batch', 'time', 16]>) =>
      frond.sum(frond.mul(out, frond.add(out, y)), [0, 1, 2]);
    const parts = Object.values(outputs).map(lossOf);
    return { ...outputs, loss: parts.reduce((sum, part) => frond.add(sum, part)) };
  },
  { inputs },
);

/** Each in plain numbers, of element i. */
const PLAIN: Readonly<Record<string, (operands: Operands, i: number) => number>> = {
  rmsNorm({ x }, i) {
    const row = x.slice(i - (i % width), i - (i % width) + width);
    const squares = row.reduce((sum, each) => sum + each * each, 0);
    return ((gain[i % width] ?? 0) * (x[i] ?? 0)) / Math.sqrt(squares / width + 0.01);
  },
  rotary({ x }, i) {
    const [half, within] = [width / 4, i % (width / 2)];
    const angle = (Math.floor(i / width) % time) * 100 ** (-(within % half) / half);
    const isFirst = within < half;
    const other = x[isFirst ? i + half : i - half] ?? 0;
    return (x[i] ?? 0) * Math.cos(angle) + (isFirst ? -other : other) * Math.sin(angle);
  },
  swiglu: ({ x, y }, i) => ((x[i] ?? 0) / (1 + Math.exp(-(x[i] ?? 0)))) * (y[i] ?? 0),
};
const lossOf = (operands: Operands): number =>
  Object.values(PLAIN).reduce((total, value) => {
    const parts = operands.x.map((_, i) => value(operands, i) * (value(operands, i) + (operands.y[i] ?? 0)));
    return total + parts.reduce((sum, part) => sum + part, 0);
  }, 0);

onEveryDevice((device) => {
  it('compute what they say, with their gradients', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const operands = { x: wave(0.3), y: wave(1.1) };
    const tensor = (data: readonly number[]) =>
      ({ dtype: 'f32', shape: [batch, time, width], data }) as const;
    const { executable } = await frond.compile(frond.gradients(model, { of: ['x', 'y'] }).ir, {
      device: opened,
    });
    const results = await executable.run({
      x: tensor(operands.x),
      y: tensor(operands.y),
      gain: { dtype: 'f32', shape: [width], data: gain },
    });
    for (const [name, value] of Object.entries(PLAIN))
      for (const i of operands.x.keys())
        expect(results[name]?.data[i], `${name}[${i}]`).toBeCloseTo(value(operands, i), 5);
    for (const name of ['x', 'y'] as const) {
      for (const i of [0, 3, 4, 9, 17, 63, 100, 159]) {
        const moved = (by: number): number =>
          lossOf({ ...operands, [name]: operands[name].with(i, (operands[name][i] ?? 0) + by) });
        const difference = (moved(1e-4) - moved(-1e-4)) / 2e-4;
        expect(results[`gradient/${name}`]?.data[i], `d${name}[${i}]`).toBeCloseTo(difference, 3);
      }
    }
    await executable.free();
  });
});

it('are less than 80 lines each', () => {
  const folder = join(repository, 'examples', 'kernels');
  for (const file of readdirSync(folder)) {
    const lines = readFileSync(join(folder, file), 'utf8').split('\n');
    const code = lines.filter((line) => !/^\s*(\/\/|\/?\*|$)/.test(line));
    expect(code.length, file).toBeLessThan(80);
  }
});
