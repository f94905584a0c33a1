import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { UNDERFLOW } from '../../kernels/crfBlock.ts';
import { runs } from '../support/counts.ts';
import {
  type CrfProblem,
  drawProblem,
  enumerate,
  goldPath,
  runDecode,
  runDefinition,
  runGradient,
  runLoss,
  runMarginals,
  scoreOf,
} from './crfReference.ts';

/** Small problems, few enough labellings to list; scales at which sums stay in range and at which they underflow. */
const small = fc
  .record({
    labels: fc.integer({ min: 2, max: 6 }),
    time: fc.integer({ min: 1, max: 6 }),
    scale: fc.constantFrom(0, 0.1, 1, 1, 5, 30, 200),
    id: fc.nat(1e6),
  })
  .filter(({ labels, time }) => labels ** time <= 4096)
  .map(({ id, ...shape }) => drawProblem(`small ${id}`, { ...shape, batch: 3 }));

const sequences = ({ batch }: CrfProblem) => Array.from({ length: batch }, (_, b) => b);
const near = (actual: number, expected: number, bound: number) =>
  expect(Math.abs(actual - expected)).toBeLessThanOrEqual(bound);
const total = (values: ArrayLike<number>): number => Array.from(values).reduce((x, y) => x + y, 0);
const at = (values: ArrayLike<number>, i: number): number => values[i] as number;

describe('CRF against enumeration of all labellings', () => {
  it('gives log Z, loss, marginals and best labellings', () => {
    let exact = 0;
    let draws = 0;
    const property = fc.property(small, (problem) => {
      const { time, labels } = problem;
      const [wide, narrow] = [runLoss(problem, 'f64'), runLoss(problem, 'f32')];
      const [marginals, marginals32] = [runMarginals(problem, 'f64'), runMarginals(problem, 'f32')];
      const [best, best32] = [runDecode(problem, 'f64'), runDecode(problem, 'f32')];
      // one rounding of the largest score in f32, which counts where large scores cancel to a small log Z
      const rounding = 2 ** -24 * problem.emissions.reduce((x, y) => Math.max(x, Math.abs(y)), 0);
      draws++;
      if (wide.alpha.some((level) => level < Math.log(UNDERFLOW))) exact++;
      for (const b of sequences(problem)) {
        const expected = enumerate(problem, b);
        const size = Math.max(1, Math.abs(expected.logZ));
        const gold = scoreOf(problem, b, goldPath(problem, b));
        near(at(wide.logZ, b), expected.logZ, 1e-10 * size);
        near(at(wide.loss, b), expected.logZ - gold, 1e-10 * size);
        near(at(narrow.logZ, b), expected.logZ, 1e-5 * size + rounding);
        near(at(narrow.loss, b), expected.logZ - gold, 1e-5 * size + rounding);
        expected.marginals.forEach((probability, i) => {
          near(at(marginals, b * time * labels + i), probability, 1e-10 * size);
          near(at(marginals32, b * time * labels + i), probability, 1e-5 * size);
        });
        near(at(best.score, b), expected.best, 1e-10 * size);
        near(at(best32.score, b), expected.best, 1e-5 * size + rounding);
        const path = best.tags.subarray(b * time, b * time + at(problem.lengths, b));
        expect(expected.bestPaths).toContain(String(path));
        const path32 = best32.tags.subarray(b * time, b * time + at(problem.lengths, b));
        near(scoreOf(problem, b, path32), expected.best, 1e-5 * size + rounding);
      }
    });
    fc.assert(property, { seed: 11, numRuns: runs(500, 40) });
    // both ways of summing were taken
    expect(exact).toBeGreaterThan(0);
    expect(exact).toBeLessThan(draws);
  });

  it('takes empty sequences and leaves what is beyond a length at zero', () => {
    const problem = drawProblem('empty', { batch: 19, time: 4, labels: 5, scale: 1 }, 0);
    expect(problem.lengths).toContain(0);
    const { loss, logZ } = runLoss(problem, 'f64');
    const { tags, score } = runDecode(problem, 'f64');
    const marginals = runMarginals(problem, 'f64');
    const gradient = runGradient(problem, new Float64Array(19).fill(1), 'f64').emissions;
    for (const b of sequences(problem)) {
      const length = at(problem.lengths, b);
      const expected = length > 0 ? enumerate(problem, b) : { logZ: 0, best: 0 };
      near(at(logZ, b), expected.logZ, 1e-12);
      near(at(score, b), expected.best, 1e-12);
      if (length === 0) expect(at(loss, b)).toBe(0);
      for (let t = 0; t < 4; t++) {
        const step = [marginals, gradient].map((x) => x.subarray((b * 4 + t) * 5, (b * 4 + t + 1) * 5));
        const [probabilities, slopes] = step.map((x) => Array.from(x)) as [number[], number[]];
        near(total(probabilities), t < length ? 1 : 0, 1e-12);
        if (t < length) continue;
        expect(slopes.every((x) => x === 0)).toBe(true);
        expect(at(tags, b * 4 + t)).toBe(0);
      }
    }
  });
});

/** Problems of any small size, without a bound on the number of labellings. */
const any = fc
  .record({
    labels: fc.integer({ min: 1, max: 9 }),
    time: fc.integer({ min: 1, max: 12 }),
    scale: fc.constantFrom(0.1, 1, 3, 20, 100),
    id: fc.nat(1e6),
    shift: fc.integer({ min: -40, max: 40 }),
  })
  .map(({ id, shift, ...shape }) => ({ shift, problem: drawProblem(`law ${id}`, { ...shape, batch: 2 }) }));

describe('laws of the CRF', () => {
  it('hold for every draw', () => {
    const property = fc.property(any, ({ problem, shift }) => {
      const { batch, time, labels, lengths } = problem;
      const { logZ, loss } = runLoss(problem, 'f64');
      const shifted = runLoss({ ...problem, emissions: problem.emissions.map((x) => x + shift) }, 'f64');
      const { score } = runDecode(problem, 'f64');
      const marginals = runMarginals(problem, 'f64');
      const definition = runDefinition(problem, 'f64');
      for (const b of sequences(problem)) {
        const length = at(lengths, b);
        const bound = 1e-12 * Math.max(1, Math.abs(at(logZ, b)), Math.abs(at(score, b)), 40 * length);
        near(at(shifted.logZ, b), at(logZ, b) + shift * length, 4 * bound);
        near(at(definition, b), at(logZ, b), bound);
        expect(at(loss, b)).toBeGreaterThanOrEqual(-bound);
        expect(at(score, b)).toBeLessThanOrEqual(at(logZ, b) + bound);
        expect(at(logZ, b)).toBeLessThanOrEqual(at(score, b) + length * Math.log(labels) + bound);
        for (let t = 0; t < length; t++) {
          const from = (b * time + t) * labels;
          near(total(marginals.subarray(from, from + labels)), 1, 1e-12);
        }
        // a sequence is what it is without the steps beyond its length
        const cut = runLoss(truncate(problem, b), 'f64');
        near(at(cut.logZ, 0), at(logZ, b), bound);
        near(at(cut.loss, 0), at(loss, b), bound);
      }
      // entropy = loss − ⟨scores, ∇ loss⟩ lies between 0 and that of equal probabilities
      const slopes = runGradient(problem, new Float64Array(batch).fill(1), 'f64');
      const inner = (['emissions', 'transitions', 'start', 'stop'] as const).reduce(
        (sum, name) => sum + problem[name].reduce((x, score, i) => x + score * at(slopes[name], i), 0),
        0,
      );
      const entropy = total(loss) - inner;
      const steps = total(lengths);
      const size = problem.emissions.reduce((x, y) => Math.max(x, Math.abs(y)), 1) * steps;
      expect(entropy).toBeGreaterThanOrEqual(-1e-11 * size);
      expect(entropy).toBeLessThanOrEqual(steps * Math.log(labels) + 1e-11 * size);
    });
    fc.assert(property, { seed: 12, numRuns: runs(10_000, 300) });
  }, 600_000);
});

function truncate(problem: CrfProblem, b: number): CrfProblem {
  const { time, labels, emissions, tags, lengths } = problem;
  const length = at(lengths, b);
  return {
    ...problem,
    batch: 1,
    time: length,
    lengths: Int32Array.of(length),
    emissions: emissions.slice(b * time * labels, (b * time + length) * labels),
    tags: tags.slice(b * time, b * time + length),
  };
}
