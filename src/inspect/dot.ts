import { shown } from '../base/shown.ts';
import type { GraphLike } from '../ir/graph.ts';
import { type Box, drawGraph, type PictureOptions, type Scope, scopeTree } from './picture.ts';

const quote = (text: string): string => `"${shown(text).replace(/["\\]/g, '\\$&')}"`;

/** Graphviz reads entities in labels, not in names. */
const quoteLabel = (...lines: readonly string[]): string =>
  `"${lines.map((line) => quote(line.replaceAll('&', '&amp;')).slice(1, -1)).join('\\n')}"`;

const FILL = { forward: '#e8f1fb', backward: '#fdeee0', update: '#e9f6e6' } as const;
const SHAPE = {
  input: 'invhouse',
  parameter: 'cylinder',
  op: 'box',
  scope: 'box3d',
  output: 'house',
} as const;

function printBox(box: Box): string {
  const label = quoteLabel(...[box.label, box.detail].filter((line) => line !== ''));
  return `${quote(box.id)} [label=${label}, shape=${SHAPE[box.kind]}, fillcolor=${quote(FILL[box.phase])}];`;
}

/** The graph in Graphviz's language: scopes are clusters, phases are colours, edges carry shapes. */
export function toDot(graph: GraphLike, options: PictureOptions = {}): string {
  const picture = drawGraph('toDot', graph, options);
  const lines = [
    `digraph ${quote(picture.title)} {`,
    // without newrank Graphviz 2.43 fails on edges between clusters that run both ways (init_rank)
    '  rankdir=TB; newrank=true; node [style="filled,rounded", fontname="sans-serif", fontsize=10]; edge [fontsize=8];',
  ];
  const inside = ({ boxes, inner }: Scope, indent: string): void => {
    for (const box of boxes) lines.push(`${indent}${printBox(box)}`);
    for (const scope of inner) {
      lines.push(`${indent}subgraph ${quote(`cluster ${scope.path}`)} {`);
      lines.push(`${indent}  label=${quoteLabel(scope.label)}; style=rounded; color="#9aa7b4";`);
      inside(scope, `${indent}  `);
      lines.push(`${indent}}`);
    }
  };
  inside(scopeTree(picture), '  ');
  for (const { from, to, label } of picture.arrows) {
    lines.push(`  ${quote(from)} -> ${quote(to)}${label === '' ? '' : ` [label=${quoteLabel(label)}]`};`);
  }
  return `${[...lines, '}'].join('\n')}\n`;
}
