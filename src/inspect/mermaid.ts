import type { Graph } from '../ir/graph.ts';
import { type Box, drawGraph, type PictureOptions, scopesOf } from './picture.ts';

const escapeText = (text: string): string => text.replace(/["#<>]/g, (c) => `#${c.charCodeAt(0)};`);

const BRACKETS = {
  input: ['[/', '/]'],
  parameter: ['[(', ')]'],
  op: ['[', ']'],
  scope: ['[[', ']]'],
  output: ['([', '])'],
} as const;

/** The graph in Mermaid's flowchart language: scopes are subgraphs, phases are classes. */
export function toMermaid(graph: Graph, options: PictureOptions = {}): string {
  const picture = drawGraph(graph, options);
  const names = new Map(picture.boxes.map((box, i) => [box.id, `n${i}`]));
  const lines = ['flowchart TD'];
  const printBox = (box: Box): string => {
    const [open, close] = BRACKETS[box.kind];
    const text =
      box.detail === '' ? escapeText(box.label) : `${escapeText(box.label)}<br/>${escapeText(box.detail)}`;
    return `${names.get(box.id)}${open}"${text}"${close}:::${box.phase}`;
  };
  const inside = (scope: string, indent: string): void => {
    for (const box of picture.boxes) if (box.scope === scope) lines.push(`${indent}${printBox(box)}`);
    for (const child of scopesOf(picture)) {
      if (child.split('/').slice(0, -1).join('/') !== scope) continue;
      lines.push(`${indent}subgraph ${JSON.stringify(escapeText(child))}`);
      inside(child, `${indent}  `);
      lines.push(`${indent}end`);
    }
  };
  inside('', '  ');
  for (const { from, to, label } of picture.arrows) {
    const text = label === '' ? '' : `|"${escapeText(label)}"|`;
    lines.push(`  ${names.get(from)} -->${text} ${names.get(to)}`);
  }
  lines.push(
    '  classDef forward fill:#e8f1fb,stroke:#5b7fa6',
    '  classDef backward fill:#fdeee0,stroke:#b3793f',
  );
  lines.push('  classDef update fill:#e9f6e6,stroke:#5f9653');
  return `${lines.join('\n')}\n`;
}
