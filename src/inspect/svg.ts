import dagre from '@dagrejs/dagre';
import type { Graph } from '../ir/graph.ts';
import { type Box, drawGraph, type PictureOptions } from './picture.ts';

const escapeText = (text: string): string =>
  text.replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c] ?? c);

const FILL = { forward: '#e8f1fb', backward: '#fdeee0', update: '#e9f6e6' } as const;
const STROKE = { forward: '#5b7fa6', backward: '#b3793f', update: '#5f9653' } as const;
const CHARACTER = 6.6;
const HEIGHT = 38;

const widthOf = (box: Box): number =>
  Math.max(64, CHARACTER * Math.max(box.label.length, box.detail.length) + 18);

/** The graph as a stand-alone SVG drawing, laid out in layers from inputs to outputs. */
export function toSvg(graph: Graph, options: PictureOptions = {}): string {
  const picture = drawGraph(graph, options);
  const layout = new dagre.graphlib.Graph({ directed: true });
  layout.setGraph({ rankdir: 'TB', nodesep: 18, ranksep: 34, marginx: 12, marginy: 12 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const box of picture.boxes) layout.setNode(box.id, { width: widthOf(box), height: HEIGHT });
  for (const { from, to } of picture.arrows) layout.setEdge(from, to, {});
  dagre.layout(layout);
  const { width = 0, height = 0 } = layout.graph();
  const arrows = picture.arrows.map(({ from, to, label }) => {
    const points: readonly { x: number; y: number }[] = layout.edge({ v: from, w: to }).points;
    const path = points
      .map(({ x, y }, i) => `${i === 0 ? 'M' : 'L'}${x.toFixed(1)} ${y.toFixed(1)}`)
      .join('');
    const title = label === '' ? '' : `<title>${escapeText(label)}</title>`;
    return `<path d="${path}" fill="none" stroke="#8a97a5" marker-end="url(#head)">${title}</path>`;
  });
  const boxes = picture.boxes.map((box) => {
    const { x, y } = layout.node(box.id);
    const w = widthOf(box);
    const radius = box.kind === 'op' ? 4 : box.kind === 'scope' ? 8 : HEIGHT / 2;
    return [
      `<g><rect x="${(x - w / 2).toFixed(1)}" y="${(y - HEIGHT / 2).toFixed(1)}" width="${w.toFixed(1)}" height="${HEIGHT}"`,
      ` rx="${radius}" fill="${FILL[box.phase]}" stroke="${STROKE[box.phase]}"/>`,
      `<text x="${x.toFixed(1)}" y="${(y - 2).toFixed(1)}" font-weight="600">${escapeText(box.label)}</text>`,
      `<text x="${x.toFixed(1)}" y="${(y + 12).toFixed(1)}" fill="#5a6672">${escapeText(box.detail)}</text></g>`,
    ].join('');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${height.toFixed(0)}" width="${width.toFixed(0)}"`,
    ' font-family="ui-sans-serif, system-ui, sans-serif" font-size="11" text-anchor="middle">',
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">',
    '<path d="M0 0L8 4L0 8z" fill="#8a97a5"/></marker></defs>',
    ...arrows,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}
