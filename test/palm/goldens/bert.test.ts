import { describe, expect, expectTypeOf, it } from 'vitest';
import { concat, graph, type Outputs, reshape, type Tensor } from '../../../src/dsl/index.ts';
import { bert, bertConfig } from '../../../src/palm/backbone.ts';
import type { Backbone } from '../../../src/palm/contract.ts';
import { inputsOf } from '../../../src/palm/graphs.ts';
import { expectGolden } from '../../support/goldens.ts';
import { messageOf } from '../../support/message.ts';

const SIZES = { vocabulary: 11, width: 8, layers: 2, heads: 2, inner: 12, maximumLength: 9 } as const;

/** What a backbone gives on batches of 3 × 6, the sentence behind the pieces. */
const encodedBy = (backbone: Backbone) =>
  graph('bert', (g) => {
    const fixed = Object.entries(backbone.needs).map(
      ([name, { dtype }]) => [name, { dtype, shape: [3, 6] }] as const,
    );
    const built: Outputs = backbone.build(g, inputsOf(g, Object.fromEntries(fixed), new Map()));
    const { encoded, sentence } = built as {
      encoded: Tensor<'f32', [3, 6, 8]>;
      sentence: Tensor<'f32', [3, 8]>;
    };
    return { out: concat([encoded, reshape(sentence, [3, 1, 8])], 1) };
  });

describe('bert', () => {
  it.each([
    ['bert', bert(SIZES)],
    ['ernie', bert({ ...SIZES, taskTypes: 3 })],
  ] as const)('agrees with PyTorch, gradients included: %s', async (name, backbone) => {
    await expectGolden(new URL(`${name}.safetensors`, import.meta.url), encodedBy(backbone as Backbone));
  });

  it('needs task ids where it has a table for them, which the compiler knows', () => {
    const [plain, ernie] = [bert(SIZES), bert({ ...SIZES, taskTypes: 3 })];
    expect(Object.keys(plain.needs)).toEqual(['tokens', 'positions', 'segments', 'mask']);
    expect(Object.keys(ernie.needs)).toEqual(['tokens', 'positions', 'segments', 'mask', 'tasks']);
    expectTypeOf<keyof (typeof plain)['needs']>().toEqualTypeOf<
      'tokens' | 'positions' | 'segments' | 'mask'
    >();
    expectTypeOf<(typeof ernie)['needs']['tasks']['dtype']>().toEqualTypeOf<'i32'>();
    expectTypeOf<(typeof plain)['gives']['table']['shape']>().toEqualTypeOf<[11, 8]>();
  });

  it('draws weights from a truncated normal distribution, and drops out where BERT does', () => {
    const { ir } = graph(
      'bert',
      (g) => bert(SIZES).build(g, inputsOf(g, bert(SIZES).needs, new Map()) as never),
      {
        training: true,
      },
    );
    const nodes = Object.values(ir.nodes);
    const weights = nodes.filter(({ op, types }) => op === 'parameter' && types[0]?.shape.length === 2);
    expect(weights).toHaveLength(16);
    for (const { attributes } of weights)
      expect(attributes.initializer).toEqual({ kind: 'truncatedNormal', deviation: 0.02 });
    const rates = nodes.flatMap(({ attributes }) => attributes.rate ?? []);
    expect(rates).toEqual([0.1, ...Array(6).fill(0.1)]);
  });

  it('reads configurations of published models', () => {
    expect(
      bertConfig({
        architectures: ['BertForMaskedLM'],
        vocab_size: 30522,
        hidden_size: 768,
        num_hidden_layers: 12,
        num_attention_heads: 12,
        hidden_act: 'gelu_new',
        type_vocab_size: 2,
      }),
    ).toEqual({
      vocabulary: 30522,
      width: 768,
      layers: 12,
      heads: 12,
      inner: 3072,
      maximumLength: 512,
      segments: 2,
      taskTypes: undefined,
      activation: 'geluTanh',
      dropout: 0.1,
      attentionDropout: 0.1,
      deviation: 0.02,
      epsilon: 1e-12,
    });
    const ernie = { vocab_size: 18000, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
    const tasks = (more: object) => bertConfig({ ...ernie, ...more }).taskTypes;
    expect(tasks({ task_type_vocab_size: 16 })).toBe(16);
    expect(tasks({ task_type_vocab_size: 16, use_task_id: false })).toBeUndefined();
    expect(tasks({ use_task_emb: true })).toBeUndefined();
    expect(bertConfig({ ...ernie, sent_type_vocab_size: 4, hidden_act: 'relu' })).toMatchObject({
      segments: 4,
      activation: 'relu',
    });
  });

  it('names the key of a configuration that is wrong', async () => {
    const config = { vocab_size: 9, hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 };
    expect(await messageOf(() => bertConfig({ ...config, hidden_act: 'swish' }))).toMatch(
      /FROND-T002.*hidden_act/,
    );
    expect(await messageOf(() => bertConfig({ ...config, hidden_size: 'x' }))).toMatch(
      /FROND-T002.*hidden_size/,
    );
    expect(await messageOf(() => bertConfig({ vocab_size: 9 }))).toMatch(/FROND-T002.*hidden_size/);
  });
});
