import type { GraphLike } from '../ir/graph.ts';
import { COLORS, drawGraph, PHASES, type PictureOptions, scopeLines, scopeTree } from './picture.ts';

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
  let scopes = 0;
  const nodes = scopeLines(scopeTree(picture), {
    box({ id, kind, phase, label, detail }) {
      const [open, close] = BRACKETS[kind];
      const text = [label, detail].filter((line) => line !== '').map(escapeText);
      return `${names.get(id)}${open}"${text.join('<br/>')}"${close}:::${phase}`;
    },
    open: ({ label }) => [`subgraph s${scopes++}["${escapeText(label)}"]`],
    close: 'end',
  });
  const arrows = picture.arrows.map(({ from, to, label }) => {
    const text = label === '' ? '' : `|"${escapeText(label)}"|`;
    return `  ${names.get(from)} -->${text} ${names.get(to)}`;
  });
  const classes = PHASES.map((phase) => {
    const { fill, stroke } = COLORS[phase];
    return `  classDef ${phase} fill:${fill},stroke:${stroke}`;
  });
  return `${['flowchart TD', ...nodes, ...arrows, ...classes].join('\n')}\n`;
}
