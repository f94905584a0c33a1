import { describe, expect, it } from 'vitest';
import {
  add,
  crossEntropy,
  exp,
  f32,
  graph,
  i32,
  linear,
  matmul,
  mean,
  mul,
  ones,
  softmax,
  sub,
  sum,
} from '../../src/dsl/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { ARENA_BLOCKS } from '../../src/ir/record.ts';
import * as nn from '../../src/nn/index.ts';
import { ops } from '../../src/ops/index.ts';
import { adam, constantRate } from '../../src/palm/index.ts';
import { buildStep } from '../../src/palm/step.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { printFusion, reportFusion, reportProgram } from '../../src/runtime/report.ts';
import { schedulesOf } from '../../src/runtime/schedules.ts';
import { classifier } from './training.ts';

const FUSION = ['fuseElementwise', 'fuseEpilogue'];

async function report(ir: Graph, sizes: Record<string, number>, disable: readonly string[] = []) {
  const { executable } = await compile(ir, { device: interpreterDevice(), disable });
  return reportProgram(executable.program, ops, sizes);
}

describe('reportProgram', () => {
  it('counts a product by hand', async () => {
    const product = graph('model', (g) => ({
      y: matmul(g.input('x', f32, ['batch', 64]), g.parameter('w', f32, [64, 32], ones())),
    })).ir;
    for (const batch of [1, 48]) {
      expect(await report(product, { batch })).toEqual({
        launches: 1,
        kernels: 1,
        flops: 2 * batch * 64 * 32,
        bytesMoved: 4 * (batch * 64 + 64 * 32 + batch * 32),
        peakBytes: Math.ceil((4 * batch * 32) / 256) * 256,
        unsharedBytes: Math.ceil((4 * batch * 32) / 256) * 256,
      });
    }
  });

  it('counts a chain by hand, with and without fusion', async () => {
    // e and s live at once, then s and d; fused, the chain is one kernel from x to y
    const chain = graph('model', (g) => {
      const x = g.input('x', f32, ['n']);
      const e = exp(x);
      const s = mul(e, e);
      return { y: sub(s, x) };
    }).ir;
    const words = 1000;
    const tensor = 4096; // 4,000 bytes in blocks of 256
    expect(await report(chain, { n: words }, FUSION)).toMatchObject({
      launches: 3,
      kernels: 3,
      bytesMoved: 4 * words * (2 + 3 + 3),
      peakBytes: 2 * tensor,
      unsharedBytes: 3 * tensor,
    });
    expect(await report(chain, { n: words })).toMatchObject({
      launches: 1,
      kernels: 1,
      bytesMoved: 4 * words * 2,
      peakBytes: tensor,
      unsharedBytes: tensor,
    });
  });

  it('leaves out launches of an empty grid', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['n', 4]);
      return { y: softmax(add(x, 1)), total: sum(x, [0, 1]) };
    }).ir;
    const [full, empty] = [await report(model, { n: 3 }), await report(model, { n: 0 })];
    expect(empty.launches).toBeLessThan(full.launches);
    expect(empty.flops).toBe(0);
  });

  it('sees that fusion saves launches, traffic and memory in a training step', async () => {
    const sizes = { batch: 16, time: 12, [ARENA_BLOCKS]: 10 };
    const [fused, plain] = await Promise.all(
      [[], FUSION].map(async (disable) =>
        reportProgram((await classifier({ disable })).executable.program, ops, sizes),
      ),
    );
    expect(fused?.launches).toBeLessThan(plain?.launches ?? 0);
    expect(fused?.bytesMoved).toBeLessThan(plain?.bytesMoved ?? 0);
    expect(fused?.peakBytes).toBeLessThanOrEqual(plain?.peakBytes ?? 0);
    expect(fused?.unsharedBytes).toBeLessThan(plain?.unsharedBytes ?? 0);
    expect(fused?.peakBytes).toBeLessThan(0.7 * (fused?.unsharedBytes ?? 0));
  });

  it('plans an encoder step of four layers within 60 % of what all intermediates take unfused', () => {
    const forward = graph(
      'step',
      (g) => {
        const x = g.input('x', f32, ['batch', 'time', 64]);
        const encoded = nn.encoder(x, { layers: 4, heads: 4, inner: 256 });
        return { loss: mean(crossEntropy(linear(encoded, 16), g.input('labels', i32, ['batch', 'time']))) };
      },
      { training: true },
    );
    const optimizer = adam({ rate: constantRate(1e-3) });
    const step = buildStep(forward.ir, { optimizer, weightDecay: 0.01 });
    const sizes = { batch: 16, time: 32, [ARENA_BLOCKS]: 1000 };
    const report = reportFusion(step, ops, sizes, schedulesOf('wasm'));
    expect(report.unfused.launches).toBeGreaterThan(50 * 4);
    expect(report.peakShare).toBeLessThan(0.6);
    expect(report.fused.launches).toBeLessThanOrEqual(34 * 4 + 40);
    expect(report.fused.bytesMoved).toBeLessThan(report.unfused.bytesMoved);
    const text = printFusion(report);
    expect(text).toContain(`launches ${String(report.fused.launches).padStart(22)}   unfused`);
    expect(text).toMatch(/peak is \d+ % of all/);
  });
});
