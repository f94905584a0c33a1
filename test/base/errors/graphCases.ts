import { toSvg } from '../../../src/inspect/svg.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import { checkGraph } from '../../../src/ir/check.ts';
import { edit } from '../../../src/ir/edit.ts';
import type { Graph, Node } from '../../../src/ir/graph.ts';
import { nodeOf, typeOfRef } from '../../../src/ir/names.ts';
import { topologicalOrder } from '../../../src/ir/order.ts';
import { parseGraph } from '../../../src/ir/parse.ts';
import type { OpRecord, OpRegistry } from '../../../src/ir/record.ts';
import { ops } from '../../../src/ops/index.ts';
import { differentiate, runPasses } from '../../../src/passes/index.ts';
import type { Case } from './case.ts';

const matrix = { dtype: 'f32', shape: ['batch', 4] } as const;

/** x, a parameter and a chain of two nodes. */
function chain(registry: OpRegistry = ops): GraphBuilder {
  const b = new GraphBuilder('chain', registry);
  b.source = { file: 'chain.ts', line: 1 };
  const x = b.input('x', matrix);
  b.scope = 'layer';
  b.source = { file: 'chain.ts', line: 2 };
  const w = b.parameter('w', { dtype: 'f32', shape: [4] }, { initializer: { kind: 'ones' } });
  b.source = { file: 'chain.ts', line: 3 };
  b.output('y', b.exp(b.mul(x, w)));
  return b;
}

/** The chain with some of a node's fields changed, as an edit could. */
const broken = (id: string, fields: { readonly [K in keyof Node]?: unknown }): Graph => {
  const graph = chain().finish();
  return { ...graph, nodes: { ...graph.nodes, [id]: { ...nodeOf(graph, id), ...fields } as Node } };
};
const check = (id: string, fields: { readonly [K in keyof Node]?: unknown }) => () =>
  checkGraph(broken(id, fields), ops);

const cyclic = () => topologicalOrder(broken('mul', { inputs: ['x', 'exp'] }));

/** An op that does what a test says. */
const oddOp = (rules: Partial<OpRecord>): OpRegistry =>
  new Map([
    ...ops,
    [
      'odd',
      {
        name: 'odd',
        doc: 'a test',
        kind: 'kernel',
        arity: 1,
        shape: (inputs) => inputs,
        ...rules,
      } as OpRecord,
    ],
  ]);

function withOdd(rules: Partial<OpRecord>): { readonly graph: Graph; readonly registry: OpRegistry } {
  const registry = oddOp(rules);
  const b = chain(registry);
  b.output('loss', b.sum(b.one('odd', ['exp']), [0, 1]));
  return { graph: b.finish(), registry };
}

const odd = (rules: Partial<OpRecord>, work: (graph: Graph, registry: OpRegistry) => unknown) => () => {
  const { graph, registry } = withOdd(rules);
  work(graph, registry);
};

export const graphCases: readonly Case[] = [
  ['I013', () => edit(chain().finish(), async () => undefined, ops)],
  ['I001', () => chain().exp('ghost')],
  ['I001', check('exp', { inputs: ['ghost'] })],
  ['I001', () => nodeOf(chain().finish(), 'ghost')],
  ['I002', check('exp', { id: 'log' })],
  [
    'I002',
    () =>
      parseGraph(
        'graph g() {\n  %a = constant() {value: 1} : f32[]\n  %a = constant() {value: 2} : f32[]\n}\n',
      ),
  ],
  ['I003', cyclic],
  ['I004', () => chain().one('explode', ['x'])],
  ['I004', check('exp', { op: 'explode' })],
  ['I005', () => chain().one('add', ['x'])],
  ['I006', check('exp', { types: [{ dtype: 'f32', shape: ['batch', 5] }] })],
  ['I006', check('exp', { types: [{ dtype: 'f8', shape: [] }] })],
  ['I007', check('layer/w', { attributes: { name: 'layer/w', initializer: 'ones' } })],
  ['I007', check('exp', { attributes: { rule: () => 1 } })],
  ['I008', () => chain().input('x', matrix)],
  ['I008', () => chain().parameter('w', { dtype: 'f32', shape: [4] }, { initializer: 'ones' })],
  ['I009', check('exp', { inputs: ['mul#1'] })],
  ['I009', () => typeOfRef(chain().finish(), 'mul#1')],
  ['I010', () => chain().output('y', 'x')],
  ['I010', () => checkGraph({ ...chain().finish(), inputs: [] }, ops)],
  ['I010', () => checkGraph({ ...chain().finish(), effects: ['ghost'] }, ops)],
  ['I011', () => chain().input('two words', matrix)],
  ['I011', () => checkGraph({ ...chain().finish(), name: '' }, ops)],
  ['I012', check('exp', { phase: 'sideways' })],
  ['I020', () => parseGraph('graph g() {\n  %a = constant( : f32[]\n}\n')],
  ['I020', () => parseGraph('')],
  [
    'I040',
    () => {
      const b = chain();
      for (let i = 0; i < 2000; i++) b.one('exp', ['exp']);
      toSvg(b.finish());
    },
  ],
  ['P001', odd({}, (graph, registry) => differentiate(graph, registry, { loss: 'loss' }))],
  ['P002', () => differentiate(chain().finish(), ops, { loss: 'y' })],
  ['P002', () => differentiate(chain().finish(), ops, { loss: 'y', upstream: 'layer/w' })],
  [
    'P003',
    () => {
      const b = chain();
      b.output('loss', b.sum('exp', [0, 1]));
      differentiate(b.finish(), ops, { loss: 'loss', parameters: ['v'] });
    },
  ],
  ['P004', () => runPasses(chain().finish(), ops, { disable: ['simplfy'] })],
  [
    'P005',
    odd({ vjp: (b) => [b.constant(0)] }, (graph, registry) =>
      differentiate(graph, registry, { loss: 'loss' }),
    ),
  ],
  [
    'P006',
    odd({ expand: (b, { inputs }) => b.op('odd', inputs) }, (graph, registry) => runPasses(graph, registry)),
  ],
];
