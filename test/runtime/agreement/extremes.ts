import { isFloating } from '../../../src/base/dtype.ts';
import { defined } from '../../../src/base/errors.ts';
import { parts, reaches } from '../../ops/samples/all.ts';
import type { Sample } from '../../ops/samples/sample.ts';
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

const FAR: Tolerance = { absolute: 1e-5, relative: 1e-5 };

function within(most: number, x: number | undefined): number | undefined {
  return x === undefined || !Number.isFinite(x) ? x : Math.max(-most, Math.min(most, x));
}

const NORMAL = 2 ** -126;
const flush = (x: number | undefined): number | undefined =>
  x !== undefined && Math.abs(x) < NORMAL ? 0 * x : x;

/** Runs of an op with zeros of both signs, subnormals, the ends of f32, infinities and NaN in its operands. */
export function extremeRuns({ op, inputs }: Sample, { feeds }: MidGraph): Run[] {
  if (parts.has(op)) return [];
  const { most, tolerance } = reaches.get(op) ?? { most: LARGEST, tolerance: FAR };
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
      const replace = (k: number, i: number) => (k === at ? within(most, fill(i)) : undefined);
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
