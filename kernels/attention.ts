import type { LaunchPlan } from '../src/ir/record.ts';
import { attentionKernel } from './attentionBlock.ts';
import { ABSENT } from './plan.ts';

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
      const scores = block.product(scaled, block.head(keys, J));
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
