import { expect, it } from 'vitest';
import { defined } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Ref } from '../../src/ir/graph.ts';
import { erfcx } from '../../src/kernel/elementwise.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { onEveryDevice } from '../runtime/agreement/everyDevice.ts';
import { NO_ADAPTER } from '../support/gpu.ts';

interface Function {
  readonly of: (b: GraphBuilder, x: Ref) => Ref;
  /** what it and its derivative are, in f64 */
  readonly value: (x: number) => number;
  readonly slope: (x: number) => number;
}

const sigma = (x: number): number => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)));
const power = (x: number): number => Math.exp((-x * x) / 2);
const tail = (x: number): number => (power(x) * erfcx(x * Math.SQRT1_2)) / 2;
const normal = (x: number): number => (x < 0 ? tail(x) : 1 - tail(x));
const one = (op: string) => (b: GraphBuilder, x: Ref) => b.one(op, [x]);

const FUNCTIONS: Readonly<Record<string, Function>> = {
  sigmoid: { of: one('sigmoid'), value: sigma, slope: (x) => sigma(x) * sigma(-x) },
  logOfSigmoid: {
    of: (b, x) => b.log(b.one('sigmoid', [x])),
    value: (x) => -Math.log1p(Math.exp(-x)),
    slope: (x) => sigma(-x),
  },
  tanh: { of: one('tanh'), value: Math.tanh, slope: (x) => 4 * sigma(2 * x) * sigma(-2 * x) },
  gelu: {
    of: one('gelu'),
    value: (x) => x * normal(x),
    slope: (x) => normal(x) + (x * power(x)) / Math.sqrt(2 * Math.PI),
  },
};

/** What is smaller may be subnormal somewhere on the way, and 0 then. */
const SMALLEST = 1e-36;
const TOLERANCE = 2e-5;
const x = Float32Array.from({ length: 641 }, (_, i) => (i - 320) / 4);

onEveryDevice((device) => {
  it.for(Object.entries(FUNCTIONS))(
    'keeps the digits of small results of %s',
    async ([name, fn], { skip }) => {
      const opened = device();
      if (opened === undefined) return skip(NO_ADAPTER);
      const b = new GraphBuilder(name, ops);
      const y = fn.of(b, b.input('x', { dtype: 'f32', shape: ['n'] }));
      b.output('y', y);
      b.output('loss', b.sum(y, [0]));
      const { graph, gradients } = differentiate(b.finish(), ops, { loss: 'loss', wrt: ['x'] });
      const outputs = { value: defined(graph.outputs.y, 'y'), slope: defined(gradients.x, 'gradient') };
      const { executable } = await compile({ ...graph, outputs }, { device: opened });
      const results = await executable.run({ x: { dtype: 'f32', shape: [x.length], data: x } });
      await executable.free();
      for (const which of ['value', 'slope'] as const) {
        const { data } = defined(results[which], which);
        const wrong = Array.from(x, (at, i) => ({
          at,
          got: data[i] ?? Number.NaN,
          right: fn[which](at),
        })).filter(({ at, got, right }) => {
          // where two parts of the slope cancel, or the logarithm is a difference, what counts is the size of the parts
          const scale =
            Math.abs(at) < 1.5 || (name === 'logOfSigmoid' && at > 0)
              ? Math.abs(right) + 0.1
              : Math.abs(right);
          const lost = name === 'logOfSigmoid' && at < -80;
          return !lost && !(Math.abs(got - right) <= TOLERANCE * scale + SMALLEST);
        });
        expect(wrong, `${which} of ${name}`).toEqual([]);
      }
    },
  );
});
