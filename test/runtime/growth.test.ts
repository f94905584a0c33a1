import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { toDot, toMermaid } from '../../src/inspect/text.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { checkGraph } from '../../src/ir/check.ts';
import { type Graph, idOf, makeRef, type Node } from '../../src/ir/graph.ts';
import { parseGraph } from '../../src/ir/parse.ts';
import { printGraph } from '../../src/ir/print.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate, passes, runPasses } from '../../src/passes/index.ts';
import { executionOrder } from '../../src/runtime/compile.ts';
import { lowerGraph } from '../../src/runtime/lower.ts';
import { giveGradientsMemory } from '../../src/runtime/updates.ts';
import { runs } from '../support/counts.ts';
import { randomGraph } from '../support/randomGraph.ts';
import { counting } from '../support/work.ts';

const shape = ['batch', 4];

/** Numbers side by side, each made of x by nodes of its own, and their sum. */
function wide(count: number): Graph {
  const b = new GraphBuilder('wide', ops);
  const x = b.input('x', { dtype: 'f32', shape });
  const w = b.parameter('w', { dtype: 'f32', shape: [4] }, { initializer: { kind: 'zeros' } });
  const ends = Array.from({ length: count }, (_, i) =>
    b.sum(b.exp(b.mul(b.mul(x, w), 1 + i / count)), [0, 1]),
  );
  b.output(
    'loss',
    ends.reduce((sum, end) => b.add(sum, end)),
  );
  return b.finish();
}

function chain(count: number): Graph {
  const b = new GraphBuilder('chain', ops);
  const w = b.parameter('w', { dtype: 'f32', shape: [4] }, { initializer: { kind: 'zeros' } });
  let x = b.mul(b.input('x', { dtype: 'f32', shape }), w);
  for (let i = 0; i < count; i++) x = i % 3 === 0 ? b.sum(x, [1], true) : b.one('tanh', [b.add(x, w)]);
  b.output('loss', b.sum(x, [0, 1]));
  return b.finish();
}

const WALKS: readonly (readonly [string, (graph: Graph) => unknown])[] = [
  ['checking', (graph) => checkGraph(graph, ops)],
  ['printing', printGraph],
  ['DOT', toDot],
  ['Mermaid', toMermaid],
  ['differentiating', (graph) => differentiate(graph, ops, { loss: 'loss' })],
  ...passes.map(({ name, run }) => [name, (graph: Graph) => run(graph, ops)] as const),
  ['ordering for memory', (graph) => executionOrder(graph, ops)],
  ['gradients', (graph) => giveGradientsMemory(graph, executionOrder(graph), ops)],
  ['lowering', (graph) => lowerGraph(graph, executionOrder(graph), ops)],
];

describe.each([
  ['wide', wide],
  ['deep', chain],
] as const)('a %s graph twice as large', (_, make) => {
  const graphs = [make(150), make(300)] as const;

  it.each(WALKS)('takes about twice the work: %s', (_, walk) => {
    const [small = 0, large = 0] = graphs.map((whole) => {
      const { graph, reads } = counting(whole);
      walk(graph);
      return reads();
    });
    expect(small).toBeGreaterThan(150);
    expect(large / small).toBeLessThan(2.2);
  });
});

it('a chain of 8,000 nodes goes through everything without a deep stack', () => {
  const graph = chain(8000);
  const text = printGraph(graph);
  expect(printGraph(parseGraph(text)) === text).toBe(true);
  checkGraph(graph, ops);
  for (const draw of [toDot, toMermaid]) expect(draw(graph).split('\n').length).toBeGreaterThan(16_000);
  const trained = differentiate(graph, ops, { loss: 'loss' }).graph;
  const optimised = runPasses(trained, ops).graph;
  expect(lowerGraph(optimised, executionOrder(optimised, ops), ops).nodes.length).toBeGreaterThan(1000);
});

/** The order for memory as its definition says: of all nodes that are ready the one of least growth, looked for each time. */
function slowOrder(graph: Graph): string[] {
  const order = executionOrder(graph);
  const kind = ({ op }: Node) => ops.get(op)?.kind;
  const viewed = new Map(
    order.filter((node) => kind(node) === 'view').map((node) => [node.id, node.inputs[0] ?? '']),
  );
  const root = (ref: string): string => (viewed.has(ref) ? root(viewed.get(ref) ?? '') : ref);
  const held = order.filter((node) => !['source', 'view'].includes(kind(node) ?? ''));
  const bytes = new Map(
    held.flatMap(({ id, types }) =>
      types.map((type, k) => [makeRef(id, k), type.shape.reduce<number>((n, dim) => n * Number(dim), 1)]),
    ),
  );
  const reads = (node: Node): string[] =>
    kind(node) === 'view' ? [] : [...new Set(node.inputs.map(root))].filter((ref) => bytes.has(ref));
  const readers = [...order.flatMap(reads), ...Object.values(graph.outputs).map(root)];
  const growth = (node: Node): number => {
    if (kind(node) === 'view') return Number.NEGATIVE_INFINITY;
    const taken = node.types.reduce((sum, _, k) => sum + (bytes.get(makeRef(node.id, k)) ?? 0), 0);
    const freed = reads(node).filter((ref) => readers.filter((reader) => reader === ref).length === 1);
    return freed.reduce((sum, ref) => sum - (bytes.get(ref) ?? 0), taken);
  };
  const [waiting, done] = [[...order], new Set<string>()];
  while (waiting.length > 0) {
    const ready = waiting.filter(({ inputs }) => inputs.every((ref) => done.has(idOf(ref))));
    const grown = ready.map(growth);
    const next = ready[grown.indexOf(Math.min(...grown))] as Node;
    waiting.splice(waiting.indexOf(next), 1);
    done.add(next.id);
    for (const ref of reads(next)) readers.splice(readers.indexOf(ref), 1);
  }
  return [...done];
}

it('the order for memory is that of its definition, on random graphs', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(), { minLength: 10, maxLength: 120 }), (choices) => {
      const { graph } = randomGraph(choices, ops);
      const step = differentiate(graph, ops, { loss: 'loss' }).graph;
      for (const one of [graph, step])
        expect(executionOrder(one, ops).map(({ id }) => id)).toEqual(slowOrder(one));
    }),
    { numRuns: runs(500, 40), seed: 7 },
  );
});
