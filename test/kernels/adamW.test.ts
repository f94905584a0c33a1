import { describe, expect, it } from 'vitest';
import { blockElements, groupColumns, groupLayout, norms } from '../../kernels/gradientNorm.ts';
import { adamWRule, planUpdate } from '../../kernels/update.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { checkKernel } from '../../src/kernel/check.ts';
import { expectClose, gaussian, type Tolerance } from '../support/arrays.ts';
import { input, interpreterOf, type RunLaunch, runPlans, simulator } from '../support/launch.ts';

const BLOCKS = 37;
const ELEMENTS = BLOCKS * blockElements;
const settings = { beta1: 0.9, beta2: 0.99, epsilon: 1e-6 };
const ARENAS = ['parameter', 'gradient', 'moment1', 'moment2', 'average'] as const;
type State = Record<(typeof ARENAS)[number], Float64Array>;

interface Step {
  readonly rate: number;
  /** from 1 */
  readonly number: number;
  readonly clipNorm: number;
  readonly gradientNorm: number;
}

/** Groups of blocks: usual, half the rate with decay and steps of its own, frozen, and one that no update names. */
const GROUPS = [
  { factor: 1, decay: 0, active: 1, later: 0, average: 0.25 },
  { factor: 0.5, decay: 0.01, active: 1, later: 4, average: 0.75 },
  { factor: 1, decay: 0.3, active: 0, later: 0, average: 0.5 },
] as const;
const rowOf = (block: number): number => [0, 1, 2, -1][block % 4] as number;
const isActive = (block: number): boolean => GROUPS[rowOf(block)]?.active === 1;
const begin = (): State => ({
  parameter: gaussian(ELEMENTS, 'parameter'),
  gradient: gaussian(ELEMENTS, 'gradient', 0.1),
  moment1: gaussian(ELEMENTS, 'moment1', 0.1),
  moment2: gaussian(ELEMENTS, 'moment2', 0.1).map(Math.abs),
  average: gaussian(ELEMENTS, 'average'),
});

const plain: Step = { rate: 1e-2, number: 3, clipNorm: 0, gradientNorm: 2 };

function run(state: State, step: Step, precision: Precision, launch: RunLaunch = interpreterOf(precision)) {
  const typed = (values: ArrayLike<number>): TypedArray =>
    precision === 'f64' ? Float64Array.from(values) : Float32Array.from(values);
  const groups = new Float64Array(GROUPS.length * groupColumns);
  GROUPS.forEach(({ factor, decay, active, later, average }, i) => {
    const set = (column: keyof typeof groupLayout, value: number) => {
      groups[i * groupColumns + groupLayout[column]] = value;
    };
    set('rate', step.rate * factor);
    set('correction1', 1 / (1 - settings.beta1 ** (step.number + later)));
    set('correction2', 1 / (1 - settings.beta2 ** (step.number + later)));
    set('decay', decay);
    set('clipNorm', step.clipNorm);
    set('active', active);
    set('average', average);
  });
  const arenas = Object.fromEntries(ARENAS.map((name) => [name, typed(state[name])]));
  const plans = planUpdate(adamWRule, {
    groups: input(0),
    gradientNorm: input(1),
    arena: 'gradient',
    average: true,
    blocks: 'blocks',
    settings,
  });
  const inputs = [typed(groups), typed([step.gradientNorm])];
  const tables = { group: Int32Array.from({ length: BLOCKS }, (_, block) => rowOf(block)) };
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
    const frozen = !isActive(block);
    const { factor, decay, later, average } = GROUPS[Math.max(0, rowOf(block))] ?? GROUPS[0];
    const [p, m, v] = [state.parameter[i], state.moment1[i], state.moment2[i]] as [number, number, number];
    const g = (state.gradient[i] as number) * clip;
    const rate = step.rate * factor;
    const number = step.number + later;
    const m1 = frozen ? m : beta1 * m + (1 - beta1) * g;
    const v1 = frozen ? v : beta2 * v + (1 - beta2) * g * g;
    const decayed = p - rate * decay * p;
    const mean = m1 / (1 - beta1 ** number);
    const spread = Math.sqrt(v1 / (1 - beta2 ** number));
    next.parameter[i] = frozen ? p : decayed - (rate * mean) / (spread + epsilon);
    next.moment1[i] = m1;
    next.moment2[i] = v1;
    const e = state.average[i] as number;
    next.average[i] = frozen ? e : average * e + (1 - average) * (next.parameter[i] as number);
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
    for (let block = 0; block < BLOCKS; block++) {
      if (!isActive(block))
        state.gradient.fill(Number.NaN, block * blockElements, (block + 1) * blockElements);
    }
    const got = run(state, plain, 'f32');
    const before = begin();
    for (let block = 0; block < BLOCKS; block++) {
      const range = [block * blockElements, (block + 1) * blockElements] as const;
      for (const name of ['parameter', 'moment1', 'moment2', 'average'] as const) {
        const [now, then] = [got[name].slice(...range), Float32Array.from(before[name].slice(...range))];
        if (isActive(block)) expect(now).not.toEqual(then);
        else expect(now).toEqual(then);
      }
    }
  });

  it.each([
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
