import { plus, times } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import {
  type AttentionBlock,
  type AttentionDims,
  type AttentionOptions,
  attentionBlock,
  attentionOptions,
  attentionScalars,
  attentionSlots,
  attentionVariant,
  FLAG_WORDS,
  maskedExp,
} from './attentionBlock.ts';
import { blocksOf, kernelOnce } from './plan.ts';

/**
 * Gradient of attention from the saved lse (Dao et al. 2022, appendix B). Shapes as in attention.ts. Per head, with
 * s = scale · q kᵀ, p = exp(s − lse) where allowed, z = dropout(p) = r ∘ p (r = 0 or 1/(1 − rate)), out = z v:
 *   dv = zᵀ dout
 *   dz = dout vᵀ,  dp = r ∘ dz
 *   ds = p ∘ (dp − D),  D_i = Σ_j p_ij dp_ij = Σ_j z_ij (dout_i · v_j) = dout_i · out_i
 *   dq = scale · ds k,   dk = scale · dsᵀ q
 * p and r are computed again per block, so nothing of queryTime × keyTime is kept. Three launches:
 *   1. D, put beside lse in one temporary `statistics` [batch, heads, 2, queryTime]; with mask and dropout together also
 *      `flags`, which holds both. (WebGPU guarantees eight storage buffers per launch; apart, the third would need ten.)
 *   2. dq per block of queries, over the keys.
 *   3. dk and dv per block of keys, over the queries. It works on sᵀ, whose rows are keys, so every axis keeps one role.
 *
 * Memory: 1 reads out and dout once. 2 reads k and v once per block of queries; 3 reads q and dout once per block of
 * keys; each result is written once.
 */
function prepareProgram(k: KernelBuilder, options: AttentionOptions): void {
  const [out, dout, lse] = [k.read('out'), k.read('dout'), k.read('lse')];
  const statistics = k.write('statistics');
  const block = attentionBlock(
    k,
    { ...options, masked: false, dropout: false, packed: false },
    'query first',
  );
  const { i, d, queryTime } = block;
  const I = k.span(i, k.mul(k.program(0), i.size), queryTime);
  const products = k.mul(block.head(out, I, queryTime), block.head(dout, I, queryTime));
  k.store(statistics, block.statistic(I, 0), k.load(lse, block.perQuery(I)));
  k.store(statistics, block.statistic(I, 1), k.sum(products, d));
  if (options.packed) packFlags(k, block);
}

/** One program per sample copies its mask, the first of all the key. */
function packFlags(k: KernelBuilder, { j, keyTime }: AttentionBlock): void {
  const [mask, key] = [k.read('mask', 'u32'), k.read('key', 'u32')];
  const flags = k.write('flags', 'u32');
  const stream = k.parameter('stream', 'u32');
  const sample = k.program(2);
  const first = k.and(k.eq(k.program(0), 0), k.eq(k.program(1), 0));
  k.when(first, () => {
    k.loop(0, keyTime, j.size, [], (start) => {
      const J = k.span(j, start, keyTime);
      const words = k.load(mask, [
        [sample, keyTime],
        [J, 1],
      ]);
      k.store(
        flags,
        [
          [FLAG_WORDS, 1],
          [sample, keyTime],
          [J, 1],
        ],
        words,
      );
      return [];
    });
  });
  k.when(k.and(first, k.eq(sample, 0)), () => {
    k.store(flags, [[0, 1]], k.map('bitXor', k.load(key, [[0, 1]]), stream));
    k.store(flags, [[1, 1]], k.load(key, [[1, 1]]));
  });
}

interface Operands {
  readonly q: Buffer;
  readonly k: Buffer;
  readonly v: Buffer;
  readonly dout: Buffer;
  readonly statistics: Buffer;
}

const readOperands = (k: KernelBuilder): Operands => ({
  q: k.read('q'),
  k: k.read('k'),
  v: k.read('v'),
  dout: k.read('dout'),
  statistics: k.read('statistics'),
});

function queryGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const from = readOperands(k);
  const dq = k.write('dq');
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'query first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), i.size);
  const I = k.span(i, first, queryTime);
  const scaled = k.mul(block.head(from.q, I, queryTime), scale);
  const upstream = block.head(from.dout, I, queryTime);
  const offset = k.load(from.statistics, block.statistic(I, 0));
  const D = k.load(from.statistics, block.statistic(I, 1));
  const end = options.causal ? k.min(keyTime, k.add(first, i.size)) : keyTime;
  const [total] = k.loop(0, end, j.size, [k.fill([i, d], 0)], (start, sum) => {
    const J = k.span(j, start, keyTime);
    const keyTile = block.head(from.k, J, keyTime);
    const scores = k.dot(scaled, keyTile, undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, offset);
    const dz = k.dot(upstream, block.head(from.v, J, keyTime), undefined, d);
    const ds = k.mul(p, k.sub(block.dropout(I, J)(dz), D));
    return [k.dot(ds, keyTile, sum as Value, j)];
  });
  block.storeHead(dq, I, queryTime, k.mul(total as Value, scale));
}

function keyGradientProgram(k: KernelBuilder, options: AttentionOptions): void {
  const from = readOperands(k);
  const [dk, dv] = [k.write('dk'), k.write('dv')];
  const scale = k.parameter('scale', 'f32');
  const block = attentionBlock(k, options, 'key first');
  const { i, j, d, queryTime, keyTime } = block;
  const first = k.mul(k.program(0), j.size);
  const J = k.span(j, first, keyTime);
  const scaled = k.mul(block.head(from.k, J, keyTime), scale);
  const valueTile = block.head(from.v, J, keyTime);
  const begin = options.causal ? k.mul(k.div(first, i.size), i.size) : 0;
  const zero = k.fill([j, d], 0);
  const sums = k.loop(begin, queryTime, i.size, [zero, zero], (start, ...carried) => {
    const [keySum, valueSum] = carried as [Value, Value];
    const I = k.span(i, start, queryTime);
    const queryTile = block.head(from.q, I, queryTime);
    const upstream = block.head(from.dout, I, queryTime);
    const offset = k.load(from.statistics, block.statistic(I, 0));
    const D = k.load(from.statistics, block.statistic(I, 1));
    const scores = k.dot(scaled, queryTile, undefined, d);
    const p = maskedExp(k, block.allowed(I, J), scores, offset);
    const dropout = block.dropout(I, J);
    const dz = k.dot(valueTile, upstream, undefined, d);
    const ds = k.mul(p, k.sub(dropout(dz), D));
    return [k.dot(ds, queryTile, keySum, i), k.dot(dropout(p), upstream, valueSum, i)];
  });
  const [keySum, valueSum] = sums as [Value, Value];
  block.storeHead(dk, J, keyTime, k.mul(keySum, scale));
  block.storeHead(dv, J, keyTime, valueSum);
}

type AttentionGradientPart = 'prepare' | 'query' | 'key';

const parts = {
  prepare: {
    name: 'attentionPrepare',
    doc: 'D = Σ dout · out per query and head, beside lse',
    program: prepareProgram,
  },
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
} as const;

/** One of the three kernels of attention's gradient. */
function traceAttentionGradient(part: AttentionGradientPart, options: AttentionOptions): Kernel {
  const { name, doc, program } = parts[part];
  const variant = attentionVariant(options);
  const schedule = { tiles: options.tiles, workgroup: [16, 16], stage: 16 } as const;
  return kernelOnce({ name, variant, doc, schedule }, (k) => program(k, options));
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
  const plain = attentionOptions(args);
  const options = { ...plain, packed: plain.masked && plain.dropout };
  const { q, k, v, out, lse, dout, dq, dk, dv } = args;
  const { statistics, flags } = temporaries(args);
  const outer = [blocksOf(args.heads, 1), blocksOf(args.batch, 1)];
  const scalars = { ...attentionScalars(args, options), scale: { value: args.scale } };
  const shared = {
    ...{ q, k, v, dout, statistics },
    ...(options.packed ? { flags } : attentionSlots(args, options)),
  };
  const prepare = { ...options, causal: false, masked: false, dropout: false };
  return [
    {
      kernel: traceAttentionGradient('prepare', prepare),
      grid: [blocksOf(args.queryTime, options.tiles.i), ...outer],
      scalars: {
        ...attentionScalars(args, prepare),
        ...(options.packed ? { stream: { value: (args.dropout?.stream ?? 0) >>> 0 } } : {}),
      },
      slots: {
        ...{ out, dout, lse, statistics },
        ...(options.packed ? { ...attentionSlots(args, plain), flags } : {}),
      },
    },
    {
      kernel: traceAttentionGradient('query', options),
      grid: [blocksOf(args.queryTime, options.tiles.i), ...outer],
      scalars,
      slots: { ...shared, dq },
    },
    {
      kernel: traceAttentionGradient('key', options),
      grid: [blocksOf(args.keyTime, options.tiles.j), ...outer],
      scalars,
      slots: { ...shared, dk, dv },
    },
  ];
}

function temporaries({
  batch,
  heads,
  queryTime,
  keyTime,
}: AttentionDims): Record<'statistics' | 'flags', Slot> {
  return {
    statistics: {
      kind: 'temporary',
      name: 'statistics',
      type: { dtype: 'f32', shape: [batch, heads, 2, queryTime] },
    },
    flags: {
      kind: 'temporary',
      name: 'flags',
      type: { dtype: 'u32', shape: [plus(FLAG_WORDS, times(batch, keyTime))] },
    },
  };
}
