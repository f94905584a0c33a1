import { type Dim, over, printShape, product, type Shape } from '../base/dim.ts';
import { type ErrorCode, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import { callerPlace } from '../base/source.ts';

/** A label, '1', or a group of labels. */
export type Item = string | readonly string[];
export interface Pattern {
  readonly left: readonly Item[];
  readonly right: readonly Item[];
}
export type Bound = ReadonlyMap<string, Dim>;

export const fail = (code: ErrorCode, summary: string, hint?: string): never => {
  throw new FrondError(code, summary, { place: callerPlace(), hint });
};

/** Labels are words: what NumPy writes as `ij` are two of them here. */
export function apart(side: readonly Item[], shape: Shape): string | undefined {
  const letters = side.flat().join('').replaceAll(/\W/g, '');
  return letters.length === shape.length
    ? `labels stand apart by spaces: ${[...letters].join(' ')}`
    : undefined;
}

const readSide = (text: string): Item[] =>
  [...text.matchAll(/\(([^()]*)\)|(\S+)/g)].map(([, group, word]) =>
    word === undefined ? (group ?? '').split(' ').filter((label) => label !== '') : word,
  );

/** Reads both sides; '...' becomes the labels of as many axes as the rank leaves over. */
export function readPattern(pattern: string, rank: number): Pattern {
  const [leftText, rightText, ...more] = pattern.split('->');
  if (leftText === undefined || rightText === undefined || more.length > 0) {
    return fail('FROND-S025', 'rearrange: the pattern has no ->');
  }
  const left = readSide(leftText);
  const count = left.includes('...') ? rank - left.length + 1 : 0;
  if (count < 0) fail('FROND-S025', 'rearrange: more labels than dimensions');
  const rest = Array.from({ length: count }, (_, i) => `...${i}`);
  const expand = (items: readonly Item[]): Item[] =>
    items.flatMap((item) => (item === '...' ? rest : [item]));
  const right = readSide(rightText);
  if (right.includes('...') && !left.includes('...')) {
    fail('FROND-S025', 'rearrange: ... does not occur on the left');
  }
  return { left: expand(left), right: expand(right) };
}

/** Sizes of all labels of the left side. */
export function bindLabels(left: readonly Item[], shape: Shape, sizes: Readonly<Record<string, Dim>>): Bound {
  if (left.length > shape.length) fail('FROND-S025', 'rearrange: more labels than dimensions');
  if (left.length < shape.length) {
    const over = printShape(shape.slice(left.length));
    fail('FROND-S025', `rearrange: fewer labels than dimensions, left over ${over}`, apart(left, shape));
  }
  const bound = new Map<string, Dim>();
  left.forEach((item, i) => {
    const dim = shape[i] ?? 1;
    if (typeof item !== 'string') bindGroup(item, dim, sizes, bound);
    else if (item === '1') {
      if (dim !== 1) fail('FROND-S025', `rearrange: pattern has 1, dimension is ${dim}`);
    } else {
      const given = own(sizes, item);
      if (given !== undefined && given !== dim) {
        fail('FROND-S025', `rearrange: label ${item} is both ${given} and ${dim}`);
      }
      bindLabel(item, dim, bound);
    }
  });
  const known = new Set(bound.keys());
  const stray = Object.keys(sizes).find((label) => !known.has(label));
  if (stray !== undefined) fail('FROND-S025', `rearrange: size given for unknown label ${stray}`);
  return bound;
}

function bindLabel(label: string, dim: Dim, bound: Map<string, Dim>): void {
  if (bound.has(label)) fail('FROND-S025', `rearrange: label ${label} occurs twice on the left`);
  bound.set(label, dim);
}

/** `(h d)` = dim, with the sizes of all labels but one given */
function bindGroup(
  group: readonly string[],
  dim: Dim,
  sizes: Readonly<Record<string, Dim>>,
  bound: Map<string, Dim>,
): void {
  const text = `(${group.join(' ')})`;
  const given = product(group.flatMap((label) => own(sizes, label) ?? []));
  const unknown = group.filter((label) => own(sizes, label) === undefined);
  const [label, second] = unknown;
  if (second !== undefined) fail('FROND-S025', `rearrange: give sizes for all but one of ${text}`);
  if (label === undefined && given !== dim) {
    fail('FROND-S025', `rearrange: ${text} is ${given}, dimension is ${dim}`);
  }
  const left = over(dim, given);
  if (left === undefined) {
    fail('FROND-S025', `rearrange: ${dim} is not divisible by ${given} in ${text}`);
  }
  for (const name of group) bindLabel(name, own(sizes, name) ?? left ?? 1, bound);
}

const flatten = (items: readonly Item[]): string[] => items.flat().filter((label) => label !== '1');

/** Labels of both sides in order, without the ones; every label must occur once on each side. */
export function labelsOf({ left, right }: Pattern): { readonly before: string[]; readonly after: string[] } {
  const [before, after] = [flatten(left), flatten(right)];
  after.forEach((label, i) => {
    if (!before.includes(label)) fail('FROND-S025', `rearrange: label ${label} does not occur on the left`);
    if (after.indexOf(label, i + 1) >= 0) {
      fail('FROND-S025', `rearrange: label ${label} occurs twice on the right`);
    }
  });
  const lost = before.find((label) => !after.includes(label));
  if (lost !== undefined) fail('FROND-S025', `rearrange: label ${lost} does not occur on the right`);
  return { before, after };
}

export const dimOf = (label: string, bound: Bound): Dim => bound.get(label) ?? 1;

/** The dim of an item: the product of a group's labels. */
export const dimOfItem = (item: Item, bound: Bound): Dim =>
  typeof item === 'string' ? dimOf(item, bound) : product(item.map((label) => dimOf(label, bound)));
