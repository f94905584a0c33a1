import type { GraphLike } from '../ir/graph.ts';
import { type Box, drawGraph, type PictureOptions, type Scope, scopeTree } from './picture.ts';

/** As entity codes: quotes and markup, and what begins a directive (`%%{`), an icon (`fa:`), a formula (`$$`) or an escape. */
const escapeText = (text: string): string =>
  text.replace(/["#$%&':;<>?@\\^`{|}~]/g, (character) => `#${character.charCodeAt(0)};`);

const BRACKETS = {
  input: ['[/', '/]'],
  parameter: ['[(', ')]'],
  op: ['[', ']'],
  scope: ['[[', ']]'],
  output: ['([', '])'],
} as const;

/** The graph in Mermaid's flowchart language: scopes are subgraphs, phases are classes. */
export function toMermaid(graph: GraphLike, options: PictureOptions = {}): string {
  const picture = drawGraph('toMermaid', graph, options);
  const names = new Map(picture.boxes.map((box, i) => [box.id, `n${i}`]));
  const lines = ['flowchart TD'];
  const printBox = (box: Box): string => {
    const [open, close] = BRACKETS[box.kind];
    const text =
      box.detail === '' ? escapeText(box.label) : `${escapeText(box.label)}<br/>${escapeText(box.detail)}`;
    return `${names.get(box.id)}${open}"${text}"${close}:::${box.phase}`;
  };
  let scopes = 0;
  const inside = ({ boxes, inner }: Scope, indent: string): void => {
    for (const box of boxes) lines.push(`${indent}${printBox(box)}`);
    for (const scope of inner) {
      lines.push(`${indent}subgraph s${scopes++}["${escapeText(scope.label)}"]`);
      inside(scope, `${indent}  `);
      lines.push(`${indent}end`);
    }
  };
  inside(scopeTree(picture), '  ');
  for (const { from, to, label } of picture.arrows) {
    const text = label === '' ? '' : `|"${escapeText(label)}"|`;
    lines.push(`  ${names.get(from)} -->${text} ${names.get(to)}`);
  }
  lines.push(
    '  classDef forward fill:#e8f1fb,stroke:#5b7fa6',
    '  classDef backward fill:#fdeee0,stroke:#b3793f',
    '  classDef update fill:#e9f6e6,stroke:#5f9653',
  );
  return `${lines.join('\n')}\n`;
}
