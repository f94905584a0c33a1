/** Addresses as JavaScript: index times stride, summed up. */
import type { Axis, Term, Value } from '../../kernel/ir.ts';

export const product = (x: string, y: string): string => {
  if (x === '0' || y === '0') return '0';
  return x === '1' ? y : y === '1' ? x : `${x} * ${y}`;
};

export const sum = (parts: readonly string[]): string =>
  parts.filter((part) => part !== '0').join(' + ') || '0';

/** What the elements along one axis have in common. */
export interface AddressAlong {
  readonly stride: string;
  /** how many elements lie inside the spans, where there are any */
  readonly limit: string | undefined;
}

export interface AddressText {
  /** of the first element, without what index tiles add */
  readonly base: string;
  readonly along: readonly AddressAlong[];
  readonly indexTiles: readonly { readonly tile: Value; readonly stride: string }[];
}

/** The address of a tile's elements along `axes`; `scalar` gives the text of a uniform value. */
export function addressOf(
  terms: readonly Term[],
  axes: readonly Axis[],
  scalar: (value: Value) => string,
): AddressText {
  const base: string[] = [];
  const indexTiles: { tile: Value; stride: string }[] = [];
  for (const { index, stride } of terms) {
    if (index.kind === 'span') base.push(product(scalar(index.start), scalar(stride)));
    else if (index.axes.length === 0) base.push(product(scalar(index), scalar(stride)));
    else indexTiles.push({ tile: index, stride: scalar(stride) });
  }
  const along = axes.map((axis): AddressAlong => {
    const strides: string[] = [];
    const limits: string[] = [];
    for (const { index, stride } of terms) {
      if (index.kind !== 'span' || index.axis !== axis) continue;
      const [start, limit] = [scalar(index.start), scalar(index.limit)];
      strides.push(scalar(stride));
      const isWhole = start === '0' && index.limit.op === 'constant' && index.limit.value >= axis.size;
      if (!isWhole) limits.push(start === '0' ? limit : `${limit} - ${start}`);
    }
    const limit = limits.length > 1 ? `Math.min(${limits.join(', ')})` : limits[0];
    return { stride: sum(strides), limit };
  });
  return { base: sum(base), along, indexTiles };
}
