import { describe, expect, it } from 'vitest';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { executionOrder } from '../../src/runtime/compile.ts';
import { lowerGraph } from '../../src/runtime/lower.ts';

describe('nodes that compute the same', () => {
  const b = new GraphBuilder('twins', ops);
  const [x, y] = [
    b.input('x', { dtype: 'f32', shape: ['n', 8] }),
    b.input('y', { dtype: 'f32', shape: ['n', 8] }),
  ];
  const z = b.input('z', { dtype: 'f32', shape: ['n', 4] });
  const weights = b.input('weights', { dtype: 'f32', shape: [8, 8] });
  b.output('first', b.matmul(x, weights));
  b.output('twin', b.matmul(y, weights));
  b.output('transposed', b.matmul(x, weights, { transposeY: true }));
  b.output('wide', b.sum(x, [0]));
  b.output('narrow', b.sum(z, [0]));
  const graph = b.finish();
  const { nodes } = lowerGraph(graph, executionOrder(graph), ops);
  const launchesOf = (output: string) =>
    nodes.find(({ node }) => node.id === graph.outputs[output])?.launches ?? [];

  it('share their launches, which name operands by number', () => {
    expect(launchesOf('first')).not.toEqual([]);
    expect(launchesOf('twin')).toBe(launchesOf('first'));
  });

  it('are not those of other attributes or types', () => {
    expect(launchesOf('transposed')).not.toBe(launchesOf('first'));
    expect(launchesOf('transposed')[0]?.kernel).not.toBe(launchesOf('first')[0]?.kernel);
    expect(launchesOf('narrow')).not.toEqual(launchesOf('wide'));
  });
});
