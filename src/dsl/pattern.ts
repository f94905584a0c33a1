import { type Dim, over, printShape, product, type Shape } from '../base/dim.ts';
import { errorAtCall } from '../base/source.ts';

/** A label, '1', or a composite: a list of labels. */
export type Item = string | readonly string[];
type Op = 'einsum' | 'rearrange';

/** A pattern beside the shapes that it is for. */
export interface Bound {
  /** by operand: the items of all axes */
  readonly operands: readonly (readonly Item[])[];
  readonly result: readonly Item[];
  /** the dims that an item, or the product of several, stands for */
  sizeOf(items: readonly Item[]): Dim;
}

function refuse(summary: string, hint?: string): never {
  throw errorAtCall('FROND-S025', summary, hint);
}

// ---- reading the text

const wordsOf = (text: string): string[] => text.match(/\S+/g) ?? [];

/** Words, and composites in brackets. */
const itemsOf = (text: string): Item[] =>
  [...text.matchAll(/\(([^()]*)\)|(\S+)/g)].map(([, composite, word]) => word ?? wordsOf(composite ?? ''));

/** Labels of the axes under '...': the last one is always called ...1. */
const restLabels = (count: number): string[] => Array.from({ length: count }, (_, i) => `...${count - i}`);

const expand = (items: readonly Item[], rest: number): Item[] =>
  items.flatMap((item) => (item === '...' ? restLabels(rest) : [item]));

/** Labels are words: what NumPy writes as `ij` are two of them here. */
function apart(items: readonly Item[], shape: Shape): string | undefined {
  const letters = items.flat().join('').replaceAll(/\W/g, '');
  return letters.length === shape.length
    ? `labels stand apart by spaces: ${[...letters].join(' ')}`
    : undefined;
}

// ---- what a pattern says by itself

/** The labels of items; in `rearrange` a 1 is none. */
export const labelsOf = (op: Op, items: readonly Item[]): string[] =>
  items.flat().filter((label) => op === 'einsum' || label !== '1');

function requireOnce(op: Op, items: readonly Item[], where: string): void {
  const seen = new Set<string>();
  for (const label of labelsOf(op, items)) {
    if (seen.has(label)) refuse(`${op}: label ${label} occurs twice ${where}`);
    seen.add(label);
  }
}

function requireKnown(op: Op, items: readonly Item[], known: readonly Item[], side: string): void {
  const labels = new Set(known.flat());
  const stray = labelsOf(op, items).find((label) => !labels.has(label));
  if (stray === undefined) return;
  refuse(`${op}: ${stray === '...' ? stray : `label ${stray}`} does not occur on the ${side}`);
}

// ---- binding labels to dims

/**
 * Reads a pattern for operands of these shapes. `sizes` are of labels that are given; the same labels of several operands are one
 * dimension, those under '...' broadcast.
 */
export function bindPattern(
  op: Op,
  pattern: string,
  shapes: readonly Shape[],
  sizes: Readonly<Record<string, Dim>> = {},
): Bound {
  const [leftText = '', rightText, ...more] = pattern.split('->');
  if (rightText === undefined || more.length > 0) refuse(`${op}: the pattern has no ->`);
  const read: (text: string) => Item[] = op === 'einsum' ? wordsOf : itemsOf;
  const left = (op === 'einsum' ? leftText.split(',') : [leftText]).map(read);
  const right = read(rightText);
  if (left.length > shapes.length) refuse('einsum: more operands in the pattern than tensors');
  if (left.length < shapes.length) refuse('einsum: fewer operands in the pattern than tensors');
  const before = left.flat();
  const stray = Object.keys(sizes).find((label) => !before.flat().includes(label));
  if (stray !== undefined) refuse(`${op}: size given for unknown label ${stray}`);
  for (const items of left) requireOnce(op, items, op === 'einsum' ? 'in one operand' : 'on the left');
  const bound = new Map(Object.entries(sizes));
  let most = 0;
  const operands = left.map((items, i) => {
    const shape = shapes[i] ?? [];
    const rest = items.includes('...') ? shape.length - items.length + 1 : 0;
    const axes = expand(items, rest);
    if (axes.length > shape.length) refuse(`${op}: more labels than dimensions`);
    if (axes.length < shape.length) {
      const over = printShape(shape.slice(axes.length));
      refuse(`${op}: fewer labels than dimensions, left over ${over}`, apart(items, shape));
    }
    axes.forEach((item, axis) => {
      const dim = shape[axis] ?? 1;
      if (typeof item === 'string') bindLabel(op, item, dim, bound);
      else bindComposite(item, dim, bound);
    });
    most = Math.max(most, rest);
    return axes;
  });
  requireKnown(op, right, before, 'left');
  requireOnce(op, right, 'on the right');
  if (op === 'rearrange') requireKnown(op, before, right, 'right');
  const sizeOf = (items: readonly Item[]): Dim => product(items.flat().map((label) => bound.get(label) ?? 1));
  return { operands, result: expand(right, most), sizeOf };
}

function bindLabel(op: Op, label: string, dim: Dim, bound: Map<string, Dim>): void {
  if (op === 'rearrange' && label === '1' && dim !== 1)
    refuse(`rearrange: pattern has 1, dimension is ${dim}`);
  const known = bound.get(label) ?? dim;
  const underDots = label.startsWith('...');
  if (known !== dim && !(underDots && (known === 1 || dim === 1))) {
    refuse(
      underDots
        ? `${op} ...: cannot broadcast ${known} with ${dim}`
        : `${op}: label ${label} is both ${known} and ${dim}`,
    );
  }
  bound.set(label, known === 1 ? dim : known);
}

/** `(h d)` = dim, with the sizes of all labels but one bound */
function bindComposite(labels: readonly string[], dim: Dim, bound: Map<string, Dim>): void {
  const text = `(${labels.join(' ')})`;
  const given = product(labels.flatMap((label) => bound.get(label) ?? []));
  const [label, second] = labels.filter((name) => !bound.has(name));
  if (second !== undefined) refuse(`rearrange: give sizes for all but one of ${text}`);
  if (label === undefined) {
    if (given !== dim) refuse(`rearrange: ${text} is ${given}, dimension is ${dim}`);
    return;
  }
  bound.set(label, over(dim, given) ?? refuse(`rearrange: ${dim} is not divisible by ${given} in ${text}`));
}
