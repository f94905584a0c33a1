import { f32, graph, i32, linear, mean, mul, tanh } from '../../src/dsl/index.ts';
import { palm } from '../../src/index.ts';
import { type Graph, type Node, splitRef } from '../../src/ir/graph.ts';
import { type Task, trainingGraph } from '../../src/palm/graphs.ts';
import { constant } from '../../src/palm/schedule.ts';
import { buildStep } from '../../src/palm/step.ts';

const optimizer = palm.adamW({ rate: constant(0.01) });

/** One layer in nested scopes with its backward part and update. */
export const small = (): Graph =>
  buildStep(
    graph('small', (g) => {
      const x = g.input('x', f32, ['batch', 4]);
      const y = g.scope('model', () =>
        g.scope('layer', () => tanh(linear(x, 3, { bias: false, name: 'out' }))),
      );
      return { loss: mean(mul(y, y), [0, 1]) };
    }).ir,
    { optimizer },
  );

/** The training step of intent and slots on one encoder, as `npm start` builds it. */
export function joint(layers: number): Graph {
  const backbone = palm.backbone.compactEncoder({ vocabulary: 900, width: 64, layers, heads: 4 });
  const labels = ['O', ...Array.from({ length: 21 }, (_, i) => [`B-t${i}`, `I-t${i}`]).flat()];
  const tasks = [
    { name: 'intent', head: palm.head.classify({ classes: labels.slice(0, 10) }), weight: 1 },
    { name: 'slots', head: palm.head.sequenceLabel({ labels }), weight: 1 },
  ] as unknown as readonly Task[];
  const forward = trainingGraph('joint', backbone as unknown as palm.Backbone, tasks);
  return buildStep(forward, { optimizer, weightDecay: 0.01, clipNorm: 1 });
}

/** `count` copies of a graph side by side, each in a scope of its own. */
export function copies(graph: Graph, count: number): Graph {
  const nodes: Record<string, Node> = {};
  const outputs: Record<string, string> = {};
  const rename = (ref: string, i: number): string => {
    const { id, output } = splitRef(ref);
    return `copy${i}/${id}${output === 0 ? '' : `#${output}`}`;
  };
  for (let i = 0; i < count; i++) {
    for (const node of Object.values(graph.nodes)) {
      const scope = node.scope === '' ? `copy${i}` : `copy${i}/${node.scope}`;
      const id = rename(node.id, i);
      nodes[id] = { ...node, id, scope, inputs: node.inputs.map((ref) => rename(ref, i)) };
    }
    for (const [name, ref] of Object.entries(graph.outputs)) outputs[`copy${i}/${name}`] = rename(ref, i);
  }
  return { ...graph, nodes, outputs, inputs: [], effects: [] };
}

/** A graph that no builder would make: names full of the drawing languages' own signs. */
export function odd(): Graph {
  const type = { dtype: 'f32', shape: ['"n"', '<b>'] } as const;
  const node = (id: string, op: string, scope: string, inputs: readonly string[] = []): Node => ({
    id,
    op,
    scope,
    inputs,
    attributes: { name: id },
    types: [type],
    phase: 'forward',
  });
  const nodes = [
    node('a"b', 'input', ''),
    node('back\\slash\\', 'parameter', 'sco"pe/]]'),
    node('<svg>&amp;', 'add', 'sco"pe/]]', ['a"b', 'back\\slash\\']),
    node('two\nlines; } end', 'new\nline `x` #quot;\u0000', 'sco"pe', ['<svg>&amp;']),
  ];
  return {
    name: 'odd "graph" \\',
    nodes: Object.fromEntries(nodes.map((one) => [one.id, one])),
    inputs: ['a"b'],
    outputs: { 'out"]': 'two\nlines; } end' },
    effects: [],
  };
}

export const empty: Graph = { name: 'empty', nodes: {}, inputs: [], outputs: {}, effects: [] };

/** An input of i32 that a scope reads, and folded scopes of two depths. */
export const nested = (): Graph =>
  graph('nested', (g) => {
    const ids = g.input('ids', i32, ['batch']);
    const x = g.scope('a', () => g.scope('b', () => g.scope('c', () => mul(ids, 2))));
    const y = g.scope('a', () => g.scope('d', () => mul(x, 3)));
    return { y: g.scope('e', () => mul(y, 5)) };
  }).ir;
