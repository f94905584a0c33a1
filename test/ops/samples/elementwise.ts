import { erf } from '../../../src/kernel/elementwise.ts';
import { each, type Reference } from '../../support/tensor.ts';
import {
  bool,
  f32,
  f32In,
  type InvalidSample,
  i32,
  type OpSamples,
  type Sample,
  type SampleInput,
  type,
} from './sample.ts';

const positive = [0.5, 2] as const;

const unary = (op: string, range: readonly [number, number] = [-2, 2]): Sample[] =>
  [[], [1], [7], [3, 1, 5], [2, 3, 4], [0, 3]].map((shape) => ({ op, inputs: [f32In(range, ...shape)] }));

/** Pairs of shapes: equal, broadcast on either side, scalars, dims of size 1. */
const pairs: readonly (readonly [readonly number[], readonly number[]])[] = [
  [
    [3, 5],
    [3, 5],
  ],
  [[2, 3, 4], [4]],
  [
    [1, 6],
    [5, 1],
  ],
  [[], [2, 3]],
  [
    [2, 1, 3],
    [4, 1],
  ],
  [[1], []],
  [
    [2, 0],
    [2, 1],
  ],
];

const binary = (op: string, right: readonly [number, number] = [-2, 2]): Sample[] =>
  pairs.map(([x, y]) => ({ op, inputs: [f32(...x), f32In(right, ...y)] }));

const whole = (values: readonly number[], ...shape: readonly number[]): SampleInput => ({
  dtype: 'f32',
  shape,
  values,
});

const compare = (op: string): Sample[] => [
  { op, inputs: [i32([3, 1, 2, 2], 4), i32([2, 1, 3, -2], 4)] },
  { op, inputs: [f32(2, 3), f32(3)] },
];

const logic = (op: string): Sample[] => [
  { op, inputs: [bool([1, 0, 1, 0], 2, 2), bool([1, 1, 0, 0], 2, 2)] },
];

const where: readonly Sample[] = [
  { op: 'where', inputs: [bool([1, 0, 0, 1, 1], 5), f32(5), f32(5)] },
  { op: 'where', inputs: [bool([1, 0, 1], 3, 1), f32(2, 1, 4), f32()] },
  { op: 'where', inputs: [bool([0]), f32(2, 2), f32(2)] },
];

const cast: readonly Sample[] = [
  { op: 'cast', inputs: [f32(2, 3)], attributes: { dtype: 'f32' } },
  { op: 'cast', inputs: [f32(5)], attributes: { dtype: 'i32' } },
  { op: 'cast', inputs: [i32([3, 0, -2], 3)], attributes: { dtype: 'f32' } },
  { op: 'cast', inputs: [i32([3, 0, -2], 3)], attributes: { dtype: 'bool' } },
  { op: 'cast', inputs: [bool([1, 0], 2)], attributes: { dtype: 'f32' } },
];

const invalid: readonly InvalidSample[] = [
  {
    op: 'clamp',
    inputs: [type('f32', 3)],
    attributes: { low: 2, high: 1 },
    code: 'FROND-S019',
    summary: 'clamp: low is 2, above high, which is 1',
  },
  {
    op: 'add',
    inputs: [type('f32', 'batch', 'time', 128), type('f32', 64)],
    code: 'FROND-S011',
    summary: 'add: cannot broadcast 128 with 64',
  },
  {
    op: 'mul',
    inputs: [type('f32', 'batch', 'time'), type('f32', 'time', 'batch')],
    code: 'FROND-S011',
    summary: 'mul: cannot broadcast time with batch',
  },
  {
    op: 'add',
    inputs: [type('f32', 3), type('i32', 3)],
    code: 'FROND-S010',
    summary: 'add: operands are f32 and i32',
  },
  { op: 'exp', inputs: [type('i32', 3)], code: 'FROND-S010', summary: 'exp: cannot take i32 operands' },
  { op: 'neg', inputs: [type('bool', 3)], code: 'FROND-S010', summary: 'neg: cannot take bool operands' },
  { op: 'not', inputs: [type('f32', 3)], code: 'FROND-S010', summary: 'not: cannot take f32 operands' },
  {
    op: 'where',
    inputs: [type('f32', 3), type('f32', 3), type('f32', 3)],
    code: 'FROND-S010',
    summary: 'where: the condition must be bool, not f32',
  },
  {
    op: 'where',
    inputs: [type('bool', 3), type('f32', 3), type('i32', 3)],
    code: 'FROND-S010',
    summary: 'where: operands are f32 and i32',
  },
  {
    op: 'where',
    inputs: [type('bool', 2), type('f32', 3), type('f32', 3)],
    code: 'FROND-S011',
    summary: 'where: cannot broadcast 2 with 3',
  },
  {
    op: 'cast',
    inputs: [type('f32', 3)],
    attributes: { dtype: 'f8' },
    code: 'FROND-S019',
    summary: 'cast: attribute dtype must be one of f32, f16, i32, u32, bool, not "f8"',
  },
];

const cdf = (x: number): number => (1 + erf(x / Math.SQRT2)) / 2;
const pdf = (x: number): number => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

const casts: Readonly<Record<string, (x: number) => number>> = {
  f32: (x) => x,
  i32: Math.trunc,
  bool: (x) => +(x !== 0),
};

const references: Readonly<Record<string, Reference>> = {
  add: each((x = 0, y = 0) => x + y),
  sub: each((x = 0, y = 0) => x - y),
  mul: each((x = 0, y = 0) => x * y),
  div: each((x = 0, y = 0) => x / y),
  maximum: each(Math.max),
  minimum: each(Math.min),
  neg: each((x = 0) => -x),
  abs: each(Math.abs),
  exp: each(Math.exp),
  log: each(Math.log),
  sqrt: each(Math.sqrt),
  rsqrt: each((x = 0) => 1 / Math.sqrt(x)),
  tanh: each(Math.tanh),
  erf: each(erf),
  gelu: each((x = 0) => x * cdf(x)),
  tanhSlope: each((x = 0) => 1 / Math.cosh(x) ** 2),
  geluSlope: each((x = 0) => cdf(x) + x * pdf(x)),
  relu: each((x = 0) => Math.max(x, 0)),
  squaredError: each((x = 0, y = 0) => (x - y) ** 2),
  binaryCrossEntropy: each(
    (x = 0, y = 0) => y * Math.log1p(Math.exp(-x)) + (1 - y) * Math.log1p(Math.exp(x)),
  ),
  klDivergence: each((x = 0, y = 0) => Math.exp(x) * (x - y)),
  hinge: each((x = 0, y = 0) => Math.max(0, 1 - x * y)),
  huber: (inputs, { delta }) =>
    each((x = 0, y = 0) => {
      const [size, d] = [Math.abs(x - y), Number(delta)];
      return size < d ? size ** 2 / 2 : d * (size - d / 2);
    })(inputs, {}),
  clamp: (inputs, { low, high }) =>
    each((x = 0) => Math.min(Math.max(x, Number(low)), Number(high)))(inputs, {}),
  sigmoid: each((x = 0) => 1 / (1 + Math.exp(-x))),
  log1p: each(Math.log1p),
  sin: each(Math.sin),
  cos: each(Math.cos),
  silu: each((x = 0) => x / (1 + Math.exp(-x))),
  geluTanh: each((x = 0) => (x / 2) * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))),
  softplus: each((x = 0) => Math.log1p(Math.exp(x))),
  logSigmoid: each((x = 0) => -Math.log1p(Math.exp(-x))),
  sign: each(Math.sign),
  mod: each((x = 0, y = 0) => (y === 0 ? 0 : x - y * Math.floor(x / y))),
  pow: each((x = 0, y = 0) => (x === 1 ? 1 : x ** y)),
  ceil: each(Math.ceil),
  round: each((x = 0) => (Math.abs(x % 1) === 0.5 ? 2 * Math.round(x / 2) : Math.round(x))),
  floor: each(Math.floor),
  isFinite: each((x = 0) => +Number.isFinite(x)),
  equal: each((x, y) => +(x === y)),
  notEqual: each((x, y) => +(x !== y)),
  less: each((x = 0, y = 0) => +(x < y)),
  lessEqual: each((x = 0, y = 0) => +(x <= y)),
  greater: each((x = 0, y = 0) => +(x > y)),
  greaterEqual: each((x = 0, y = 0) => +(x >= y)),
  and: each((x = 0, y = 0) => x & y),
  or: each((x = 0, y = 0) => x | y),
  not: each((x = 0) => 1 - x),
  where: each((condition, yes = 0, no = 0) => (condition ? yes : no)),
  cast: (inputs, { dtype }) => each(casts[String(dtype)] ?? ((x = 0) => x))(inputs, {}),
};

export const elementwiseSamples: OpSamples = {
  references,
  parts: ['pow', 'binaryCrossEntropy'],
  reach: { mod: { most: 64, tolerance: { absolute: 1e-5, relative: 1e-5 } } },
  valid: [
    ...[
      'neg',
      'abs',
      'exp',
      'tanh',
      'tanhSlope',
      'erf',
      'gelu',
      'geluSlope',
      'relu',
      'sigmoid',
      'sin',
      'cos',
      'silu',
      'geluTanh',
      'softplus',
      'logSigmoid',
      'sign',
      'ceil',
      'round',
      'floor',
      'isFinite',
    ].flatMap((op) => unary(op)),
    ...['log', 'log1p', 'sqrt', 'rsqrt'].flatMap((op) => unary(op, positive)),
    ...['add', 'sub', 'mul', 'maximum', 'minimum', 'squaredError', 'klDivergence', 'hinge'].flatMap((op) =>
      binary(op),
    ),
    ...binary('binaryCrossEntropy', [0, 1]),
    ...binary('huber').map((sample) => ({ ...sample, attributes: { delta: 0.75 } })),
    ...unary('clamp').map((sample) => ({ ...sample, attributes: { low: -0.5, high: 1.25 } })),
    ...binary('div', positive),
    ...binary('mod', positive),
    ...pairs.map(([x, y]) => ({ op: 'pow', inputs: [f32In(positive, ...x), f32(...y)] })),
    { op: 'mod', inputs: [i32([7, -7, 7, -7, 0, 6, 5, 5], 8), i32([3, 3, -3, -3, 3, 3, 0, 1], 8)] },
    { op: 'sign', inputs: [i32([7, 0, -7], 3)] },
    { op: 'round', inputs: [whole([0.5, 1.5, 2.5, -0.5, -1.5, 1e9], 6)] },
    ...['equal', 'notEqual', 'less', 'lessEqual', 'greater', 'greaterEqual'].flatMap(compare),
    ...['and', 'or'].flatMap(logic),
    { op: 'not', inputs: [bool([1, 0, 0], 3)] },
    ...where,
    ...cast,
  ],
  invalid,
};
