import { checkArguments } from '../base/arguments.ts';
import { isFloating } from '../base/dtype.ts';
import * as is from '../base/kinds.ts';
import { errorAtCall } from '../base/source.ts';
import { emit, handleOf, typed } from './handle.ts';
import { type Bound, bindPattern } from './pattern.ts';
import { inOrder, type Labelled, reshapeTo } from './rearrange.ts';
import type { Dim, Tensor } from './tensor.ts';
import type { Einsum } from './types/pattern.ts';
import type { Operand, ShapeOf } from './types/result.ts';

/**
 * Sums of products by names of axes: `einsum('b t d, d h -> b t h', x, w)`. Labels are words; `...` stands for any number of
 * axes, aligned at the right; labels that the right side lacks are summed over. Operands are taken from left to right, two at
 * a time, as transposes and one matmul each.
 */
export function einsum<const P extends string, Ts extends readonly Tensor[], Late = never>(
  pattern: Operand<Einsum<P, Ts, Late>, P>,
  ...operands: Ts
): Tensor<'f32', ShapeOf<Einsum<P, Ts, Late>>> {
  checkArguments('einsum', { pattern: is.text }, [pattern]);
  const handles = operands.map((operand, i) => handleOf('einsum', `operand ${i + 1}`, operand));
  const integers = handles.find(({ dtype }) => !isFloating(dtype));
  if (integers !== undefined)
    throw errorAtCall('FROND-S010', `einsum: cannot take ${integers.dtype} operands`);
  const shapes = handles.map(({ shape }) => shape);
  const bound = bindPattern('einsum', String(pattern), shapes);
  const result = bound.result.flat();
  const labelled = handles.map((handle, i) =>
    squeezed({ tensor: typed(handle), labels: (bound.operands[i] ?? []).flat() }, bound),
  );
  const combined = labelled.reduce((x, y, i) => {
    const later = new Set([...result, ...labelled.slice(i + 1).flatMap(({ labels }) => labels)]);
    return contract(sumOut(x, [...y.labels, ...later]), sumOut(y, [...x.labels, ...later]), later, bound);
  });
  return typed(inOrder(sumOut(combined, result), result));
}

/** Leaves axes of size 1 under '...' out where another operand has more there. */
function squeezed({ tensor, labels }: Labelled, { sizeOf }: Bound): Labelled {
  const stays = labels.map((label, axis) => tensor.shape[axis] === sizeOf([label]));
  const shape = tensor.shape.filter((_, axis) => stays[axis]);
  return { tensor: reshapeTo(tensor, shape), labels: labels.filter((_, axis) => stays[axis]) };
}

/** Sums over the labels that are not `needed`. */
function sumOut({ tensor, labels }: Labelled, needed: readonly string[]): Labelled {
  const axes = labels.flatMap((label, axis) => (needed.includes(label) ? [] : [axis]));
  if (axes.length === 0) return { tensor, labels };
  const left = labels.filter((label) => needed.includes(label));
  return { tensor: emit('sum', [tensor], { axes, keepDims: false }), labels: left };
}

/** One product: labels of both operands that are not needed later are summed over by a matmul. */
function contract(x: Labelled, y: Labelled, later: ReadonlySet<string>, { sizeOf }: Bound): Labelled {
  const shared = x.labels.filter((label) => y.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const inner = shared.filter((label) => !later.has(label));
  const rows = x.labels.filter((label) => !shared.includes(label));
  const columns = y.labels.filter((label) => !shared.includes(label));
  const sizes = (labels: readonly string[]): Dim[] => labels.map((label) => sizeOf([label]));
  const matrices = (of: Labelled, first: readonly string[], second: readonly string[]): Tensor =>
    reshapeTo(inOrder(of, [...batch, ...first, ...second]), [...sizes(batch), sizeOf(first), sizeOf(second)]);
  const product: Tensor = emit('matmul', [matrices(x, rows, inner), matrices(y, inner, columns)]);
  const labels = [...batch, ...rows, ...columns];
  return { tensor: reshapeTo(product, sizes(labels)), labels };
}
