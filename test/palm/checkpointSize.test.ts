import { describe, expect, test } from 'vitest';
import { add, graph, palm } from '../../src/index.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { predictionGraph, trainingGraph } from '../../src/palm/graphs.ts';
import { checkConstants } from '../../src/palm/modelRecord.ts';
import { encodeJson, graphRecord } from '../../src/palm/record.ts';

const encoder = palm.defineBackbone({
  name: 'encoder',
  needs: { encoded: { dtype: 'f32', shape: ['batch', 'time', 2] } },
  gives: { encoded: { dtype: 'f32', shape: ['batch', 'time', 2] } },
  build: (_, { encoded }) => ({ encoded }),
});

/** What a checkpoint keeps of a tagger, as `model.json` holds it. */
function modelJson(tags: number): Uint8Array {
  const labels = ['O', ...Array.from({ length: tags - 1 }, (_, i) => `${i % 2 ? 'I' : 'B'}-type${i >> 1}`)];
  const head = palm.head.sequenceLabel({ labels });
  const tasks = [{ name: 'slots', head: head as palm.Head, weight: 1 }];
  const graphs = [trainingGraph, predictionGraph].map((build) =>
    graphRecord(build('tagger', encoder as unknown as palm.Backbone, tasks)),
  );
  return encodeJson({ graphs, tasks: [head.record] });
}

describe('what a checkpoint keeps of a tagger', () => {
  test.each([1001, 6501])('grows with the %i tags, not with their square', (tags) => {
    const beyond = modelJson(tags).length - modelJson(101).length;
    expect(beyond / (tags - 101)).toBeLessThan(100);
  });
});

test('constants that no checkpoint could hold are refused by name before training, and others are not', () => {
  const holding = (count: number) =>
    graph('table', (g) => {
      const table = g.scope('head', () => g.constant(new Float32Array(count), 'f32', [count]));
      return { y: add(table, 1) };
    }).ir;
  const small = holding(9);
  const setup = (prediction: Graph) => ({
    name: 'intent',
    sources: [{ forward: small, step: small }],
    inferences: [{ prediction }],
  });
  expect(() => checkConstants(setup(holding(4_000_001 - 18)))).toThrow(
    /^\[FROND-C014\] the graphs of intent hold 4000001 numbers as constants, a checkpoint keeps 4000000; 3999983 of them stand here\n {2}at node head\/constant \(.*checkpointSize.test.ts:\d+:\d+\)\n {2}hint: compute them in the graph from fewer, or keep them as a parameter that is not trained: \{ trainable: false \}$/,
  );
  checkConstants(setup(small));
});
