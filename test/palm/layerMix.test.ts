import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { declare, f32, interpreterDevice, loadLatest, mean, palm, readSafetensors } from '../../src/index.ts';
import { predictionGraph, trainingGraph } from '../../src/palm/graphs.ts';
import { bytesIn } from '../store/support/bytes.ts';
import { fed } from '../support/goldens.ts';
import { messageOf } from '../support/message.ts';
import { runGraph } from '../support/run.ts';
import { tinyBackbone, tinyReader } from './support/tiny.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'frond-mix-'));
});
afterAll(() => rm(folder, { recursive: true }));

/** A head that gives what it takes. */
const mirror = palm.defineHead({
  name: 'mirror',
  needs: { backbone: { encoded: declare(f32, ['batch', 'time', 2]) } },
  build: (_, { encoded }) => ({ encoded }),
  loss: (_, { encoded }) => mean(encoded),
  decode: ({ encoded }) => [encoded],
  score: () => palm.metrics.mean({ none: () => 0 }),
}) as unknown as palm.Head;

/** A backbone whose layers are fed. */
const layered = (depth: number): palm.Backbone =>
  palm.defineBackbone({
    name: 'layered',
    needs: { all: declare(f32, [depth, 'batch', 'time', 2]), last: declare(f32, ['batch', 'time', 2]) },
    gives: { encoded: declare(f32, ['batch', 'time', 2]) },
    build: (_, { all, last }, isMixed) => ({ encoded: last, ...(isMixed && { layers: all }) }),
  }) as unknown as palm.Backbone;

describe('a mix of layers', () => {
  const task = { name: 'task', head: mirror, weight: 1, mixLayers: true };

  it('is γ Σ softmax(w) h', async () => {
    const graph = fed(predictionGraph('mix', layered(3), [task]));
    const all = Array.from({ length: 3 * 4 }, (_, i) => Math.sin(i));
    const [w, scale] = [[0.3, -1, 0.5], 1.7];
    const tensor = (data: readonly number[], ...shape: number[]) => ({ dtype: 'f32' as const, shape, data });
    const given = { all: tensor(all, 3, 1, 2, 2), last: tensor(all.slice(8), 1, 2, 2) };
    const parameters = { 'task/mix/weights': tensor(w, 3), 'task/mix/scale': tensor([scale], 1) };
    const found = await runGraph(graph, { ...given, ...parameters }, { precision: 'f64' });
    const total = w.reduce((sum, one) => sum + Math.exp(one), 0);
    const wanted = [0, 1, 2, 3].map((i) =>
      w.reduce((sum, one, layer) => sum + ((scale * Math.exp(one)) / total) * (all[4 * layer + i] ?? 0), 0),
    );
    const mixed = found['task.encoded']?.data ?? [];
    for (const [i, value] of wanted.entries()) expect(mixed[i]).toBeCloseTo(value, 12);
  });

  it('is that of the task alone which asks for it, and costs nothing where none does', () => {
    const others = [{ name: 'plain', head: mirror, weight: 1 }];
    const both = trainingGraph('both', layered(3), [task, ...others]);
    const names = Object.values(both.nodes).flatMap(({ op, id }) => (op === 'parameter' ? [id] : []));
    expect(names.sort()).toEqual(['task/mix/scale', 'task/mix/weights']);
    const nodes = Object.values(trainingGraph('plain', layered(3), others).nodes);
    expect(nodes.map(({ op }) => op).sort()).toEqual(['input', 'input', 'input', 'mean', 'mul']);
  });

  it('is refused of a backbone that has no layers to give', async () => {
    const { build: _, ...flat } = layered(3);
    const bag = { ...flat, build: () => ({}) } as unknown as palm.Backbone;
    const plain = { ...bag, build: (_: unknown, { last }: { last: unknown }) => ({ encoded: last }) };
    expect(await messageOf(() => trainingGraph('x', plain as unknown as palm.Backbone, [task]))).toBe(
      `[FROND-C001] task task mixes layers, which backbone layered does not give
  hint: leave mixLayers out, or let build give them where it is told to`,
    );
  });

  it('learns with its task, in the compact encoder and in BERT, and is loaded', async () => {
    const reader = tinyReader();
    const trainers = ['intent', 'slots'].map((name) =>
      palm.trainer(name, name === 'intent' ? { mixLayers: true } : {}),
    );
    const [intent, slots] = trainers as [palm.Trainer, palm.Trainer];
    const backbone = tinyBackbone(reader);
    intent.buildForward(backbone, palm.head.classify({ classes: reader.intents.names }));
    slots.buildForward(backbone, palm.head.sequenceLabel({ labels: reader.tags.names }));
    const both = palm.multiHeadTrainer([intent, slots], { device: interpreterDevice() });
    both.buildForward();
    both.buildBackward({ optimizer: palm.adamW({ rate: palm.constantRate(0.01) }) });
    both.fitReader(reader, { epochs: 6, batchSize: 4 });
    await both.train();
    const checkpoint = await both.save(folder);
    const files = await bytesIn(await loadLatest(join(folder, 'checkpoints')));
    const { tensors } = readSafetensors(files.get('weights.safetensors') ?? new Uint8Array(), checkpoint);
    const weights = new Float32Array(
      tensors.get('intent/mix/weights')?.bytes.slice().buffer ?? new ArrayBuffer(0),
    );
    expect(weights).toHaveLength(2);
    for (const weight of weights) expect(Math.abs(weight)).toBeGreaterThan(0.001);
    expect([...tensors.keys()].some((name) => name.startsWith('slots/mix'))).toBe(false);
    const text = 'fly to rome';
    const predicted = await both.predict([text]);
    await both.close();
    const predictor = await palm.Predictor.load(folder, { device: interpreterDevice() });
    expect(await predictor.predict([text])).toEqual(predicted);
    predictor.free();

    const bert = palm.backbone.bert({
      vocabulary: 9,
      width: 4,
      layers: 2,
      heads: 1,
    }) as unknown as palm.Backbone;
    const head = palm.head.sequenceLabel({ labels: ['O', 'B-x'] }) as unknown as palm.Head;
    const { nodes } = trainingGraph('bert', bert, [{ ...task, head }]);
    expect(nodes['task/mix/weights']?.types[0]?.shape).toEqual([3]);
  });
});
