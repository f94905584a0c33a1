import type { Dim } from '../src/base/dim.ts';
import { FrondError } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Value } from '../src/kernel/ir.ts';
import { blockElements, norms } from './gradientNorm.ts';
import { kernel } from './kernel.ts';
import { matrix, shared, tileOf } from './plan.ts';

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

const MOMENTS = ['moment1', 'moment2'] as const;

/** Rules by name: each is a text of its own, also beside others of its name. */
const rules = new Map<string, UpdateRule[]>();
function numberOf(rule: UpdateRule): number {
  const known = rules.get(rule.name) ?? [];
  rules.set(rule.name, known);
  return known.includes(rule) ? known.indexOf(rule) : known.push(rule) - 1;
}

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
const update = (rule: UpdateRule) =>
  kernel(
    {
      name: rule.name,
      doc: `one step of ${rule.name} over the parameter arena and its companions, in place`,
      variant: [numberOf(rule) > 0 && `rule ${numberOf(rule) + 1}`],
      // 16 blocks for each program
      tiles: { g: 16, e: blockElements },
      workgroup: [64, 4],
      reads: { hyper: 'f32', gradientNorm: 'f32', loss: 'f32', gradient: 'f32', rate: 'f32', decay: 'f32' },
      updates: {
        parameter: 'f32',
        moment1: rule.moments > 0 ? 'f32' : undefined,
        moment2: rule.moments > 1 ? 'f32' : undefined,
      },
      parameters: { blocks: 'i32' },
    },
    (k, symbols) => {
      const { g, e, hyper, gradientNorm, loss, gradient, rate, decay, blocks } = symbols;
      const settings = rule.settings.map((name) => [name, k.parameter(name, 'f32')] as const);
      const now = (name: keyof typeof hyperLayout) => k.load(hyper, [[hyperLayout[name], 1]]);
      const norm = k.load(gradientNorm, [[0, 1]]);
      const [clip, rateNow] = [now('clipNorm'), now('rate')];
      const corrections = { correction1: now('correction1'), correction2: now('correction2') };
      const scale = k.select(k.lt(0, clip), k.min(1, k.div(clip, k.add(norm, 1e-6))), 1);
      const good = k.and(k.isFinite(norm), k.isFinite(k.load(loss, [[0, 1]])));
      k.when(k.and(good, k.lt(norm, norms.stopped)), () => {
        const G = tileOf(k, g, 0, blocks);
        const at = matrix(G, k.span(e, 0, blockElements), blockElements);
        const multiplier = k.load(rate, [[G, 1]]);
        const live = k.lt(0, multiplier);
        const none = k.constant(0);
        const kept = (['parameter', ...MOMENTS] as const).flatMap((name) => {
          const buffer = symbols[name];
          return buffer ? [{ name, buffer, before: k.load(buffer, at) }] : [];
        });
        const [before = none, before1 = none, before2 = none] = kept.map((each) => each.before);
        const next = rule.apply(k, {
          parameter: before,
          gradient: k.mul(k.load(gradient, at), scale),
          moment1: before1,
          moment2: before2,
          rate: k.mul(multiplier, rateNow),
          decay: k.load(decay, [[G, 1]]),
          ...corrections,
          settings: Object.fromEntries(settings),
        });
        for (const { name, buffer, before } of kept) {
          const value = next[name];
          if (value === undefined) {
            throw new FrondError(
              'FROND-K040',
              `optimizer ${rule.name} keeps ${rule.moments} moments, but gives no new ${name}`,
              { hint: 'return parameter and every moment that `moments` counts' },
            );
          }
          k.store(buffer, at, k.select(live, value, before));
        }
      });
    },
  );

/** One step of a rule over its arenas. `hyper` as in `hyperLayout`, loss and norm scalars. One launch. */
export function planUpdate(
  rule: UpdateRule,
  args: Readonly<Record<'hyper' | 'gradientNorm' | 'loss', Slot>> & {
    /** number of 256-element blocks of the arenas */
    readonly blocks: Dim;
    readonly settings: Readonly<Record<string, number>>;
  },
): LaunchPlan[] {
  const settings = Object.fromEntries(rule.settings.map((name) => [name, args.settings[name] ?? 0]));
  return [
    update(rule)
      .over({ g: args.blocks })
      .with(
        {
          ...args,
          ...shared('arena', 'parameter', 'gradient', ...MOMENTS),
          ...shared('table', 'rate', 'decay'),
        },
        { scalars: settings, slots: {} },
      ),
  ];
}

/**
 * AdamW (Loshchilov & Hutter 2019, in the form of torch.optim.AdamW):
 *
 *   m ← β₁ m + (1 − β₁) g                 v ← β₂ v + (1 − β₂) g²
 *   p ← p (1 − r d) − r · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * r = rate of the block, d = its decay. Memory per element: reads 16 bytes, writes 12.
 */
export const adamWRule: UpdateRule<'beta1' | 'beta2' | 'epsilon'> = {
  name: 'adamW',
  moments: 2,
  settings: ['beta1', 'beta2', 'epsilon'],
  apply(k, { parameter, gradient, moment1, moment2, rate, decay, correction1, correction2, settings }) {
    const { beta1, beta2, epsilon } = settings;
    const m = k.add(k.mul(moment1, beta1), k.mul(gradient, k.sub(1, beta1)));
    const v = k.add(k.mul(moment2, beta2), k.mul(k.mul(gradient, gradient), k.sub(1, beta2)));
    const root = k.add(k.sqrt(k.mul(v, correction2)), epsilon);
    const change = k.div(k.mul(m, k.mul(rate, correction1)), root);
    const keep = k.sub(1, k.mul(rate, decay));
    return { parameter: k.sub(k.mul(parameter, keep), change), moment1: m, moment2: v };
  },
};
