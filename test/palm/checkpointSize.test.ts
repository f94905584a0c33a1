import { describe, expect, test } from 'vitest';
import { palm } from '../../src/index.ts';
import { predictionGraph, trainingGraph } from '../../src/palm/graphs.ts';
import { encodeJson, graphRecord } from '../../src/palm/snapshot.ts';

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
