import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { TensorType } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { executionOrder } from '../../src/runtime/compile.ts';
import { lowerGraph } from '../../src/runtime/lower.ts';
import { reportProgram } from '../../src/runtime/report.ts';

const f32 = (...shape: (number | string)[]): TensorType => ({ dtype: 'f32', shape });

describe('executionOrder with a registry', () => {
  /** chains x → exp → log, each ending in a number; as declared, all of their tensors live at once */
  function chains(count: number) {
    const b = new GraphBuilder('g', ops);
    const grown = Array.from({ length: count }, (_, i) => b.one('exp', [b.input(`x${i}`, f32('n', 8))]));
    const ends = grown.map((x) => b.sum(b.one('log', [x]), [0, 1]));
    b.output(
      'y',
      ends.reduce((x, y) => b.add(x, y)),
    );
    return b.finish();
  }

  it('finishes what frees memory before it begins something else', () => {
    const graph = chains(5);
    const peak = (order: ReturnType<typeof executionOrder>) =>
      reportProgram(lowerGraph(graph, order, ops), ops, { n: 1000 }).peakBytes / (4 * 8000);
    const wide = [...executionOrder(graph)].sort(
      (x, y) => (x.op === 'exp' ? 0 : 1) - (y.op === 'exp' ? 0 : 1) || 0,
    );
    const inputs = wide.filter(({ op }) => op === 'input');
    expect(peak([...inputs, ...wide.filter(({ op }) => op !== 'input')])).toBeGreaterThan(5);
    expect(peak(executionOrder(graph, ops))).toBeLessThan(2.2);
  });

  it('keeps operands before users, and every node', () => {
    const graph = chains(4);
    const order = executionOrder(graph, ops).map(({ id }) => id);
    expect([...order].sort()).toEqual(Object.keys(graph.nodes).sort());
    for (const node of Object.values(graph.nodes)) {
      for (const input of node.inputs) expect(order.indexOf(input)).toBeLessThan(order.indexOf(node.id));
    }
  });
});
