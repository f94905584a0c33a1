import type { Graph } from '../ir/graph.ts';
import { type Box, drawGraph, type PictureOptions, scopesOf } from './picture.ts';

const quote = (text: string): string => `"${text.replace(/["\\]/g, '\\$&').replace(/\n/g, '\\n')}"`;

const FILL = { forward: '#e8f1fb', backward: '#fdeee0', update: '#e9f6e6' } as const;
const SHAPE = {
  input: 'invhouse',
  parameter: 'cylinder',
  op: 'box',
  scope: 'box3d',
  output: 'house',
} as const;

function printBox(box: Box): string {
  const label = quote(box.detail === '' ? box.label : `${box.label}\n${box.detail}`);
  return `${quote(box.id)} [label=${label.replace(/\\\\n/g, '\\n')}, shape=${SHAPE[box.kind]}, fillcolor=${quote(FILL[box.phase])}];`;
}

/** The graph in Graphviz's language: scopes are clusters, phases are colours, edges carry shapes. */
export function toDot(graph: Graph, options: PictureOptions = {}): string {
  const picture = drawGraph(graph, options);
  const lines = [
    `digraph ${quote(picture.title)} {`,
    '  rankdir=TB; node [style="filled,rounded", fontname="sans-serif", fontsize=10]; edge [fontsize=8];',
  ];
  const inside = (scope: string, indent: string): void => {
    for (const box of picture.boxes) if (box.scope === scope) lines.push(`${indent}${printBox(box)}`);
    const children = scopesOf(picture).filter(
      (path) => path.startsWith(scope === '' ? '' : `${scope}/`) && parentOf(path) === scope,
    );
    for (const child of children) {
      lines.push(`${indent}subgraph ${quote(`cluster ${child}`)} {`);
      lines.push(
        `${indent}  label=${quote(child.split('/').at(-1) ?? child)}; style=rounded; color="#9aa7b4";`,
      );
      inside(child, `${indent}  `);
      lines.push(`${indent}}`);
    }
  };
  inside('', '  ');
  for (const { from, to, label } of picture.arrows) {
    lines.push(`  ${quote(from)} -> ${quote(to)}${label === '' ? '' : ` [label=${quote(label)}]`};`);
  }
  return `${[...lines, '}'].join('\n')}\n`;
}

const parentOf = (path: string): string => path.split('/').slice(0, -1).join('/');
