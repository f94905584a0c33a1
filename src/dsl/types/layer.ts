import type { Dim, Shape } from '../../base/dim.ts';
import type { Broadcast } from './broadcast.ts';
import type { Indivisible } from './dimension.ts';
import type { Alike, Compatible, IsName, Same } from './identity.ts';
import type { Bad, Both, Good, PrintShape, Quiet, Ranked, ShapeOf } from './result.ts';

/** What a shape that has no last dim is: the mistake that the message names, or of unknown rank. */
type NoDims<S extends Shape, Message> = S extends readonly [] ? Bad<Message> : Good<Shape>;

/** S with `New` in place of its last dim, for maps over the last axis */
export type ReplaceLast<Op extends string, S extends Shape, New, Late> = { s: S } extends {
  s: readonly [...infer Head extends Shape, infer Last extends Dim];
}
  ? [IsName<Last, Late>, Same<Last, string, Late>] extends [true, false]
    ? Quiet<S, Bad<`${Op}: the last dimension is ${Last}, not a number`>, Late>
    : Quiet<S, Good<[...Head, New]>, Late>
  : NoDims<S, `${Op}: the input is a scalar`>;

/** Rows of a table [V, ...Row] by ids [...Ids] → [...Ids, ...Row] */
export type Gather<Table extends Shape, Ids extends Shape, Late> = Quiet<
  Table | Ids,
  Table extends readonly [infer _V extends Dim, ...infer Row extends Shape]
    ? Good<[...Ids, ...Row]>
    : NoDims<Table, 'gather: the table needs 1 or more dimensions, has []'>,
  Late
>;

// ---- matmul

/** [...L, M, K] x [...R, K, N] → [...(L with R broadcast), M, N]; a matrix on the right takes any rank on the left. */
export type Matmul<A extends Shape, B extends Shape, Late> = Quiet<A | B, Product<A, B, Late>, Late>;

type Product<A extends Shape, B extends Shape, Late> = { s: A } extends {
  s: readonly [...infer L extends Shape, infer K extends Dim];
}
  ? B extends readonly [infer K2 extends Dim, infer N extends Dim]
    ? Inner<A, B, K, K2, Good<[...L, N]>, Late>
    : { s: B } extends { s: readonly [...infer R extends Shape, infer K2 extends Dim, infer N extends Dim] }
      ? { s: L } extends { s: readonly [...infer Outer extends Shape, infer M extends Dim] }
        ? Inner<A, B, K, K2, Broadcast<'matmul batch', Outer, R, Late, [M, N]>, Late>
        : { s: L } extends { s: readonly [] }
          ? Bad<`matmul: left operand needs 2 or more dimensions, has ${PrintShape<A>}`>
          : Good<Shape>
      : number extends B['length']
        ? Good<Shape>
        : Bad<`matmul: right operand needs 2 or more dimensions, has ${PrintShape<B>}`>
  : NoDims<A, 'matmul: left operand is a scalar'>;

/** R when the inner dims may be the same */
type Inner<A extends Shape, B extends Shape, K extends Dim, K2 extends Dim, R, Late> =
  Compatible<K, K2, Late> extends true
    ? R
    : Bad<`matmul: inner dimensions differ: ${K} and ${K2} in ${PrintShape<A>} x ${PrintShape<B>}`>;

// ---- operands whose shapes follow from another's

/** Any three dims; their kinds are left open, so that type parameters are decided at once. */
type Three = readonly [unknown, unknown, unknown];

type NeedsThree<What extends string, S extends Shape, Late> = Ranked<
  S,
  S extends Three ? Good<S> : Bad<`${What} needs 3 dimensions, has ${PrintShape<S>}`>,
  Late
>;

type MustHave<What extends string, Wanted extends Shape, S extends Shape, Late> = Quiet<
  S,
  Alike<Wanted, S, Late> extends true
    ? Good<S>
    : Bad<`${What} must be ${PrintShape<Wanted>}, not ${PrintShape<S>}`>,
  Late
>;

/** logits [..., classes] and labels [...] → one loss per label */
export type CrossEntropy<L extends Shape, S extends Shape, Late> = { s: L } extends {
  s: readonly [...infer Rows extends Shape, infer _C extends Dim];
}
  ? Quiet<L, MustHave<'crossEntropy: labels', Rows, S, Late>, Late>
  : L extends readonly []
    ? Bad<'crossEntropy: the logits is a scalar'>
    : Good<S>;

/** query [B, T, W] */
export type AttentionQuery<Q extends Shape, Late> = NeedsThree<'attention: query', Q, Late>;

/** key or value [B, S, W] beside a query [B, T, W] */
export type AttentionOther<What extends string, Q extends Shape, K extends Shape, Late> = Ranked<
  Q | K,
  [Q, K] extends [Three, Three]
    ? Compatible<Q[0], K[0], Late> extends true
      ? Compatible<Q[2], K[2], Late> extends true
        ? Good<K>
        : Bad<`attention: query and ${What} widths differ: ${Q[2]} and ${K[2]}`>
      : Bad<`attention: query and ${What} batches differ: ${Q[0]} and ${K[0]}`>
    : Bad<`attention: ${What} needs 3 dimensions, has ${PrintShape<K>}`>,
  Late
>;

/** value [B, S, W] beside a key of the same length */
export type AttentionValue<Q extends Shape, K extends Shape, V extends Shape, Late> = Both<
  AttentionOther<'value', Q, V, Late>,
  Ranked<
    K | V,
    Compatible<K[1], V[1], Late> extends true
      ? Good<V>
      : Bad<`attention: key and value lengths differ: ${K[1]} and ${V[1]}`>,
    Late
  >
>;

/** the width must be shared out evenly */
export type AttentionHeads<Q extends Shape, H extends number, Late> = Ranked<
  Q,
  Indivisible<Q[2], H, Late> extends true
    ? Bad<`attention: ${Q[2]} is not divisible by ${H} heads`>
    : Good<H>,
  Late
>;

/** mask [B, S] beside a key [B, S, W] */
export type AttentionMask<K extends Shape, M extends Shape, Late> = Ranked<
  K | M,
  MustHave<'attention: the mask', [K[0], K[1]], M, Late>,
  Late
>;

/** What a chain over emissions [B, T, C] wants: emissions of rank 3. */
export type CrfEmissions<E extends Shape, Late> = NeedsThree<'crf: emissions', E, Late>;

/** Its other operands, and what it gives. */
interface CrfShapes<E extends Shape> {
  tags: [E[0], E[1]];
  lengths: [E[0]];
  transitions: [E[2], E[2]];
  start: [E[2]];
  stop: [E[2]];
}
export type CrfPart = keyof CrfShapes<Shape>;

/** One operand beside emissions. */
export type CrfOperand<What extends CrfPart, E extends Shape, S extends Shape, Late> = Ranked<
  E,
  MustHave<`crf: ${What}`, CrfShapes<E>[What], S, Late>,
  Late
>;

/** The shape of a result beside emissions. */
export type CrfResult<What extends CrfPart, E extends Shape, Late> = ShapeOf<
  Ranked<E, Good<CrfShapes<E>[What]>, Late>
>;
