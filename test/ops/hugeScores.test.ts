import { describe, expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { wasmDevice } from '../../src/runtime/wasm/device.ts';
import { outcomesOn } from '../runtime/agreement/agree.ts';
import { draw } from './run.ts';

/** Beside it f32 holds halves only: a logarithm that is added to it is lost. */
const HUGE = 2 ** 22;

describe.each([
  ['interpreter', () => interpreterDevice()],
  ['wasm', () => wasmDevice({ threads: 1 })],
] as const)('on %s', (_name, open) => {
  /** Results of a graph whose inputs are fed with what is given. */
  async function run(
    inputs: Readonly<Record<string, { readonly shape: readonly number[]; readonly data: readonly number[] }>>,
    build: (b: GraphBuilder, refs: Readonly<Record<string, Ref>>) => Readonly<Record<string, Ref>>,
    wrt: string,
  ) {
    const b = new GraphBuilder('huge', ops);
    const refs = Object.fromEntries(
      Object.entries(inputs).map(([name, { shape }]) => [name, b.input(name, { dtype: 'f32', shape })]),
    );
    const outputs = build(b, refs);
    for (const [name, ref] of Object.entries(outputs)) b.output(name, ref);
    const of = defined(refs[wrt], wrt);
    const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt: [of] });
    const device = open();
    const all = { ...graph.outputs, gradient: defined(gradients[of], 'gradient') };
    const feeds = Object.entries(inputs).map(([name, value]) => [name, { dtype: 'f32', ...value }] as const);
    const [got] = await outcomesOn(device, { ...graph, outputs: all }, [Object.fromEntries(feeds)]);
    await device.close();
    if (got === undefined || typeof got === 'string') return expect.fail(String(got));
    return (name: string): number[] => Array.from(defined(got[name], name).data);
  }

  it('the gradient of cross-entropy is the probabilities minus the label', async () => {
    const logits = { shape: [2, 3], data: [HUGE, HUGE - 1, HUGE - 2, -HUGE, 1 - HUGE, -HUGE] };
    const got = await run(
      { logits },
      (b, { logits: x }) => {
        const labels = b.constant([0, 1], { dtype: 'i32', shape: [2] });
        const [loss] = b.op('crossEntropy', [defined(x, 'logits'), labels]);
        return { loss: b.sum(defined(loss, 'loss'), [0]) };
      },
      'logits',
    );
    const [a, c] = [1 + Math.exp(-1) + Math.exp(-2), 2 * Math.exp(-1) + 1].map((total) => 1 / total) as [
      number,
      number,
    ];
    const wanted = [a - 1, a * Math.exp(-1), a * Math.exp(-2), c * Math.exp(-1), c - 1, c * Math.exp(-1)];
    got('gradient').forEach((x, i) => {
      expect(x).toBeCloseTo(wanted[i] ?? 0, 6);
    });
  });

  it('the gradient for the values of attention has the probabilities of the forward', async () => {
    const time = 37;
    // three wide: the scale is no power of two, so that the order of roundings shows
    const random = (name: string) => ({
      shape: [1, time, 3],
      data: draw(time * 3, name, 1, [-1, 1]).map((x) => x * 1000),
    });
    const values = { shape: [1, time, 3], data: draw(time * 3, 'v', 1, [-1, 1]) };
    const upstream = { shape: [1, time, 3], data: draw(time * 3, 'dout', 1, [0.5, 1]) };
    const got = await run(
      { q: random('q'), k: random('k'), v: values, dout: upstream },
      (b, { q, k, v, dout }) => {
        const operands = [q, k, v].map((ref) => defined(ref, 'operand'));
        const out = defined(b.op('attention', operands, { heads: 1 })[0], 'out');
        const product = b.mul(out, defined(dout, 'dout'));
        return { product, loss: b.sum(product, [0, 1, 2]) };
      },
      'v',
    );
    // out is linear in v: Σ dv ∘ v = Σ out ∘ dout, column by column
    const sumsOf = (data: readonly number[]) =>
      [0, 1, 2].map((column) => data.filter((_, i) => i % 3 === column).reduce((x, y) => x + y, 0));
    const [back, forth] = [
      sumsOf(got('gradient').map((x, i) => x * (values.data[i] ?? 0))),
      sumsOf(got('product')),
    ];
    back.forEach((x, i) => {
      expect(x).toBeCloseTo(forth[i] ?? 0, 4);
    });
    // each query's probabilities sum up to 1, so that a column of dv sums up to that of dout
    sumsOf(got('gradient')).forEach((x, i) => {
      expect(x).toBeCloseTo(sumsOf(upstream.data)[i] ?? 0, 4);
    });
  });

  it('attention takes scores below −1e30 for scores', async () => {
    const one = (value: number, count: number) => ({
      shape: [1, count, 1],
      data: new Array<number>(count).fill(value),
    });
    const got = await run(
      { q: one(-1e20, 1), k: one(2e11, 2), v: { shape: [1, 2, 1], data: [1, 3] } },
      (b, { q, k, v }) => {
        const operands = [q, k, v].map((ref) => defined(ref, 'operand'));
        const [out] = b.op('attention', operands, { heads: 1 });
        return { loss: b.sum(defined(out, 'out'), [0, 1, 2]) };
      },
      'v',
    );
    expect([...got('loss'), ...got('gradient')]).toEqual([2, 0.5, 0.5]);
  });
});
