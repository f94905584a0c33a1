import { type KernelBuilder, type TermInput, traceKernel } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import {
  type CrfBlock,
  type CrfTiles,
  crfBlock,
  exceptWhere,
  loadLevels,
  rowOf,
  scaledTransitions,
  UNDERFLOW,
  unshifted,
} from './crfBlock.ts';
import { goldScore } from './crfGold.ts';
import { tracedOnce } from './plan.ts';

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
function forwardProgram(k: KernelBuilder, tiles: CrfTiles, withGold: boolean): void {
  const [emissions, transitions, start, stop] = ['emissions', 'transitions', 'start', 'stop'].map((name) =>
    k.read(name),
  ) as [Buffer, Buffer, Buffer, Buffer];
  const weights = k.read('weights');
  const level = k.read('level');
  const alpha = k.write('alpha');
  const offset = k.write('offset');
  const at = crfBlock(k, tiles);
  const { b, y, z, B, Y, Z, lengths, longest } = at;
  const levels = loadLevels(k, at, level);

  // a label that does not exist gets a sum of 1, so that it never looks like an underflow
  const absent = k.add(k.fill([b, z], 0), k.select(k.inside(Z), 0, 1));
  const weightTile = k.load(weights, square(at));
  const save = (t: Value | number, values: Value, shift: Value) => {
    k.store(alpha, at.step(t), values);
    k.store(offset, at.moment(t), shift);
  };

  const first = k.add(k.fill([b, y], 0), k.load(start, [[Y, 1]]));
  const total0 = unshifted(k, first, levels.first, k.load(emissions, at.step(0)));
  const shift0 = k.map('floor', k.maximum(total0, y));
  save(0, first, shift0);
  const initial = [k.sub(total0, shift0), shift0];
  const [remainder, whole] = k.loop(1, longest, 1, initial, (t, before, shifts) => {
    const a = before as Value;
    const sums = k.dot(k.exp(a), weightTile, absent, y);
    const lost = k.lt(-UNDERFLOW, k.maximum(k.neg(sums), b, z));
    const logs = exceptWhere(k, lost, k.log(k.max(sums, UNDERFLOW)), () =>
      logSumExp(k, at, a, scaledTransitions(k, at, transitions, level)),
    );
    const next = k.rename(logs, z, y);
    const total = unshifted(k, next, levels.later, k.load(emissions, at.step(t)));
    const shift = k.map('floor', k.maximum(total, y));
    save(t, next, shift);
    const active = k.lt(t, lengths);
    return [
      k.select(active, k.sub(total, shift), a),
      k.select(active, k.add(shifts as Value, shift), shifts as Value),
    ];
  });
  // steps that no sequence of the block has
  k.loop(k.max(longest, 1), at.time, 1, [], (t) => {
    save(t, k.fill([b, y], 0), k.fill([b], 0));
    return [];
  });

  const ends = k.add(remainder as Value, k.load(stop, [[Y, 1]]));
  const top = k.maximum(ends, y);
  const rest = k.add(k.log(k.sum(k.exp(k.sub(ends, top)), y)), top);
  const result: TermInput[] = [[B, 1]];
  const filled = (value: Value) => k.select(k.lt(0, lengths), value, 0);
  if (withGold) {
    const score = goldScore(k, at, { emissions, transitions, start, stop });
    const loss = k.add(k.sub(whole as Value, score.whole), k.sub(rest, score.fraction));
    k.store(k.write('loss'), result, filled(loss));
  }
  k.store(k.write('logZ'), result, filled(k.add(whole as Value, rest)));
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
    const top = k.maximum(paths, u);
    const sums = k.add(k.log(k.sum(k.exp(k.sub(paths, top)), u)), top);
    return [k.select(k.eq(k.arange(b), row), sums, others as Value)];
  });
  return result as Value;
}

/** `withGold`: also reads tags and gives the loss; without, only log Z and what is saved. */
export const traceCrfForward = (tiles: CrfTiles, withGold: boolean): Kernel =>
  tracedOnce(`crfForward ${tiles.block}x${tiles.labels} ${withGold}`, () =>
    traceKernel(
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
    ),
  );
