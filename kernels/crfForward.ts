import type { KernelBuilder, TermInput } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import {
  type CrfBlock,
  type CrfTiles,
  crfBlock,
  exceptWhere,
  loadLevels,
  logSum,
  rowOf,
  scaledTransitions,
  split,
  UNDERFLOW,
  unshifted,
  whereSteps,
} from './crfBlock.ts';
import { goldScore } from './crfGold.ts';
import { kernelOnce } from './plan.ts';

/**
 * Forward recursion of a linear-chain CRF: log Z of each sequence, and log Z − score of its tags.
 *
 * emissions [batch, time, labels], transitions [labels, labels], start and stop [labels], tags [batch, time],
 * lengths [batch] → loss [batch], logZ [batch]; saves alpha [batch, time, labels] and offset [batch, time] (crfBlock.ts says
 * what they are). The loop over time is inside; a program takes a block of sequences.
 *
 * The sum over the previous label runs in the exponential domain, with p = e^a and weights = e^(T − level):
 *
 *   α_t[z] = log Σ_y p[y] weights[y, z]        one product [block, labels] × [labels, labels] per step.
 *
 * p and weights are at most e, and the largest p is at least 1, so nothing overflows. Where a sum falls below UNDERFLOW,
 * terms may have vanished: then, for the whole block and this one step, α is computed as log-sum-exp.
 *
 * The loss is formed from whole numbers and remainders apart: (Σ offsets − ⌊gold⌋) is exact, so the result is as accurate
 * as the remainders, however long the sequence.
 *
 * Memory: emissions read once, alpha written once, transitions read per step (from cache or workgroup memory).
 */
interface Scores {
  readonly emissions: Buffer;
  readonly transitions: Buffer;
  readonly start: Buffer;
  readonly stop: Buffer;
}

/** Where every sequence ends: its levels are whole + remainder. */
interface Ending {
  /** [b, y] */
  readonly remainder: Value;
  /** [b] */
  readonly whole: Value;
}

function recursion(k: KernelBuilder, at: CrfBlock, { emissions, transitions, start }: Scores): Ending {
  const { b, y, z, Y, Z, lengths, longest } = at;
  const [alpha, offset] = [k.write('alpha'), k.write('offset')];
  const level = k.read('level');
  const levels = loadLevels(k, at, level);
  const save = (t: Value | number, values: Value, shift: Value) => {
    k.store(alpha, at.step(t), values);
    k.store(offset, at.moment(t), shift);
  };
  // a label that does not exist gets a sum of 1, so that it never looks like an underflow
  const absent = k.add(k.fill([b, z], 0), k.select(k.inside(Z), 0, 1));
  const weights = k.load(k.read('weights'), square(at));

  const initial = whereSteps(k, at.time, [k.fill([b, y], 0), k.fill([b], 0)], (t) => {
    const first = k.add(k.fill([b, y], 0), k.load(start, [[Y, 1]]));
    const total = unshifted(k, first, levels.first, k.load(emissions, at.step(t)));
    const [a, shift] = split(k, total, y);
    save(t, first, shift);
    return [a, shift];
  });
  const [remainder, whole] = k.loop(1, longest, 1, initial, (t, before, shifts) => {
    const a = before as Value;
    const sums = k.dot(k.exp(a), weights, absent, y);
    // comparisons are written so that NaN stays, and does not decide for the other sequences of the block
    const lost = k.not(k.le(k.maximum(k.neg(sums), b, z), -UNDERFLOW));
    const logs = exceptWhere(k, lost, k.log(k.select(k.lt(sums, UNDERFLOW), UNDERFLOW, sums)), () =>
      logSumExp(k, at, a, scaledTransitions(k, at, transitions, level)),
    );
    const next = k.rename(logs, z, y);
    const total = unshifted(k, next, levels.later, k.load(emissions, at.step(t)));
    const [after, shift] = split(k, total, y);
    save(t, next, shift);
    const active = k.lt(t, lengths);
    return [k.select(active, after, a), k.select(active, k.add(shifts as Value, shift), shifts as Value)];
  });
  // steps that no sequence of the block has
  k.loop(k.max(longest, 1), at.time, 1, [], (t) => {
    save(t, k.fill([b, y], 0), k.fill([b], 0));
    return [];
  });
  return { remainder: remainder as Value, whole: whole as Value };
}

function forwardProgram(k: KernelBuilder, tiles: CrfTiles, withGold: boolean): void {
  const scores: Scores = {
    emissions: k.read('emissions'),
    transitions: k.read('transitions'),
    start: k.read('start'),
    stop: k.read('stop'),
  };
  const at = crfBlock(k, tiles);
  const { y, B, Y, lengths } = at;
  const { remainder, whole } = recursion(k, at, scores);
  const ends = k.add(remainder, k.load(scores.stop, [[Y, 1]]));
  const rest = logSum(k, ends, y);
  const result: TermInput[] = [[B, 1]];
  const filled = (value: Value) => k.select(k.lt(0, lengths), value, 0);
  if (withGold) {
    const gold = goldScore(k, at, scores);
    const loss = k.add(k.sub(whole, gold.whole), k.sub(rest, gold.fraction));
    // rounding must not make any labelling likelier than certain
    k.store(k.write('loss'), result, filled(k.select(k.lt(loss, 0), 0, loss)));
  }
  k.store(k.write('logZ'), result, filled(k.add(whole, rest)));
}

const square = ({ Y, Z, labels }: CrfBlock): TermInput[] => [
  [Y, labels],
  [Z, 1],
];

/** α[b, z] = log Σ_u exp(a[b, u] + scores[u, z]), one sequence of the block at a time. */
function logSumExp(k: KernelBuilder, at: CrfBlock, a: Value, scores: Value): Value {
  const { b, u, z, rows } = at;
  const [result] = k.loop(0, rows, 1, [k.fill([b, z], 0)], (row, others) => {
    const paths = k.add(rowOf(k, at, a, row, u), scores);
    return [k.select(k.eq(k.arange(b), row), logSum(k, paths, u), others as Value)];
  });
  return result as Value;
}

/** `withGold`: also reads tags and gives the loss; without, only log Z and what is saved. */
export const traceCrfForward = (tiles: CrfTiles, withGold: boolean): Kernel =>
  kernelOnce(
    {
      name: 'crfForward',
      variant: `${tiles.block}x${tiles.labels}${withGold ? ' loss' : ''}`,
      doc: 'log-partition of a linear-chain CRF, and its distance to the score of the tags',
      schedule: {
        tiles: { b: tiles.block, y: tiles.labels, u: tiles.labels, z: tiles.labels },
        workgroup: [32, 8],
        stage: tiles.stage,
      },
    },
    (k) => forwardProgram(k, tiles, withGold),
  );
