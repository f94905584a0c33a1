import type { Dim } from '../src/base/dim.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type KernelBuilder, traceKernel } from '../src/kernel/build.ts';
import type { Kernel, Value } from '../src/kernel/ir.ts';
import { blocksOf, tracedOnce } from './plan.ts';

/**
 * One AdamW step (Loshchilov & Hutter 2019, in the form of torch.optim.AdamW) over flat arenas, in place:
 *
 *   g ← c · gradient                      c = min(1, clipNorm / (‖gradient‖ + 1e-6)), or 1 where clipNorm = 0
 *   m ← β₁ m + (1 − β₁) g                 v ← β₂ v + (1 − β₂) g²
 *   p ← p (1 − r d) − r · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * r = rate · (rate multiplier of the block), d = decay of the block. The arenas `parameter`, `gradient`, `moment1`,
 * `moment2` have one layout: each parameter starts on a multiple of 256 elements (a block) and is padded with zeros,
 * which the update keeps zero. The tables give one number per block, so a parameter group is a run of blocks.
 *
 * A block with rate multiplier 0 is frozen: parameter and moments keep their bytes, whatever the gradient holds. Where
 * loss or squared norm is not finite nothing changes at all, so weights survive until the host has seen it; a squared
 * norm that overflows f32 counts as not finite.
 *
 * Memory per element: reads 16 bytes, writes 12.
 */
export const blockElements = 256;

/** Places in `hyper`, f32 [4]: what changes from step to step. */
export const hyperLayout = {
  /** learning rate of this step */
  rate: 0,
  /** 1 / (1 − β₁ᵗ), t from 1 */
  correction1: 1,
  /** 1 / (1 − β₂ᵗ) */
  correction2: 2,
  /** largest global gradient norm; 0 = no clipping */
  clipNorm: 3,
} as const;

export interface AdamWArguments {
  /** f32 [4], see `hyperLayout` */
  readonly hyper: Slot;
  /** f32 [1]: squared norm of the gradient, from `planSquareNorm` */
  readonly squareNorm: Slot;
  /** f32 scalar or [1]: an update happens only where it is finite */
  readonly loss: Slot;
  /** number of 256-element blocks of the arenas */
  readonly blocks: Dim;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

/** Blocks that one program updates: 16 × 256 elements. */
const group = 16;

/** The same step for one tile of blocks, given its scalars. */
function updateBlocks(k: KernelBuilder, step: Readonly<Record<'rate' | 'scale' | 'c1' | 'c2', Value>>): void {
  const g = k.axis('g', group);
  const e = k.axis('e', blockElements);
  const G = k.span(g, k.mul(k.program(0), group), k.parameter('blocks'));
  const E = k.span(e, 0, blockElements);
  const at = [
    [G, blockElements],
    [E, 1],
  ] as const;
  const parameter = k.buffer('parameter', 'f32', 'update');
  const moment1 = k.buffer('moment1', 'f32', 'update');
  const moment2 = k.buffer('moment2', 'f32', 'update');
  const beta1 = k.parameter('beta1', 'f32');
  const beta2 = k.parameter('beta2', 'f32');
  const multiplier = k.load(k.read('rate'), [[G, 1]]);
  const live = k.lt(0, multiplier);
  const rate = k.mul(multiplier, step.rate);
  const keep = k.sub(1, k.mul(rate, k.load(k.read('decay'), [[G, 1]])));
  const gradient = k.mul(k.load(k.read('gradient'), at), step.scale);
  const [p, m, v] = [k.load(parameter, at), k.load(moment1, at), k.load(moment2, at)];
  const nextM = k.add(k.mul(m, beta1), k.mul(gradient, k.sub(1, beta1)));
  const nextV = k.add(k.mul(v, beta2), k.mul(k.mul(gradient, gradient), k.sub(1, beta2)));
  const root = k.add(k.sqrt(k.mul(nextV, step.c2)), k.parameter('epsilon', 'f32'));
  const change = k.div(k.mul(nextM, k.mul(rate, step.c1)), root);
  k.store(moment1, at, k.select(live, nextM, m));
  k.store(moment2, at, k.select(live, nextV, v));
  k.store(parameter, at, k.select(live, k.sub(k.mul(p, keep), change), p));
}

function adamWProgram(k: KernelBuilder): void {
  const hyper = k.read('hyper');
  const setting = (name: keyof typeof hyperLayout) => k.load(hyper, [[hyperLayout[name], 1]]);
  const square = k.load(k.read('squareNorm'), [[0, 1]]);
  const loss = k.load(k.read('loss'), [[0, 1]]);
  const clip = setting('clipNorm');
  const ratio = k.div(clip, k.add(k.sqrt(square), 1e-6));
  const scale = k.select(k.lt(0, clip), k.min(1, ratio), 1);
  const [rate, c1, c2] = [setting('rate'), setting('correction1'), setting('correction2')];
  k.when(k.and(k.isFinite(square), k.isFinite(loss)), () => updateBlocks(k, { rate, scale, c1, c2 }));
}

export const traceAdamW = (): Kernel =>
  tracedOnce('adamW', () =>
    traceKernel(
      {
        name: 'adamW',
        doc: 'one AdamW step over the parameter arena and its companions, in place',
        schedule: { tiles: { g: group, e: blockElements }, workgroup: [64, 4] },
      },
      adamWProgram,
    ),
  );

const arena = (name: string): Slot => ({ kind: 'arena', name });
const table = (name: string): Slot => ({ kind: 'table', name });

/** One AdamW step over the arenas `parameter`, `gradient`, `moment1`, `moment2` under the tables `rate` and `decay`. One launch. */
export function planAdamW(args: AdamWArguments): LaunchPlan[] {
  const { hyper, squareNorm, loss, blocks, beta1, beta2, epsilon } = args;
  return [
    {
      kernel: traceAdamW(),
      grid: [blocksOf(blocks, group)],
      scalars: {
        blocks,
        beta1: { value: beta1 },
        beta2: { value: beta2 },
        epsilon: { value: epsilon },
      },
      slots: {
        hyper,
        squareNorm,
        loss,
        parameter: arena('parameter'),
        gradient: arena('gradient'),
        moment1: arena('moment1'),
        moment2: arena('moment2'),
        rate: table('rate'),
        decay: table('decay'),
      },
    },
  ];
}
