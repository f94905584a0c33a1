import { shown } from '../base/shown.ts';
import { type GraphLike, PHASES } from '../ir/graph.ts';
import { type Box, COLORS, drawGraph, type PictureOptions, scopeLines, scopeTree } from './picture.ts';

const quote = (text: string): string => `"${shown(text).replace(/["\\]/g, '\\$&')}"`;

/** Graphviz reads entities in labels, not in names. */
const quoteLabel = (...lines: readonly string[]): string =>
  `"${lines.map((line) => quote(line.replaceAll('&', '&amp;')).slice(1, -1)).join('\\n')}"`;

const SHAPE = {
  input: 'invhouse',
  parameter: 'cylinder',
  op: 'box',
  scope: 'box3d',
  output: 'house',
} as const;

function printBox(box: Box): string {
  const label = quoteLabel(...[box.label, box.detail].filter((line) => line !== ''));
  return `${quote(box.id)} [label=${label}, shape=${SHAPE[box.kind]}, fillcolor=${quote(COLORS[box.phase].fill)}];`;
}

/** The graph in Graphviz's language: scopes are clusters, phases are colours, edges carry shapes. */
export function toDot(graph: GraphLike, options: PictureOptions = {}): string {
  const picture = drawGraph('toDot', graph, options);
  const nodes = scopeLines(scopeTree(picture.boxes), {
    box: printBox,
    open: ({ path, label }) => [
      `subgraph ${quote(`cluster ${path}`)} {`,
      `  label=${quoteLabel(label)}; style=rounded; color="#9aa7b4";`,
    ],
    close: '}',
  });
  const edges = picture.arrows.map(({ from, to, label }) => {
    const attributes = label === '' ? '' : ` [label=${quoteLabel(label)}]`;
    return `  ${quote(from)} -> ${quote(to)}${attributes};`;
  });
  return `${[
    `digraph ${quote(picture.title)} {`,
    // without newrank Graphviz 2.43 fails on edges between clusters that run both ways (init_rank)
    '  rankdir=TB; newrank=true; node [style="filled,rounded", fontname="sans-serif", fontsize=10]; edge [fontsize=8];',
    ...nodes,
    ...edges,
    '}',
  ].join('\n')}\n`;
}

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
  const nodes = scopeLines(scopeTree(picture.boxes), {
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
