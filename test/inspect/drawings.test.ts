import { describe, expect, it } from 'vitest';
import { f32, graph, ones, sum } from '../../src/dsl/index.ts';
import { toDot } from '../../src/inspect/dot.ts';
import { toMermaid } from '../../src/inspect/mermaid.ts';
import { drawGraph, scopeTree } from '../../src/inspect/picture.ts';
import { toSvg } from '../../src/inspect/svg.ts';
import type { Graph } from '../../src/ir/graph.ts';
import { printGraph } from '../../src/ir/print.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
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
    expect([...dot.nodes.keys()].sort()).toEqual(
      boxesOf(graph)
        .map((id) => id.replaceAll('\n', 'n'))
        .sort(),
    );
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
    expect(svg.attributes.get('viewBox')).toMatch(/^0 0 \d+ \d+$/);
    const groups = elementsOf(svg, 'g');
    expect(groups).toHaveLength(picture.boxes.length);
    const plain = (text: string) => text.replace(/\p{Cc}/gu, ' ');
    expect(groups.map((group) => elementsOf(group, 'text').map(({ text }) => text))).toEqual(
      picture.boxes.map(({ label, detail }) => [plain(label), plain(detail)]),
    );
    expect(groups.map((group) => group.attributes.get('class'))).toEqual(
      picture.boxes.map(({ phase }) => phase),
    );
    const [, , width = 0, height = 0] = svg.attributes.get('viewBox')?.split(' ').map(Number) ?? [];
    for (const { attributes } of elementsOf(svg, 'rect')) {
      const [x, y, w, h] = ['x', 'y', 'width', 'height'].map((name) => Number(attributes.get(name)));
      expect((x ?? -1) >= 0 && (y ?? -1) >= 0).toBe(true);
      expect((x ?? 0) + (w ?? 0) <= width && (y ?? 0) + (h ?? 0) <= height).toBe(true);
    }
    expect(elementsOf(svg, 'path').filter(({ attributes }) => attributes.has('marker-end'))).toHaveLength(
      picture.arrows.length,
    );
  });
});

describe('the small step', () => {
  it('in DOT', () => {
    expect(toDot(small(), { depth: 1 })).toMatchInlineSnapshot(`
      "digraph "small" {
        rankdir=TB; node [style="filled,rounded", fontname="sans-serif", fontsize=10]; edge [fontsize=8];
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
        "backward:model" [label="model\\n4 nodes, backward", shape=box3d, fillcolor="#fdeee0"];
        "optimizer.hyper" [label="optimizer.hyper\\nf32[4]", shape=invhouse, fillcolor="#e9f6e6"];
        "output:loss" [label="loss\\noutput", shape=house, fillcolor="#e8f1fb"];
        "output:gradientNorm" [label="gradientNorm\\noutput", shape=house, fillcolor="#e8f1fb"];
        subgraph "cluster update" {
          label="update"; style=rounded; color="#9aa7b4";
          "gradientNorm" [label="gradientNorm\\nf32[]", shape=box, fillcolor="#e9f6e6"];
          "adamW" [label="adamW\\nf32[]", shape=box, fillcolor="#e9f6e6"];
        }
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
        "div" -> "gradientNorm" [label="[]"];
        "backward:model" -> "gradientNorm" [label="[4, 3]"];
        "div" -> "adamW" [label="[]"];
        "gradientNorm" -> "adamW" [label="[]"];
        "optimizer.hyper" -> "adamW" [label="[4]"];
        "backward:model" -> "adamW" [label="[4, 3]"];
        "div" -> "output:loss" [label="[]"];
        "gradientNorm" -> "output:gradientNorm" [label="[]"];
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
        n16[/"optimizer.hyper<br/>f32[4]"/]:::update
        n19(["loss<br/>output"]):::forward
        n20(["gradientNorm<br/>output"]):::forward
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
          n17["gradientNorm<br/>f32[]"]:::update
          n18["adamW<br/>f32[]"]:::update
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
        n6 -->|"[]"| n17
        n15 -->|"[4, 3]"| n17
        n6 -->|"[]"| n18
        n17 -->|"[]"| n18
        n16 -->|"[4]"| n18
        n15 -->|"[4, 3]"| n18
        n6 -->|"[]"| n19
        n17 -->|"[]"| n20
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

describe('folding', () => {
  const shown = (depth: number) =>
    drawGraph('drawGraph', nested(), { depth }).boxes.map(({ id, detail, scope }) => [id, detail, scope]);

  it('puts what is deeper into one box for each scope', () => {
    expect(shown(2)).toEqual([
      ['ids', 'i32[batch]', ''],
      ['forward:a/b', '2 nodes', 'a'],
      ['constant.1', 'i32[]', 'a/d'],
      ['mul.1', 'i32[batch]', 'a/d'],
      ['constant.2', 'i32[]', 'e'],
      ['mul.2', 'i32[batch]', 'e'],
      ['output:y', 'output', ''],
    ]);
    expect(shown(1)).toEqual([
      ['ids', 'i32[batch]', ''],
      ['forward:a', '4 nodes', ''],
      ['constant.2', 'i32[]', 'e'],
      ['mul.2', 'i32[batch]', 'e'],
      ['output:y', 'output', ''],
    ]);
    expect(drawGraph('drawGraph', nested(), { depth: 1, parameters: false }).boxes[1]?.detail).toBe(
      '2 nodes',
    );
  });

  it('to depth 0 leaves one box for each phase', () => {
    expect(shown(0)).toEqual([
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
    const graph = small();
    const { boxes, arrows } = drawGraph('drawGraph', graph, { depth: 1 });
    const folded = boxes.filter(({ kind }) => kind === 'scope');
    expect(folded.map(({ id, label }) => [id, label])).toEqual([
      ['forward:model', 'model'],
      ['backward:model', 'model'],
    ]);
    expect(folded[1]?.detail).toMatch(/^\d+ nodes, backward$/);
    const ends = new Set(boxes.map(({ id }) => id));
    for (const { from, to } of arrows) expect(ends.has(from) && ends.has(to) && from !== to).toBe(true);
    expect(arrows).toContainEqual({ from: 'x', to: 'forward:model', label: '[batch, 4]' });
    expect(new Set(arrows.map(({ from, to }) => `${from} ${to}`)).size).toBe(arrows.length);
  });

  it('holds all boxes in the tree of scopes, in order of appearance', () => {
    const picture = drawGraph('drawGraph', joint(2));
    const root = scopeTree(picture);
    const count = (scope: typeof root): number =>
      scope.boxes.length + scope.inner.reduce((sum, inner) => sum + count(inner), 0);
    expect(count(root)).toBe(picture.boxes.length);
    expect(
      scopeTree(drawGraph('drawGraph', nested())).inner.map(({ path, inner }) => [
        path,
        inner.map((one) => one.label),
      ]),
    ).toEqual([
      ['a', ['b', 'd']],
      ['e', []],
    ]);
  });
});

it('a typed graph is taken as the graph in it', () => {
  const model = graph('model', (g) => ({ y: sum(g.parameter('w', f32, [2], ones())) }));
  for (const print of [toDot, toMermaid, toSvg, printGraph]) expect(print(model)).toBe(print(model.ir));
  expect(differentiate(model, ops, { loss: 'y' })).toEqual(differentiate(model.ir, ops, { loss: 'y' }));
});
