import type { Dim } from '../src/base/dim.ts';
import { FrondError } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import { type KernelBuilder, traceKernel } from '../src/kernel/build.ts';
import type { Buffer, Kernel, Value } from '../src/kernel/ir.ts';
import { norms } from './journal.ts';
import { blocksOf } from './plan.ts';

/**
 * One optimizer step over flat arenas, in place: the frame that every rule shares.
 *
 * The arenas `parameter`, `gradient`, `moment1`, `moment2` have one layout: each parameter starts on a multiple of 256 elements
 * (a block) and is padded with zeros. The tables `rate` and `decay` give one number per block, so a parameter group is a run of
 * blocks. The rule sees g = c · gradient, with c = min(1, clipNorm / (‖gradient‖ + 1e-6)), or 1 where clipNorm = 0, and
 * r = rate · (rate multiplier of the block).
 *
 * A block with rate multiplier 0 is frozen: parameter and moments keep their bytes, whatever the gradient holds. Where
 * loss or norm is not finite nothing changes at all, so weights survive until the host has seen it; a norm from
 * `norms.stopped` on, where its square overflows f32, counts as not finite.
 *
 * Memory per element: reads the parameter, the gradient and each moment of the rule, writes all of them but the gradient.
 */
export const blockElements = 256;

/** Places in `hyper`, f32 [4]: what changes from step to step. */
export const hyperLayout = {
  /** learning rate of this step */
  rate: 0,
  /** two numbers of the rule's own, such as Adam's bias corrections 1 / (1 − βᵗ), t from 1 */
  correction1: 1,
  correction2: 2,
  /** largest global gradient norm; 0 = no clipping */
  clipNorm: 3,
} as const;

/** What a rule computes with: tiles over [blocks, elements], and scalars or columns that broadcast over them. */
export interface UpdateOperands<S extends string> {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly moment1: Value;
  readonly moment2: Value;
  /** learning rate of the block */
  readonly rate: Value;
  /** weight decay of the block */
  readonly decay: Value;
  readonly correction1: Value;
  readonly correction2: Value;
  readonly settings: Readonly<Record<S, Value>>;
}

/** New values; a moment that the rule does not keep is left out. */
export interface Updated {
  readonly parameter: Value;
  readonly moment1?: Value;
  readonly moment2?: Value;
}

/** How an optimizer changes a weight: maths in the kernel language, so that one text runs on every device. */
export interface UpdateRule<S extends string = string> {
  /** also the name of the op */
  readonly name: string;
  /** numbers kept beside each weight: 0, 1 or 2 */
  readonly moments: 0 | 1 | 2;
  /** names of its constant settings */
  readonly settings: readonly S[];
  apply(k: KernelBuilder, operands: UpdateOperands<S>): Updated;
}

export interface UpdateArguments<S extends string> {
  /** f32 [4], see `hyperLayout` */
  readonly hyper: Slot;
  /** f32 [1]: norm of the gradient, from `planGradientNorm` */
  readonly gradientNorm: Slot;
  /** f32 scalar or [1]: an update happens only where it is finite */
  readonly loss: Slot;
  /** number of 256-element blocks of the arenas */
  readonly blocks: Dim;
  readonly settings: Readonly<Record<S, number>>;
}

/** Blocks that one program updates: 16 × 256 elements. */
const group = 16;
const MOMENTS = ['moment1', 'moment2'] as const;

interface StepScalars {
  readonly rate: Value;
  readonly scale: Value;
  readonly correction1: Value;
  readonly correction2: Value;
}

/** One tile of blocks, given the step's scalars. */
function updateBlocks<S extends string>(k: KernelBuilder, rule: UpdateRule<S>, step: StepScalars): void {
  const g = k.axis('g', group);
  const e = k.axis('e', blockElements);
  const G = k.span(g, k.mul(k.program(0), group), k.parameter('blocks'));
  const E = k.span(e, 0, blockElements);
  const at = [
    [G, blockElements],
    [E, 1],
  ] as const;
  const parameter = k.buffer('parameter', 'f32', 'update');
  const kept = MOMENTS.slice(0, rule.moments).map((name) => k.buffer(name, 'f32', 'update'));
  const multiplier = k.load(k.read('rate'), [[G, 1]]);
  const live = k.lt(0, multiplier);
  const decay = k.load(k.read('decay'), [[G, 1]]);
  const settings = rule.settings.map((name) => [name, k.parameter(name, 'f32')] as const);
  const gradient = k.mul(k.load(k.read('gradient'), at), step.scale);
  const before = k.load(parameter, at);
  const moments = kept.map((buffer) => k.load(buffer, at));
  const none = k.constant(0);
  const { correction1, correction2 } = step;
  const next = rule.apply(k, {
    ...{ parameter: before, gradient, moment1: moments[0] ?? none, moment2: moments[1] ?? none },
    ...{ rate: k.mul(multiplier, step.rate), decay, correction1, correction2 },
    settings: Object.fromEntries(settings) as Record<S, Value>,
  });
  const store = (buffer: Buffer, value: Value | undefined, old: Value): void => {
    if (value === undefined) {
      throw new FrondError(
        'FROND-K040',
        `optimizer ${rule.name} keeps ${rule.moments} moments, but gives no new ${buffer.name}`,
        {
          hint: 'return parameter and every moment that `moments` counts',
        },
      );
    }
    k.store(buffer, at, k.select(live, value, old));
  };
  kept.forEach((buffer, i) => {
    store(buffer, i === 0 ? next.moment1 : next.moment2, moments[i] ?? none);
  });
  store(parameter, next.parameter, before);
}

function updateProgram<S extends string>(k: KernelBuilder, rule: UpdateRule<S>): void {
  const hyper = k.read('hyper');
  const setting = (name: keyof typeof hyperLayout) => k.load(hyper, [[hyperLayout[name], 1]]);
  const norm = k.load(k.read('gradientNorm'), [[0, 1]]);
  const loss = k.load(k.read('loss'), [[0, 1]]);
  const clip = setting('clipNorm');
  const ratio = k.div(clip, k.add(norm, 1e-6));
  const scale = k.select(k.lt(0, clip), k.min(1, ratio), 1);
  const [rate, correction1, correction2] = [setting('rate'), setting('correction1'), setting('correction2')];
  const good = k.and(k.isFinite(norm), k.isFinite(loss));
  k.when(k.and(good, k.lt(norm, norms.stopped)), () =>
    updateBlocks(k, rule, { rate, scale, correction1, correction2 }),
  );
}

const traced = new WeakMap<object, Kernel>();

/** The kernel of a rule, traced once per rule. */
function traceUpdate<S extends string>(rule: UpdateRule<S>): Kernel {
  const known = traced.get(rule);
  if (known !== undefined) return known;
  const kernel = traceKernel(
    {
      name: rule.name,
      doc: `one step of ${rule.name} over the parameter arena and its companions, in place`,
      schedule: { tiles: { g: group, e: blockElements }, workgroup: [64, 4] },
    },
    (k) => updateProgram(k, rule),
  );
  traced.set(rule, kernel);
  return kernel;
}

/** One step of a rule over its arenas, under the tables `rate` and `decay`. One launch. */
export function planUpdate<S extends string>(rule: UpdateRule<S>, args: UpdateArguments<S>): LaunchPlan[] {
  const { hyper, gradientNorm, loss, blocks, settings } = args;
  const arenas = ['parameter', 'gradient', ...MOMENTS.slice(0, rule.moments)];
  return [
    {
      kernel: traceUpdate(rule),
      grid: [blocksOf(blocks, group)],
      scalars: {
        blocks,
        ...Object.fromEntries(rule.settings.map((name) => [name, { value: settings[name] }])),
      },
      slots: {
        ...{ hyper, gradientNorm, loss },
        ...Object.fromEntries(arenas.map((name) => [name, { kind: 'arena', name } as const])),
        rate: { kind: 'table', name: 'rate' },
        decay: { kind: 'table', name: 'decay' },
      },
    },
  ];
}
