import { test } from 'vitest';
import { declare, graph, mean, reshape, slice } from '../../../src/dsl/index.ts';
import type { Backbone, Head } from '../../../src/palm/contract.ts';
import { anySize } from '../../../src/palm/contractCheck.ts';
import { defineBackbone, defineHead } from '../../../src/palm/define.ts';
import { inputsOf, predictionGraph } from '../../../src/palm/graphs.ts';
import * as head from '../../../src/palm/heads/index.ts';
import { expectGolden } from '../../support/goldens.ts';

const CLASSES = ['a', 'b', 'c', 'd', 'e'];
const PIECES = [...'abcdefghijk'];
const WIDTH = 8;

/** The loss of a head, all of its tensors fed. */
const lossOf = ({ needs, build, loss }: Head) =>
  graph('loss', (g) => {
    const all = Object.entries({ ...needs.backbone, ...needs.reader, ...needs.labels });
    const sized = all.map(([name, { dtype, shape }]) => {
      const given = name === 'table' ? [PIECES.length, WIDTH] : shape;
      return [name, { dtype, shape: given.map((dim) => (dim === anySize ? WIDTH : dim)) }] as const;
    });
    // the loss does not ask how many pieces each row has
    const specs = Object.fromEntries(sized.filter(([name]) => name !== 'maskCounts'));
    const inputs = inputsOf(g, specs, new Map());
    return { out: loss(g, { ...inputs, ...build(g, inputs) }) };
  });

const heads: Readonly<Record<string, unknown>> = {
  classify: head.classify({ classes: CLASSES }),
  classify_weighted: head.classify({
    classes: CLASSES,
    classWeights: { b: 0.5, c: 3, d: 0.25 },
    labelSmoothing: 0.2,
  }),
  classify_several: head.classify({ classes: CLASSES, multiLabel: true }),
  regress: head.regress(),
  match: head.match({ margin: 0.5 }),
  sequenceLabel_pieces: head.sequenceLabel({ labels: ['O', 'B-x', 'I-x'], pieces: true }),
  maskedLM: head.maskedLM({ vocabulary: PIECES }),
};

test.each(Object.entries(heads))(
  'the loss of %s agrees with PyTorch, gradients included',
  async (name, one) => {
    const file = new URL(`${name}.safetensors`, import.meta.url);
    await expectGolden(file, lossOf(one as Head));
  },
);

test('a mix of layers agrees with PyTorch, gradients included', async () => {
  const encoded = declare('f32', [3, 6, WIDTH]);
  const backbone = defineBackbone({
    name: 'layered',
    needs: { all: declare('f32', [3, 3, 6, WIDTH]) },
    gives: { encoded },
    build: (_, { all }) => ({ encoded: reshape(slice(all, 0, 2), [3, 6, WIDTH]), layers: all }),
  });
  const one = defineHead({
    name: 'mirror',
    needs: { backbone: { encoded } },
    build: (_, given) => given,
    loss: (_, given) => mean(given.encoded),
    decode: () => [],
    score: () => head.match().score(),
  });
  const task = { name: 'task', head: one as unknown as Head, weight: 1, mixLayers: true };
  const ir = predictionGraph('mix', backbone as unknown as Backbone, [task]);
  const out = ir.outputs['task.encoded'] ?? '';
  await expectGolden(new URL('layerMix.safetensors', import.meta.url), { ...ir, outputs: { out } });
});
