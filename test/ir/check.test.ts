import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { checkGraph } from '../../src/ir/check.ts';
import type { Attribute, Graph, Node } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { runs } from '../support/counts.ts';
import { randomGraph } from '../support/randomGraph.ts';

/** A graph that anything may be done to. */
type Loose = { -readonly [K in keyof Graph]: Graph[K] };

interface Damage {
  readonly name: string;
  readonly codes: readonly string[];
  /** Breaks the graph at one node of its choice and gives that node's id; undefined when no node suits. */
  readonly apply: (graph: Loose, pick: <T>(items: readonly T[]) => T | undefined) => string | undefined;
}

const withOperands = (graph: Loose): Node[] =>
  Object.values(graph.nodes).filter((node) => node.inputs.length > 0);

function replace(
  graph: Loose,
  node: Node | undefined,
  change: (node: Node) => Partial<Node>,
): string | undefined {
  if (node === undefined) return undefined;
  graph.nodes = { ...graph.nodes, [node.id]: { ...node, ...change(node) } };
  return node.id;
}

const firstOperand = (node: Node, ref: string): Partial<Node> => ({ inputs: [ref, ...node.inputs.slice(1)] });

/** Nodes that depend on `id`. */
function dependents(graph: Loose, id: string): Node[] {
  const found = new Set([id]);
  for (const node of Object.values(graph.nodes)) {
    if (node.inputs.some((input) => found.has(input))) found.add(node.id);
  }
  found.delete(id);
  return Object.values(graph.nodes).filter((node) => found.has(node.id));
}

const notData = (): unknown[] => [
  () => 1,
  undefined,
  new Date(0),
  Symbol('x'),
  10n,
  new Map(),
  [1, undefined],
  { deep: { er: new Float32Array(2) } },
];

const damages: readonly Damage[] = [
  {
    name: 'unbound operand',
    codes: ['I001'],
    apply: (graph, pick) => replace(graph, pick(withOperands(graph)), (node) => firstOperand(node, 'ghost')),
  },
  {
    name: 'operand named like a property of every object',
    codes: ['I001'],
    apply: (graph, pick) =>
      replace(graph, pick(withOperands(graph)), (node) => firstOperand(node, 'constructor')),
  },
  {
    name: 'rebound: one node under two names',
    codes: ['I002'],
    apply(graph, pick) {
      const node = pick(Object.values(graph.nodes));
      if (node === undefined) return undefined;
      graph.nodes = { ...graph.nodes, again: node };
      return node.id;
    },
  },
  {
    name: 'cycle',
    codes: ['I003'],
    apply(graph, pick) {
      const node = pick(withOperands(graph).filter(({ id }) => dependents(graph, id).length > 0));
      const user = node && pick(dependents(graph, node.id));
      return user && replace(graph, node, (it) => firstOperand(it, user.id));
    },
  },
  {
    name: 'node that reads itself',
    codes: ['I003'],
    apply: (graph, pick) => replace(graph, pick(withOperands(graph)), (node) => firstOperand(node, node.id)),
  },
  {
    name: 'unknown op',
    codes: ['I004'],
    apply: (graph, pick) => replace(graph, pick(withOperands(graph)), () => ({ op: 'frobnicate' })),
  },
  {
    name: 'operand too few or too many',
    codes: ['I005'],
    apply(graph, pick) {
      const surplus = pick([true, false]);
      return replace(graph, pick(withOperands(graph)), ({ inputs }) => ({
        inputs: surplus ? [...inputs, ...Array(12).fill(inputs[0])] : inputs.slice(0, 0),
      }));
    },
  },
  {
    name: 'wrong dtype of the result',
    codes: ['I006'],
    apply: (graph, pick) =>
      replace(graph, pick(withOperands(graph)), ({ types }) => ({
        types: types.map((type) => ({ ...type, dtype: 'i32' })),
      })),
  },
  {
    name: 'wrong shape of the result',
    codes: ['I006'],
    apply(graph, pick) {
      const dim = pick([13, 'batch', -1, 1.5, '', 'a b']) ?? 13;
      return replace(graph, pick(withOperands(graph)), ({ types }) => ({
        types: types.map((type) => ({ ...type, shape: [...type.shape, dim] })),
      }));
    },
  },
  {
    name: 'operand of another dtype',
    codes: ['I006', 'S010'],
    apply(graph, pick) {
      const binary = pick(withOperands(graph).filter((node) => ['add', 'sub', 'mul'].includes(node.op)));
      if (binary === undefined) return undefined;
      const type = { dtype: 'i32', shape: [] } as const;
      const odd: Node = {
        ...binary,
        id: 'odd',
        op: 'constant',
        inputs: [],
        attributes: { value: 1 },
        types: [type],
      };
      graph.nodes = { odd, ...graph.nodes };
      return replace(graph, binary, (node) => firstOperand(node, 'odd'));
    },
  },
  {
    name: 'operand of a shape that does not fit',
    codes: ['I006', 'S011', 'S015'],
    apply(graph, pick) {
      const node = pick(
        withOperands(graph).filter(({ op }) => ['add', 'mul', 'tanh', 'matmul', 'neg'].includes(op)),
      );
      if (node === undefined) return undefined;
      const type = { dtype: 'f32', shape: [17, 19, 23, 11, 13] } as const;
      const odd: Node = {
        ...node,
        id: 'odd',
        op: 'constant',
        inputs: [],
        attributes: { value: 1 },
        types: [type],
      };
      graph.nodes = { odd, ...graph.nodes };
      return replace(graph, node, (it) => firstOperand(it, 'odd'));
    },
  },
  {
    name: 'attribute that is no plain data',
    codes: ['I007'],
    apply(graph, pick) {
      const value = pick(notData()) as Attribute;
      return replace(graph, pick(Object.values(graph.nodes)), ({ attributes }) => ({
        attributes: { ...attributes, odd: value },
      }));
    },
  },
  {
    name: 'attribute that holds itself',
    codes: ['I007'],
    apply(graph, pick) {
      const ring: Attribute[] = [];
      ring.push(ring);
      return replace(graph, pick(Object.values(graph.nodes)), () => ({ attributes: { ring } }));
    },
  },
  {
    name: 'attribute that the shape rule needs is missing',
    codes: ['S019'],
    apply: (graph, pick) =>
      replace(graph, pick(withOperands(graph).filter(({ op }) => ['sum', 'transpose'].includes(op))), () => ({
        attributes: {},
      })),
  },
  {
    name: 'constant with too many values',
    codes: ['I006'],
    apply: (graph, pick) =>
      replace(graph, pick(Object.values(graph.nodes).filter(({ op }) => op === 'constant')), () => ({
        attributes: { value: [1, 2, 3] },
      })),
  },
  {
    name: 'two parameters of one name',
    codes: ['I008'],
    apply(graph, pick) {
      const node = pick(Object.values(graph.nodes).filter(({ op }) => op === 'parameter'));
      if (node === undefined) return undefined;
      graph.nodes = { ...graph.nodes, twin: { ...node, id: 'twin' } };
      return 'twin';
    },
  },
  {
    name: 'wrong output index of an operand',
    codes: ['I009'],
    apply(graph, pick) {
      const suffix = pick(['#1', '#7', '#0', '#-1', '#1.5', '#x', '#']) ?? '#1';
      return replace(graph, pick(withOperands(graph)), (node) =>
        firstOperand(node, `${node.inputs[0]}${suffix}`),
      );
    },
  },
  {
    name: 'wrong output index of a result',
    codes: ['I009'],
    apply(graph, pick) {
      const node = pick(Object.values(graph.nodes));
      if (node === undefined) return undefined;
      graph.outputs = { ...graph.outputs, extra: `${node.id}#4` };
      return node.id;
    },
  },
  {
    name: 'input that the graph does not list',
    codes: ['I010'],
    apply(graph, pick) {
      const id = pick(graph.inputs);
      graph.inputs = graph.inputs.filter((other) => other !== id);
      return id;
    },
  },
  {
    name: 'scope, phase or name that cannot be printed',
    codes: ['I011', 'I012'],
    apply(graph, pick) {
      const odd = pick([{ scope: 'a b' }, { phase: 'sideways' as 'forward' }, { scope: '/x' }]);
      return replace(graph, pick(Object.values(graph.nodes)), () => odd ?? {});
    },
  },
  {
    name: 'operands that are no list',
    codes: ['I012'],
    apply: (graph, pick) =>
      replace(graph, pick(Object.values(graph.nodes)), () => ({ inputs: 'x' as unknown as string[] })),
  },
];

const choices = fc.array(fc.integer({ min: 0, max: 1e6 }), { minLength: 30, maxLength: 120, size: 'max' });

function errorOf(run: () => void): FrondError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (error instanceof FrondError) return error;
    throw error;
  }
}

describe('checkGraph', () => {
  test('accepts random graphs', () => {
    fc.assert(
      fc.property(choices, (list) => checkGraph(randomGraph(list, ops).graph, ops)),
      { numRuns: runs(1000, 50), seed: 1 },
    );
  });

  test('catches every generated illegal graph, with node, source line and neighbouring lines', () => {
    const caught = new Map<string, number>();
    const wanted = runs(2000, 200);
    const samples = fc.sample(fc.tuple(choices, fc.array(fc.nat(), { minLength: 8, maxLength: 8 })), {
      numRuns: wanted * 2,
      seed: 2,
    });
    let total = 0;
    for (const [index, [list, picks]] of samples.entries()) {
      const damage = damages[index % damages.length] as Damage;
      const graph: Loose = { ...randomGraph(list, ops).graph };
      let next = 0;
      const id = damage.apply(graph, (items) => items[(picks[next++] ?? 0) % Math.max(1, items.length)]);
      if (id === undefined || total === wanted) continue;
      const error = errorOf(() => checkGraph(graph, ops));
      const context = `${damage.name} at %${id}: ${error?.message ?? 'not caught'}`;
      expect(
        damage.codes.map((code) => `FROND-${code}`),
        context,
      ).toContain(error?.code);
      expect(error?.details.node, context).toBeDefined();
      expect(error?.message, context).toMatch(/at node .+ \(random\.ts:\d+\)/);
      expect(error?.details.hint, context).toMatch(/around it:\n[\s\S]*\n? {2}> %/);
      // a cycle may be reported at any of its nodes
      if (!damage.codes.includes('I003') && !damage.codes.includes('I002')) {
        expect(error?.details.node?.endsWith(id), context).toBe(true);
      }
      caught.set(damage.name, (caught.get(damage.name) ?? 0) + 1);
      total++;
    }
    expect(total).toBe(wanted);
    expect([...caught.keys()].sort()).toEqual(damages.map(({ name }) => name).sort());
  });

  test('shows the node, its line and the lines around it', () => {
    const { graph } = randomGraph([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15], ops);
    const [node] = Object.values(graph.nodes).filter(({ inputs }) => inputs.length > 0);
    const broken = {
      ...graph,
      nodes: { ...graph.nodes, [node?.id ?? '']: { ...node, inputs: ['ghost'] } as Node },
    };
    expect(errorOf(() => checkGraph(broken, ops))?.message).toMatchInlineSnapshot(`
      "[FROND-I001] tanh reads %ghost, which no node gives
        at node tanh (random.ts:2)
        hint: did you mean loss? Its outputs are loss, sources, last; its nodes are x0, x1, tanh, mul, constant, add, div, sum, … (11 in all)
      around it:
          %x0 = parameter() {name: "x0", initializer: "normal", trainable: true} : f32[]  // · random.ts:1
          %x1 = parameter() {name: "x1", initializer: "normal", trainable: true} : f32[5, 1, 2]  // · random.ts:1
        > %tanh = tanh(%ghost) : f32[]                                              // · random.ts:2
          %mul = mul(%x0, %x0) : f32[]                                              // · random.ts:2
          %constant = constant() {value: 1} : f32[]                                 // · random.ts:2"
    `);
  });

  test('is linear: 10,000 nodes in a chain are no matter', () => {
    const nodes: Record<string, Node> = {};
    const common = {
      attributes: {},
      types: [{ dtype: 'f32', shape: [2] }],
      scope: '',
      phase: 'forward',
    } as const;
    nodes.x = { ...common, id: 'x', op: 'input', inputs: [], attributes: { name: 'x' } };
    for (let i = 0; i < 10_000; i++) {
      nodes[`n${i}`] = { ...common, id: `n${i}`, op: 'neg', inputs: [i === 0 ? 'x' : `n${i - 1}`] };
    }
    // users first: the derived order has to dig 10,000 deep
    const reversed = Object.fromEntries(Object.entries(nodes).toReversed());
    checkGraph({ name: 'g', nodes: reversed, inputs: ['x'], outputs: { y: 'n9999' }, effects: [] }, ops);
  });
});
