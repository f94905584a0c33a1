import type { LaunchPlan } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Span, Value } from '../src/kernel/ir.ts';
import { type AttentionBlock, type AttentionDims, attentionKernel } from './attentionBlock.ts';
import type { Slots } from './kernel.ts';
import { ABSENT, temporary } from './plan.ts';

/**
 * Multi-head attention by online softmax (Milakov and Gimelshein 2018; Dao et al. 2022):
 *   s = scale · q kᵀ,  p = exp(s − m − log l) where the mask allows, m = max s, l = Σ exp(s − m),  out = dropout(p) v.
 *
 * q and out are [batch, queryTime, heads·width], k and v [batch, keyTime, heads·width]: a head is a range of columns,
 * reached by strides. levels, m and log l, are [batch, heads, 2, queryTime]. A program takes one block of queries of one head and walks the
 * keys in blocks. With m the maximum so far, l = Σ exp(s − m) and o = Σ exp(s − m) v, a block with new maximum m' gives
 *   l' = l·e^{m−m'} + Σ_j e^{s_j−m'},   o' = o·e^{m−m'} + Σ_j e^{s_j−m'} v_j,
 * and at the end out = o / l. Dropout acts on the terms of o, not of l.
 * A query none of whose keys is allowed has m = −∞, l = 0 and gets zeros; its levels are 0.
 *
 * Memory: q read once, k and v once per block of 32 queries, out and levels written once; nothing of queryTime × keyTime.
 */
const attention = attentionKernel(
  {
    name: 'attention',
    doc: 'out = softmax(scale · q kᵀ) v per head, one block of queries per program',
    own: 'queries',
    reads: { q: 'f32', k: 'f32', v: 'f32' },
    writes: { out: 'f32', levels: 'f32' },
  },
  (k, block, { q, k: keys, v: values, out, levels, i, j, d }) => {
    const I = block.own;
    const scaled = k.mul(block.head(q, I), block.scale);
    const initial = [k.fill([i], ABSENT), k.fill([i], 0), k.fill([i, d], 0)] as const;
    const [m, l, o] = block.meet(initial, (J, [m, l, o]) => {
      k.name({ largest: m, total: l, output: o });
      const scores = block.scores(scaled, block.head(keys, J), I, J);
      const masked = k.select(block.allowed(I, J), scores, ABSENT);
      const most = k.max(m, k.maximum(masked, j));
      // where no key has been allowed yet, 0 in place of the maximum makes every term e^−∞ = 0
      const offset = k.select(k.le(most, ABSENT), 0, most);
      const p = k.exp(k.sub(masked, offset));
      const shrink = k.exp(k.sub(m, offset));
      k.name({ scores, masked, most, weights: p, shrink });
      return [
        most,
        k.add(k.mul(l, shrink), k.sum(p, j)),
        k.dot(block.dropout(I, J)(p), block.head(values, J), k.mul(o, shrink), j),
      ];
    });
    const any = k.lt(0, l);
    const total = k.select(any, l, 1);
    block.storeHead(out, I, k.div(o, total));
    const [largest, logSum] = block.levels(I);
    k.store(levels, largest, k.select(any, m, 0));
    k.store(levels, logSum, k.log(total));
  },
);

export type AttentionArguments = Parameters<typeof attention>[0];

/** out f32 [batch, queryTime, heads·width] and levels. One launch. */
export const planAttention = (args: AttentionArguments): LaunchPlan[] => [attention(args)];

/**
 * Gradient of attention from the saved levels (Dao et al. 2022, appendix B). Shapes as above. Per head, with
 * s = scale · q kᵀ, p = exp(s − m − log l) where allowed, z = dropout(p) = r ∘ p (r = 0 or 1/(1 − rate)), out = z v:
 *   dv = zᵀ dout
 *   dz = dout vᵀ,  dp = r ∘ dz
 *   ds = p ∘ (dp − D),  D_i = Σ_j p_ij dp_ij = Σ_j z_ij (dout_i · v_j) = dout_i · out_i
 *   dq = scale · ds k,   dk = scale · dsᵀ q
 * p and r are computed again per block, so nothing of queryTime × keyTime is kept. Two launches:
 *   1. dq per block of queries, over the keys; on the way D, kept in a temporary `products` [batch, heads, queryTime].
 *   2. dk and dv per block of keys, over the queries. It works on sᵀ, whose rows are keys, so every axis keeps one role.
 *
 * Memory: 1 reads q, out and dout once, k and v once per block of queries; 2 reads q and dout once per block of keys; each
 * result is written once.
 */
const READS = { q: 'f32', k: 'f32', v: 'f32', dout: 'f32', levels: 'f32' } as const;

const queryGradient = attentionKernel(
  {
    name: 'attentionQueryGradient',
    doc: 'dq and D = Σ dout · out, one block of queries per program',
    own: 'queries',
    reads: { ...READS, out: 'f32' },
    writes: { dq: 'f32', products: 'f32' },
  },
  (k, block, { q, k: keys, v, dout, levels, out, dq, products, i, j, d }) => {
    const I = block.own;
    const scaled = k.mul(block.head(q, I), block.scale);
    const upstream = block.head(dout, I);
    const level = loadLevels(k, block, levels, I);
    const D = k.sum(k.mul(block.head(out, I), upstream), d);
    k.store(products, block.perQuery(I), D);
    const [total] = block.meet([k.fill([i, d], 0)], (J, [sum]) => {
      const keyTile = block.head(keys, J);
      const p = probabilities(k, block.allowed(I, J), block.scores(scaled, keyTile, I, J), level);
      const dz = block.product(upstream, block.head(v, J));
      const ds = k.mul(p, k.sub(block.dropout(I, J)(dz), D));
      k.name({ dz, ds });
      return [k.dot(ds, keyTile, sum, j)];
    });
    block.storeHead(dq, I, k.mul(total, block.scale));
  },
);

const keyGradient = attentionKernel(
  {
    name: 'attentionKeyGradient',
    doc: 'dk and dv, one block of keys per program',
    own: 'keys',
    reads: { ...READS, products: 'f32' },
    writes: { dk: 'f32', dv: 'f32' },
  },
  (k, block, { q, k: keys, v, dout, levels, products, dk, dv, i, j, d }) => {
    const J = block.own;
    const keyTile = block.head(keys, J);
    const valueTile = block.head(v, J);
    const zero = k.fill([j, d], 0);
    const [keySum, valueSum] = block.meet([zero, zero], (I, [keySum, valueSum]) => {
      const queryTile = block.head(q, I);
      const upstream = block.head(dout, I);
      const level = loadLevels(k, block, levels, I);
      const D = k.load(products, block.perQuery(I));
      // scaled as the forward does, so that the scores are the same to the last bit
      const scores = block.scores(k.mul(queryTile, block.scale), keyTile, I, J);
      const p = probabilities(k, block.allowed(I, J), scores, level);
      const dropout = block.dropout(I, J);
      const dz = block.product(upstream, valueTile);
      const ds = k.mul(p, k.sub(dropout(dz), D));
      k.name({ dz, ds, keySum, valueSum });
      return [k.dot(ds, queryTile, keySum, i), k.dot(dropout(p), upstream, valueSum, i)];
    });
    block.storeHead(dk, J, k.mul(keySum, block.scale));
    block.storeHead(dv, J, valueSum);
  },
);

function loadLevels(k: KernelBuilder, block: AttentionBlock, levels: Buffer, I: Span) {
  const [largest, logSum] = block.levels(I);
  return { largest: k.load(levels, largest), logSum: k.load(levels, logSum) };
}

/**
 * e^((score − largest) − logSum) where allowed, else exactly 0. In this order nothing is lost where scores are so large that they
 * would swallow the logarithm.
 */
function probabilities(
  k: KernelBuilder,
  allowed: Value,
  scores: Value,
  { largest, logSum }: ReturnType<typeof loadLevels>,
): Value {
  const weights = k.exp(k.select(allowed, k.sub(k.sub(scores, largest), logSum), ABSENT));
  k.name({ scores, weights });
  return weights;
}

/** dq, dk, dv in the layouts of q, k, v, from results of the forward and the gradient of `out`. Two launches. */
export function planAttentionGradient(
  args: AttentionDims & Slots<'q' | 'k' | 'v' | 'out' | 'levels' | 'dout' | 'dq' | 'dk' | 'dv'>,
): LaunchPlan[] {
  const { batch, heads, queryTime } = args;
  const products = temporary('products', 'f32', [batch, heads, queryTime]);
  return [queryGradient({ ...args, products }), keyGradient({ ...args, products })];
}
