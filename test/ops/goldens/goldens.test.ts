import { describe, expect, it } from 'vitest';
import { groupColumns } from '../../../kernels/gradientNorm.ts';
import {
  attention,
  bool,
  crossEntropy,
  f32,
  gelu,
  graph,
  i32,
  layerNorm,
  type Tensor,
} from '../../../src/dsl/index.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import type { Graph } from '../../../src/ir/graph.ts';
import * as nn from '../../../src/nn/index.ts';
import { ops } from '../../../src/ops/index.ts';
import { GROUPS, groupsFeed } from '../../../src/palm/groups.ts';
import { adamW } from '../../../src/palm/optimizer.ts';
import { constant } from '../../../src/palm/schedule.ts';
import { SHARES, sharesFeed } from '../../../src/palm/step.ts';
import { compile } from '../../../src/runtime/compile.ts';
import { interpreterDevice } from '../../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../../src/runtime/parameters.ts';
import { ModelState } from '../../../src/runtime/state.ts';
import { expectClose, expectGolden, fed, get, readGolden } from '../../support/goldens.ts';

const fileOf = (name: string): URL => new URL(`${name}.safetensors`, import.meta.url);

const check = (name: string, forward: Graph): Promise<void> => expectGolden(fileOf(name), forward);

describe('values of PyTorch', () => {
  it('layer norm', async () => {
    const forward = graph('layer_norm', (g) => ({
      out: layerNorm(g.input('x', f32, [5, 7, 24]), { name: 'norm' }),
    }));
    const renamed = JSON.parse(
      JSON.stringify(fed(forward.ir)).replaceAll('norm/gamma', 'gamma').replaceAll('norm/beta', 'beta'),
    ) as Graph;
    await check('layer_norm', renamed);
  });

  it('gelu', async () => {
    await check('gelu', graph('gelu', (g) => ({ out: gelu(g.input('x', f32, [11, 13])) })).ir);
  });

  it('cross-entropy', async () => {
    const forward = graph('ce', (g) => {
      const logits = g.input('logits', f32, [9, 14]);
      return { out: crossEntropy(logits, g.input('labels', i32, [9])) };
    });
    await check('cross_entropy', forward.ir);
  });

  it('attention with masked keys', async () => {
    const forward = graph('attention', (g) => {
      const [q, k, v] = ['q', 'k', 'v'].map((name) => g.input(name, f32, [3, 10, 32])) as [F, F, F];
      return { out: attention(q, k, v, { heads: 4, mask: g.input('mask', bool, [3, 10]) }) };
    });
    await check('attention', forward.ir);
  });

  it('a pre-norm encoder layer, forward and backward', async () => {
    const layer = graph('encoder_layer', (g) => {
      const mask = g.input('mask', bool, [2, 9]);
      return { out: nn.encoderBlock(g.input('x', f32, [2, 9, 16]), { heads: 4, inner: 40, mask }) };
    });
    const names: Record<string, string> = {
      'attentionNorm/gamma': 'gamma1',
      'attentionNorm/beta': 'beta1',
      'feedForwardNorm/gamma': 'gamma2',
      'feedForwardNorm/beta': 'beta2',
    };
    for (const [part, letter] of Object.entries({ query: 'q', key: 'k', value: 'v', output: 'o' })) {
      names[`attention/${part}/weight`] = `w${letter}`;
      names[`attention/${part}/bias`] = `b${letter}`;
    }
    for (const [part, digit] of Object.entries({ inner: '1', outer: '2' })) {
      names[`feedForward/${part}/weight`] = `w${digit}`;
      names[`feedForward/${part}/bias`] = `b${digit}`;
    }
    let text = JSON.stringify(fed(layer.ir));
    for (const [ours, theirs] of Object.entries(names)) text = text.replaceAll(`"${ours}"`, `"${theirs}"`);
    const renamed = JSON.parse(text) as Graph;
    expect(renamed.inputs).toHaveLength(18);
    await check('encoder_layer', renamed);
  });

  it('AdamW with decay and clipping, five steps', async () => {
    const tensors = readGolden(fileOf('adam_w'));
    const builder = new GraphBuilder('adam_w', ops);
    const shapes = [[6, 50], [17]];
    const gradients = shapes.map((shape, i) => {
      builder.parameter(`p${i}`, { dtype: 'f32', shape }, { initializer: { kind: 'zeros' } });
      return builder.input(`g${i}`, { dtype: 'f32', shape });
    });
    const optimizer = adamW({ rate: constant(1e-2) });
    const shares = builder.input(SHARES, { dtype: 'f32', shape: [1] });
    const token = builder.one('accumulate', [shares, ...gradients], { gradients: ['p0', 'p1'] });
    const groups = builder.input(GROUPS, { dtype: 'f32', shape: [2, groupColumns] });
    const attributes = { parameters: ['p0', 'p1'], groups: [0, 1], ...optimizer.settings };
    const norm = builder.one('adamW', [groups, token], attributes);
    builder.effect(norm);
    builder.output('norm', norm);
    const group = { rate: 1, schedule: optimizer.rate, clipNorm: 1, freeze: 0, sources: [0] };
    const settings = {
      groups: [0.01, 0].map((decay) => ({ ...group, decay })),
      ...{ optimizer, average: undefined },
    };
    const graph = builder.finish();
    const state = new ModelState(interpreterDevice(), layoutParameters([graph]));
    const { executable } = await compile(graph, { state, check: true });
    for (const i of [0, 1]) await state.write(`p${i}`, get(tensors, `start.${i}`).data);
    for (let step = 0; step < 5; step++) {
      const { norm: length } = await executable.run({
        g0: get(tensors, `gradient.${step}.0`),
        g1: get(tensors, `gradient.${step}.1`),
        ...groupsFeed(settings, { source: 0, done: [step], totals: [5] }),
        ...sharesFeed(true, []),
      });
      expect(length?.data[0]).toBeCloseTo(get(tensors, `norm.${step}`).data[0] ?? 0, 4);
      for (const i of [0, 1])
        expectClose(await state.read(`p${i}`), get(tensors, `after.${step}.${i}`), `p${i} after ${step}`);
    }
  });
});

type F = Tensor<'f32', [3, 10, 32]>;
