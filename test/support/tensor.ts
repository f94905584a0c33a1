import type { Attributes } from '../../src/ir/graph.ts';

/* Small tensors, and what the meaning of an op is written with: element by element, sharing nothing with the kernels. */

export interface Tensor {
  readonly shape: readonly number[];
  readonly data: ArrayLike<number>;
}

/** Results of an op from its operands. */
export type Reference = (inputs: readonly Tensor[], attributes: Attributes) => readonly Tensor[];

export const count = (shape: readonly number[]): number => shape.reduce((total, size) => total * size, 1);

export const indexOf = (flat: number, shape: readonly number[]): number[] => {
  const index: number[] = [];
  let rest = flat;
  for (const size of shape.toReversed()) {
    index.unshift(rest % size);
    rest = Math.floor(rest / size);
  }
  return index;
};

export const tensor = (shape: readonly number[], at: (index: number[]) => number): Tensor => ({
  shape,
  data: Array.from({ length: count(shape) }, (_, flat) => at(indexOf(flat, shape))),
});

/** Element at an index, which may be longer (broadcasting) than the tensor's rank. */
export function get({ shape, data }: Tensor, index: readonly number[]): number {
  const own = index.slice(index.length - shape.length);
  const flat = shape.reduce((at, size, i) => at * size + (size === 1 ? 0 : (own[i] ?? 0)), 0);
  return data[flat] as number;
}

export const broadcastShape = (shapes: readonly (readonly number[])[]): number[] => {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) =>
    shapes.reduce((size, shape) => {
      const own = shape[i - rank + shape.length] ?? 1;
      return own === 1 ? size : own;
    }, 1),
  );
};

export const atAxis = (axis: number, rank: number): number => (axis < 0 ? axis + rank : axis);

/** Vectors along an axis, changed by `f`. */
export function along(x: Tensor, axis: number, f: (row: number[], index: number[]) => number): Tensor {
  const at = atAxis(axis, x.shape.length);
  return tensor(x.shape, (index) => {
    const row = Array.from({ length: x.shape[at] ?? 1 }, (_, i) => get(x, index.with(at, i)));
    return f(row, index);
  });
}

export function reduce(
  x: Tensor,
  attributes: Attributes,
  f: (values: number[]) => number,
): readonly Tensor[] {
  const axes = (attributes.axes as number[]).map((axis) => atAxis(axis, x.shape.length));
  const kept = tensor(
    x.shape.map((size, i) => (axes.includes(i) ? 1 : size)),
    (index) => {
      const inner = axes.map((axis) => x.shape[axis] ?? 1);
      const values = Array.from({ length: count(inner) }, (_, flat) => {
        const place = [...index];
        indexOf(flat, inner).forEach((i, j) => {
          place[axes[j] ?? 0] = i;
        });
        return get(x, place);
      });
      return f(values);
    },
  );
  const shape = kept.shape.filter((_, i) => attributes.keepDims === true || !axes.includes(i));
  return [{ shape, data: kept.data }];
}

export const total = (values: readonly number[]): number => values.reduce((x, y) => x + y, 0);

export const each =
  (f: (...args: number[]) => number): Reference =>
  (inputs) => [
    tensor(broadcastShape(inputs.map(({ shape }) => shape)), (index) =>
      f(...inputs.map((input) => get(input, index))),
    ),
  ];

export const one = (f: (x: Tensor, attributes: Attributes) => Tensor): Reference => {
  return ([x], attributes) => [f(x as Tensor, attributes)];
};

/** log Σ e^x */
export const logSum = (values: readonly number[]): number => {
  const most = Math.max(...values);
  if (most === Number.NEGATIVE_INFINITY) return most;
  return most + Math.log(total(values.map((value) => Math.exp(value - most))));
};

/** The largest of some scores, or what their log-sum is above that; 0 where all are −∞. */
export function levelOf(scores: readonly number[], line: number): number {
  const largest = Math.max(...scores);
  if (largest === Number.NEGATIVE_INFINITY) return 0;
  return line === 0 ? largest : logSum(scores) - largest;
}
