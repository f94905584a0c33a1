import { type Dim, isDim, normalDim, over, printShape, product, type Shape } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { defineOp } from './define.ts';
import { fail } from './rules.ts';

const differ = (from: Shape, to: Shape): never =>
  fail(
    'FROND-S018',
    `reshape: ${printShape(from)} has ${product(from)} elements, ${printShape(to)} has ${product(to)}`,
  );

const isQuotient = (dim: Dim): boolean => typeof dim === 'string' && dim.includes('/');

/** `to` with its one dimension −1 replaced by what is left over. */
function inferDim(from: Shape, to: Shape): Shape {
  const at = to.indexOf(-1);
  if (at < 0) return to;
  if (to.includes(-1, at + 1)) fail('FROND-S018', 'reshape: only one dimension may be -1');
  const [count, known] = [product(from), product(to.toSpliced(at, 1))];
  const rest = over(count, known);
  // who divides a name says so: rearrange
  if (rest === undefined || (isQuotient(rest) && !from.some(isQuotient)))
    return fail('FROND-S018', `reshape: ${count} is not divisible by ${known}`);
  return to.with(at, rest);
}

const sizes = is.listOf(
  is.kind<Dim>('a dimension or -1', (value) => value === -1 || isDim(value)),
  'dimensions',
);

/** Attribute `shape`; one dimension may be −1. Tensors are contiguous, so the result is the same memory. */
export const reshape = defineOp({
  name: 'reshape',
  doc: 'the same elements in row-major order under another shape',
  kind: 'view',
  operands: ['x'],
  attributes: { shape: sizes },
  shape({ x: { dtype, shape } }, attributes) {
    const target = inferDim(shape, attributes.shape.map(normalDim));
    if (product(shape) !== product(target)) differ(shape, target);
    return [{ dtype, shape: target }];
  },
  vjp: (b, { x, dout }) => [b.reshape(dout, b.typeOf(x).shape)],
  idle: true,
  compose: (outer) => outer,
});
