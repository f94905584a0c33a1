import { times } from '../src/base/dim.ts';
import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder, ValueLike } from '../src/kernel/build.ts';
import type { Span, Value } from '../src/kernel/ir.ts';
import * as crf from './crfBlock.ts';
import { planCrfWeights } from './crfForward.ts';
import { type Axes, type Buffers, floats, kernel, type Slots } from './kernel.ts';
import { among, forEach, indices, matrix, temporaries, temporary, tileExtent, tileOf } from './plan.ts';

/**
 * Marginals of a linear-chain CRF by recursion from the last step, and with them the gradient of log Z − score of the tags.
 *
 * The last step's marginal is softmax(a_n + stop). Given label z at t, the label before is y with probability
 * e^{a[y]} weights[y, z] / e^{α_t[z]} (a, α, weights as in crfBlock.ts; a belongs to t − 1), so
 *
 *   P_{t−1}[y] = e^{a[y]} Σ_z weights[y, z] r[z],    r[z] = P_t[z] e^{−α_t[z]},
 *
 * one product [block, labels] × [labels, labels] per step. Every row of P sums to 1 by itself: log Z does not occur, and
 * nothing cancels. Carried is G = P · dloss, linear in P:
 *
 *   demissions[b, t, y] = G − [y = tag] dloss;  0 at and beyond the length.
 *
 * The transition gradient is a sum over all steps of products e^{a[y]} · G[z] e^{−α[z]}: the factors are stored, row by
 * row, for a matrix product of its own (`crfPairs`). Where −α is so large that e^{−α} or the sums are not safe,
 * this step runs in the log domain for the whole block, and the row stores a and G instead, marked in `exact`.
 *
 * Memory: emissions and alpha read twice; demissions, left and right written once.
 */
const crfBackward = ({ block, labels, stage }: crf.CrfTiles) =>
  kernel(
    {
      name: 'crfBackward',
      doc: 'marginals of a linear-chain CRF by backward recursion, and the gradient of its loss',
      variant: [`${block}x${labels}`],
      tiles: { b: block, y: labels, u: labels, z: labels },
      workgroup: [32, 8],
      stage,
      reads: {
        ...floats('emissions', 'transitions', 'level', 'weights', 'alpha', 'offset', 'dloss', 'stop'),
        lengths: 'i32',
        tags: 'i32',
      },
      writes: floats('demissions', 'left', 'right', 'mass', 'exact'),
      parameters: crf.SIZES,
    },
    (k, symbols) => {
      const at = crf.block(k, symbols);
      const { b, y, B, Y, time, lengths, longest, step, moment } = at;
      const { emissions, offset, tags, demissions, left, right, mass, exact } = symbols;
      const dloss = k.load(symbols.dloss, [[B, 1]]);
      const levels = crf.loadLevels(k, at, symbols.level);
      const alphaAt = (t: Value) => k.load(symbols.alpha, step(t));
      // a_t of the forward pass, bit for bit, from what it saved
      const remainder = (t: Value) => {
        const level = k.select(k.eq(t, 0), levels.first, levels.later);
        const total = crf.unshifted(k, alphaAt(t), level, k.load(emissions, step(t)));
        return k.sub(total, k.load(offset, moment(t)));
      };
      const [last] = crf.whereSteps(k, time, [k.fill([b, y], 0)], () => {
        const ends = k.add(remainder(k.max(k.sub(lengths, 1), 0)), k.load(symbols.stop, [[Y, 1]]));
        const exps = k.exp(k.sub(ends, crf.finite(k, k.maximum(ends, y))));
        return [k.select(k.eq(dloss, 0), 0, k.mul(exps, k.div(dloss, k.sum(exps, y))))];
      });
      const initial = k.select(k.eq(lengths, longest), last, 0);
      k.loop(0, longest, 1, [initial], (i, g) => {
        const t = k.sub(k.sub(longest, 1), i);
        const a = remainder(k.max(k.sub(t, 1), 0));
        const pair = stepBack(k, at, symbols, { a, g, alpha: alphaAt(t) });
        // whatever stands beyond a length, or in a sequence without weight, takes no part
        const within = k.lt(t, lengths);
        const counts = (value: Value) => k.select(k.and(within, k.not(k.eq(dloss, 0))), value, 0);
        const gold = k.select(within, dloss, 0);
        const hit = k.eq(k.load(tags, moment(t)), k.arange(y));
        k.store(demissions, step(t), k.sub(g, k.select(hit, gold, 0)));
        // no pair ends at time 0
        const some = k.lt(0, t);
        k.store(left, step(t), counts(pair.left));
        k.store(right, step(t), k.select(some, counts(pair.right), 0));
        k.store(mass, moment(t), k.select(some, gold, 0));
        const marked = k.select(k.and(some, pair.exact), k.constant(1), 0);
        k.store(exact, moment(t), k.add(k.fill([b], 0), marked));
        // sequences that end at t − 1 begin here
        return [k.select(k.eq(t, lengths), last, counts(pair.before))];
      });
      // steps that no sequence has
      forEach(k, longest, time, 1, (t) => {
        for (const buffer of [demissions, left, right]) k.store(buffer, step(t), k.fill([b, y], 0));
        for (const buffer of [mass, exact]) k.store(buffer, moment(t), k.fill([b], 0));
      });
    },
  );

/**
 * From α and G at t, and a at t − 1: G at t − 1, and factors of the transition gradient [b, y], `left` e^a and `right` G e^{−α} or, where
 * `exact`, a and G.
 */
function stepBack(
  k: KernelBuilder,
  at: crf.CrfBlock,
  symbols: Axes<'u' | 'z'> & Buffers<'transitions' | 'level' | 'weights'>,
  { a, g, alpha }: Readonly<Record<'a' | 'g' | 'alpha', Value>>,
) {
  const { b, y, Y, labels } = at;
  const { u, z } = symbols;
  const Z = k.span(z, 0, labels);
  const depth = k.neg(alpha);
  const limit = -Math.log(crf.UNDERFLOW);
  const exact = k.not(k.le(k.maximum(depth, b, y), limit));
  const r = k.mul(g, k.exp(k.min(depth, limit)));
  const p = k.exp(a);
  const weights = k.load(symbols.weights, matrix(Y, Z, labels));
  const usual = k.mul(p, k.dot(k.rename(r, y, z), weights, undefined, z));
  // G_{t−1}[y] = Σ_z G_t[z] exp(a[y] + T[y, z] − level[z] − α[z])
  const before = crf.exceptWhere(k, exact, usual, () => {
    const scores = crf.scaledTransitions(k, symbols, matrix(k.span(u, 0, labels), Z, labels));
    return crf.eachSequence(k, at, y, (rowOf) => {
      const paths = k.sub(k.add(rowOf(a, u), scores), rowOf(alpha, z));
      return k.rename(k.sum(flowing(k, rowOf(g, z), paths), z), u, y);
    });
  });
  return { before, left: k.select(exact, a, p), right: k.select(exact, g, r), exact };
}

/** `g` e^paths; nothing flows to a level of −∞, where the paths are −∞ − (−∞). No path outweighs the sum it is part of. */
const flowing = (k: KernelBuilder, g: Value, paths: Value): Value =>
  k.select(k.eq(g, 0), 0, k.mul(g, k.exp(k.min(paths, 0))));

const PARTS = 8;
const CHUNK = 64;

/**
 * Gradient of the transitions, from what `crfBackward` stored per row k = (sequence, time):
 *
 *   dT[y, z] = weights[y, z] Σ_k left[k, y] right[k, z]                                   rows in the exponential domain
 *            + Σ_k right[k, z] exp(left[k, y] + T[y, z] − level[z] − α[k, z])             rows marked `exact`
 *            − Σ_k mass[k] [tag[k − 1] = y] [tag[k] = z]
 *
 * `crfPairs` makes one y × z tile of it over every 8th chunk of 64 rows, `crfPairsTotal` adds the 8 partial sums: the
 * order depends on nothing but shapes. The weights are the same in every row, so they are multiplied in at the end.
 * The third line is a product of one-hot rows.
 *
 * Memory: left and right are read ceil(labels / tile) times; 8 · labels² partial sums written and read.
 */
const crfPairs = (tile: number) =>
  kernel(
    {
      name: 'crfPairs',
      doc: 'partial sums of the gradient of the transitions of a CRF',
      variant: [`${tile}`],
      tiles: { r: CHUNK, y: tile, z: tile },
      workgroup: [16, 16],
      stage: 16,
      reads: {
        ...floats('left', 'right', 'exact', 'mass', 'transitions', 'level', 'alpha', 'weights'),
        tags: 'i32',
      },
      writes: { parts: 'f32' },
      parameters: { labels: 'i32', rows: 'i32' },
    },
    (k, symbols) => {
      const { r, y, z, labels, rows, left, right, exact, tags, mass, weights, parts } = symbols;
      const Y = tileOf(k, y, 0, labels);
      const Z = tileOf(k, z, 1, labels);
      const square = matrix(Y, Z, labels);
      /** adds −mass · one-hot(tag before) ⊗ one-hot(tag); the first row of a sequence has mass 0 */
      const gold = (R: Span, sum: Value): Value => {
        const before = k.max(k.sub(indices(k, R), 1), 0);
        // the span with stride 0 makes rows past the end −1
        const tagBefore = k.load(tags, among(before, R), -1);
        const isFrom = k.eq(tagBefore, indices(k, Y));
        const isTo = k.eq(k.load(tags, [[R, 1]], -1), indices(k, Z));
        const weighted = k.select(isFrom, k.neg(k.load(mass, [[R, 1]])), 0);
        return k.dot(weighted, k.select(isTo, 1, 0), sum, r);
      };
      /** adds the rows of a chunk that are marked, one by one */
      const marked = (from: Value, sum: Value): Value => {
        const scores = crf.scaledTransitions(k, symbols, square);
        const [total] = k.loop(from, k.min(k.add(from, CHUNK), rows), 1, [sum], (row, before) => {
          const isMarked = k.lt(0, k.load(exact, [[row, 1]]));
          const after = crf.exceptWhere(k, isMarked, before, () => {
            const start = k.load(left, matrix(row, Y, labels));
            const to = k.load(right, matrix(row, Z, labels));
            const depth = k.load(symbols.alpha, matrix(row, Z, labels));
            return k.add(before, flowing(k, to, k.sub(k.add(start, scores), depth)));
          });
          return [after];
        });
        return total;
      };
      const zeros = k.fill([y, z], 0);
      const start = k.mul(k.program(2), CHUNK);
      const [products, direct] = k.loop(start, rows, CHUNK * PARTS, [zeros, zeros], (from, sum, others) => {
        const R = k.span(r, from, rows);
        const marks = k.load(exact, [[R, 1]]);
        const rowsLeft = k.select(k.lt(0, marks), 0, k.load(left, matrix(R, Y, labels)));
        const product = k.dot(rowsLeft, k.load(right, matrix(R, Z, labels)), sum, r);
        const counted = gold(R, others);
        const some = k.lt(0, k.maximum(marks, r));
        return [product, crf.exceptWhere(k, some, counted, () => marked(from, counted))];
      });
      const sum = k.add(k.mul(products, k.load(weights, square)), direct);
      k.store(parts, [[k.program(2), k.mul(labels, labels)], ...square], sum);
    },
  );

const crfPairsTotal = kernel(
  {
    name: 'crfPairsTotal',
    doc: 'sum of the partial sums of the gradient of the transitions',
    tiles: { s: PARTS, e: 256 },
    workgroup: [256, 1],
    reads: { parts: 'f32' },
    writes: { dtransitions: 'f32' },
    parameters: { elements: 'i32' },
  },
  (k, { s, e, parts, dtransitions, elements }) => {
    const E = tileOf(k, e, 0, elements);
    k.store(dtransitions, [[E, 1]], k.sum(k.load(parts, matrix(k.span(s, 0, PARTS), E, elements)), s));
  },
);

/**
 * Gradients of the start and stop scores of a CRF:
 *
 *   dstart[y] = Σ_b demissions[b, 0, y],   dstop[y] = Σ_b demissions[b, length_b − 1, y],
 *
 * over sequences that are not empty. A program takes a block of labels and walks the batch in order.
 * Memory: reads 2 · batch · labels numbers.
 */
const crfEnds = (tile: number) =>
  kernel(
    {
      name: 'crfEnds',
      doc: 'gradients of the start and stop scores of a CRF',
      variant: [`${tile}`],
      tiles: { b: 16, y: tile },
      workgroup: [16, 16],
      reads: { demissions: 'f32', lengths: 'i32' },
      writes: { dstart: 'f32', dstop: 'f32' },
      parameters: crf.SIZES,
    },
    (k, { b, y, demissions, lengths, dstart, dstop, batch, time, labels }) => {
      const Y = tileOf(k, y, 0, labels);
      const zeros = k.fill([b, y], 0);
      const some = k.select(k.lt(0, time), batch, 0);
      const [starts, stops] = k.loop(0, some, b.size, [zeros, zeros], (from, start, stop) => {
        const B = k.span(b, from, batch);
        const at = (t: ValueLike) => k.load(demissions, [[B, k.mul(time, labels)], ...matrix(t, Y, labels)]);
        // an empty sequence has demissions of 0 at every step
        const last = k.max(k.sub(k.load(lengths, [[B, 1]]), 1), 0);
        return [k.add(start, at(0)), k.add(stop, at(last))];
      });
      k.store(dstart, [[Y, 1]], k.sum(starts, b));
      k.store(dstop, [[Y, 1]], k.sum(stops, b));
    },
  );

/**
 * Gradients of Σ_b dloss[b] · loss[b], from what the forward saved: demissions [batch, time, labels], dtransitions [labels, labels],
 * dstart and dstop [labels]. Five launches.
 */
export function planCrfGradient(
  args: crf.CrfSizes &
    crf.CrfScores &
    Slots<'tags' | 'alpha' | 'offset' | 'dloss' | 'demissions' | 'dtransitions' | 'dstart' | 'dstop'>,
): LaunchPlan[] {
  const { batch, time, labels } = args;
  const { launch, ...weights } = planCrfWeights(args.transitions, labels);
  const tiles = crf.tiles(labels);
  const tile = tileExtent(labels, 64, 4);
  const stored = {
    ...args,
    ...weights,
    ...temporaries('f32', [batch, time, labels], 'left', 'right'),
    ...temporaries('f32', [batch, time], 'mass', 'exact'),
    parts: temporary('parts', 'f32', [PARTS, labels, labels]),
    rows: times(batch, time),
    elements: labels * labels,
  };
  return [
    launch,
    crfBackward(tiles).over({ b: batch }).with(stored),
    crfPairs(tile).over({ y: labels, z: labels }, PARTS).with(stored),
    crfPairsTotal.over({ e: labels * labels }).with(stored),
    crfEnds(tile).over({ y: labels }).with(stored),
  ];
}
