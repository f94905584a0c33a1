import type { Dim } from '../../src/base/dim.ts';
import { product } from '../../src/base/dim.ts';
import { FrondError } from '../../src/base/errors.ts';
import { readExpression, readResults } from '../../src/ir/expression.ts';
import type { Attribute, Attributes, Ref, TensorType } from '../../src/ir/graph.ts';
import type { Build, OpRecord, OpRegistry } from '../../src/ir/record.ts';
import type { ElementwiseName } from '../../src/kernel/ir.ts';

/*
 * A small registry to test graphs and passes with, apart from the real ops. `evaluate.ts` gives it its meaning in f64.
 */

const never = (): TensorType => ({ dtype: 'f32', shape: [] });
const first = (types: readonly TensorType[]): TensorType => types[0] ?? never();
export const dimsOf = (attributes: Attributes, name: string): Dim[] => [...(attributes[name] as Dim[])];
export const axesOf = (attributes: Attributes, name: string): number[] => [...(attributes[name] as number[])];

export function broadcastShapes(op: string, shapes: readonly (readonly Dim[])[]): Dim[] {
  const rank = Math.max(...shapes.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, i) => {
    const dims = shapes.map((shape) => shape[i - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    const dim = dims[0] ?? 1;
    if (dims.some((other) => other !== dim)) {
      throw new FrondError('FROND-S011', `${op}: cannot broadcast ${dims.join(' with ')}`);
    }
    return dim;
  });
}

type Vjp = (b: Build, x: readonly Ref[], y: Ref, dy: Ref) => readonly (Ref | undefined)[];

/** Ops whose function has another name in the kernel language. */
const EMITTED: Readonly<Record<string, ElementwiseName>> = { less: 'lt', where: 'select', mystery: 'abs' };

function pointwiseOp(
  name: string,
  arity: number,
  vjp?: Vjp,
  { dtype, ...more }: Partial<OpRecord> & { dtype?: 'bool' } = {},
): OpRecord {
  return {
    ...more,
    name,
    doc: name,
    kind: 'elementwise',
    arity,
    shape(inputs) {
      const values = name === 'where' ? inputs.slice(1) : inputs;
      const type = first(values);
      if (values.some((other) => other.dtype !== type.dtype)) {
        throw new FrondError(
          'FROND-S010',
          `${name}: operands are ${inputs.map((x) => x.dtype).join(' and ')}`,
        );
      }
      const shape = broadcastShapes(
        name,
        inputs.map((input) => input.shape),
      );
      return [{ dtype: dtype ?? type.dtype, shape }];
    },
    emit: (k, args) => k.map(EMITTED[name] ?? (name as ElementwiseName), ...args),
    ...(vjp && {
      vjp(b: Build, { inputs, outputs, gradients }) {
        const [y, dy] = [outputs[0], gradients[0]];
        if (y === undefined || dy === undefined) return fail(name);
        return vjp(b, inputs, y, dy).map((gradient, i) =>
          gradient === undefined ? undefined : b.unbroadcast(gradient, b.typeOf(inputs[i] ?? '').shape),
        );
      },
    }),
  };
}

function fail(name: string): never {
  throw new Error(`${name}: not meant to be called`);
}

const elementwiseOps: OpRecord[] = [
  pointwiseOp('add', 2, (_, __, ___, dy) => [dy, dy], { neutral: { value: 0, commutes: true } }),
  pointwiseOp('sub', 2, (b, _, __, dy) => [dy, b.neg(dy)], { neutral: { value: 0, commutes: false } }),
  pointwiseOp('mul', 2, (b, [x = '', y = ''], _, dy) => [b.mul(dy, y), b.mul(dy, x)], {
    neutral: { value: 1, commutes: true },
  }),
  pointwiseOp('div', 2, (b, [, y = ''], z, dy) => [b.div(dy, y), b.neg(b.div(b.mul(dy, z), y))], {
    neutral: { value: 1, commutes: false },
  }),
  pointwiseOp('neg', 1, (b, _, __, dy) => [b.neg(dy)], { involution: true }),
  pointwiseOp('exp', 1, (b, _, y, dy) => [b.mul(dy, y)]),
  pointwiseOp('log', 1, (b, [x = ''], _, dy) => [b.div(dy, x)]),
  pointwiseOp('sqrt', 1, (b, _, y, dy) => [b.div(dy, b.add(y, y))]),
  pointwiseOp('rsqrt', 1, (b, [x = ''], y, dy) => [b.mul(dy, b.mul(b.constant(-0.5), b.div(y, x)))]),
  pointwiseOp('tanh', 1, (b, _, y, dy) => [b.mul(dy, b.sub(b.constant(1), b.mul(y, y)))]),
  pointwiseOp('less', 2, undefined, { dtype: 'bool' }),
  pointwiseOp('where', 3, (b, [condition = ''], _, dy) => [
    undefined,
    b.where(condition, dy, b.constant(0)),
    b.where(condition, b.constant(0), dy),
  ]),
  // differentiable mathematically, yet without a rule: what P001 is tested with
  pointwiseOp('mystery', 1),
];

const sum: OpRecord = {
  name: 'sum',
  doc: 'Σ over axes',
  idle: true,
  kind: 'reduction',
  arity: 1,
  shape(inputs, attributes) {
    const { dtype, shape } = first(inputs);
    const axes = axesOf(attributes, 'axes');
    if (axes.some((axis) => axis >= shape.length))
      throw new FrondError('FROND-S012', 'sum: axis out of range');
    return [
      {
        dtype,
        shape: shape.flatMap((dim, i) => (axes.includes(i) ? (attributes.keepDims ? [1] : []) : [dim])),
      },
    ];
  },
  vjp(b, { inputs: [x = ''], gradients: [dy = ''], attributes }) {
    const { shape } = b.typeOf(x);
    const axes = axesOf(attributes, 'axes');
    const kept = shape.map((dim, i) => (axes.includes(i) ? 1 : dim));
    return [b.broadcast(b.reshape(dy, kept), shape)];
  },
};

const reshape: OpRecord = {
  name: 'reshape',
  doc: 'the same elements in another shape',
  idle: true,
  compose: (outer) => outer,
  kind: 'view',
  arity: 1,
  shape(inputs, attributes) {
    const { dtype, shape } = first(inputs);
    const wanted = dimsOf(attributes, 'shape');
    const [had, has] = [product(shape), product(wanted)];
    if (typeof had === 'number' && typeof has === 'number' && had !== has) {
      throw new FrondError('FROND-S018', `reshape: ${had} elements cannot become ${has}`);
    }
    return [{ dtype, shape: wanted }];
  },
  vjp: (b, { inputs: [x = ''], gradients: [dy = ''] }) => [b.reshape(dy, b.typeOf(x).shape)],
};

const transpose: OpRecord = {
  name: 'transpose',
  doc: 'axes in another order',
  permutation: (attributes) => axesOf(attributes, 'permutation'),
  compose(outer, inner) {
    const before = axesOf(inner, 'permutation');
    return { permutation: axesOf(outer, 'permutation').map((axis) => before[axis] ?? axis) };
  },
  kind: 'view',
  arity: 1,
  shape(inputs, attributes) {
    const { dtype, shape } = first(inputs);
    const permutation = axesOf(attributes, 'permutation');
    if ([...permutation].sort().join() !== [...shape.keys()].join()) {
      throw new FrondError('FROND-S016', `transpose: [${permutation}] is not a permutation of the axes`);
    }
    return [{ dtype, shape: permutation.map((axis) => shape[axis] ?? 1) }];
  },
  vjp(b, { gradients: [dy = ''], attributes }) {
    const permutation = axesOf(attributes, 'permutation');
    return [
      b.transpose(
        dy,
        permutation.map((_, i) => permutation.indexOf(i)),
      ),
    ];
  },
};

const broadcast: OpRecord = {
  name: 'broadcast',
  doc: 'stretched to a shape',
  idle: true,
  stretches: true,
  compose: (outer) => outer,
  kind: 'view',
  arity: 1,
  shape(inputs, attributes) {
    const wanted = dimsOf(attributes, 'shape');
    broadcastShapes('broadcast', [first(inputs).shape, wanted]);
    return [{ dtype: first(inputs).dtype, shape: wanted }];
  },
  vjp: (b, { inputs: [x = ''], gradients: [dy = ''] }) => [b.unbroadcast(dy, b.typeOf(x).shape)],
};

const matmul: OpRecord = {
  name: 'matmul',
  doc: 'x · y over the last two dims',
  epilogueOperands: 5,
  swapLast({ transposeX = false, transposeY = false }, index) {
    const flags = { transposeX: transposeX !== (index === 0), transposeY: transposeY !== (index === 1) };
    return Object.fromEntries(Object.entries(flags).filter(([, flag]) => flag));
  },
  kind: 'kernel',
  arity: [2, 10],
  shape([x = never(), y = never(), ...extra], { transposeX, transposeY, epilogue, results }) {
    const swap = (shape: readonly Dim[], flag: Attribute | undefined): readonly Dim[] => {
      const [rows = 1, columns = 1] = shape.slice(-2);
      return flag ? [...shape.slice(0, -2), columns, rows] : shape;
    };
    const [a, b] = [swap(x.shape, transposeX), swap(y.shape, transposeY)];
    const [rows = 1, inner = 1] = a.slice(-2);
    const [other = 1, columns = 1] = b.slice(-2);
    if (a.length < 2 || b.length < 2 || inner !== other) {
      throw new FrondError('FROND-S015', `matmul: inner dimensions differ: ${inner} and ${other}`);
    }
    const shape = [...broadcastShapes('matmul', [a.slice(0, -2), b.slice(0, -2)]), rows, columns];
    const type: TensorType = { dtype: 'f32', shape };
    return epilogue === undefined ? [type] : typesOfExpression(epilogue, results, [type, ...extra]);
  },
  vjp(
    b,
    { inputs: [x = '', y = ''], gradients: [dy = ''], attributes: { transposeX, transposeY, epilogue } },
  ) {
    if (epilogue !== undefined) fail('matmul with an epilogue');
    const [tx, ty] = [transposeX === true, transposeY === true];
    const dx = tx
      ? b.matmul(y, dy, { transposeX: ty, transposeY: true })
      : b.matmul(dy, y, { transposeY: !ty });
    const dw = ty
      ? b.matmul(dy, x, { transposeX: true, transposeY: tx })
      : b.matmul(x, dy, { transposeX: !tx });
    return [b.unbroadcast(dx, b.typeOf(x).shape), b.unbroadcast(dw, b.typeOf(y).shape)];
  },
};

const linear: OpRecord = {
  name: 'linear',
  doc: 'x · w + bias',
  kind: 'kernel',
  arity: 3,
  shape: ([x = never(), w = never(), bias = never()]) => {
    const [product = never()] = matmul.shape([x, w], {});
    broadcastShapes('linear', [product.shape, bias.shape]);
    return [product];
  },
  expand: (b, { inputs: [x = '', w = '', bias = ''] }) => [b.add(b.matmul(x, w), bias)],
};

const halves: OpRecord = {
  name: 'halves',
  doc: 'both halves of the last axis',
  kind: 'kernel',
  arity: 1,
  shape(inputs) {
    const { dtype, shape } = first(inputs);
    const half: TensorType = { dtype, shape: [...shape.slice(0, -1), Number(shape.at(-1)) / 2] };
    return [half, half];
  },
  vjp(b, { inputs: [x = ''], outputs, gradients }) {
    const parts = outputs.map((out, i) => gradients[i] ?? b.broadcast(b.constant(0), b.typeOf(out).shape));
    const joined = b.one('join', parts);
    return [b.reshape(joined, b.typeOf(x).shape)];
  },
};

const join: OpRecord = {
  name: 'join',
  doc: 'two tensors side by side along the last axis',
  kind: 'kernel',
  arity: 2,
  shape(inputs) {
    const { dtype, shape } = first(inputs);
    return [{ dtype, shape: [...shape.slice(0, -1), 2 * Number(shape.at(-1))] }];
  },
  vjp: (b, { gradients: [dy = ''] }) => b.op('halves', [dy]),
};

const argmax: OpRecord = {
  name: 'argmax',
  doc: 'index of the largest element of the last axis',
  kind: 'reduction',
  arity: 1,
  shape: (inputs) => [{ dtype: 'i32', shape: first(inputs).shape.slice(0, -1) }],
};

/** Types of the results, by the shape rules of the steps. */
function typesOfExpression(
  attribute: Attribute | undefined,
  results: Attribute | undefined,
  operands: readonly TensorType[],
): TensorType[] {
  const types = [...operands];
  const steps = readExpression(attribute, operands.length);
  for (const { op, args, attributes } of steps) {
    if (op === 'constant') types.push({ dtype: attributes?.dtype === 'bool' ? 'bool' : 'f32', shape: [] });
    else {
      const row = elementwiseOps.find((record) => record.name === op) ?? fail(op);
      types.push(
        first(
          row.shape(
            args.map((arg) => types[arg] ?? never()),
            attributes ?? {},
          ),
        ),
      );
    }
  }
  return readResults(results, steps).map((step) => types[operands.length + step] ?? never());
}

const pointwise: OpRecord = {
  name: 'pointwise',
  doc: 'element-wise steps in one kernel',
  kind: 'kernel',
  arity: [1, 7],
  shape: (inputs, { expression, results }) => typesOfExpression(expression, results, inputs),
};

export const tinyOps: OpRegistry = new Map(
  [
    ...elementwiseOps,
    sum,
    reshape,
    transpose,
    broadcast,
    matmul,
    linear,
    halves,
    join,
    argmax,
    pointwise,
  ].map((record) => [record.name, record]),
);
