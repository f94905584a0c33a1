import { type Dim, isDim, over, printShape, type Shape, times } from '../base/dim.ts';
import * as is from '../base/kinds.ts';
import { defineOp } from './define.ts';
import { fail } from './rules.ts';

/** A product of sizes, taken apart: the literal factor, and the named ones in order. */
function factorsOf(shape: Shape) {
  const names: string[] = [];
  let literal = 1;
  /** only names and literals occur, so that equality can be decided */
  let plain = true;
  for (const dim of shape.map(String)) {
    const isProduct = /^[\w.]+(\*[\w.]+)*$/.test(dim);
    plain &&= isProduct;
    for (const factor of isProduct ? dim.split('*') : [dim]) {
      if (/^\d+$/.test(factor)) literal *= Number(factor);
      else names.push(factor);
    }
  }
  return { literal, names, plain };
}

const sorted = (names: readonly string[]): string => [...names].sort().join(' ');

const refuseNames = (from: Shape, to: Shape): never =>
  fail('FROND-S018', `reshape: named dimensions differ: ${printShape(from)} and ${printShape(to)}`);

/** Throws where it is certain that the two shapes hold different numbers of elements. */
function checkElements(from: Shape, to: Shape): void {
  const [x, y] = [factorsOf(from), factorsOf(to)];
  if (!x.plain || !y.plain || x.literal === 0) return;
  if (sorted(x.names) !== sorted(y.names)) refuseNames(x.names, y.names);
  if (x.literal !== y.literal) {
    const [a, b] = [printShape(from), printShape(to)];
    fail('FROND-S018', `reshape: ${a} has ${x.literal} elements, ${b} has ${y.literal}`);
  }
}

/** `to` with its one dimension −1 replaced by what is left over. */
function inferDim(from: Shape, to: Shape): Shape {
  const at = to.indexOf(-1);
  if (at < 0) return to;
  const known = to.filter((dim) => dim !== -1);
  if (known.length < to.length - 1) fail('FROND-S018', 'reshape: only one dimension may be -1');
  const [x, y] = [factorsOf(from), factorsOf(known)];
  const names = [...x.names];
  for (const name of y.names) {
    const place = names.indexOf(name);
    if (place < 0) refuseNames(x.names, y.names);
    names.splice(place, 1);
  }
  const literal = over(x.literal, y.literal);
  if (literal === undefined)
    return fail('FROND-S018', `reshape: ${x.literal} is not divisible by ${y.literal}`);
  const rest = [...names, literal].reduce<Dim>(times, 1);
  return to.map((dim) => (dim === -1 ? rest : dim));
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
    const target = inferDim(shape, attributes.shape);
    checkElements(shape, target);
    return [{ dtype, shape: target }];
  },
  vjp: (b, { x, dout }) => [b.reshape(dout, b.typeOf(x).shape)],
  idle: true,
  compose: (outer) => outer,
});
