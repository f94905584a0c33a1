import type { Dim } from '../src/base/dim.ts';
import { FrondError } from '../src/base/errors.ts';
import type { LaunchPlan, Slot } from '../src/ir/record.ts';
import type { KernelBuilder } from '../src/kernel/build.ts';
import type { Value } from '../src/kernel/ir.ts';
import { blockElements, groupOf, norms } from './gradientNorm.ts';
import { kernel } from './kernel.ts';
import { matrix, shared, tileOf } from './plan.ts';

/** What a rule computes with: tiles over [blocks, elements], and columns over [blocks] that broadcast over them. */
export interface UpdateOperands<S extends string> {
  readonly parameter: Value;
  readonly gradient: Value;
  readonly moment1: Value;
  readonly moment2: Value;
  /** learning rate, weight decay and the rule's two numbers of the group that the block belongs to */
  readonly rate: Value;
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
 * The arenas `parameter`, `gradient`, `moment1`, `moment2`, `average` have one layout: each parameter starts on a multiple of 256
 * elements (a block) and is padded with zeros. The table `group` gives of each block its row of `groups` (`groupLayout`), which is
 * fed with every step. The rule sees g = c · gradient, with c = min(1, clipNorm / (‖gradient‖ + 1e-6)), or 1 where clipNorm = 0.
 *
 * A block of no active group keeps the bytes of parameter, moments and average, whatever the gradient holds. Where loss or norm is
 * not finite nothing changes at all, so weights survive until the host has seen it: a norm from `norms.stopped` on, where its square
 * overflows f32, counts as not finite.
 *
 * With `average`, e ← d · e + (1 − d) · p follows with the new p, which is at hand: it costs no pass over the arenas of its own.
 *
 * Memory per element: reads the parameter, the gradient and each moment of the rule, writes all of them but the gradient; the
 * average is read and written too.
 */
const update = (rule: UpdateRule, average: boolean) =>
  kernel(
    {
      name: rule.name,
      doc: `one step of ${rule.name} over the parameter arena and its companions, in place`,
      variant: [numberOf(rule) > 0 && `rule ${numberOf(rule) + 1}`, average && 'average'],
      // 16 blocks for each program
      tiles: { g: 16, e: blockElements },
      workgroup: [64, 4],
      reads: { groups: 'f32', gradientNorm: 'f32', gradient: 'f32', group: 'i32' },
      updates: {
        parameter: 'f32',
        moment1: rule.moments > 0 ? 'f32' : undefined,
        moment2: rule.moments > 1 ? 'f32' : undefined,
        average: average ? 'f32' : undefined,
      },
      parameters: { blocks: 'i32' },
    },
    (k, symbols) => {
      const { g, e, groups, gradientNorm, gradient, group, blocks } = symbols;
      const settings = rule.settings.map((name) => [name, k.parameter(name, 'f32')] as const);
      const norm = k.load(gradientNorm, [[0, 1]]);
      k.when(k.and(k.isFinite(norm), k.lt(norm, norms.stopped)), () => {
        const G = tileOf(k, g, 0, blocks);
        const at = matrix(G, k.span(e, 0, blockElements), blockElements);
        const { column, active } = groupOf(k, G, group, groups);
        const clip = column('clipNorm');
        const scale = k.select(k.lt(0, clip), k.min(1, k.div(clip, k.add(norm, 1e-6))), 1);
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
          rate: column('rate'),
          decay: column('decay'),
          correction1: column('correction1'),
          correction2: column('correction2'),
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
          k.store(buffer, at, k.select(active, value, before));
        }
        const { average: buffer } = symbols;
        if (buffer === undefined) return;
        const [mean, d] = [k.load(buffer, at), column('average')];
        const moved = k.add(k.mul(mean, d), k.mul(next.parameter, k.sub(1, d)));
        k.store(buffer, at, k.select(active, moved, mean));
      });
    },
  );

/** One step of a rule over its arenas. `groups` as in `groupLayout`, the norm a scalar. One launch. */
export function planUpdate(
  rule: UpdateRule,
  args: Readonly<Record<'groups' | 'gradientNorm', Slot>> & {
    /** the arena of the gradients */
    readonly arena: string;
    /** whether a moving average of the parameters is kept */
    readonly average: boolean;
    /** number of 256-element blocks of the arenas */
    readonly blocks: Dim;
    readonly settings: Readonly<Record<string, number>>;
  },
): LaunchPlan[] {
  const settings = Object.fromEntries(rule.settings.map((name) => [name, args.settings[name] ?? 0]));
  const { groups, gradientNorm, arena, average, blocks } = args;
  return [
    update(rule, average)
      .over({ g: blocks })
      .with(
        {
          groups,
          gradientNorm,
          blocks,
          gradient: { kind: 'arena', name: arena },
          ...shared('arena', 'parameter', 'average', ...MOMENTS),
          ...shared('table', 'group'),
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
 * r = rate of the block's group, d = its decay. Memory per element: reads 16 bytes, writes 12.
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
