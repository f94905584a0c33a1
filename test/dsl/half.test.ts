import { describe, expect, test } from 'vitest';
import * as frond from '../../src/dsl/index.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';
import { expectClose } from '../support/arrays.ts';

const { f16, f32, graph, i32 } = frond;

/** The compiler knows the element type that the op gives: `dtype` is not where it is inferred from. */
function gives<D extends frond.DType>(tensor: frond.Tensor<D, frond.Shape>, dtype: NoInfer<D>): void {
  expect(tensor.dtype).toBe(dtype);
}

describe('types and run time agree on what becomes of f16', () => {
  test('element-wise functions, copies and averages keep it', () => {
    graph('keep', (g) => {
      const x = g.input('x', f16, ['batch', 4]);
      const ids = g.input('ids', i32, ['batch']);
      gives(frond.tanh(x), f16);
      gives(frond.mul(x, 0.1), f16);
      gives(frond.where(frond.less(x, 0), x, 0), f16);
      gives(frond.dropout(x, 0.1), f16);
      gives(frond.mean(x), f16);
      gives(frond.max(x, 1), f16);
      gives(frond.sum(x, 0), f16);
      gives(frond.slice(x, 1, 1, 2), f16);
      gives(frond.concat([x, x], 1), f16);
      gives(frond.argmax(x), i32);
      return { y: ids };
    });
  });

  test('products, norms, distributions and losses give f32', () => {
    graph('widen', (g) => {
      const x = g.input('x', f16, ['batch', 'time', 4]);
      const ids = g.input('ids', i32, ['batch', 'time']);
      gives(frond.matmul(x, g.input('w', f16, [4, 3])), f32);
      gives(frond.linear(x, 3), f32);
      gives(frond.layerNorm(x), f32);
      gives(frond.softmax(x), f32);
      gives(frond.logSoftmax(x), f32);
      gives(frond.crossEntropy(x, ids), f32);
      gives(frond.gather(g.input('table', f16, [5, 3]), ids), f32);
      gives(frond.attention(x, x, x, { heads: 2 }), f32);
      gives(
        frond.einsum(
          'batch time i, batch other i -> batch time other',
          x,
          g.input('z', f16, ['batch', 'other', 4]),
        ),
        f32,
      );
      return { y: ids };
    });
  });

  test('operands of f16 and f32 together are refused in the same words', () => {
    graph('mixed', (g) => {
      const x = g.input('x', f16, ['batch', 4]);
      // @ts-expect-error matmul: operands are f16 and f32
      expect(() => frond.matmul(x, g.input('w', f32, [4, 3]))).toThrow('matmul: operands are f16 and f32');
      // @ts-expect-error add: operands are f16 and f32
      expect(() => frond.add(x, g.input('z', f32, ['batch', 4]))).toThrow('add: operands are f16 and f32');
      return { y: x };
    });
  });
});

test('a layer on f16 trains: its loss and gradients are those in f32 but for the rounding of f16', async () => {
  const results = async (dtype: 'f16' | 'f32') => {
    const model = graph('layer', (g) => {
      const x = g.input('x', dtype, ['batch', 4]);
      const hidden = frond.tanh(frond.linear(frond.relu(x), 3));
      return { loss: frond.mean(frond.crossEntropy(hidden, g.input('labels', i32, ['batch']))) };
    });
    const { graph: step, gradients } = differentiate(model, ops, { loss: 'loss' });
    const outputs = { ...step.outputs, gradient: Object.values(gradients)[0] ?? '' };
    const state = new ModelState(interpreterDevice(), layoutParameters([step]));
    await state.initialize(1);
    const { executable } = await compile({ ...step, outputs }, { state });
    const data = [0.1, -0.7, 1.3, 0.4, 0.9, 0.2, -0.3, 2.1];
    const { loss, gradient } = await executable.run({
      x: { dtype, shape: [2, 4], data },
      labels: { dtype: i32, shape: [2], data: [0, 2] },
    });
    return [...Array.from(loss?.data ?? []), ...Array.from(gradient?.data ?? [])];
  };
  const [half, full] = [await results(f16), await results(f32)];
  expect(full.length).toBe(1 + 4 * 3);
  expectClose(half, full, { absolute: 1e-3, relative: 1e-3 });
});
