import { expect, it } from 'vitest';
import { defined } from '../../../src/base/errors.ts';
import { uniforms } from '../../../src/base/random.ts';
import { GraphBuilder } from '../../../src/ir/builder.ts';
import { elementwise } from '../../../src/kernel/elementwise.ts';
import type { ElementwiseName } from '../../../src/kernel/ir.ts';
import { ops } from '../../../src/ops/index.ts';
import { compile } from '../../../src/runtime/compile.ts';
import type { TensorValue } from '../../../src/runtime/feeds.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { onEveryDevice } from './everyDevice.ts';

/** Ops that are one function of the kernel language, by its name: their bounds in ULP stand in its table. */
const FUNCTIONS: Readonly<Record<string, ElementwiseName>> = {
  neg: 'neg',
  abs: 'abs',
  floor: 'floor',
  exp: 'exp',
  log: 'log',
  sqrt: 'sqrt',
  rsqrt: 'rsqrt',
  tanh: 'tanh',
  erf: 'erf',
  add: 'add',
  sub: 'sub',
  mul: 'mul',
  div: 'div',
  maximum: 'max',
  minimum: 'min',
  equal: 'eq',
  notEqual: 'ne',
  less: 'lt',
  lessEqual: 'le',
};

/** WGSL may round in any direction. */
const DIRECTED = 1;
const SMALLEST = 2 ** -126;
const LARGEST = 3.4028234663852886e38;

const FINITE = [
  ...[0, -0, 1, -1, 0.5, -0.5, 2, -3, 1e-40, -1e-40, SMALLEST, -SMALLEST, LARGEST, -LARGEST, 1e30, -1e-30],
  ...[0.7, -0.7, 3.92, -9.02, 88.72, 88.73, -87.33, -87.4, Math.SQRT2, Math.SQRT1_2, 3.999999, 16_777_216],
];
const INFINITE = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];

/** All pairs of edges, then numbers of every size and both signs. */
function argumentsOf(edges: readonly number[], count: number): readonly [Float32Array, Float32Array] {
  const pairs = edges.flatMap((x) => edges.map((y) => [x, y] as const));
  const draw = (i: number): number => {
    const [mantissa, exponent] = uniforms(5, 'accuracy', i);
    return (2 * mantissa - 1) * 2 ** Math.round(24 * (exponent - 0.5) * (i % 3 === 0 ? 8 : 1));
  };
  const drawn = Array.from({ length: count }, (_, i) => [draw(2 * i), draw(2 * i + 1)] as const);
  const all = [...pairs, ...drawn];
  return [Float32Array.from(all, ([x]) => x), Float32Array.from(all, ([, y]) => y)];
}

/** Distance from `exact` rounded to f32, in units of the last place of that. */
function ulps(got: number, exact: number): number {
  const expected = Math.fround(exact);
  if (got === expected) return 0;
  return Math.abs(got - expected) / 2 ** (Math.floor(Math.log2(Math.abs(expected))) - 23);
}

/** Whether `got` is within the bound; what is below the smallest normal number may be taken for zero. */
function within(got: number, exact: number, bound: number, gpu: boolean): boolean {
  if (gpu && !(Math.abs(exact) <= LARGEST)) return true;
  if (Number.isNaN(exact)) return Number.isNaN(got);
  const rounded = Math.fround(exact);
  if (!Number.isFinite(rounded)) return got === rounded;
  if (Math.abs(exact) < SMALLEST) return Math.abs(got - exact) <= SMALLEST;
  return ulps(got, exact) <= bound;
}

const flush = (x: number): number => (Math.abs(x) < SMALLEST ? 0 * x : x);

/** A graph of all functions of x and y. */
function allFunctions() {
  const builder = new GraphBuilder('functions', ops);
  const [x, y] = ['x', 'y'].map((name) => builder.input(name, { dtype: 'f32', shape: ['count'] }));
  for (const [op, fn] of Object.entries(FUNCTIONS)) {
    const operands = [defined(x, 'x'), defined(y, 'y')].slice(0, elementwise[fn].arity);
    builder.output(op, builder.one(op, operands));
  }
  return builder.finish();
}

onEveryDevice((device, { gpu }) => {
  it('keeps every element-wise function within its bound in ULP', async ({ skip }) => {
    const opened = device();
    if (opened === undefined) return skip(NO_ADAPTER);
    const [x, y] = argumentsOf(gpu ? FINITE : [...FINITE, ...INFINITE], runs(20_000, 2000));
    const feed = (data: Float32Array): TensorValue => ({ dtype: 'f32', shape: [data.length], data });
    const { executable } = await compile(allFunctions(), { device: opened });
    const results = await executable.run({ x: feed(x), y: feed(y) });
    for (const [op, fn] of Object.entries(FUNCTIONS)) {
      const { reference, ulp } = elementwise[fn];
      const bound = gpu && ulp === 0.5 ? DIRECTED : ulp;
      const { data } = defined(results[op], op);
      for (let i = 0; i < x.length; i++) {
        const [a, b, got] = [x[i] as number, y[i] as number, data[i] as number];
        const flushed = gpu
          ? [[flush(a), b] as const, [a, flush(b)] as const, [flush(a), flush(b)] as const]
          : [];
        const right = [[a, b] as const, ...flushed].some(([p, q]) =>
          within(got, reference(p, q, 0), bound, gpu),
        );
        if (!right) expect.fail(`${op}(${a}, ${b}) is ${got}, exactly ${reference(a, b, 0)}`);
      }
    }
  });
});
