import { isFloating } from '../../src/base/dtype.ts';
import { defined } from '../../src/base/errors.ts';
import type { Sample } from '../ops/samples/sample.ts';
import type { Run, Tolerance } from './agree.ts';
import type { MidGraph } from './midGraph.ts';

/** Element i of an operand, or undefined where it is an ordinary number. */
type Fill = (i: number) => number | undefined;

const LARGEST = 3.4028234663852886e38;

/** In all operands at once. */
const EVERYWHERE: Readonly<Record<string, Fill>> = {
  zeros: (i) => (i % 2 === 0 ? 0 : -0),
  subnormals: (i) => (i % 2 === 0 ? 3e-39 : -1e-40) * (1 + (i % 3)),
};

/** In one operand at a time, in one place. */
const SOMEWHERE: Readonly<Record<string, Fill>> = {
  'the largest number': (i) => (i === 3 ? LARGEST : undefined),
  'the lowest number': (i) => (i === 2 ? -LARGEST : undefined),
  infinity: (i) => (i === 3 ? Number.POSITIVE_INFINITY : undefined),
  'minus infinity': (i) => (i === 2 ? Number.NEGATIVE_INFINITY : undefined),
  'not a number': (i) => (i === 1 ? Number.NaN : undefined),
};
const NON_FINITE: readonly string[] = ['infinity', 'minus infinity', 'not a number'];

/** Where f32 ends before its largest number, whatever computes it; and how close results are there. */
const REACH: Readonly<Record<string, { readonly reach: number; readonly tolerance: Tolerance }>> = {
  // deviations are squared; small gradients beside large ones are differences of those
  layerNorm: { reach: 1e18, tolerance: { absolute: 1e-5, relative: 1.3e-6, normwise: 1e-5 } },
  // gradients of keys and queries are as inexact as probabilities, times the other operand
  attention: { reach: 30, tolerance: { absolute: 1e-5, relative: 1e-5 } },
  // scoreboard C1 and C3: 1e-5 · max(1, log Z), for scores of ±1e4
  crfLoss: { reach: 1e4, tolerance: { absolute: 0.1, relative: 0 } },
  crfLogLikelihood: { reach: 1e4, tolerance: { absolute: 0.1, relative: 0 } },
};
const FAR: Tolerance = { absolute: 1e-5, relative: 1e-5 };

/** Its first operand lies between 0 and 1: it is judged as a part of softmax. */
const PARTS: readonly string[] = ['softmaxGradient'];

function within(reach: number, x: number | undefined): number | undefined {
  return x === undefined || !Number.isFinite(x) ? x : Math.max(-reach, Math.min(reach, x));
}

const NORMAL = 2 ** -126;
const flush = (x: number | undefined): number | undefined =>
  x !== undefined && Math.abs(x) < NORMAL ? 0 * x : x;

/** Runs of an op with zeros of both signs, subnormals, the ends of f32, infinities and NaN in its operands. */
export function extremeRuns({ op, inputs }: Sample, { feeds }: MidGraph): Run[] {
  if (PARTS.includes(op)) return [];
  const { reach, tolerance } = REACH[op] ?? { reach: LARGEST, tolerance: FAR };
  const everywhere = Object.entries(EVERYWHERE).map(
    ([name, fill]): Run => ({
      name,
      feeds: feeds({ plain: true, replace: (_, i) => fill(i) }),
      flushed: feeds({ plain: true, replace: (_, i) => flush(fill(i)) }),
    }),
  );
  const floating = [...inputs.keys()].filter((k) => isFloating(defined(inputs[k], 'operand').dtype));
  const somewhere = Object.entries(SOMEWHERE).flatMap(([name, fill]) =>
    floating.map((at): Run => {
      const replace = (k: number, i: number) => (k === at ? within(reach, fill(i)) : undefined);
      return {
        name: `${name} in operand ${at}`,
        feeds: feeds({ plain: true, replace }),
        tolerance,
        nonFinite: NON_FINITE.includes(name),
      };
    }),
  );
  return floating.length === 0 ? [] : [...everywhere, ...somewhere];
}
