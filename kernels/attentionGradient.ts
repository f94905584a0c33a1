import type { GridExpression, LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Span, Value } from '../src/kernel/ir.ts';
import {
  type AttentionBlock,
  type AttentionDims,
  type AttentionOptions,
  attentionBlock,
  attentionOptions,
  attentionScalars,
  attentionSlots,
  attentionVariant,
  maskedExp,
} from './attentionBlock.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/**
 * Gradient of attention from the saved levels (Dao et al. 2022, appendix B). Shapes as in attention.ts. Per head, with
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
interface Operands {
  readonly q: Buffer;
  readonly k: Buffer;
  readonly v: Buffer;
  readonly dout: Buffer;
  readonly levels: Buffer;
}

const readOperands = (k: KernelBuilder): Operands => ({
  q: k.read('q'),
  k: k.read('k'),
  v: k.read('v'),
  dout: k.read('dout'),
  levels: k.read('levels'),
});

const levelsOf = (
  k: KernelBuilder,
  from: Operands,
  block: AttentionBlock,
  I: Span,
): readonly [Value, Value] => {
  const [largest, logSum] = block.levels(I);
  return [k.load(from.levels, largest), k.load(from.levels, logSum)];
};

function queryGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const from = readOperands(k);
  const out = k.read('out');
  const [dq, products] = [k.write('dq'), k.write('products')];
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'query first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), i.size);
  const I = k.span(i, first, queryTime);
  const scaled = k.mul(block.head(from.q, I, queryTime), scale);
  const upstream = block.head(from.dout, I, queryTime);
  const levels = levelsOf(k, from, block, I);
  const D = k.sum(k.mul(block.head(out, I, queryTime), upstream), d);
  k.store(products, block.perQuery(I), D);
  const end = options.causal ? k.min(keyTime, k.add(first, i.size)) : keyTime;
  const [total] = k.loop(0, end, j.size, [k.fill([i, d], 0)], (start, sum) => {
    const J = k.span(j, start, keyTime);
    const keyTile = block.head(from.k, J, keyTime);
    const scores = k.dot(scaled, keyTile, undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, levels);
    const dz = k.dot(upstream, block.head(from.v, J, keyTime), undefined, d);
    const ds = k.mul(p, k.sub(block.dropout(I, J)(dz), D));
    k.name({ scores, weights: p, dz, ds });
    return [k.dot(ds, keyTile, sum as Value, j)];
  });
  block.storeHead(dq, I, queryTime, k.mul(total as Value, scale));
}

function keyGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const from = readOperands(k);
  const products = k.read('products');
  const [dk, dv] = [k.write('dk'), k.write('dv')];
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'key first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), j.size);
  const J = k.span(j, first, keyTime);
  const keyTile = block.head(from.k, J, keyTime);
  const valueTile = block.head(from.v, J, keyTime);
  const begin = options.causal ? k.mul(k.div(first, i.size), i.size) : 0;
  const zero = k.fill([j, d], 0);
  const sums = k.loop(begin, queryTime, i.size, [zero, zero], (start, ...carried) => {
    const [keySum, valueSum] = carried as [Value, Value];
    const I = k.span(i, start, queryTime);
    const queryTile = block.head(from.q, I, queryTime);
    const upstream = block.head(from.dout, I, queryTime);
    const levels = levelsOf(k, from, block, I);
    const D = k.load(products, block.perQuery(I));
    // as the forward scales them, so that the scores are the same to the last bit
    const scores = k.dot(keyTile, k.mul(queryTile, scale), undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, levels);
    const dropout = block.dropout(I, J);
    const dz = k.dot(valueTile, upstream, undefined, d);
    const ds = k.mul(p, k.sub(dropout(dz), D));
    k.name({ scores, weights: p, dz, ds, keySum, valueSum });
    return [k.dot(ds, queryTile, keySum, i), k.dot(dropout(p), upstream, valueSum, i)];
  });
  const [keySum, valueSum] = sums as [Value, Value];
  block.storeHead(dk, J, keyTime, k.mul(keySum, scale));
  block.storeHead(dv, J, keyTime, valueSum);
}

const parts = {
  query: {
    name: 'attentionQueryGradient',
    doc: 'dq and D = Σ dout · out, one block of queries per program',
    program: queryGradientProgram,
  },
  key: {
    name: 'attentionKeyGradient',
    doc: 'dk and dv, one block of keys per program',
    program: keyGradientProgram,
  },
} as const;

/** One of the two kernels of attention's gradient. */
function traceAttentionGradient(part: keyof typeof parts, options: AttentionOptions): Kernel {
  const { name, doc, program } = parts[part];
  const variant = attentionVariant(options);
  return kernelOnce({ name, variant, doc, schedule: options.schedule }, (k) => program(k, options));
}

export interface AttentionGradientArguments extends AttentionDims {
  readonly q: Slot;
  readonly k: Slot;
  readonly v: Slot;
  /** results of the forward */
  readonly out: Slot;
  readonly levels: Slot;
  readonly dout: Slot;
  readonly dq: Slot;
  readonly dk: Slot;
  readonly dv: Slot;
}

/** dq, dk, dv in the layouts of q, k, v. Two launches. */
export function planAttentionGradient(args: AttentionGradientArguments): LaunchPlan[] {
  const { q, k, v, out, levels, dout, dq, dk, dv, batch, heads, queryTime, keyTime } = args;
  const products: Slot = {
    kind: 'temporary',
    name: 'products',
    type: { dtype: 'f32', shape: [batch, heads, queryTime] },
  };
  const launch = (
    part: keyof typeof parts,
    walked: (tiles: AttentionOptions['schedule']['tiles']) => GridExpression,
    slots: Readonly<Record<string, Slot>>,
  ): LaunchPlan => {
    const options = attentionOptions(parts[part].name, args);
    return {
      kernel: traceAttentionGradient(part, options),
      grid: [walked(options.schedule.tiles), blocksOf(heads, 1), blocksOf(batch, 1)],
      scalars: { ...attentionScalars(args, options), scale: { value: args.scale } },
      slots: { q, k, v, dout, levels, ...attentionSlots(args, options), ...slots },
      shapeClass: options.shapeClass,
    };
  };
  return [
    launch('query', ({ i }) => blocksOf(queryTime, i), { out, dq, products }),
    launch('key', ({ j }) => blocksOf(keyTime, j), { products, dk, dv }),
  ];
}
