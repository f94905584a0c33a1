import { describe, expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { add, f32, graph, matmul, mul, normal, softmax, sum } from '../../src/dsl/index.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { passes } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { bytes, f32Value, numbers, strictDevice, wave } from './support.ts';

/** y = softmax(x w) rowwise, and the sum of x. */
const scores = () =>
  graph('scores', (g) => {
    const x = g.input('x', f32, ['batch', 3]);
    const w = g.parameter('w', f32, [3, 4], normal(1));
    return { y: softmax(matmul(x, w)), total: sum(x, [0, 1]) };
  }).ir;

const weights = Float32Array.from(wave(12, 2));

/** The same in plain loops. */
function expected(x: readonly number[]): { y: number[]; total: number } {
  const rows = Array.from({ length: x.length / 3 }, (_, r) => x.slice(3 * r, 3 * r + 3));
  const y = rows.flatMap((row) => {
    const logits = [0, 1, 2, 3].map((c) => row.reduce((s, v, k) => s + v * (weights[4 * k + c] ?? 0), 0));
    const all = logits.reduce((s, v) => s + Math.exp(v), 0);
    return logits.map((v) => Math.exp(v) / all);
  });
  return { y, total: x.reduce((s, v) => s + v, 0) };
}

async function prepared(ir: Graph = scores()) {
  const { device, usage } = strictDevice();
  const { executable } = await compile(ir, { device, check: true });
  if (executable.state.layout.entries.has('w')) await executable.state.write('w', weights);
  const run = async (batch: number): Promise<void> => {
    const x = wave(3 * batch, batch);
    const result = await executable.run({ x: f32Value([batch, 3], x) });
    const wanted = expected(x);
    expect(result.y?.shape).toEqual([batch, 4]);
    numbers(result.y).forEach((value, i) => {
      expect(value).toBeCloseTo(wanted.y[i] ?? Number.NaN, 5);
    });
    expect(Number(result.total?.data[0])).toBeCloseTo(wanted.total, 4);
  };
  return { executable, usage, run };
}

describe('an executable', () => {
  it('runs at many sizes; a size that it knows costs no new binding', async () => {
    const { run, usage } = await prepared();
    for (const batch of [64, 3, 1, 64, 17, 3]) await run(batch);
    expect(usage.binds).toBe(4);
    expect(usage.runs).toBe(6);
  });

  it('grows its memory, and never touches what it has outgrown', async () => {
    const { run, usage } = await prepared();
    for (const batch of [1, 30, 200, 1, 30, 700]) await run(batch);
    const grown = usage.live;
    const fresh = await prepared();
    await fresh.run(700);
    expect(grown).toBe(fresh.usage.live);
  });

  it('keeps the latest 64 bindings', async () => {
    const { run, usage } = await prepared();
    for (let batch = 70; batch > 0; batch--) await run(batch);
    expect(usage.binds).toBe(70);
    for (const batch of [1, 2, 64]) await run(batch);
    expect(usage.binds).toBe(70);
    await run(65);
    await run(70);
    expect(usage.binds).toBe(72);
  });

  it('gives its memory back, the state keeping its own, and can be run again', async () => {
    const { executable, run, usage } = await prepared();
    const before = usage.live;
    await run(9);
    expect(usage.live).toBeGreaterThan(before);
    await executable.free();
    expect(usage.live).toBe(before);
    await executable.free();
    await run(9);
    await run(50);
    await executable.free();
    executable.state.free();
    await executable.free();
    expect(usage.live).toBe(0);
  });

  it('frees only after the runs that were asked for', async () => {
    const { executable, run, usage } = await prepared();
    const running = [run(5), run(6)];
    const freed = executable.free();
    await Promise.all([...running, freed]);
    expect(usage.runs).toBe(2);
  });

  it('serialises runs that are asked for at once; one that fails does not hold up the others', async () => {
    const { executable, run, usage } = await prepared();
    const wrong = executable.run({ x: f32Value([2, 4], wave(8)) }).catch(() => 'refused');
    await Promise.all([run(2), run(40), wrong, run(2), run(7), run(100)]);
    expect(await wrong).toBe('refused');
    expect(usage.runs).toBe(5);
    expect(usage.overlapping).toBe(1);
  });

  it('reads back only what is asked for', async () => {
    const { executable } = await prepared();
    const result = await executable.run({ x: f32Value([1, 3], [1, 2, 3]) }, { read: ['total'] });
    expect(Object.keys(result)).toEqual(['total']);
    expect(numbers(result.total)).toEqual([6]);
  });

  it('takes an empty batch, and is right again afterwards', async () => {
    const { executable, run } = await prepared();
    const empty = await executable.run({ x: f32Value([0, 3], []) });
    expect(empty.y?.shape).toEqual([0, 4]);
    expect(numbers(empty.y)).toEqual([]);
    expect(numbers(empty.total)).toEqual([0]);
    await run(4);
    expect(numbers((await executable.run({ x: f32Value([0, 3], []) })).total)).toEqual([0]);
  });

  it('feeds inputs that nothing reads', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch']);
      g.input('unread', f32, ['batch', 2]);
      return { y: mul(x, 2) };
    }).ir;
    const { executable } = await prepared(model);
    const result = await executable.run({ x: f32Value([2], [1, 2]), unread: f32Value([2, 2], wave(4)) });
    expect(numbers(result.y)).toEqual([2, 4]);
  });

  it('gives inputs, parameters and constants as outputs', async () => {
    const model = graph('model', (g) => ({
      x: g.input('x', f32, ['batch']),
      w: g.parameter('w', f32, [3, 4], normal(1)),
      c: g.constant([1, 2], f32, [2]),
    })).ir;
    const { executable } = await prepared(model);
    const { x, w, c } = await executable.run({ x: f32Value([2], [5, 6]) });
    expect([numbers(x), numbers(w), numbers(c)]).toEqual([[5, 6], Array.from(weights), [1, 2]]);
  });

  it('fills constants of a named size anew when it grows', async () => {
    const b = new GraphBuilder('model', ops);
    const x = b.input('x', { dtype: 'f32', shape: ['batch'] });
    const c = b.constant(3, { dtype: 'f32', shape: ['batch', 5] });
    b.output('y', b.matmul(b.reshape(x, [1, 'batch']), c));
    const { executable, usage } = await prepared(b.finish());
    for (const batch of [2, 40, 3, 100, 2, 40]) {
      const result = await executable.run({ x: f32Value([batch], new Array(batch).fill(1)) });
      expect(numbers(result.y)).toEqual(new Array(5).fill(3 * batch));
    }
    await executable.free();
    expect(usage.live).toBe(0);
  });

  it('gives the same bytes every time, on every device of its kind', async () => {
    const results: string[] = [];
    for (let i = 0; i < 2; i++) {
      const { executable } = await compile(scores(), { device: interpreterDevice() });
      await executable.state.initialize(5);
      for (const batch of [33, 8, 33]) {
        const { y } = await executable.run({ x: f32Value([batch, 3], wave(3 * batch)) });
        if (batch === 33) results.push(bytes(y?.data));
      }
    }
    expect(new Set(results).size).toBe(1);
  });

  it('gives the same without any one pass, and in f32 what f64 gives', async () => {
    const feeds = { x: f32Value([5, 3], wave(15)) };
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 3]);
      const y = softmax(add(mul(x, 2), 0.5));
      return { y, z: add(mul(x, 2), y) };
    }).ir;
    const oracle = await compile(model, { device: interpreterDevice({ precision: 'f64' }) });
    const { y, z } = await oracle.executable.run(feeds);
    expect(y?.data).toBeInstanceOf(Float64Array);
    const choices = [[], ...passes.map(({ name }) => [name]), passes.map(({ name }) => name)];
    for (const disable of choices) {
      const { executable, passes: log } = await compile(model, { device: interpreterDevice(), disable });
      expect(log.map(({ pass }) => pass)).toEqual(
        passes.map(({ name }) => name).filter((name) => !disable.includes(name)),
      );
      const result = await executable.run(feeds);
      for (const [name, wanted] of [
        ['y', y],
        ['z', z],
      ] as const) {
        numbers(result[name]).forEach((value, i) => {
          expect(Math.abs(value - Number(wanted?.data[i])), `${name} without ${disable}`).toBeLessThan(2e-6);
        });
      }
    }
  });

  it('prepares each kernel once', async () => {
    const { device } = strictDevice();
    let prepared = 0;
    const prepare: typeof device.prepare = async (kernels) => {
      prepared += [...kernels].length;
      await device.prepare([]);
    };
    const { executable } = await compile(scores(), { device: { ...device, prepare } });
    const kernels = executable.program.nodes.flatMap(({ launches }) => launches.map(({ kernel }) => kernel));
    expect(prepared).toBe(new Set(kernels).size);
    expect(defined(kernels[0], 'kernel').name).toBeTypeOf('string');
  });
});
