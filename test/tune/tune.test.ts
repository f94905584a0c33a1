import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { withSchedules } from '../../src/runtime/device.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { type Tuned, tableOf, tuneSchedules } from '../../src/tune/tune.ts';

/** Two products of different classes, over a sum of dimensions that no single input tells. */
function twoProducts() {
  const b = new GraphBuilder('two', ops);
  const x = b.input('x', { dtype: 'f32', shape: ['time', 24] });
  const edge = b.input('edge', { dtype: 'f32', shape: [1, 24] });
  const y = b.input('y', { dtype: 'f32', shape: [24, 40] });
  const rows = b.one('concat', [edge, x], { axis: 0 });
  const first = b.matmul(rows, y);
  b.output('z', b.matmul(first, y, { transposeY: true }));
  return b.finish();
}

describe('tuning', () => {
  it('tunes every class of a graph once, each kernel alone', async () => {
    const device = interpreterDevice();
    const told: string[] = [];
    const tuned = await tuneSchedules(twoProducts(), {
      device,
      sizes: { time: 9 },
      seconds: 600,
      onTuned: ({ shapeClass }, left) => told.push(`${shapeClass}, ${left} left`),
    });
    expect(told).toEqual(['nn m n≤64 k≤32, 1 left', 'nt m n≤32 k≤64, 0 left']);
    for (const { kernel, milliseconds, builtInMilliseconds, tried } of tuned) {
      expect(kernel).toBe('matmul');
      expect(milliseconds).toBeLessThanOrEqual(builtInMilliseconds);
      expect(tried).toBeGreaterThan(0);
    }
  });

  it('makes a table of what beat the built-in schedules', () => {
    const found = { kernel: 'matmul', milliseconds: 1, builtInMilliseconds: 2, tried: 3 };
    const tuned: Tuned[] = [
      { ...found, shapeClass: 'nn m n≤64 k≤32', schedule: { tiles: { m: 8 } } },
      { ...found, shapeClass: 'nt m n≤32 k≤64', schedule: {} },
    ];
    expect(tableOf(tuned)).toEqual({ matmul: { 'nn m n≤64 k≤32': { tiles: { m: 8 } } } });
  });

  it('reaches every graph that is compiled for a device with schedules, and changes no result beyond rounding', async () => {
    const plain = interpreterDevice();
    const tuned = withSchedules(plain, { matmul: { 'nn n≤64': { tiles: { m: 8, k: 8 } } } });
    const data = (length: number) => Float32Array.from({ length }, (_, i) => Math.sin(i));
    const feeds = {
      x: { dtype: 'f32', shape: [9, 24], data: data(216) },
      edge: { dtype: 'f32', shape: [1, 24], data: data(24) },
      y: { dtype: 'f32', shape: [24, 40], data: data(960) },
    } as const;
    const [one, other] = await Promise.all(
      [plain, tuned].map(async (device) => (await compile(twoProducts(), { device })).executable),
    );
    const used = other?.program.schedules.find(({ shapeClass }) => shapeClass.startsWith('nn'));
    expect(used?.schedule.tiles).toMatchObject({ m: 8, k: 8 });
    expect(one?.program.schedules).not.toEqual(other?.program.schedules);
    const [z, w] = [(await one?.run(feeds))?.z?.data ?? [], (await other?.run(feeds))?.z?.data ?? []];
    expect(w.length).toBe(240);
    const worst = Math.max(...Array.from(w, (value, i) => Math.abs(value - Number(z[i]))));
    expect(worst).toBeLessThan(1e-4);
  });

  it('keeps the schedules of a device that is opened again', async () => {
    const table = { matmul: { '': { tiles: { m: 8 } } } };
    const lossy = { ...interpreterDevice(), reopen: async () => interpreterDevice() };
    expect((await withSchedules(lossy, table).reopen?.())?.schedules).toBe(table);
    expect(withSchedules(interpreterDevice(), table).reopen).toBeUndefined();
  });
});
