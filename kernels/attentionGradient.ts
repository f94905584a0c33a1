import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type KernelBuilder, traceKernel } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import {
  type AttentionDims,
  type AttentionOptions,
  attentionBlock,
  attentionOptions,
  attentionScalars,
  attentionSlots,
  attentionVariant,
  maskedExp,
} from './attentionBlock.ts';
import { blocksOf, tracedOnce } from './plan.ts';

/**
 * Gradient of attention from the saved lse (Dao et al. 2022, appendix B). Shapes as in attention.ts. Per head, with
 * s = scale · q kᵀ, p = exp(s − lse) where allowed, z = dropout(p) = r ∘ p (r = 0 or 1/(1 − rate)), out = z v:
 *   dv = zᵀ dout
 *   dz = dout vᵀ,  dp = r ∘ dz
 *   ds = p ∘ (dp − D),  D_i = Σ_j p_ij dp_ij = Σ_j z_ij (dout_i · v_j) = dout_i · out_i
 *   dq = scale · ds k,   dk = scale · dsᵀ q
 * p and r are computed again per block, so nothing of queryTime × keyTime is kept. Three launches: D; dq per block of
 * queries; dk and dv per block of keys. The last works on sᵀ, whose rows are keys, so that every axis keeps one role.
 *
 * Memory: D reads out and dout once. dq reads k and v once per block of queries; dk, dv read q and dout once per block of
 * keys; each result is written once.
 */
function rowSumProgram(k: KernelBuilder, options: AttentionOptions): void {
  const [out, dout] = [k.read('out'), k.read('dout')];
  const rowSum = k.write('rowSum');
  const block = attentionBlock(k, { ...options, masked: false, dropout: false }, 'query first');
  const { i, d, queryTime } = block;
  const I = k.span(i, k.mul(k.program(0), i.size), queryTime);
  const products = k.mul(block.head(out, I, queryTime), block.head(dout, I, queryTime));
  k.store(rowSum, block.perQuery(I), k.sum(products, d));
}

function queryGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const [q, keys, values, dout] = [k.read('q'), k.read('k'), k.read('v'), k.read('dout')];
  const [lse, rowSum] = [k.read('lse'), k.read('rowSum')];
  const dq = k.write('dq');
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'query first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), i.size);
  const I = k.span(i, first, queryTime);
  const scaled = k.mul(block.head(q, I, queryTime), scale);
  const upstream = block.head(dout, I, queryTime);
  const [offset, D] = [k.load(lse, block.perQuery(I)), k.load(rowSum, block.perQuery(I))];
  const end = options.causal ? k.min(keyTime, k.add(first, i.size)) : keyTime;
  const [total] = k.loop(0, end, j.size, [k.fill([i, d], 0)], (start, sum) => {
    const J = k.span(j, start, keyTime);
    const keyTile = block.head(keys, J, keyTime);
    const scores = k.dot(scaled, keyTile, undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, offset);
    const dz = k.dot(upstream, block.head(values, J, keyTime), undefined, d);
    const ds = k.mul(p, k.sub(block.drop(dz, I, J), D));
    return [k.dot(ds, keyTile, sum as Value, j)];
  });
  block.storeHead(dq, I, queryTime, k.mul(total as Value, scale));
}

function keyGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const [q, keys, values, dout] = [k.read('q'), k.read('k'), k.read('v'), k.read('dout')];
  const [lse, rowSum] = [k.read('lse'), k.read('rowSum')];
  const [dk, dv] = [k.write('dk'), k.write('dv')];
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'key first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), j.size);
  const J = k.span(j, first, keyTime);
  const scaled = k.mul(block.head(keys, J, keyTime), scale);
  const valueTile = block.head(values, J, keyTime);
  const begin = options.causal ? k.mul(k.div(first, i.size), i.size) : 0;
  const zero = k.fill([j, d], 0);
  const sums = k.loop(begin, queryTime, i.size, [zero, zero], (start, ...carried) => {
    const [keySum, valueSum] = carried as [Value, Value];
    const I = k.span(i, start, queryTime);
    const queryTile = block.head(q, I, queryTime);
    const upstream = block.head(dout, I, queryTime);
    const [offset, D] = [k.load(lse, block.perQuery(I)), k.load(rowSum, block.perQuery(I))];
    const scores = k.dot(scaled, queryTile, undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, offset);
    const dz = k.dot(valueTile, upstream, undefined, d);
    const ds = k.mul(p, k.sub(block.drop(dz, I, J), D));
    return [k.dot(ds, queryTile, keySum, i), k.dot(block.drop(p, I, J), upstream, valueSum, i)];
  });
  const [keySum, valueSum] = sums as [Value, Value];
  block.storeHead(dk, J, keyTime, k.mul(keySum, scale));
  block.storeHead(dv, J, keyTime, valueSum);
}

type Part = 'rowSum' | 'query' | 'key';
const parts: Record<Part, { name: string; doc: string; program: typeof rowSumProgram }> = {
  rowSum: { name: 'attentionRowSum', doc: 'D = Σ dout · out per query and head', program: rowSumProgram },
  query: {
    name: 'attentionQueryGradient',
    doc: 'dq, one block of queries per program',
    program: queryGradientProgram,
  },
  key: {
    name: 'attentionKeyGradient',
    doc: 'dk and dv, one block of keys per program',
    program: keyGradientProgram,
  },
};

/** One of the three kernels of attention's gradient. */
export function traceAttentionGradient(part: Part, options: AttentionOptions): Kernel {
  const { name, doc, program } = parts[part];
  const variant = attentionVariant(options);
  const schedule = { tiles: options.tiles, workgroup: [16, 16], stage: 16 } as const;
  return tracedOnce(`${name} ${variant}`, () =>
    traceKernel({ name, variant, doc, schedule }, (k) => program(k, options)),
  );
}

export interface AttentionGradientArguments extends AttentionDims {
  readonly q: Slot;
  readonly k: Slot;
  readonly v: Slot;
  /** results of the forward */
  readonly out: Slot;
  readonly lse: Slot;
  readonly dout: Slot;
  readonly dq: Slot;
  readonly dk: Slot;
  readonly dv: Slot;
}

/** dq, dk, dv in the layouts of q, k, v. Three launches. */
export function planAttentionGradient(args: AttentionGradientArguments): LaunchPlan[] {
  const options = attentionOptions(args);
  const { q, k, v, out, lse, dout, dq, dk, dv, batch, heads, queryTime, keyTime } = args;
  const rowSum: Slot = {
    kind: 'temporary',
    name: 'rowSum',
    type: { dtype: 'f32', shape: [batch, heads, queryTime] },
  };
  const plain = { ...options, causal: false, masked: false, dropout: false };
  const outer = [blocksOf(heads, 1), blocksOf(batch, 1)];
  const scalars = { ...attentionScalars(args, options), scale: { value: args.scale } };
  const shared = { q, k, v, dout, lse, rowSum, ...attentionSlots(args, options) };
  return [
    {
      kernel: traceAttentionGradient('rowSum', plain),
      grid: [blocksOf(queryTime, options.tiles.i), ...outer],
      scalars: attentionScalars(args, plain),
      slots: { out, dout, rowSum },
    },
    {
      kernel: traceAttentionGradient('query', options),
      grid: [blocksOf(queryTime, options.tiles.i), ...outer],
      scalars,
      slots: { ...shared, dq },
    },
    {
      kernel: traceAttentionGradient('key', options),
      grid: [blocksOf(keyTime, options.tiles.j), ...outer],
      scalars,
      slots: { ...shared, dk, dv },
    },
  ];
}
