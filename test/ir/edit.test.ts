import { describe, expect, test } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { applyEdit, diffGraphs, edit } from '../../src/ir/edit.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, runPasses } from '../../src/passes/index.ts';
import { randomGraph } from '../support/randomGraph.ts';

function chain(): Graph {
  const b = new GraphBuilder('chain', ops);
  b.source = { file: 'chain.ts', line: 2 };
  const x = b.input('x', { dtype: 'f32', shape: ['batch', 4] });
  b.output('y', b.exp(b.neg(x)));
  return b.finish();
}

describe('edit', () => {
  test('gives the edited graph, patches that make it and patches that undo it; the old graph stays', () => {
    const before = chain();
    const copy = structuredClone(before);
    const { graph, patches, inverse } = edit(
      before,
      (draft) => {
        const { exp } = draft.nodes;
        if (exp) exp.op = 'tanh';
      },
      ops,
    );
    expect(before).toEqual(copy);
    expect(graph.nodes.exp?.op).toBe('tanh');
    expect(graph.nodes.neg).toBe(before.nodes.neg);
    expect(patches).toEqual([{ op: 'replace', path: ['nodes', 'exp', 'op'], value: 'tanh' }]);
    expect(applyEdit(before, patches, ops)).toEqual(graph);
    expect(applyEdit(graph, inverse, ops)).toEqual(before);
  });

  test('patches are plain data: they survive JSON', () => {
    const before = chain();
    const { graph, patches, inverse } = edit(
      before,
      (draft) => {
        const neg = draft.nodes.neg;
        if (neg) draft.nodes.tanh = { ...neg, id: 'tanh', op: 'tanh', inputs: ['x'] };
        delete draft.nodes.neg;
        if (draft.nodes.exp) draft.nodes.exp.inputs = ['tanh'];
      },
      ops,
    );
    const revive = (value: unknown): typeof patches => JSON.parse(JSON.stringify(value));
    expect(applyEdit(before, revive(patches), ops)).toEqual(graph);
    expect(applyEdit(graph, revive(inverse), ops)).toEqual(before);
  });

  test('refuses an edit that makes the graph illegal, with node and source line', () => {
    const before = chain();
    const run = (): unknown =>
      edit(
        before,
        (draft) => {
          delete draft.nodes.neg;
        },
        ops,
      );
    expect(run).toThrow(
      /\[FROND-I001\] exp reads %neg, which no node gives\n {2}at node exp \(chain\.ts:2\)/,
    );
    expect(before.nodes.neg).toBeDefined();
  });

  test('patches of every pass turn the graph before it into the graph after it', () => {
    const { graph } = randomGraph(
      Array.from({ length: 160 }, (_, i) => (i * 7919) % 1009),
      ops,
    );
    const backward = differentiate(graph, ops, { loss: 'loss' });
    const { log } = runPasses(backward.graph, ops);
    let current = backward.graph;
    for (const entry of log) {
      expect(applyEdit(current, entry.patches(), ops)).toEqual(entry.graph);
      expect(entry.patches().length > 0).toBe(entry.changed);
      current = entry.graph;
    }
    expect(log.filter((entry) => entry.changed).length).toBeGreaterThan(3);
    expect(diffGraphs(current, current)).toEqual([]);
  });
});
