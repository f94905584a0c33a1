import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import {
  type CrfBlock,
  type CrfTiles,
  crfBlock,
  exceptWhere,
  finite,
  type Levels,
  loadLevels,
  rowOf,
  scaledTransitions,
  UNDERFLOW,
  unshifted,
  whereSteps,
} from './crfBlock.ts';
import { kernelOnce } from './plan.ts';

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
 * row, for a matrix product of its own (crfTransitions.ts). Where −α is so large that e^{−α} or the sums are not safe,
 * this step runs in the log domain for the whole block, and the row stores a and G instead, marked in `exact`.
 *
 * Memory: emissions and alpha read twice; demissions, left and right written once.
 */
export interface CrfBackwardOptions extends CrfTiles {
  /** 'gradient': as above. 'marginals': G with dloss = 1 is all that is stored, in `marginals`. */
  readonly result: 'gradient' | 'marginals';
}

/** What a step needs besides the block. */
interface Backward {
  readonly at: CrfBlock;
  readonly levels: Levels;
  readonly buffers: Readonly<
    Record<'emissions' | 'transitions' | 'level' | 'weights' | 'alpha' | 'offset', Buffer>
  >;
  /** [b] */
  readonly dloss: Value;
}

/** a_t of the forward pass, bit for bit, from what it saved. `t`: a scalar, or one step per sequence. */
function remainder(k: KernelBuilder, { at, levels, buffers }: Backward, t: Value): Value {
  const level = k.select(k.eq(t, 0), levels.first, levels.later);
  const alpha = k.load(buffers.alpha, at.step(t));
  const total = unshifted(k, alpha, level, k.load(buffers.emissions, at.step(t)));
  return k.sub(total, k.load(buffers.offset, at.moment(t)));
}

/** G at each sequence's last step: softmax(a_n + stop) · dloss. */
function closing(k: KernelBuilder, context: Backward): Value {
  const { y, Y, lengths } = context.at;
  const a = remainder(k, context, k.max(k.sub(lengths, 1), 0));
  const ends = k.add(a, k.load(k.read('stop'), [[Y, 1]]));
  const exps = k.exp(k.sub(ends, finite(k, k.maximum(ends, y))));
  const { dloss } = context;
  return k.select(k.eq(dloss, 0), 0, k.mul(exps, k.div(dloss, k.sum(exps, y))));
}

interface Pair {
  /** factors of the transition gradient, [b, y]: e^a or, where `exact`, a */
  readonly left: Value;
  /** G e^{−α} or, where `exact`, G */
  readonly right: Value;
  readonly exact: Value;
}

/** `before`: G at t − 1, from G at t. */
function stepBack(
  k: KernelBuilder,
  context: Backward,
  t: Value,
  g: Value,
): Pair & { readonly before: Value } {
  const { at, buffers } = context;
  const { b, y, z, Y, Z, labels } = at;
  const alpha = k.load(buffers.alpha, at.step(t));
  const depth = k.neg(alpha);
  const limit = -Math.log(UNDERFLOW);
  const exact = k.not(k.le(k.maximum(depth, b, y), limit));
  const r = k.mul(g, k.exp(k.min(depth, limit)));
  const a = remainder(k, context, k.max(k.sub(t, 1), 0));
  const p = k.exp(a);
  const weights = k.load(buffers.weights, [
    [Y, labels],
    [Z, 1],
  ]);
  const usual = k.mul(p, k.dot(k.rename(r, y, z), weights, undefined, z));
  const before = exceptWhere(k, exact, usual, () => exactStep(k, context, a, g, alpha));
  return { before, left: k.select(exact, a, p), right: k.select(exact, g, r), exact };
}

/** G_{t−1}[y] = Σ_z G_t[z] exp(a[y] + T[y, z] − level[z] − α[z]), one sequence of the block at a time. */
function exactStep(k: KernelBuilder, { at, buffers }: Backward, a: Value, g: Value, alpha: Value): Value {
  const { b, y, u, z, rows } = at;
  const scores = scaledTransitions(k, at, buffers.transitions, buffers.level);
  const [result] = k.loop(0, rows, 1, [k.fill([b, y], 0)], (row, others) => {
    const paths = k.sub(k.add(rowOf(k, at, a, row, u), scores), rowOf(k, at, alpha, row, z));
    const flow = k.sum(flowing(k, rowOf(k, at, g, row, z), paths), z);
    return [k.select(k.eq(k.arange(b), row), k.rename(flow, u, y), others as Value)];
  });
  return result as Value;
}

/** `g` e^paths; nothing flows to a level of −∞, where the paths are −∞ − (−∞). No path outweighs the sum it is part of. */
export const flowing = (k: KernelBuilder, g: Value, paths: Value): Value =>
  k.select(k.eq(g, 0), 0, k.mul(g, k.exp(k.min(paths, 0))));

function backwardProgram(k: KernelBuilder, options: CrfBackwardOptions): void {
  const names = ['emissions', 'transitions', 'level', 'weights', 'alpha', 'offset'] as const;
  const buffers = Object.fromEntries(names.map((name) => [name, k.read(name)])) as Backward['buffers'];
  const at = crfBlock(k, options);
  const { b, y, B, lengths, longest } = at;
  const isGradient = options.result === 'gradient';
  const dloss = isGradient ? k.load(k.read('dloss'), [[B, 1]]) : k.fill([b], 1);
  const context: Backward = { at, levels: loadLevels(k, at, buffers.level), buffers, dloss };
  const emit = isGradient ? gradientStores(k, at, dloss) : marginalStores(k, at);

  const [last] = whereSteps(k, at.time, [k.fill([b, y], 0)], () => [closing(k, context)]) as [Value];
  // whatever stands beyond a length, or in a sequence without weight, takes no part
  const counts = (value: Value, t: Value): Value =>
    k.select(k.and(k.lt(t, lengths), k.not(k.eq(dloss, 0))), value, 0);
  const initial = k.select(k.eq(lengths, longest), last, 0);
  k.loop(0, longest, 1, [initial], (i, carried) => {
    const t = k.sub(k.sub(longest, 1), i);
    const g = carried as Value;
    const { before, left, right, exact } = stepBack(k, context, t, g);
    emit.step(t, g, { left: counts(left, t), right: counts(right, t), exact });
    // sequences that end at t − 1 begin here
    return [k.select(k.eq(t, lengths), last, counts(before, t))];
  });
  k.loop(longest, at.time, 1, [], (t) => {
    emit.nothing(t, k.fill([b, y], 0), k.fill([b], 0));
    return [];
  });
}

/** What is stored at a time step. */
interface Stores {
  step(t: Value, g: Value, pair: Pair): void;
  nothing(t: Value, zeros: Value, zero: Value): void;
}

function marginalStores(k: KernelBuilder, at: CrfBlock): Stores {
  const marginals = k.write('marginals');
  return {
    step: (t, g) => k.store(marginals, at.step(t), k.select(k.lt(1, g), 1, g)),
    nothing: (t, zeros) => k.store(marginals, at.step(t), zeros),
  };
}

function gradientStores(k: KernelBuilder, at: CrfBlock, dloss: Value): Stores {
  const tags = k.read('tags', 'i32');
  const [demissions, left, right, mass, exact] = ['demissions', 'left', 'right', 'mass', 'exact'].map(
    (name) => k.write(name),
  ) as [Buffer, Buffer, Buffer, Buffer, Buffer];
  const storePair = (t: Value, values: readonly [Value, Value], moments: readonly [Value, Value]) => {
    k.store(left, at.step(t), values[0]);
    k.store(right, at.step(t), values[1]);
    k.store(mass, at.moment(t), moments[0]);
    k.store(exact, at.moment(t), moments[1]);
  };
  return {
    step(t, g, pair) {
      const gold = k.select(k.lt(t, at.lengths), dloss, 0);
      const hit = k.eq(k.load(tags, at.moment(t)), k.arange(at.y));
      k.store(demissions, at.step(t), k.sub(g, k.select(hit, gold, 0)));
      // no pair ends at time 0
      const some = k.lt(0, t);
      const marked = k.add(k.fill([at.b], 0), k.select(k.and(some, pair.exact), k.constant(1), 0));
      storePair(t, [pair.left, k.select(some, pair.right, 0)], [k.select(some, gold, 0), marked]);
    },
    nothing(t, zeros, zero) {
      k.store(demissions, at.step(t), zeros);
      storePair(t, [zeros, zeros], [zero, zero]);
    },
  };
}

export const traceCrfBackward = (options: CrfBackwardOptions): Kernel =>
  kernelOnce(
    {
      name: 'crfBackward',
      variant: `${options.block}x${options.labels} ${options.result}`,
      doc: 'marginals of a linear-chain CRF by backward recursion, and the gradient of its loss',
      schedule: {
        tiles: { b: options.block, y: options.labels, u: options.labels, z: options.labels },
        workgroup: [32, 8],
        stage: options.stage,
      },
    },
    (k) => backwardProgram(k, options),
  );
