import dagre from '@dagrejs/dagre';
import { FrondError } from '../base/errors.ts';
import { escapeMarkup } from '../base/shown.ts';
import { type GraphLike, PHASES, type Phase } from '../ir/graph.ts';
import {
  type Box,
  COLORS,
  drawGraph,
  type Picture,
  type PictureOptions,
  type Scope,
  scopeTree,
} from './picture.ts';

const INK = '#1f2933';
const QUIET = '#5a6672';
const CHARACTER = 6.6;
const HEIGHT = 38;
const MARGIN = 12;
/** letters of an edge's shape are smaller */
const LABEL_CHARACTER = 5;

const widthOf = (box: Box): number =>
  Math.max(64, CHARACTER * Math.max(box.label.length, box.detail.length) + 18);

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Around a middle. */
interface Rectangle extends Point {
  readonly width: number;
  readonly height: number;
}

// the layout keeps its nodes in plain objects: names of the graph, such as `constructor`, stay out of it
const frameId = (path: string): string => `frame ${path}`;
const boxId = (id: string): string => `box ${id}`;

/**
 * Layers from inputs to outputs, with a frame around the boxes of each scope: everything with its place. That of an arrow is the
 * place of its text.
 */
function layOut(picture: Picture, scopes: readonly Scope[]) {
  const layout = new dagre.graphlib.Graph({ directed: true, compound: true });
  layout.setGraph({ rankdir: 'TB', nodesep: 22, ranksep: 30, edgesep: 14, marginx: MARGIN, marginy: MARGIN });
  layout.setDefaultEdgeLabel(() => ({}));
  for (const { path } of scopes) layout.setNode(frameId(path), {});
  for (const { path, inner } of scopes)
    for (const scope of inner) layout.setParent(frameId(scope.path), frameId(path));
  for (const box of picture.boxes) {
    layout.setNode(boxId(box.id), { width: widthOf(box), height: HEIGHT });
    if (box.scope !== '') layout.setParent(boxId(box.id), frameId(box.scope));
  }
  // a shape is written on the arrow only where the box that it leaves does not say it: folded scopes
  const folded = new Set(picture.boxes.flatMap(({ kind, id }) => (kind === 'scope' ? [id] : [])));
  const arrows = picture.arrows.map((arrow) => {
    const text = folded.has(arrow.from) ? arrow.label : '';
    const size = text === '' ? {} : { width: LABEL_CHARACTER * text.length + 6, height: 12, labelpos: 'c' };
    const ends = { v: boxId(arrow.from), w: boxId(arrow.to) };
    layout.setEdge(ends, size);
    return { ...arrow, text, ends };
  });
  dagre.layout(layout);
  const placeOf = (id: string): Rectangle => layout.node(id);
  return {
    boxes: picture.boxes.map((box) => ({ ...box, ...placeOf(boxId(box.id)) })),
    frames: scopes.map((scope) => ({ ...scope, ...placeOf(frameId(scope.path)) })),
    arrows: arrows.map(({ ends, ...arrow }) => {
      const { points, x, y }: Point & { readonly points: readonly Point[] } = layout.edge(ends);
      return { ...arrow, points, x, y, width: LABEL_CHARACTER * arrow.text.length, height: 12 };
    }),
  };
}

/** What a drawing takes: everything in it, and the bends of arrows, which may run beyond all boxes. */
function extentOf({ boxes, frames, arrows }: ReturnType<typeof layOut>): Rectangle {
  const bends = arrows.flatMap(({ points }) => points.map((point) => ({ ...point, width: 0, height: 0 })));
  const texts = arrows.filter(({ text }) => text !== '');
  // a folded scope lies on another box
  const cards = boxes.map((box) => ({ ...box, height: HEIGHT + 8 }));
  let [left, top, right, bottom] = [MARGIN, MARGIN, MARGIN, MARGIN];
  for (const { x, y, width, height } of [...cards, ...frames, ...bends, ...texts]) {
    [left, right] = [Math.min(left, x - width / 2), Math.max(right, x + width / 2)];
    [top, bottom] = [Math.min(top, y - height / 2), Math.max(bottom, y + height / 2)];
  }
  const [x, y] = [Math.floor(left - MARGIN), Math.floor(top - MARGIN)];
  return { x, y, width: Math.ceil(right + MARGIN) - x, height: Math.ceil(bottom + MARGIN) - y };
}

/** All scopes but the outermost, which has no frame; outer ones first. */
const scopesIn = ({ inner }: Scope): Scope[] => inner.flatMap((scope) => [scope, ...scopesIn(scope)]);

/** In an attribute. */
const print = (place: number): string => place.toFixed(1);

const text = ({ x, y }: Point, attributes: string, content: string): string =>
  `<text x="${print(x)}" y="${print(y)}" ${attributes}>${escapeMarkup(content)}</text>`;

/** Small letters that can be read on lines. */
const outlined = (size: number, width: number): string =>
  `font-size="${size}" fill="${QUIET}" stroke="#fff" stroke-width="${width}" paint-order="stroke"`;

/** A curve through the middles between the corners that the layout gives. */
function curve(points: readonly Point[]): string {
  const at = ({ x, y }: Point): string => `${print(x)} ${print(y)}`;
  const [first, ...rest] = points;
  const last = rest.pop();
  if (first === undefined || last === undefined) return '';
  const bends = rest.map((corner, i) => {
    const next = rest[i + 1];
    const end = next ? { x: (corner.x + next.x) / 2, y: (corner.y + next.y) / 2 } : last;
    return `Q${at(corner)} ${at(end)}`;
  });
  return `M${at(first)}${bends.length > 0 ? bends.join('') : `L${at(last)}`}`;
}

function drawBox({ kind, phase, label, detail, x, y, width }: Box & Rectangle): string {
  const isFilled = kind === 'op' || kind === 'scope';
  const { fill, stroke } = COLORS[phase];
  const radius = kind === 'op' ? 5 : kind === 'scope' ? 9 : HEIGHT / 2;
  const rect = (dy: number): string =>
    `<rect x="${print(x - width / 2)}" y="${print(y - HEIGHT / 2 + dy)}" width="${print(width)}" height="${HEIGHT}" rx="${radius}" fill="${isFilled ? fill : '#fff'}" stroke="${stroke}"/>`;
  return [
    // a folded scope lies on another box: there is more in it
    `<g class="${phase}">${kind === 'scope' ? rect(4) : ''}${rect(0)}`,
    text({ x, y: y - 2 }, `font-weight="600" fill="${INK}"`, label),
    `${text({ x, y: y + 12 }, `fill="${QUIET}"`, detail)}</g>`,
  ].join('');
}

/** A line under the drawing that says what the colours mean, where there are several. */
function legend(phases: readonly Phase[], left: number, height: number): string {
  if (phases.length < 2) return '';
  return phases
    .map((phase, i) => {
      const x = left + 16 + 92 * i;
      return `<rect x="${x}" y="${height + 2}" width="14" height="14" rx="3" fill="${COLORS[phase].fill}" stroke="${COLORS[phase].stroke}"/><text x="${x + 20}" y="${height + 13}" text-anchor="start" fill="${QUIET}">${phase}</text>`;
    })
    .join('');
}

/** Boxes, and bends of arrows in the rows that they pass: what the layout has to place, in a time that grows faster than both. */
const MOST_PLACES = 50_000;
/** its recursion goes as deep as a chain is long */
const MOST_BOXES = 1500;

/** @throws FROND-I040 */
function requireSize({ title, boxes, arrows }: Picture): void {
  const rows = new Map<string, number>();
  const rowOf = (id: string): number => rows.get(id) ?? 0;
  // arrows stand in the order of what they lead to
  for (const { from, to } of arrows) rows.set(to, Math.max(rowOf(to), rowOf(from) + 1));
  const places = arrows.reduce((sum, { from, to }) => sum + rowOf(to) - rowOf(from) - 1, boxes.length);
  if (places <= MOST_PLACES && boxes.length <= MOST_BOXES) return;
  const count = `${boxes.length} boxes and ${arrows.length} arrows`;
  throw new FrondError('FROND-I040', `graph ${title}: ${count} are too many for an SVG drawing`, {
    hint: 'fold scopes, by { depth: 1 } or --depth 1; DOT and Mermaid are written at any size',
  });
}

/**
 * The graph as a stand-alone SVG drawing, laid out in layers from inputs to outputs, a frame around each scope.
 * @throws FROND-I040 for more than can be laid out in a minute or two
 */
export function toSvg(graph: GraphLike, options: PictureOptions = {}): string {
  const picture = drawGraph('toSvg', graph, options);
  requireSize(picture);
  const layout = layOut(picture, scopesIn(scopeTree(picture.boxes)));
  const { x: left, y: top, width, height } = extentOf(layout);
  const phases = PHASES.filter((phase) => picture.boxes.some((box) => box.phase === phase));
  const frames = layout.frames.map(({ label, x, y, width: w, height: h }) => {
    const corner = { x: x - w / 2, y: y - h / 2 };
    const place = `x="${print(corner.x)}" y="${print(corner.y)}" width="${print(w)}" height="${print(h)}"`;
    const at = { x: corner.x + 10, y: corner.y + 3.5 };
    const name = text(at, `text-anchor="start" ${outlined(10, 4)}`, label);
    return `<rect ${place} rx="10" fill="${INK}" fill-opacity=".025" stroke="#c6ced6" stroke-dasharray="4 3"/>${name}`;
  });
  const arrows = layout.arrows.map(({ points, x, y, label, text: shape }) => {
    const title = label === '' ? '' : `<title>${escapeMarkup(label)}</title>`;
    const written = shape === '' ? '' : text({ x, y: y + 3 }, outlined(9, 3), shape);
    return `<path d="${curve(points)}" fill="none" stroke="#8a97a5" marker-end="url(#head)">${title}</path>${written}`;
  });
  const total = height + (phases.length < 2 ? 0 : 26);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${total}" width="${width}"`,
    ' font-family="ui-sans-serif, system-ui, sans-serif" font-size="11" text-anchor="middle">',
    `<title>${escapeMarkup(picture.title)}</title>`,
    '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" orient="auto">',
    '<path d="M0 0L8 4L0 8z" fill="#8a97a5"/></marker></defs>',
    `<rect x="${left}" y="${top}" width="${width}" height="${total}" fill="#fff"/>`,
    ...frames,
    ...arrows,
    ...layout.boxes.map(drawBox),
    legend(phases, left, top + height),
    '</svg>\n',
  ].join('\n');
}
