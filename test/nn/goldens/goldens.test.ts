import { expect, it } from 'vitest';
import { bool, f32, graph } from '../../../src/dsl/index.ts';
import { type EncoderOptions, encoder } from '../../../src/nn/index.ts';
import { expectGolden } from '../../support/goldens.ts';

const CASES: Readonly<Record<string, Partial<EncoderOptions>>> = {
  pre_gelu: {},
  post_gelu: { norm: 'post', epsilon: 1e-12 },
  post_geluTanh: { norm: 'post', activation: 'geluTanh', epsilon: 1e-12 },
  post_relu: { norm: 'post', activation: 'relu' },
  pre_tanh: { activation: 'tanh', epsilon: 1e-3 },
};

it.each(Object.entries(CASES))(
  'two layers agree with PyTorch, gradients included: %s',
  async (name, options) => {
    const model = graph('encoder', (g) => {
      const mask = g.input('mask', bool, [2, 5]);
      return {
        out: encoder(g.input('x', f32, [2, 5, 8]), { layers: 2, heads: 2, inner: 12, mask, ...options }),
      };
    });
    const norms = options.norm === 'post' ? 0 : 2;
    expect(Object.values(model.ir.nodes).filter(({ op }) => op === 'parameter')).toHaveLength(32 + norms);
    await expectGolden(new URL(`${name}.safetensors`, import.meta.url), model);
  },
);
