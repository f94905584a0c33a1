import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { shown } from '../../src/base/shown.ts';
import { exp, f32, graph, mul, ones, sum, type Tensor, tanh } from '../../src/dsl/index.ts';
import { drawGraph, type Picture, scopeTree } from '../../src/inspect/picture.ts';
import { toSvg } from '../../src/inspect/svg.ts';
import { toDot, toMermaid } from '../../src/inspect/text.ts';
import { type Graph, makeRef, type Node } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { runs } from '../support/counts.ts';
import { randomGraph } from '../support/randomGraph.ts';
import { empty, joint, nested, odd, small } from './graphs.ts';
import { elementsOf, readDot, readMermaid, readXml } from './read.ts';

const boxesOf = (graph: Graph): string[] => [
  ...Object.keys(graph.nodes),
  ...Object.keys(graph.outputs).map((name) => `output:${name}`),
];

describe.each([
  ['small', small()],
  ['nested', nested()],
  ['odd', odd()],
  ['empty', empty],
  ['joint', joint(1)],
] as const)('drawings of the graph %s', (_, graph) => {
  const picture = drawGraph('drawGraph', graph);

  it('show every node and output once', () => {
    expect(picture.boxes.map(({ id }) => id).sort()).toEqual(boxesOf(graph).sort());
  });

  it('are good DOT', () => {
    const dot = readDot(toDot(graph));
    expect(dot.title).toBe(graph.name);
    expect([...dot.nodes.keys()].sort()).toEqual(boxesOf(graph).map(shown).sort());
    expect(dot.edges).toHaveLength(picture.arrows.length);
    for (const id of dot.edges.flat()) expect(dot.nodes.has(id)).toBe(true);
    expect(new Set(dot.clusters).size).toBe(dot.clusters.length);
  });

  it('are good Mermaid', () => {
    const { nodes, edges } = readMermaid(toMermaid(graph));
    const labels = [...nodes.values()].map(({ label }) => label).sort();
    const wanted = picture.boxes.map(({ label, detail }) => `${label}<br/>${detail}`).sort();
    expect(labels).toEqual(wanted);
    expect(edges).toHaveLength(picture.arrows.length);
  });

  it('are good SVG', () => {
    const svg = readXml(toSvg(graph));
    expect(svg.attributes.get('viewBox')).toMatch(/^-?\d+ -?\d+ \d+ \d+$/);
    const groups = elementsOf(svg, 'g');
    expect(groups).toHaveLength(picture.boxes.length);
    expect(groups.map((group) => elementsOf(group, 'text').map(({ text }) => text))).toEqual(
      picture.boxes.map(({ label, detail }) => [label, detail]),
    );
    expect(groups.map((group) => group.attributes.get('class'))).toEqual(
      picture.boxes.map(({ phase }) => phase),
    );
    const [left = 0, top = 0, width = 0, height = 0] =
      svg.attributes.get('viewBox')?.split(' ').map(Number) ?? [];
    const isInside = (x: number, y: number): boolean =>
      x >= left && y >= top && x <= left + width && y <= top + height;
    for (const { attributes } of elementsOf(svg, 'rect')) {
      const [x = 0, y = 0, w = 0, h = 0] = ['x', 'y', 'width', 'height'].map((name) =>
        Number(attributes.get(name)),
      );
      expect(isInside(x, y) && isInside(x + w, y + h)).toBe(true);
    }
    const arrows = elementsOf(svg, 'path').filter(({ attributes }) => attributes.has('marker-end'));
    expect(arrows).toHaveLength(picture.arrows.length);
    for (const { attributes } of arrows) {
      const numbers =
        attributes
          .get('d')
          ?.match(/-?[\d.]+/g)
          ?.map(Number) ?? [];
      for (let i = 0; i < numbers.length; i += 2)
        expect(isInside(numbers[i] ?? Number.NaN, numbers[i + 1] ?? Number.NaN)).toBe(true);
    }
  });
});

describe('the small step', () => {
  it('in DOT', () => {
    expect(toDot(small(), { depth: 1 })).toMatchInlineSnapshot(`
      "digraph "small" {
        rankdir=TB; newrank=true; node [style="filled,rounded", fontname="sans-serif", fontsize=10]; edge [fontsize=8];
        "x" [label="x\\nf32[batch, 4]", shape=invhouse, fillcolor="#e8f1fb"];
        "forward:model" [label="model\\n3 nodes", shape=box3d, fillcolor="#e8f1fb"];
        "mul" [label="mul\\nf32[batch, 3]", shape=box, fillcolor="#e8f1fb"];
        "size" [label="size\\nf32[]", shape=box, fillcolor="#e8f1fb"];
        "sum" [label="sum\\nf32[]", shape=box, fillcolor="#e8f1fb"];
        "div" [label="div\\nf32[]", shape=box, fillcolor="#e8f1fb"];
        "constant" [label="constant\\nf32[]", shape=cylinder, fillcolor="#fdeee0"];
        "div.1" [label="div\\nf32[]", shape=box, fillcolor="#fdeee0"];
        "reshape" [label="reshape\\nf32[1, 1]", shape=box, fillcolor="#fdeee0"];
        "broadcast" [label="broadcast\\nf32[batch, 3]", shape=box, fillcolor="#fdeee0"];
        "mul.2" [label="mul\\nf32[batch, 3]", shape=box, fillcolor="#fdeee0"];
        "mul.3" [label="mul\\nf32[batch, 3]", shape=box, fillcolor="#fdeee0"];
        "backward:model" [label="model (backward)\\n4 nodes", shape=box3d, fillcolor="#fdeee0"];
        "step.shares" [label="step.shares\\nf32[1]", shape=invhouse, fillcolor="#e9f6e6"];
        "update:update" [label="update\\n2 nodes", shape=box3d, fillcolor="#e9f6e6"];
        "optimizer.groups" [label="optimizer.groups\\nf32[1, 8]", shape=invhouse, fillcolor="#e9f6e6"];
        "output:loss" [label="loss\\noutput", shape=house, fillcolor="#e8f1fb"];
        "output:gradientNorm" [label="gradientNorm\\noutput", shape=house, fillcolor="#e8f1fb"];
        "x" -> "forward:model" [label="[batch, 4]"];
        "forward:model" -> "mul" [label="[batch, 3]"];
        "mul" -> "sum" [label="[batch, 3]"];
        "sum" -> "div" [label="[]"];
        "size" -> "div" [label="[]"];
        "constant" -> "div.1" [label="[]"];
        "size" -> "div.1" [label="[]"];
        "div.1" -> "reshape" [label="[]"];
        "reshape" -> "broadcast" [label="[1, 1]"];
        "broadcast" -> "mul.2" [label="[batch, 3]"];
        "forward:model" -> "mul.2" [label="[batch, 3]"];
        "broadcast" -> "mul.3" [label="[batch, 3]"];
        "forward:model" -> "mul.3" [label="[batch, 3]"];
        "mul.2" -> "backward:model" [label="[batch, 3]"];
        "mul.3" -> "backward:model" [label="[batch, 3]"];
        "forward:model" -> "backward:model" [label="[batch, 3]"];
        "x" -> "backward:model" [label="[batch, 4]"];
        "step.shares" -> "update:update" [label="[1]"];
        "div" -> "update:update" [label="[]"];
        "backward:model" -> "update:update" [label="[4, 3]"];
        "optimizer.groups" -> "update:update" [label="[1, 8]"];
        "div" -> "output:loss" [label="[]"];
        "update:update" -> "output:gradientNorm" [label="[]"];
      }
      "
    `);
  });

  it('in Mermaid', () => {
    expect(toMermaid(small(), { parameters: false })).toMatchInlineSnapshot(`
      "flowchart TD
        n0[/"x<br/>f32[batch, 4]"/]:::forward
        n3["mul<br/>f32[batch, 3]"]:::forward
        n4["size<br/>f32[]"]:::forward
        n5["sum<br/>f32[]"]:::forward
        n6["div<br/>f32[]"]:::forward
        n7["div<br/>f32[]"]:::backward
        n8["reshape<br/>f32[1, 1]"]:::backward
        n9["broadcast<br/>f32[batch, 3]"]:::backward
        n10["mul<br/>f32[batch, 3]"]:::backward
        n11["mul<br/>f32[batch, 3]"]:::backward
        n16[/"step.shares<br/>f32[1]"/]:::update
        n18[/"optimizer.groups<br/>f32[1, 8]"/]:::update
        n20(["loss<br/>output"]):::forward
        n21(["gradientNorm<br/>output"]):::forward
        subgraph s0["model"]
          subgraph s1["layer"]
            n2["tanh<br/>f32[batch, 3]"]:::forward
            n12["add<br/>f32[batch, 3]"]:::backward
            n13["tanhSlope<br/>f32[batch, 3]"]:::backward
            n14["mul<br/>f32[batch, 3]"]:::backward
            subgraph s2["out"]
              n1["matmul<br/>f32[batch, 3]"]:::forward
              n15["matmul<br/>f32[4, 3]"]:::backward
            end
          end
        end
        subgraph s3["update"]
          n17["accumulate<br/>f32[]"]:::update
          n19["adamW<br/>f32[]"]:::update
        end
        n0 -->|"[batch, 4]"| n1
        n1 -->|"[batch, 3]"| n2
        n2 -->|"[batch, 3]"| n3
        n3 -->|"[batch, 3]"| n5
        n5 -->|"[]"| n6
        n4 -->|"[]"| n6
        n4 -->|"[]"| n7
        n7 -->|"[]"| n8
        n8 -->|"[1, 1]"| n9
        n9 -->|"[batch, 3]"| n10
        n2 -->|"[batch, 3]"| n10
        n9 -->|"[batch, 3]"| n11
        n2 -->|"[batch, 3]"| n11
        n10 -->|"[batch, 3]"| n12
        n11 -->|"[batch, 3]"| n12
        n1 -->|"[batch, 3]"| n13
        n12 -->|"[batch, 3]"| n14
        n13 -->|"[batch, 3]"| n14
        n0 -->|"[batch, 4]"| n15
        n14 -->|"[batch, 3]"| n15
        n16 -->|"[1]"| n17
        n6 -->|"[]"| n17
        n15 -->|"[4, 3]"| n17
        n18 -->|"[1, 8]"| n19
        n17 -->|"[]"| n19
        n6 -->|"[]"| n20
        n19 -->|"[]"| n21
        classDef forward fill:#e8f1fb,stroke:#5b7fa6
        classDef backward fill:#fdeee0,stroke:#b3793f
        classDef update fill:#e9f6e6,stroke:#5f9653
      "
    `);
  });

  it('tells forward, backward and update apart', () => {
    const graph = small();
    const { nodes } = readMermaid(toMermaid(graph));
    const phases = [...nodes.values()].map(({ phase }) => phase);
    expect(new Set(phases)).toEqual(new Set(['forward', 'backward', 'update']));
    const dot = readDot(toDot(graph));
    const colour = { forward: '#e8f1fb', backward: '#fdeee0', update: '#e9f6e6' };
    for (const { id, phase } of Object.values(graph.nodes)) {
      expect(dot.nodes.get(id), id).toContain(`fillcolor = "${colour[phase]}"`);
    }
  });
});

/** Boxes on cycles of arrows: what remains when those without an arrow to them are taken away again and again. */
function onCycles({ boxes, arrows }: Picture): string[] {
  let left = boxes.map(({ id }) => id);
  for (let before = -1; before !== left.length; ) {
    before = left.length;
    const heads = new Set(arrows.filter(({ from }) => left.includes(from)).map(({ to }) => to));
    left = left.filter((id) => heads.has(id));
  }
  return left;
}

describe('folding', () => {
  const shownAt = (depth: number) =>
    drawGraph('drawGraph', nested(), { depth }).boxes.map(({ id, detail, scope }) => [id, detail, scope]);

  it('puts each scope of the depth asked for into one box', () => {
    expect(shownAt(2)).toEqual([
      ['ids', 'i32[batch]', ''],
      ['forward:a/b', '2 nodes', 'a'],
      ['forward:a/d', '2 nodes', 'a'],
      ['constant.2', 'i32[]', 'e'],
      ['mul.2', 'i32[batch]', 'e'],
      ['output:y', 'output', ''],
    ]);
    expect(shownAt(1)).toEqual([
      ['ids', 'i32[batch]', ''],
      ['forward:a', '4 nodes', ''],
      ['forward:e', '2 nodes', ''],
      ['output:y', 'output', ''],
    ]);
    expect(drawGraph('drawGraph', nested(), { depth: 1, parameters: false }).boxes[1]?.detail).toBe(
      '2 nodes',
    );
  });

  it('to depth 0 leaves one box for each phase', () => {
    expect(shownAt(0)).toEqual([
      ['ids', 'i32[batch]', ''],
      ['forward:', '6 nodes', ''],
      ['output:y', 'output', ''],
    ]);
    const folded = drawGraph('drawGraph', joint(2), { depth: 0 }).boxes.filter(
      ({ kind }) => kind === 'scope',
    );
    expect(folded.map(({ label }) => label)).toEqual(['forward', 'backward', 'update']);
  });

  it('keeps the phases of a scope apart, and every arrow that leaves a box', () => {
    const { boxes, arrows } = drawGraph('drawGraph', small(), { depth: 1 });
    const folded = boxes.filter(({ kind }) => kind === 'scope');
    expect(folded.map(({ id, label }) => [id, label])).toEqual([
      ['forward:model', 'model'],
      ['backward:model', 'model (backward)'],
      ['update:update', 'update'],
    ]);
    const ends = new Set(boxes.map(({ id }) => id));
    for (const { from, to } of arrows) expect(ends.has(from) && ends.has(to) && from !== to).toBe(true);
    expect(arrows).toContainEqual({ from: 'x', to: 'forward:model', label: '[batch, 4]' });
    expect(new Set(arrows.map(({ from, to }) => `${from} ${to}`)).size).toBe(arrows.length);
  });

  it('gives each scope one box in a training step, called like no other, and makes no cycle', () => {
    for (const depth of [1, 2, 3]) {
      const picture = drawGraph('drawGraph', joint(2), { depth });
      const names = picture.boxes
        .filter(({ kind }) => kind === 'scope')
        .map(({ label, scope }) => `${scope}/${label}`);
      expect(new Set(names).size).toBe(names.length);
      expect(onCycles(picture)).toEqual([]);
      // no box lies beside a frame of its own name
      const frames = new Set(picture.boxes.map(({ scope }) => scope));
      for (const { id, kind } of picture.boxes)
        if (kind === 'scope') expect(frames.has(id.slice(id.indexOf(':') + 1))).toBe(false);
    }
  });

  it('makes no cycle of a scope that is left and entered again', () => {
    const { ir } = graph('visits', (g) => {
      const x = g.input('x', f32, [4]);
      const once = g.scope('a', () => tanh(x));
      const between = g.scope('b', () => tanh(once));
      const again = g.scope('a', () => mul(between, exp(once)));
      return { y: g.scope('b', () => tanh(again)), z: g.scope('c', () => exp(once)) };
    });
    const picture = drawGraph('drawGraph', ir, { depth: 1 });
    expect(onCycles(picture)).toEqual([]);
    expect(picture.boxes.map(({ label, detail }) => `${label}: ${detail}`)).toEqual([
      'x: f32[4]',
      'a (1 of 2): 2 nodes',
      'b (1 of 2): 1 node',
      'a (2 of 2): 1 node',
      'b (2 of 2): 1 node',
      'c: 1 node',
      'y: output',
      'z: output',
    ]);
  });

  it('makes no cycle at any depth, of random scopes', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { minLength: 10, maxLength: 200 }), fc.nat(3), (choices, depth) => {
        const picture = drawGraph('drawGraph', randomGraph(choices, ops).graph, { depth });
        expect(onCycles(picture)).toEqual([]);
        const labels = picture.boxes
          .filter(({ kind }) => kind === 'scope')
          .map(({ scope, label }) => `${scope}/${label}`);
        expect(new Set(labels).size).toBe(labels.length);
      }),
      { numRuns: runs(1000, 60), seed: 3 },
    );
  });

  it('holds all boxes in the tree of scopes, in order of appearance', () => {
    const picture = drawGraph('drawGraph', joint(2));
    const root = scopeTree(picture.boxes);
    const count = (scope: typeof root): number =>
      scope.boxes.length + scope.inner.reduce((sum, inner) => sum + count(inner), 0);
    expect(count(root)).toBe(picture.boxes.length);
    expect(
      scopeTree(drawGraph('drawGraph', nested()).boxes).inner.map(({ path, inner }) => [
        path,
        inner.map((one) => one.label),
      ]),
    ).toEqual([
      ['a', ['b', 'd']],
      ['e', []],
    ]);
  });
});

/** Characters that mean something to DOT, Mermaid, XML or a terminal, and pieces that do together. */
const PIECES = [
  ...'"\\<>&;#%`$\'{}[]()|:/ \n\r\t\u0000\u001b\u2028\u202e\uffff\ud800é👍',
  ...[
    '%%{init: {"theme": "x"}}%%',
    '<script>',
    '&lt;',
    '#quot;',
    'fa:fa-ban',
    '$$x$$',
    '\\n',
    '\\',
    'end',
    '-->',
    ']]>',
    '__proto__',
    'constructor',
  ],
];

it('any names are drawn as they are, in all three languages', () => {
  const name = fc
    .array(fc.constantFrom(...PIECES), { minLength: 1, maxLength: 6 })
    .map((parts) => parts.join(''));
  const type = { dtype: 'f32', shape: ['batch'] } as const;
  fc.assert(
    fc.property(
      fc.uniqueArray(name, { minLength: 6, maxLength: 6 }),
      ([title = '', one = '', other = '', op = '', scope = '', out = '']) => {
        // a number sign tells results of a node apart
        const [x, y] = [`x${one}`.replaceAll('#', ''), `y${other}`.replaceAll('#', '')];
        const node = (id: string, op: string, scope: string, inputs: readonly string[]): Node => ({
          id,
          op,
          scope,
          inputs,
          attributes: {},
          types: [type],
          phase: 'forward',
        });
        const nodes = [node(x, 'input', '', []), node(y, op, scope, [makeRef(x, 0)])];
        const named = { name: title, inputs: [x], effects: [] };
        const odd: Graph = {
          ...named,
          nodes: Object.fromEntries(nodes.map((one) => [one.id, one])),
          outputs: Object.fromEntries([[out, makeRef(y, 0)]]),
        };
        const { boxes } = drawGraph('drawGraph', odd);
        expect(boxes).toHaveLength(3);
        const labels = boxes.map(({ label, detail }) => [label, detail]);
        const dot = readDot(toDot(odd));
        expect(dot.nodes.size).toBe(3);
        const { nodes: drawn } = readMermaid(toMermaid(odd));
        expect([...drawn.values()].map(({ label }) => label.split('<br/>')).sort()).toEqual(
          labels.toSorted(),
        );
        const svg = readXml(toSvg(odd));
        expect(
          elementsOf(svg, 'g').map((group) => elementsOf(group, 'text').map(({ text }) => text)),
        ).toEqual(labels);
      },
    ),
    { numRuns: runs(2000, 100), seed: 5 },
  );
});

it('frames lie no deeper than anybody can tell apart', () => {
  const { ir } = graph('deep', (g) => {
    const x = g.input('x', f32, [4]);
    return { y: g.scope(Array.from({ length: 6000 }, (_, i) => `s${i}`).join('/'), () => tanh(x)) };
  });
  const dot = readDot(toDot(ir));
  expect(dot.clusters.length).toBe(63);
  expect(readMermaid(toMermaid(ir)).subgraphs.length).toBe(63);
  expect(toSvg(ir)).toContain('s63');
});

it('SVG of more than can be laid out is refused with the way to fold it, and folded it is drawn', () => {
  const { ir } = graph('long', (g) => {
    let x: Tensor = g.input('x', f32, [4]);
    for (let i = 0; i < 3000; i++) x = g.scope('layers', () => (i % 2 === 0 ? tanh(x) : exp(x)));
    return { loss: sum(x) };
  });
  expect(() => toSvg(ir)).toThrow(/FROND-I040.*3003 boxes and 3002 arrows.*--depth 1/s);
  expect(readXml(toSvg(ir, { depth: 1 })).name).toBe('svg');
});

it('a typed graph is taken as the graph in it', () => {
  const model = graph('model', (g) => ({ y: sum(g.parameter('w', f32, [2], ones())) }));
  for (const print of [toDot, toMermaid, toSvg, printGraph]) expect(print(model)).toBe(print(model.ir));
  expect(differentiate(model, ops, { loss: 'y' })).toEqual(differentiate(model.ir, ops, { loss: 'y' }));
});
