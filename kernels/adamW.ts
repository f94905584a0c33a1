import type { LaunchPlan } from '../src/ir/record.ts';
import { planUpdate, type UpdateArguments, type UpdateRule } from './update.ts';

export { blockElements, hyperLayout } from './update.ts';

type AdamWSetting = 'beta1' | 'beta2' | 'epsilon';

/**
 * AdamW (Loshchilov & Hutter 2019, in the form of torch.optim.AdamW), in the frame of `update.ts`:
 *
 *   m ← β₁ m + (1 − β₁) g                 v ← β₂ v + (1 − β₂) g²
 *   p ← p (1 − r d) − r · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)
 *
 * r = rate of the block, d = its decay. Memory per element: reads 16 bytes, writes 12.
 */
export const adamWRule: UpdateRule<AdamWSetting> = {
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

export type AdamWArguments = Omit<UpdateArguments<AdamWSetting>, 'settings'> &
  Readonly<Record<AdamWSetting, number>>;

/** One AdamW step over the arenas `parameter`, `gradient`, `moment1`, `moment2`. One launch. */
export function planAdamW({ beta1, beta2, epsilon, ...args }: AdamWArguments): LaunchPlan[] {
  return planUpdate(adamWRule, { ...args, settings: { beta1, beta2, epsilon } });
}
