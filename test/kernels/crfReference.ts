import { planCrfGradient } from '../../kernels/crfBackward.ts';
import type { CrfSizes } from '../../kernels/crfBlock.ts';
import { planCrfDecode, planCrfSemiring } from '../../kernels/crfDecode.ts';
import { planCrf } from '../../kernels/crfForward.ts';
import type { Precision, TypedArray } from '../../src/base/dtype.ts';
import { normal, uniforms } from '../../src/base/random.ts';
import {
  crfGradientSlots,
  crfSlots,
  input,
  interpreterOf,
  output,
  type RunLaunch,
  runPlans,
  unwritten,
} from '../support/launch.ts';

/** A batch of sequences and the scores that they share, in f64. */
export interface CrfProblem {
  readonly batch: number;
  readonly time: number;
  readonly labels: number;
  readonly emissions: Float64Array;
  readonly transitions: Float64Array;
  readonly start: Float64Array;
  readonly stop: Float64Array;
  readonly lengths: Int32Array;
  readonly tags: Int32Array;
}

export interface CrfShape {
  readonly batch: number;
  readonly time: number;
  readonly labels: number;
  /** standard deviation of the scores */
  readonly scale: number;
}

/** Normal scores that f32 holds exactly, tags that stand at −100 beyond the length, lengths from `shortest` to time. */
export function drawProblem(
  name: string,
  { batch, time, labels, scale }: CrfShape,
  shortest = 1,
): CrfProblem {
  const scores = (what: string, length: number) =>
    Float64Array.from({ length }, (_, i) => Math.fround(scale * normal(3, `${name} ${what}`, i)));
  const below = (what: string, i: number, count: number) =>
    Math.floor(uniforms(5, `${name} ${what}`, i)[0] * count);
  const lengths = Int32Array.from({ length: batch }, (_, b) =>
    b === 0 ? time : shortest + below('length', b, time + 1 - shortest),
  );
  return {
    batch,
    time,
    labels,
    lengths,
    emissions: scores('emissions', batch * time * labels),
    transitions: scores('transitions', labels * labels),
    start: scores('start', labels),
    stop: scores('stop', labels),
    tags: Int32Array.from({ length: batch * time }, (_, i) =>
      i % time < (lengths[Math.floor(i / time)] as number) ? below('tag', i, labels) : -100,
    ),
  };
}

const interpreters = { f32: interpreterOf('f32'), f64: interpreterOf('f64') };
const typed = (values: Float64Array, precision: Precision): TypedArray =>
  precision === 'f64' ? values : Float32Array.from(values);

const inputsOf = (problem: CrfProblem, precision: Precision): TypedArray[] => [
  ...[problem.emissions, problem.transitions, problem.start, problem.stop].map((values) =>
    typed(values, precision),
  ),
  problem.lengths,
];
const sizes = ({ labels }: CrfProblem): CrfSizes => ({ batch: 'batch', time: 'time', labels });

export interface CrfLoss {
  readonly loss: TypedArray;
  readonly logZ: TypedArray;
  readonly alpha: TypedArray;
  readonly offset: TypedArray;
}

export function runLoss(
  problem: CrfProblem,
  precision: Precision,
  run: RunLaunch = interpreters[precision],
): CrfLoss {
  const { batch, time, labels } = problem;
  const outputs = [batch, batch, batch * time * labels, batch * time].map((n) => unwritten(n, precision));
  const plans = planCrf({
    ...crfSlots,
    ...sizes(problem),
    tags: input(5),
    loss: output(0),
    logZ: output(1),
    alpha: output(2),
    offset: output(3),
  });
  const inputs = [...inputsOf(problem, precision), problem.tags];
  runPlans(plans, { inputs, outputs, sizes: { batch, time } }, precision, run);
  const [loss, logZ, alpha, offset] = outputs as [TypedArray, TypedArray, TypedArray, TypedArray];
  return { loss, logZ, alpha, offset };
}

export interface CrfGradients {
  readonly emissions: TypedArray;
  readonly transitions: TypedArray;
  readonly start: TypedArray;
  readonly stop: TypedArray;
}

/** Gradients of Σ dloss · loss; `tags` of −1 take nothing off the marginals. */
export function runGradient(
  problem: CrfProblem,
  dloss: Float64Array,
  precision: Precision,
  run: RunLaunch = interpreters[precision],
  tags: Int32Array = problem.tags,
): CrfGradients {
  const { batch, time, labels } = problem;
  const { alpha, offset } = runLoss(problem, precision, run);
  const lengths = [batch * time * labels, labels * labels, labels, labels];
  const outputs = lengths.map((n) => unwritten(n, precision));
  const plans = planCrfGradient({
    ...crfGradientSlots,
    ...sizes(problem),
  });
  const inputs = [...inputsOf(problem, precision), ...[tags, alpha, offset, typed(dloss, precision)]];
  runPlans(plans, { inputs, outputs, sizes: { batch, time } }, precision, run);
  const [emissions, transitions, start, stop] = outputs as [TypedArray, TypedArray, TypedArray, TypedArray];
  return { emissions, transitions, start, stop };
}

/** P(y_t = label), [batch, time, labels]: the gradient of log Z. */
export function runMarginals(problem: CrfProblem, precision: Precision): TypedArray {
  const dloss = new Float64Array(problem.batch).fill(1);
  const noTags = problem.tags.map(() => -1);
  return runGradient(problem, dloss, precision, interpreters[precision], noTags).emissions;
}

export function runDecode(
  problem: CrfProblem,
  precision: Precision,
  run: RunLaunch = interpreters[precision],
): { readonly tags: Int32Array; readonly score: TypedArray } {
  const { batch, time } = problem;
  const tags = new Int32Array(batch * time).fill(-7);
  const score = unwritten(batch, precision);
  const plans = planCrfDecode({ ...crfSlots, ...sizes(problem), tags: output(0), score: output(1) });
  runPlans(
    plans,
    { inputs: inputsOf(problem, precision), outputs: [tags, score], sizes: { batch, time } },
    precision,
    run,
  );
  return { tags, score };
}

/** Score of a labelling of sequence `b`: start + emissions + transitions + stop. */
export function scoreOf(problem: CrfProblem, b: number, path: ArrayLike<number>): number {
  const { time, labels, emissions, transitions, start, stop } = problem;
  if (path.length === 0) return 0;
  let score = (start[path[0] as number] as number) + (stop[path[path.length - 1] as number] as number);
  for (let t = 0; t < path.length; t++) {
    score += emissions[(b * time + t) * labels + (path[t] as number)] as number;
    if (t > 0) score += transitions[(path[t - 1] as number) * labels + (path[t] as number)] as number;
  }
  return score;
}

export const goldPath = ({ time, tags, lengths }: CrfProblem, b: number): Int32Array =>
  tags.subarray(b * time, b * time + (lengths[b] as number));

/** What enumeration of all labels^length labellings of a sequence finds. */
export interface Enumeration {
  readonly logZ: number;
  /** [length, labels] */
  readonly marginals: Float64Array;
  /** −Σ P log P over labellings */
  readonly entropy: number;
  readonly best: number;
  /** labellings whose score is within 1e-9 of the best */
  readonly bestPaths: readonly string[];
}

export function enumerate(problem: CrfProblem, b: number): Enumeration {
  const { labels } = problem;
  const length = problem.lengths[b] as number;
  const paths = Array.from({ length: labels ** length }, (_, code) =>
    Array.from({ length }, (_, t) => Math.floor(code / labels ** t) % labels),
  );
  const values = paths.map((path) => scoreOf(problem, b, path));
  const best = values.reduce((x, y) => Math.max(x, y));
  const logZ = best + Math.log(values.reduce((sum, value) => sum + Math.exp(value - best), 0));
  const marginals = new Float64Array(length * labels);
  let entropy = 0;
  paths.forEach((path, i) => {
    const value = values[i] as number;
    const probability = Math.exp(value - logZ);
    entropy += probability * (logZ - value);
    path.forEach((label, t) => {
      const at = t * labels + label;
      marginals[at] = (marginals[at] as number) + probability;
    });
  });
  const bestPaths = paths.filter((_, i) => (values[i] as number) > best - 1e-9).map(String);
  return { logZ, marginals, entropy, best, bestPaths };
}

/** log Z by the readable definition over the log semiring. */
export function runDefinition(
  problem: CrfProblem,
  precision: Precision,
  run: RunLaunch = interpreters[precision],
): TypedArray {
  const { batch, time } = problem;
  const score = unwritten(batch, precision);
  const plan = planCrfSemiring('log', { ...crfSlots, ...sizes(problem), score: output(0) });
  runPlans(
    [plan],
    { inputs: inputsOf(problem, precision), outputs: [score], sizes: { batch, time } },
    precision,
    run,
  );
  return score;
}
