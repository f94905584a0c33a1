import { expect, it } from 'vitest';
import { crf, exp, f32, graph, i32, mul, sum } from '../../../src/dsl/index.ts';
import { ops } from '../../../src/ops/index.ts';
import { differentiate } from '../../../src/passes/differentiate.ts';
import { compile } from '../../../src/runtime/compile.ts';
import type { Device } from '../../../src/runtime/device.ts';
import { type CrfProblem, drawProblem, enumerate, goldPath, scoreOf } from '../../kernels/crfReference.ts';
import { runs } from '../../support/counts.ts';
import { NO_ADAPTER } from '../../support/gpu.ts';
import { openOracle } from './devices.ts';
import { onEveryDevice } from './everyDevice.ts';

type Score = 'emissions' | 'transitions' | 'start' | 'stop';
const SCORES: readonly Score[] = ['emissions', 'transitions', 'start', 'stop'];
type Results = Readonly<Record<string, ArrayLike<number>>>;

/** What a chain gives: log-likelihoods, labellings, and the gradient of the log-likelihoods' sum by weight. */
function chain(labels: number) {
  const built = graph('chain', (g) => {
    const emissions = g.input('emissions', f32, ['batch', 'time', labels]);
    const scores = {
      transitions: g.input('transitions', f32, [labels, labels]),
      start: g.input('start', f32, [labels]),
      stop: g.input('stop', f32, [labels]),
    };
    const lengths = g.input('lengths', i32, ['batch']);
    const likelihood = crf.logLikelihood(emissions, g.input('tags', i32, ['batch', 'time']), lengths, scores);
    return {
      likelihood,
      probability: exp(likelihood),
      decoded: crf.decode(emissions, lengths, scores),
      loss: sum(mul(likelihood, g.input('weights', f32, ['batch'])), 0),
    };
  });
  const { graph: both, gradients } = differentiate(built, ops, { loss: 'loss', wrt: [...SCORES] });
  const slopes = SCORES.map((score) => [`d${score}`, gradients[score] ?? ''] as const);
  return { ...both, outputs: { ...both.outputs, ...Object.fromEntries(slopes) } };
}

const compiled = new WeakMap<Device, Map<number, ReturnType<typeof compile>>>();
/** The chain on a device, made once. */
function chainOn(device: Device, labels: number): ReturnType<typeof compile> {
  const chains = compiled.get(device) ?? new Map();
  compiled.set(device, chains);
  const made = chains.get(labels) ?? compile(chain(labels), { device });
  chains.set(labels, made);
  return made;
}

async function run(device: Device, problem: CrfProblem, weights?: readonly number[]): Promise<Results> {
  const { batch, time, labels } = problem;
  const { executable } = await chainOn(device, labels);
  const tensor = (shape: readonly number[], data: ArrayLike<number>) => ({
    dtype: f32,
    shape,
    data: Float32Array.from(data),
  });
  const results = await executable.run({
    emissions: tensor([batch, time, labels], problem.emissions),
    transitions: tensor([labels, labels], problem.transitions),
    start: tensor([labels], problem.start),
    stop: tensor([labels], problem.stop),
    weights: tensor([batch], weights ?? new Array(batch).fill(1)),
    lengths: { dtype: i32, shape: [batch], data: problem.lengths },
    tags: { dtype: i32, shape: [batch, time], data: problem.tags.map((tag) => Math.max(0, tag)) },
  });
  return Object.fromEntries(Object.entries(results).map(([name, { data }]) => [name, data]));
}

const pathOf = ({ time, lengths }: CrfProblem, tags: ArrayLike<number> | undefined, b: number): number[] =>
  Array.from({ length: lengths[b] ?? 0 }, (_, t) => tags?.[b * time + t] ?? -1);

/** Scores with `share` of them at −∞. */
const forbidding = (name: string, labels: number, share: number): CrfProblem => {
  const problem = drawProblem(name, { batch: 6, time: 4, labels, scale: 2 }, 0);
  const chosen = drawProblem(`${name} −∞`, { batch: 6, time: 4, labels, scale: 1 });
  const cut = (score: Score) =>
    problem[score].map((value, i) => ((chosen[score][i] ?? 0) < share ? Number.NEGATIVE_INFINITY : value));
  return { ...problem, transitions: cut('transitions'), start: cut('start'), emissions: cut('emissions') };
};

onEveryDevice((opened, { gpu }) => {
  const on =
    (check: (device: Device) => Promise<void>) =>
    async ({ skip }: { skip: (note: string) => void }) => {
      const device = opened();
      return device === undefined ? skip(NO_ADAPTER) : check(device);
    };

  it(
    'a score of −∞ rules out: likelihoods, labellings and gradients are those of the labellings that are left',
    on(async (device) => {
      let impossible = 0;
      for (let draw = 0; draw < runs(60, 6); draw++) {
        // another number of labels is another kernel, which a GPU takes seconds to compile
        const labels = gpu ? 5 : 2 + (draw % 4);
        const problem = forbidding(`forbidding ${draw}`, labels, -0.8 + 0.3 * (draw % 2));
        const { likelihood = [], decoded, demissions = [] } = await run(device, problem);
        for (let b = 0; b < problem.batch; b++) {
          if (problem.lengths[b] === 0) {
            expect(likelihood[b]).toBeCloseTo(0, 9);
            continue;
          }
          const { logZ, best, marginals } = enumerate(problem, b);
          const score = scoreOf(problem, b, goldPath(problem, b));
          const path = pathOf(problem, decoded, b);
          for (const tag of path) expect(tag >= 0 && tag < problem.labels).toBe(true);
          if (best === Number.NEGATIVE_INFINITY) {
            expect(Number.isFinite(likelihood[b])).toBe(false);
            continue;
          }
          expect(scoreOf(problem, b, path)).toBeCloseTo(best, 4);
          if (score === Number.NEGATIVE_INFINITY) {
            expect(likelihood[b]).toBe(score);
            impossible++;
          } else expect(likelihood[b]).toBeCloseTo(score - logZ, 4);
          // the slope of log Z does not depend on the tags
          marginals.forEach((marginal, i) => {
            const at = b * problem.time * problem.labels + i;
            const hit = path.length > 0 && problem.tags[b * problem.time + Math.floor(i / problem.labels)];
            expect(demissions[at]).toBeCloseTo(+(hit === i % problem.labels) - marginal, 4);
          });
        }
      }
      expect(impossible).toBeGreaterThan(0);
    }),
  );

  it(
    'a labelling over a transition of −∞ has log-likelihood −∞, and the others keep theirs',
    on(async (device) => {
      const problem = drawProblem('one', { batch: 2, time: 3, labels: 5, scale: 1 }, 3);
      const tags = Int32Array.of(0, 1, 2, 0, 2, 2);
      const transitions = problem.transitions.slice();
      transitions[1] = Number.NEGATIVE_INFINITY;
      const { likelihood = [], dtransitions = [] } = await run(device, { ...problem, tags, transitions });
      expect(likelihood[0]).toBe(Number.NEGATIVE_INFINITY);
      const { logZ } = enumerate({ ...problem, transitions }, 1);
      expect(likelihood[1]).toBeCloseTo(scoreOf(problem, 1, [0, 2, 2]) - logZ, 4);
      // count minus expectation
      expect(dtransitions[1]).toBe(1);
    }),
  );

  it(
    'NaN is not finite in the likelihoods and gradients of its sequence, and leaves the other sequences alone',
    on(async (device) => {
      const problem = drawProblem('NaN', { batch: 3, time: 3, labels: 5, scale: 1 }, 3);
      const clean = await run(openOracle(), problem);
      for (const at of [0, 7, 14]) {
        const emissions = problem.emissions.slice();
        emissions[15 + at] = Number.NaN;
        const { likelihood = [], demissions = [], decoded } = await run(device, { ...problem, emissions });
        expect(Array.from(likelihood, Number.isFinite)).toEqual([true, false, true]);
        for (const b of [0, 2]) expect(likelihood[b]).toBeCloseTo(clean.likelihood?.[b] ?? 0, 4);
        expect(Array.from(demissions).slice(15, 30).some(Number.isNaN)).toBe(true);
        const rest = [...Array.from(demissions).slice(0, 15), ...Array.from(demissions).slice(30)];
        expect(rest.every(Number.isFinite)).toBe(true);
        expect(Array.from(decoded ?? []).every((tag) => tag >= 0 && tag < 5)).toBe(true);
      }
    }),
  );

  it(
    'what stands beyond a length, or in a sequence without weight, changes no gradient',
    on(async (device) => {
      const problem = {
        ...drawProblem('beyond', { batch: 4, time: 4, labels: 5, scale: 1 }),
        lengths: Int32Array.of(4, 2, 0, 4),
      };
      const weights = [1, 2, 3, 0];
      const clean = await run(openOracle(), problem, weights);
      for (const odd of [Number.NaN, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]) {
        const emissions = problem.emissions.map((x, i) => (i >= 30 ? odd : x));
        const got = await run(device, { ...problem, emissions }, weights);
        for (const name of SCORES.map((score) => `d${score}`)) {
          for (const [i, slope] of Array.from(got[name] ?? []).entries())
            expect(slope).toBeCloseTo(clean[name]?.[i] ?? 0, 4);
        }
      }
    }),
  );

  it(
    'decoding gives labels that exist, whatever the scores',
    on(async (device) => {
      const shape = { batch: 2, time: 3, labels: 5, scale: 1 };
      const odd = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY, Number.NaN, -1e30, -3e38];
      for (const value of odd) {
        const drawn = drawProblem('odd', shape);
        for (const scores of [['emissions'], ['transitions'], ['start'], ['stop'], SCORES] as const) {
          const filled = scores.map((score) => [score, drawn[score].map(() => value)]);
          const { decoded = [] } = await run(device, { ...drawn, ...Object.fromEntries(filled) });
          const exist = Array.from(decoded).every((tag) => tag >= 0 && tag < 5);
          expect(exist, `${scores} of ${value}: ${Array.from(decoded)}`).toBe(true);
        }
      }
    }),
  );

  it(
    'a batch without steps has log-likelihoods of 0, empty labellings and gradients of 0; one without sequences has none',
    on(async (device) => {
      const drawn = drawProblem('empty', { batch: 3, time: 1, labels: 5, scale: 1 });
      const nothing = { emissions: new Float64Array(0), tags: new Int32Array(0), lengths: new Int32Array(3) };
      const results = await run(device, { ...drawn, time: 0, ...nothing });
      expect(results).toEqual({
        likelihood: Float32Array.of(-0, -0, -0),
        probability: Float32Array.of(1, 1, 1),
        decoded: new Int32Array(0),
        loss: Float32Array.of(0),
        demissions: new Float32Array(0),
        dtransitions: new Float32Array(25),
        dstart: new Float32Array(5),
        dstop: new Float32Array(5),
      });
      const none = drawProblem('none', { batch: 0, time: 2, labels: 5, scale: 1 });
      expect(await run(device, none)).toEqual({
        likelihood: new Float32Array(0),
        probability: new Float32Array(0),
        decoded: new Int32Array(0),
        loss: Float32Array.of(0),
        demissions: new Float32Array(0),
        dtransitions: new Float32Array(25),
        dstart: new Float32Array(5),
        dstop: new Float32Array(5),
      });
    }),
  );

  it(
    'no labelling has a probability above 1',
    on(async (device) => {
      // one label outweighs all others at every step: the likelihood is 1 but for rounding
      for (let draw = 0; draw < runs(40, 4); draw++) {
        const drawn = drawProblem(`sure ${draw}`, { batch: 32, time: 20, labels: 5, scale: 3 }, 1);
        const emissions = drawn.emissions.map((x, i) => {
          const [step, label] = [Math.floor(i / 5), i % 5];
          return x + (drawn.tags[step] === label ? 60 : 0);
        });
        const { probability = [], likelihood = [] } = await run(device, { ...drawn, emissions });
        expect(Math.max(...Array.from(probability))).toBeLessThanOrEqual(1);
        expect(Math.max(...Array.from(likelihood))).toBeLessThanOrEqual(0);
        expect(Math.min(...Array.from(probability))).toBeGreaterThan(0.999);
      }
    }),
  );
});
