import { describe, expect, it } from 'vitest';
import { FORBIDDEN } from '../../kernels/crfDecode.ts';
import { runs } from '../support/counts.ts';
import {
  type CrfProblem,
  drawProblem,
  enumerate,
  runDecode,
  runGradient,
  runLoss,
  scoreOf,
} from './crfReference.ts';

/** A labelling scheme over entity types: which labels may begin, follow one another, and end. */
interface Scheme {
  readonly name: string;
  readonly labels: number;
  readonly mayBegin: (label: number) => boolean;
  readonly mayFollow: (from: number, to: number) => boolean;
  readonly mayEnd: (label: number) => boolean;
}

/** Labels O, then per type the letters of `letters`: label 1 + type · letters + letter. */
function scheme(letters: 'BI' | 'BIES', types: number): Scheme {
  const letterOf = (label: number) => (label === 0 ? 'O' : (letters[(label - 1) % letters.length] as string));
  const typeOf = (label: number) => Math.floor((label - 1) / letters.length);
  const continues = (label: number) => 'IE'.includes(letterOf(label));
  const isOpen = (label: number) => 'BI'.includes(letterOf(label));
  const mustClose = letters === 'BIES';
  return {
    name: letters === 'BI' ? 'BIO' : 'BIOES',
    labels: 1 + types * letters.length,
    mayBegin: (label) => !continues(label),
    mayEnd: (label) => !(mustClose && isOpen(label)),
    mayFollow: (from, to) =>
      continues(to) ? isOpen(from) && typeOf(from) === typeOf(to) : !(mustClose && isOpen(from)),
  };
}

function constrain(problem: CrfProblem, { labels, mayBegin, mayFollow, mayEnd }: Scheme): CrfProblem {
  const forbid = (values: Float64Array, allowed: (i: number) => boolean) =>
    values.map((x, i) => (allowed(i) ? x : Math.fround(x + FORBIDDEN)));
  return {
    ...problem,
    start: forbid(problem.start, mayBegin),
    stop: forbid(problem.stop, mayEnd),
    transitions: forbid(problem.transitions, (i) => mayFollow(Math.floor(i / labels), i % labels)),
  };
}

const isLegal = (path: Int32Array, { mayBegin, mayFollow, mayEnd }: Scheme): boolean =>
  path.every((label, t) => (t === 0 ? mayBegin(label) : mayFollow(path[t - 1] as number, label))) &&
  mayEnd(path[path.length - 1] as number);

const pathOf = (tags: Int32Array, { time, lengths }: CrfProblem, b: number) =>
  tags.slice(b * time, b * time + (lengths[b] as number));

describe('constrained decoding', () => {
  it.each([scheme('BI', 3), scheme('BIES', 3)])(
    'never gives an illegal $name labelling',
    (rules) => {
      const batch = 50;
      const scales = [0, 1, 10, 1e3, 1e6];
      let illegal = 0;
      for (let draw = 0; draw < runs(100_000, 500) / batch; draw++) {
        const shape = { batch, time: 1 + (draw % 20), labels: rules.labels };
        const drawn = drawProblem(`${rules.name} ${draw}`, { ...shape, scale: scales[draw % 5] as number });
        const problem = constrain(drawn, rules);
        const { tags } = runDecode(problem, 'f32');
        for (let b = 0; b < batch; b++) if (!isLegal(pathOf(tags, problem, b), rules)) illegal++;
      }
      expect(illegal).toBe(0);
    },
    600_000,
  );

  it('would give illegal labellings without constraints', () => {
    const rules = scheme('BIES', 3);
    const problem = drawProblem('free', { batch: 20, time: 8, labels: rules.labels, scale: 1 });
    const { tags } = runDecode(problem, 'f32');
    const legal = Array.from({ length: 20 }, (_, b) => isLegal(pathOf(tags, problem, b), rules));
    expect(legal).toContain(false);
  });

  it('gives the best of the legal labellings', () => {
    const rules = scheme('BI', 2);
    for (let draw = 0; draw < runs(100, 20); draw++) {
      const shape = { batch: 3, time: 5, labels: rules.labels, scale: 2 };
      const problem = constrain(drawProblem(`best ${draw}`, shape), rules);
      const { tags, score } = runDecode(problem, 'f64');
      for (let b = 0; b < 3; b++) {
        const { best, bestPaths } = enumerate(problem, b);
        expect(bestPaths).toContain(String(pathOf(tags, problem, b)));
        expect(score[b]).toBeCloseTo(best, 10);
      }
    }
  });
});

describe('loss under constraints', () => {
  it.each(['f32', 'f64'] as const)('leaves probability to legal labellings only, in %s', (precision) => {
    const bound = precision === 'f64' ? 1e-10 : 1e-5;
    for (const rules of [scheme('BI', 2), scheme('BIES', 1)]) {
      const [batch, time, labels] = [9, 5, rules.labels];
      const drawn = constrain(drawProblem('constrained loss', { batch, time, labels, scale: 2 }), rules);
      const { tags } = runDecode(drawn, 'f64');
      const problem = { ...drawn, tags };
      const { logZ, loss } = runLoss(problem, precision);
      const slopes = runGradient(problem, new Float64Array(batch).fill(1), precision);
      for (let b = 0; b < batch; b++) {
        const expected = enumerate(problem, b);
        const size = Math.max(1, Math.abs(expected.logZ));
        expect(Math.abs((logZ[b] as number) - expected.logZ)).toBeLessThan(bound * size);
        expect(Math.abs((loss[b] as number) - (expected.logZ - expected.best))).toBeLessThan(bound * size);
        const path = pathOf(tags, problem, b);
        expected.marginals.forEach((probability, i) => {
          const wanted = probability - (path[Math.floor(i / labels)] === i % labels ? 1 : 0);
          const got = slopes.emissions[b * time * labels + i] as number;
          expect(Math.abs(got - wanted)).toBeLessThan(bound);
        });
      }
      slopes.transitions.forEach((slope, i) => {
        if (rules.mayFollow(Math.floor(i / labels), i % labels)) expect(slope).not.toBe(0);
        else expect(slope).toBe(0);
      });
    }
  });
});

describe('decoding', () => {
  it('prefers the smallest label where all are equal', () => {
    const problem = drawProblem('ties', { batch: 3, time: 6, labels: 5, scale: 0 });
    const { tags, score } = runDecode(problem, 'f32');
    expect([...tags]).toEqual(new Array(18).fill(0));
    expect([...score]).toEqual([0, 0, 0]);
  });

  it('finds the best labelling over 300 steps in f32 as in f64', () => {
    const problem = drawProblem('long path', { batch: 9, time: 300, labels: 21, scale: 5 });
    const [wide, narrow] = [runDecode(problem, 'f64'), runDecode(problem, 'f32')];
    for (let b = 0; b < 9; b++) {
      const score = scoreOf(problem, b, pathOf(wide.tags, problem, b));
      expect(wide.score[b]).toBeCloseTo(score, 8);
      expect(scoreOf(problem, b, pathOf(narrow.tags, problem, b))).toBeGreaterThan(score - 1e-4);
      expect(Math.abs((narrow.score[b] as number) - score)).toBeLessThan(1e-3);
    }
  });
});
