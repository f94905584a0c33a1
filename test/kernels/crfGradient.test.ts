import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNDERFLOW } from '../../kernels/crfBlock.ts';
import { DIFFERENCES, differences, expectClose, gaussian, inner } from '../support/arrays.ts';
import { runs } from '../support/counts.ts';
import {
  type CrfProblem,
  drawProblem,
  runDecode,
  runDefinition,
  runGradient,
  runLoss,
  runMarginals,
} from './crfReference.ts';

const names = ['emissions', 'transitions', 'start', 'stop'] as const;
const isExact = (problem: CrfProblem): boolean =>
  runLoss(problem, 'f64').alpha.some((level) => level < Math.log(UNDERFLOW));

describe('gradient of the CRF loss', () => {
  it('agrees with finite differences, in both ways of summing', () => {
    let exact = 0;
    let draws = 0;
    const shape = fc.record({
      batch: fc.integer({ min: 1, max: 10 }),
      time: fc.integer({ min: 1, max: 5 }),
      labels: fc.integer({ min: 1, max: 5 }),
      scale: fc.constantFrom(0.5, 2, 100),
      id: fc.nat(1e6),
    });
    const property = fc.property(shape, ({ id, ...rest }) => {
      const problem = drawProblem(`gradient ${id}`, rest, 0);
      const dloss = gaussian(rest.batch, `dloss ${id}`);
      const gradient = runGradient(problem, dloss, 'f64');
      const loss = () => inner(runLoss(problem, 'f64').loss, dloss);
      draws++;
      if (isExact(problem)) exact++;
      // a difference of losses of size `scale` is good to scale · 1e-16 / h
      const tolerance = { ...DIFFERENCES, absolute: DIFFERENCES.absolute * Math.max(1, rest.scale / 10) };
      for (const name of names) {
        expectClose(gradient[name], differences(problem[name], loss, 1e-5), tolerance, name);
      }
    });
    fc.assert(property, { seed: 21, numRuns: runs(200, 25) });
    expect(exact).toBeGreaterThan(0);
    expect(exact).toBeLessThan(draws);
  });

  it('is (marginals − tags) · dloss, and its sums over steps follow from pairs of marginals', () => {
    const [batch, time, labels] = [9, 7, 11];
    const problem = drawProblem('marginals', { batch, time, labels, scale: 2 });
    const dloss = gaussian(batch, 'dloss');
    const { emissions, transitions, start, stop } = runGradient(problem, dloss, 'f64');
    const marginals = runMarginals(problem, 'f64');
    const expected = marginals.map((probability, i) => {
      const step = Math.floor(i / labels);
      const hit = problem.tags[step] === i % labels ? 1 : 0;
      return (probability - hit) * (dloss[Math.floor(step / time)] as number);
    });
    expectClose(emissions, expected, { absolute: 1e-13, relative: 1e-12 });
    // each step after the first adds (1 − 1) · dloss to the sum over transitions, each sequence as much to start and stop
    for (const sums of [transitions, start, stop]) {
      expect(Math.abs(Array.from(sums).reduce((x, y) => x + y))).toBeLessThan(1e-12);
    }
  });
});

describe('CRF with 130 labels', () => {
  const [batch, time, labels] = [11, 9, 130];
  const draw = (scale: number) => drawProblem('130', { batch, time, labels, scale });
  const dloss = gaussian(batch, 'dloss 130');

  it.each([1, 40])('agrees with the definition and with directional differences at scale %d', (scale) => {
    const problem = draw(scale);
    const { logZ } = runLoss(problem, 'f64');
    expectClose(logZ, runDefinition(problem, 'f64'), { absolute: 0, relative: 1e-13 });
    expectClose(runLoss(problem, 'f32').logZ, logZ, { absolute: 0, relative: 3e-7 });
    const gradient = runGradient(problem, dloss, 'f64');
    for (const name of names) {
      const direction = gaussian(problem[name].length, `direction ${name}`);
      const along = (h: number) => {
        const moved = problem[name].map((x, i) => x + h * (direction[i] as number));
        return inner(runLoss({ ...problem, [name]: moved }, 'f64').loss, dloss);
      };
      const slope = (along(1e-5) - along(-1e-5)) / 2e-5;
      const expected = inner(gradient[name], direction);
      expect(Math.abs(slope - expected), name).toBeLessThan(1e-6 * (1 + Math.abs(expected)));
    }
  });

  it.each([1, 40])('has gradients in f32 that are as good as the levels at scale %d', (scale) => {
    const problem = draw(scale);
    const [wide, narrow] = [runGradient(problem, dloss, 'f64'), runGradient(problem, dloss, 'f32')];
    for (const name of names) expectClose(narrow[name], wide[name], { absolute: 2e-5, relative: 2e-5 }, name);
  });
});

describe('CRF over 512 steps and 120 labels', () => {
  const shape = { batch: 8, time: 512, labels: 120 };

  it('has a loss within 1e-3 at scale 10', () => {
    for (let draw = 0; draw < runs(30, 2); draw++) {
      const problem = drawProblem(`long ${draw}`, { ...shape, scale: 10 });
      // near the best labelling, where a small difference is left of two large sums
      const { tags } = runDecode(problem, 'f64');
      const gold = { ...problem, tags };
      const [wide, narrow] = [runLoss(gold, 'f64').loss, runLoss(gold, 'f32').loss];
      expectClose(narrow, wide, { absolute: 1e-3, relative: 0 }, 'loss');
      expectClose(runLoss(problem, 'f32').loss, runLoss(problem, 'f64').loss, {
        absolute: 1e-3,
        relative: 2 ** -24,
      });
    }
  }, 600_000);

  it('is right to 2 ULP and free of NaN at scores of ±1e4', () => {
    const problem = drawProblem('huge', { ...shape, batch: 1, scale: 1 });
    const huge = Object.fromEntries(
      names.map((name) => [name, problem[name].map((x) => Math.fround(1e4 * Math.tanh(x * 2)))]),
    );
    const extreme: CrfProblem = { ...problem, ...huge };
    const [wide, narrow] = [runLoss(extreme, 'f64'), runLoss(extreme, 'f32')];
    expect(wide.logZ[0]).toBeGreaterThan(2 ** 22);
    const ulp = 2 ** (Math.floor(Math.log2(wide.logZ[0] as number)) - 23);
    expectClose(narrow.logZ, wide.logZ, { absolute: 2 * ulp, relative: 0 });
    expectClose(narrow.loss, wide.loss, { absolute: 2 * ulp, relative: 0 });
    const gradient = runGradient(extreme, Float64Array.of(1), 'f32');
    for (const name of names) expect(gradient[name].every(Number.isFinite), name).toBe(true);
  }, 600_000);
});
