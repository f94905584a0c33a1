import { checkArguments } from '../base/arguments.ts';
import { type Dim, printShape, product } from '../base/dim.ts';
import { isFloating } from '../base/dtype.ts';
import { FrondError } from '../base/errors.ts';
import { text } from '../base/kinds.ts';
import { callerPlace } from '../base/source.ts';
import { apart } from './pattern.ts';
import { reshapeTo } from './rearrange.ts';
import { emit, type Handle, handleOf, type Shape, type Tensor } from './tensor.ts';
import type { Einsum } from './types/pattern.ts';
import type { Operand, ShapeOf } from './types/result.ts';

/** A tensor whose axes are called by labels. */
interface Labelled {
  readonly tensor: Tensor;
  readonly labels: readonly string[];
}

const fail = (summary: string, hint?: string): never => {
  throw new FrondError('FROND-S025', summary, { place: callerPlace(), hint });
};

/**
 * Sums of products by names of axes: `einsum('b t d, d h -> b t h', x, w)`. Labels are words; `...` stands for any number of
 * axes, aligned at the right; labels that the right side lacks are summed over. Operands are taken from left to right, two at
 * a time, as transposes and one matmul each.
 */
export function einsum<const P extends string, Ts extends readonly Tensor[], Late = never>(
  pattern: Operand<Einsum<P, Ts, Late>, P>,
  ...operands: Ts
): Tensor<'f32', ShapeOf<Einsum<P, Ts, Late>>> {
  checkArguments('einsum', { pattern: text }, [pattern]);
  const handles = operands.map((operand, i) => handleOf('einsum', `operand ${i + 1}`, operand));
  const { labelled, result } = readEinsum(String(pattern), handles);
  const [first, ...rest] = labelled;
  if (first === undefined) return fail('einsum: fewer operands in the pattern than tensors');
  const combined = rest.reduce((left, right, i) => {
    const later = new Set([...result, ...rest.slice(i + 1).flatMap(({ labels }) => labels)]);
    return contract(sumOut(left, [right.labels, later]), sumOut(right, [left.labels, later]), later);
  }, first);
  const summed = sumOut(combined, [result]);
  const lost = result.find((label) => !summed.labels.includes(label));
  if (lost !== undefined) fail(`einsum: label ${lost} does not occur on the left`);
  return inOrder(summed, result) as Tensor<'f32', never>;
}

function readEinsum(
  pattern: string,
  handles: readonly Handle[],
): { readonly labelled: readonly Labelled[]; readonly result: readonly string[] } {
  const [left, right, ...more] = pattern.split('->');
  if (left === undefined || right === undefined || more.length > 0)
    return fail('einsum: the pattern has no ->');
  const sides = left.split(',').map(words);
  if (sides.length > handles.length) fail('einsum: more operands in the pattern than tensors');
  if (sides.length < handles.length) fail('einsum: fewer operands in the pattern than tensors');
  const bound = new Map<string, Dim>();
  let most = 0;
  const labelled = handles.map((handle, i) => {
    if (!isFloating(handle.dtype)) {
      throw new FrondError('FROND-S010', `einsum: cannot take ${handle.dtype} operands`, {
        place: callerPlace(),
      });
    }
    const side = sides[i] ?? [];
    const labels = expand(side, handle.shape);
    if (side.includes('...')) most = Math.max(most, handle.shape.length - side.length + 1);
    bindLabels(labels, handle.shape, bound);
    return { tensor: handle as unknown as Tensor, labels };
  });
  const result = words(right);
  if (result.includes('...') && !sides.some((side) => side.includes('...')))
    fail('einsum: ... does not occur on the left');
  checkResult(result, bound);
  return {
    labelled: labelled.map((operand) => squeezed(operand, bound)),
    result: result.flatMap((label) => (label === '...' ? restLabels(most) : [label])),
  };
}

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');
/** labels of the axes under '...', the last one is always called ...1 */
const restLabels = (count: number): string[] => Array.from({ length: count }, (_, i) => `...${count - i}`);

/** The labels of all axes. */
function expand(side: readonly string[], shape: Shape): string[] {
  const labels = side.flatMap((label) =>
    label === '...' ? restLabels(Math.max(0, shape.length - side.length + 1)) : [label],
  );
  if (labels.length > shape.length) fail('einsum: more labels than dimensions');
  if (labels.length < shape.length) {
    const over = printShape(shape.slice(labels.length));
    fail(`einsum: fewer labels than dimensions, left over ${over}`, apart(side, shape));
  }
  return labels;
}

function bindLabels(labels: readonly string[], shape: Shape, bound: Map<string, Dim>): void {
  labels.forEach((label, axis) => {
    const dim = shape[axis] ?? 1;
    const known = bound.get(label) ?? dim;
    if (labels.indexOf(label) < axis) fail(`einsum: label ${label} occurs twice in one operand`);
    const stretches = label.startsWith('...') && (known === 1 || dim === 1);
    if (known !== dim && !stretches) {
      fail(
        label.startsWith('...')
          ? `einsum ...: cannot broadcast ${known} with ${dim}`
          : `einsum: label ${label} is both ${known} and ${dim}`,
      );
    }
    bound.set(label, known === 1 ? dim : known);
  });
}

/** Leaves axes of size 1 under '...' out where another operand has more there. */
function squeezed({ tensor, labels }: Labelled, bound: ReadonlyMap<string, Dim>): Labelled {
  const stays = labels.map((label, axis) => tensor.shape[axis] === bound.get(label));
  if (stays.every(Boolean)) return { tensor, labels };
  const shape = tensor.shape.filter((_, axis) => stays[axis]);
  return { tensor: reshapeTo(tensor, shape), labels: labels.filter((_, axis) => stays[axis]) };
}

function checkResult(result: readonly string[], bound: ReadonlyMap<string, Dim>): void {
  result.forEach((label, i) => {
    if (result.indexOf(label) < i) fail(`einsum: label ${label} occurs twice on the right`);
    if (label !== '...' && !bound.has(label)) fail(`einsum: label ${label} does not occur on the left`);
  });
}

/** Sums over the labels that none of the lists has. */
function sumOut({ tensor, labels }: Labelled, needed: readonly Iterable<string>[]): Labelled {
  const keep = new Set(needed.flatMap((list) => [...list]));
  const axes = labels.flatMap((label, axis) => (keep.has(label) ? [] : [axis]));
  if (axes.length === 0) return { tensor, labels };
  const left = labels.filter((label) => keep.has(label));
  return { tensor: emit('sum', [tensor], { axes, keepDims: false }), labels: left };
}

/** One product: labels of both operands that are not needed later are summed over by a matmul. */
function contract(x: Labelled, y: Labelled, later: ReadonlySet<string>): Labelled {
  const shared = x.labels.filter((label) => y.labels.includes(label));
  const batch = shared.filter((label) => later.has(label));
  const inner = shared.filter((label) => !later.has(label));
  const rows = x.labels.filter((label) => !shared.includes(label));
  const columns = y.labels.filter((label) => !shared.includes(label));
  const dims = new Map([...dimsOf(x), ...dimsOf(y)]);
  const sizeOf = (labels: readonly string[]): Dim => product(labels.map((label) => dims.get(label) ?? 1));
  const sizes = (labels: readonly string[]): Dim[] => labels.map((label) => dims.get(label) ?? 1);
  const left = reshapeTo(inOrder(x, [...batch, ...rows, ...inner]), [
    ...sizes(batch),
    sizeOf(rows),
    sizeOf(inner),
  ]);
  const right = reshapeTo(inOrder(y, [...batch, ...inner, ...columns]), [
    ...sizes(batch),
    sizeOf(inner),
    sizeOf(columns),
  ]);
  const labels = [...batch, ...rows, ...columns];
  return { tensor: reshapeTo(emit('matmul', [left, right]), sizes(labels)), labels };
}

const dimsOf = ({ tensor, labels }: Labelled): [string, Dim][] =>
  labels.map((label, axis) => [label, tensor.shape[axis] ?? 1]);

/** The axes in the order of `wanted`. */
function inOrder({ tensor, labels }: Labelled, wanted: readonly string[]): Tensor {
  const permutation = wanted.map((label) => labels.indexOf(label));
  return permutation.every((axis, i) => axis === i) ? tensor : emit('transpose', [tensor], { permutation });
}
