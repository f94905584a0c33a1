import dagre from '@dagrejs/dagre';
import type { GraphLike, Phase } from '../ir/graph.ts';
import {
  type Arrow,
  type Box,
  drawGraph,
  type Picture,
  type PictureOptions,
  type Scope,
  scopeTree,
} from './picture.ts';

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** Text for XML, which has no control characters. */
const escapeText = (text: string): string =>
  text.replace(/[&<>"]/g, (character) => ENTITIES[character] ?? character).replace(/\p{Cc}/gu, ' ');

const FILL = { forward: '#e8f1fb', backward: '#fdeee0', update: '#e9f6e6' } as const;
const STROKE = { forward: '#5b7fa6', backward: '#b3793f', update: '#5f9653' } as const;
const INK = '#1f2933';
const QUIET = '#5a6672';
const CHARACTER = 6.6;
const HEIGHT = 38;
/** letters of an edge's shape are smaller */
const LABEL_CHARACTER = 5;

const widthOf = (box: Box): number =>
  Math.max(64, CHARACTER * Math.max(box.label.length, box.detail.length) + 18);

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Layers from inputs to outputs, with a frame around the boxes of each scope. */
function layOut(picture: Picture) {
  const layout = new dagre.graphlib.Graph({ directed: true, compound: true });
  layout.setGraph({ rankdir: 'TB', nodesep: 22, ranksep: 30, edgesep: 14, marginx: 12, marginy: 12 });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const { path, inner } of scopesIn(picture)) {
    layout.setNode(frameId(path), {});
    for (const scope of inner) {
      layout.setNode(frameId(scope.path), {});
      layout.setParent(frameId(scope.path), frameId(path));
    }
  }
  for (const box of picture.boxes) {
    layout.setNode(box.id, { width: widthOf(box), height: HEIGHT });
    if (box.scope !== '') layout.setParent(box.id, frameId(box.scope));
  }
  for (const arrow of picture.arrows) {
    const label = labelOf(picture, arrow);
    const size = label === '' ? {} : { width: LABEL_CHARACTER * label.length + 6, height: 12, labelpos: 'c' };
    layout.setEdge(arrow.from, arrow.to, size);
  }
  dagre.layout(layout);
  return layout;
}

/** All scopes but the outermost, which has no frame; outer ones first. */
function scopesIn(picture: Picture): Scope[] {
  const all = (scope: Scope): Scope[] => scope.inner.flatMap((inner) => [inner, ...all(inner)]);
  return all(scopeTree(picture));
}

const frameId = (scope: string): string => `scope:${scope}`;

/** A shape is written on the arrow only where the box that it leaves does not say it: folded scopes. */
function labelOf(picture: Picture, { from, label }: Arrow): string {
  return picture.boxes.find(({ id }) => id === from)?.kind === 'scope' ? label : '';
}

/** A curve through the middles between the corners that the layout gives. */
function curve(points: readonly Point[]): string {
  const at = ({ x, y }: Point): string => `${x.toFixed(1)} ${y.toFixed(1)}`;
  const [first, ...rest] = points;
  const last = rest.pop();
  if (first === undefined || last === undefined) return '';
  const bends = rest.map((corner, i) => {
    const next = rest[i + 1] ?? last;
    const end = i === rest.length - 1 ? next : { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 };
    return `Q${at(corner)} ${at(end)}`;
  });
  return `M${at(first)}${bends.length > 0 ? bends.join('') : `L${at(last)}`}`;
}

function drawBox(box: Box, { x, y }: Point): string {
  const w = widthOf(box);
  const radius = box.kind === 'op' ? 5 : box.kind === 'scope' ? 9 : HEIGHT / 2;
  const [left, top] = [(x - w / 2).toFixed(1), y - HEIGHT / 2];
  const rect = (dy: number): string =>
    `<rect x="${left}" y="${(top + dy).toFixed(1)}" width="${w.toFixed(1)}" height="${HEIGHT}" rx="${radius}" fill="${box.kind === 'op' || box.kind === 'scope' ? FILL[box.phase] : '#fff'}" stroke="${STROKE[box.phase]}"/>`;
  return [
    // a folded scope lies on another box: there is more in it
    `<g class="${box.phase}">${box.kind === 'scope' ? rect(4) : ''}${rect(0)}`,
    `<text x="${x.toFixed(1)}" y="${(y - 2).toFixed(1)}" font-weight="600" fill="${INK}">${escapeText(box.label)}</text>`,
    `<text x="${x.toFixed(1)}" y="${(y + 12).toFixed(1)}" fill="${QUIET}">${escapeText(box.detail)}</text></g>`,
  ].join('');
}

/** A line under the drawing that says what the colours mean, where there are several. */
function legend(phases: readonly Phase[], height: number): string {
  if (phases.length < 2) return '';
  return phases
    .map((phase, i) => {
      const x = 16 + 92 * i;
      return `<rect x="${x}" y="${height + 2}" width="14" height="14" rx="3" fill="${FILL[phase]}" stroke="${STROKE[phase]}"/><text x="${x + 20}" y="${height + 13}" text-anchor="start" fill="${QUIET}">${phase}</text>`;
    })
    .join('');
}

/** The graph as a stand-alone SVG drawing, laid out in layers from inputs to outputs, a frame around each scope. */
export function toSvg(graph: GraphLike, options: PictureOptions = {}): string {
  const picture = drawGraph('toSvg', graph, options);
  const layout = layOut(picture);
  // without boxes the layout has no size
  const { width = 0, height = 0 } = picture.boxes.length > 0 ? layout.graph() : {};
  const phases = (['forward', 'backward', 'update'] as const).filter((phase) =>
    picture.boxes.some((box) => box.phase === phase),
  );
  const frames = scopesIn(picture).map(({ path, label }) => {
    const { x, y, width: w, height: h } = layout.node(frameId(path));
    const [left, top] = [x - w / 2, y - h / 2];
    return `<rect x="${left.toFixed(1)}" y="${top.toFixed(1)}" width="${w.toFixed(1)}" height="${h.toFixed(1)}" rx="10" fill="#1f2933" fill-opacity=".025" stroke="#c6ced6" stroke-dasharray="4 3"/><text x="${(left + 10).toFixed(1)}" y="${(top + 3.5).toFixed(1)}" text-anchor="start" font-size="10" fill="${QUIET}" stroke="#fff" stroke-width="4" paint-order="stroke">${escapeText(label)}</text>`;
  });
  const arrows = picture.arrows.map((arrow) => {
    const { points, x, y } = layout.edge({ v: arrow.from, w: arrow.to });
    const title = arrow.label === '' ? '' : `<title>${escapeText(arrow.label)}</title>`;
    const label = labelOf(picture, arrow);
    const text =
      label === ''
        ? ''
        : `<text x="${x.toFixed(1)}" y="${(y + 3).toFixed(1)}" font-size="9" fill="${QUIET}" stroke="#fff" stroke-width="3" paint-order="stroke">${escapeText(label)}</text>`;
    return `<path d="${curve(points)}" fill="none" stroke="#8a97a5" marker-end="url(#head)">${title}</path>${text}`;
  });
  const total = height + (phases.length < 2 ? 0 : 26);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width.toFixed(0)} ${total.toFixed(0)}" width="${width.toFixed(0)}"`,
    ' font-family="ui-sans-serif, system-ui, sans-serif" font-size="11" text-anchor="middle">',
    `<title>${escapeText(picture.title)}</title>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">',
    '<path d="M0 0L8 4L0 8z" fill="#8a97a5"/></marker></defs>',
    `<rect x="0" y="0" width="${width.toFixed(0)}" height="${total.toFixed(0)}" fill="#fff"/>`,
    ...frames,
    ...arrows,
    ...picture.boxes.map((box) => drawBox(box, layout.node(box.id))),
    legend(phases, height),
    '</svg>\n',
  ].join('\n');
}
