import { expect, test } from 'vitest';
import { printWgsl } from '../../src/backend/wgsl/index.ts';
import { crossEntropy, f32, graph, i32, linear, mean } from '../../src/dsl/index.ts';
import { assertKernel } from '../../src/kernel/check.ts';
import { encoder } from '../../src/nn/index.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { arenasFor } from '../support/arenas.ts';

/** The gradients of a training step, dropout in every place that an encoder has. */
function step() {
  const { ir } = graph(
    'step',
    (g) => {
      const x = encoder(g.input('x', f32, ['batch', 'time', 16]), {
        layers: 1,
        heads: 2,
        inner: 24,
        dropout: 0.3,
      });
      return { loss: mean(crossEntropy(linear(x, 5), g.input('labels', i32, ['batch', 'time']))) };
    },
    { training: true },
  );
  const { graph: backward, gradients } = differentiate(ir, ops, { loss: 'loss' });
  const named = Object.entries(gradients).map(([name, ref]) => [`d/${name}`, ref]);
  return { ...backward, outputs: { ...backward.outputs, ...Object.fromEntries(named) } };
}

test('dropout joins fused kernels: the same masks, legal everywhere, no kernel of its own in the forward part', async () => {
  const whole = step();
  const [batch, time] = [3, 5];
  const feeds = {
    x: {
      dtype: 'f32' as const,
      shape: [batch, time, 16],
      data: Float64Array.from({ length: batch * time * 16 }, (_, i) => Math.sin(i)),
    },
    labels: {
      dtype: 'i32' as const,
      shape: [batch, time],
      data: Int32Array.from({ length: batch * time }, (_, i) => i % 5),
    },
    'random.key': { dtype: 'u32' as const, shape: [2], data: Uint32Array.of(3, 4) },
  };
  const run = async (disable: readonly string[]) => {
    const { executable } = await compile(whole, {
      device: interpreterDevice({ precision: 'f64' }),
      disable,
      check: true,
    });
    await executable.state.initialize(7);
    return { executable, values: await executable.run(feeds) };
  };
  const fused = await run([]);
  const plain = await run(['fuseElementwise', 'fuseEpilogue']);
  for (const [name, { data }] of Object.entries(plain.values)) {
    const got = Array.from(fused.values[name]?.data ?? []);
    Array.from(data).forEach((value, i) => {
      expect(Math.abs((got[i] ?? Number.NaN) - value)).toBeLessThan(1e-12);
    });
  }
  const { nodes } = fused.executable.program;
  expect(nodes.some(({ node }) => node.op === 'dropout' && node.phase === 'forward')).toBe(false);
  for (const { kernel } of nodes.flatMap(({ launches }) => launches)) {
    assertKernel(kernel);
    expect(printWgsl(kernel, { arenas: arenasFor(kernel) }).code).toContain('@compute');
  }
});
