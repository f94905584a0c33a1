import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import {
  type AttentionDims,
  type AttentionOptions,
  attentionBlock,
  attentionOptions,
  attentionScalars,
  attentionSlots,
  attentionVariant,
} from './attentionBlock.ts';
import { blocksOf, kernelOnce } from './plan.ts';
import { identity } from './reduce.ts';

const lowest = identity('max', 'f32');

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
function attentionProgram(k: KernelBuilder, options: AttentionOptions): void {
  const [q, keys, values] = [k.read('q'), k.read('k'), k.read('v')];
  const [out, levels] = [k.write('out'), k.write('levels')];
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'query first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), i.size);
  const I = k.span(i, first, queryTime);
  const scaled = k.mul(block.head(q, I, queryTime), scale);
  const end = options.causal ? k.min(keyTime, k.add(first, i.size)) : keyTime;
  const initial = [k.fill([i], lowest), k.fill([i], 0), k.fill([i, d], 0)];
  const finished = k.loop(0, end, j.size, initial, (start, ...carried) => {
    const [m, l, o] = carried as [Value, Value, Value];
    k.name({ largest: m, total: l, output: o });
    const J = k.span(j, start, keyTime);
    const scores = k.dot(scaled, block.head(keys, J, keyTime), undefined, d);
    const masked = k.select(block.allowed(I, J), scores, lowest);
    const most = k.max(m, k.maximum(masked, j));
    // where no key has been allowed yet, 0 in place of the maximum makes every term e^−∞ = 0
    const offset = k.select(k.le(most, lowest), 0, most);
    const p = k.exp(k.sub(masked, offset));
    const shrink = k.exp(k.sub(m, offset));
    k.name({ scores, masked, most, weights: p, shrink });
    return [
      most,
      k.add(k.mul(l, shrink), k.sum(p, j)),
      k.dot(block.dropout(I, J)(p), block.head(values, J, keyTime), k.mul(o, shrink), j),
    ];
  });
  const [m, l, o] = finished as [Value, Value, Value];
  const any = k.lt(0, l);
  const total = k.select(any, l, 1);
  block.storeHead(out, I, queryTime, k.div(o, total));
  const [largest, logSum] = block.levels(I);
  k.store(levels, largest, k.select(any, m, 0));
  k.store(levels, logSum, k.log(total));
}

function traceAttention(options: AttentionOptions): Kernel {
  const variant = attentionVariant(options);
  return kernelOnce(
    {
      name: 'attention',
      variant,
      doc: 'out = softmax(scale · q kᵀ) v per head, one block of queries per program',
      schedule: options.schedule,
    },
    (k) => attentionProgram(k, options),
  );
}

export interface AttentionArguments extends AttentionDims {
  readonly q: Slot;
  readonly k: Slot;
  readonly v: Slot;
  readonly out: Slot;
  /** f32 [batch, heads, 2, queryTime], saved for the gradient */
  readonly levels: Slot;
}

/** out f32 [batch, queryTime, heads·width] and levels. One launch. */
export function planAttention(args: AttentionArguments): LaunchPlan[] {
  const options = attentionOptions('attention', args);
  const { q, k, v, out, levels } = args;
  return [
    {
      kernel: traceAttention(options),
      grid: [
        blocksOf(args.queryTime, options.schedule.tiles.i),
        blocksOf(args.heads, 1),
        blocksOf(args.batch, 1),
      ],
      scalars: { ...attentionScalars(args, options), scale: { value: args.scale } },
      slots: { q, k, v, out, levels, ...attentionSlots(args, options) },
      shapeClass: options.shapeClass,
    },
  ];
}
