import { describe, expect, it } from 'vitest';
import { permutation } from '../../src/base/random.ts';
import {
  crossEntropy,
  f32,
  gather,
  gelu,
  graph,
  i32,
  layerNorm,
  linear,
  mean,
  normal,
} from '../../src/dsl/index.ts';
import { adamW } from '../../src/palm/optimizer.ts';
import { constant } from '../../src/palm/schedule.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { stepOf, updateFeeds } from '../support/step.ts';

/** Tells whether the sum of two tokens is odd: not linear in the tokens, so the hidden layer has to learn. */
const forward = () =>
  graph('parity', (g) => {
    const tokens = g.input('tokens', i32, ['batch', 2]);
    const labels = g.input('labels', i32, ['batch']);
    const table = g.parameter('embedding', f32, [8, 16], normal(0.5));
    const x = gather(table, tokens);
    const hidden = gelu(linear(layerNorm(mean(x, 1)), 32, { name: 'hidden' }));
    const logits = linear(hidden, 2, { name: 'out' });
    return { loss: mean(crossEntropy(logits, labels), 0), logits };
  });

describe('a training step', () => {
  it('learns on the interpreter, the same with and without passes', async () => {
    const optimizer = adamW({ rate: constant(0.02) });
    const { step, programs } = stepOf(forward().ir, { optimizer, clipNorm: 1 });
    const order = permutation(64, 3, 'order');
    const tokens = Int32Array.from({ length: 128 }, (_, i) => ((order[i >> 1] ?? 0) >> (3 * (i & 1))) & 7);
    const labels = Int32Array.from(
      { length: 64 },
      (_, i) => ((tokens[2 * i] ?? 0) + (tokens[2 * i + 1] ?? 0)) % 2,
    );
    const curves: number[][] = [];
    for (const disable of [[], ['fuseElementwise', 'fuseEpilogue', 'shareCommonSubexpressions']]) {
      const device = interpreterDevice();
      const state = new ModelState(device, layoutParameters([step]));
      await state.initialize(1);
      const { executable } = await compile(step, { state, disable, check: true });
      const losses: number[] = [];
      for (let i = 0; i < 150; i++) {
        const result = await executable.run(
          {
            tokens: { dtype: 'i32', shape: [64, 2], data: tokens },
            labels: { dtype: 'i32', shape: [64], data: labels },
            ...updateFeeds(programs, i),
          },
          { read: ['loss'] },
        );
        losses.push(Number(result.loss?.data[0]));
      }
      curves.push(losses);
    }
    const [fused, plain] = curves;
    expect(fused?.[0]).toBeGreaterThan(0.6);
    expect(fused?.at(-1)).toBeLessThan(0.05);
    for (let i = 0; i < 30; i++) expect(fused?.[i]).toBeCloseTo(plain?.[i] ?? Number.NaN, 4);
  });
});
