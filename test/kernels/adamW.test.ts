import { describe, expect, it } from 'vitest';
import { blockElements, norms } from '../../kernels/gradientNorm.ts';
import { adamWRule, hyperLayout, planUpdate } from '../../kernels/update.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { expectClose, gaussian, type Tolerance } from '../support/arrays.ts';
import { input, interpreterOf, type RunLaunch, runPlans, simulator } from '../support/launch.ts';

const BLOCKS = 37;
const ELEMENTS = BLOCKS * blockElements;
const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6 };
const ARENAS = ['parameter', 'gradient', 'moment1', 'moment2'] as const;
type State = Record<(typeof ARENAS)[number], Float64Array>;

interface Step {
  readonly rate: number;
  /** from 1 */
  readonly number: number;
  readonly clipNorm: number;
  readonly gradientNorm: number;
  readonly loss: number;
}

/** Groups as runs of blocks: usual, half the rate with decay, frozen. */
const rates = Float64Array.from({ length: BLOCKS }, (_, i) => [1, 0.5, 0][i % 3] as number);
const decays = Float64Array.from({ length: BLOCKS }, (_, i) => [0, 0.01, 0.3][i % 3] as number);

const begin = (): State => ({
  parameter: gaussian(ELEMENTS, 'parameter'),
  gradient: gaussian(ELEMENTS, 'gradient', 0.1),
  moment1: gaussian(ELEMENTS, 'moment1', 0.1),
  moment2: gaussian(ELEMENTS, 'moment2', 0.1).map(Math.abs),
});

const plain: Step = { rate: 1e-2, number: 3, clipNorm: 0, gradientNorm: 2, loss: 1 };

function run(state: State, step: Step, precision: Precision, launch: RunLaunch = interpreterOf(precision)) {
  const typed = (values: ArrayLike<number>): TypedArray =>
    precision === 'f64' ? Float64Array.from(values) : Float32Array.from(values);
  const hyper = new Float64Array(4);
  hyper[hyperLayout.rate] = step.rate;
  hyper[hyperLayout.correction1] = 1 / (1 - settings.beta1 ** step.number);
  hyper[hyperLayout.correction2] = 1 / (1 - settings.beta2 ** step.number);
  hyper[hyperLayout.clipNorm] = step.clipNorm;
  const arenas = Object.fromEntries(ARENAS.map((name) => [name, typed(state[name])]));
  const plans = planUpdate(adamWRule, {
    hyper: input(0),
    gradientNorm: input(1),
    loss: input(2),
    blocks: 'blocks',
    settings,
  });
  const inputs = [typed(hyper), typed([step.gradientNorm]), typed([step.loss])];
  const tables = { rate: typed(rates), decay: typed(decays) };
  runPlans(plans, { inputs, outputs: [], arenas, tables, sizes: { blocks: BLOCKS } }, precision, launch);
  return arenas as Record<(typeof ARENAS)[number], TypedArray>;
}

/** The update, element by element, as torch.optim.AdamW documents it. */
function expected(state: State, step: Step): State {
  const { beta1, beta2, epsilon } = settings;
  const clip = step.clipNorm > 0 ? Math.min(1, step.clipNorm / (step.gradientNorm + 1e-6)) : 1;
  const next = { ...begin(), gradient: state.gradient };
  for (let i = 0; i < ELEMENTS; i++) {
    const block = Math.floor(i / blockElements);
    const [p, m, v] = [state.parameter[i], state.moment1[i], state.moment2[i]] as [number, number, number];
    const g = (state.gradient[i] as number) * clip;
    const rate = step.rate * (rates[block] as number);
    const frozen = rates[block] === 0;
    const m1 = frozen ? m : beta1 * m + (1 - beta1) * g;
    const v1 = frozen ? v : beta2 * v + (1 - beta2) * g * g;
    const decayed = p - rate * (decays[block] as number) * p;
    const mean = m1 / (1 - beta1 ** step.number);
    const spread = Math.sqrt(v1 / (1 - beta2 ** step.number));
    next.parameter[i] = frozen ? p : decayed - (rate * mean) / (spread + epsilon);
    next.moment1[i] = m1;
    next.moment2[i] = v1;
  }
  return next;
}

const F32: Tolerance = { absolute: 1e-6, relative: 1e-6 };

describe('AdamW', () => {
  const cases = [
    { name: 'a plain step', step: plain },
    { name: 'the first step', step: { ...plain, number: 1 } },
    { name: 'a clipped step', step: { ...plain, clipNorm: 0.5 } },
    { name: 'a step below the clipping norm', step: { ...plain, clipNorm: 3 } },
    { name: 'a step at rate 0, which still moves the moments', step: { ...plain, rate: 0 } },
  ];
  it.each(cases)('does $name', ({ step }) => {
    const wanted = expected(begin(), step);
    for (const [precision, tolerance] of [
      ['f64', { absolute: 1e-14, relative: 1e-13 }],
      ['f32', F32],
    ] as const) {
      const got = run(begin(), step, precision);
      for (const name of ARENAS) expectClose(got[name], wanted[name], tolerance, name);
    }
  });

  it('leaves frozen blocks alone, whatever their gradient', () => {
    const state = begin();
    rates.forEach((rate, block) => {
      if (rate === 0) state.gradient.fill(Number.NaN, block * blockElements, (block + 1) * blockElements);
    });
    const got = run(state, plain, 'f32');
    const before = begin();
    rates.forEach((rate, block) => {
      const range = [block * blockElements, (block + 1) * blockElements] as const;
      for (const name of ['parameter', 'moment1', 'moment2'] as const) {
        const [now, then] = [got[name].slice(...range), Float32Array.from(before[name].slice(...range))];
        if (rate === 0) expect(now).toEqual(then);
        else expect(now).not.toEqual(then);
      }
    });
  });

  it.each([
    { loss: Number.NaN },
    { loss: Number.POSITIVE_INFINITY },
    { gradientNorm: Number.NaN },
    { gradientNorm: Number.POSITIVE_INFINITY },
    { gradientNorm: norms.stopped },
  ])('changes nothing under %o', (broken) => {
    const got = run(begin(), { ...plain, clipNorm: 1, ...broken }, 'f64');
    const before = begin();
    for (const name of ARENAS) expect(got[name]).toEqual(before[name]);
  });

  it('keeps padding at zero', () => {
    const state = begin();
    for (const name of ARENAS) state[name].fill(0, 200, blockElements);
    const got = run(state, plain, 'f32');
    for (const name of ARENAS) expect(got[name].slice(200, blockElements).every((x) => x === 0)).toBe(true);
  });

  it('passes the checker and the simulator', () => {
    run(begin(), plain, 'f64', (launch, buffers) => {
      expect(checkKernel(launch.kernel)).toEqual([]);
      simulator(launch, buffers);
    });
  });
});
