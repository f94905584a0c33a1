import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { defineOptimizer, type Optimizer } from './optimizer.ts';
import { scheduleKind } from './schedule.ts';
import { checkSettings } from './settings.ts';

// Optimizers beside AdamW. Decay of weights is decoupled in all of them: w ← w − rate · (direction + decay · w).

const plainSgd = defineOptimizer({
  name: 'sgd',
  moments: 0,
  settings: {},
  apply: (k, { parameter, gradient, rate, decay }) => ({
    parameter: k.sub(parameter, k.mul(rate, k.add(gradient, k.mul(decay, parameter)))),
  }),
});

/** v ← momentum · v + g; the direction is v, or with Nesterov's g + momentum · v. */
const momentumSgd = defineOptimizer({
  name: 'sgdMomentum',
  moments: 1,
  settings: { momentum: 0.9, nesterov: 0 },
  apply(k, { parameter, gradient, moment1, rate, decay, settings: { momentum, nesterov } }) {
    const velocity = k.add(k.mul(momentum, moment1), gradient);
    const ahead = k.add(gradient, k.mul(momentum, velocity));
    const direction = k.select(k.lt(0, nesterov), ahead, velocity);
    return {
      moment1: velocity,
      parameter: k.sub(parameter, k.mul(rate, k.add(direction, k.mul(decay, parameter)))),
    };
  },
});

const sgdOptions = {
  /** learning rate */
  rate: scheduleKind,
  /** default 0: no velocity is kept */
  momentum: is.optional(is.fraction),
  /** looks ahead along the velocity (Sutskever et al. 2013, as PyTorch writes it); needs momentum. Default false */
  nesterov: is.optional(is.flag),
};
export type SgdOptions = is.OptionsOf<typeof sgdOptions>;

/**
 * Stochastic gradient descent, with momentum as PyTorch has it (no dampening).
 * @throws FROND-T002 for options out of range, FROND-T020 for a rate that is neither a number nor a schedule
 */
export function sgd(options: SgdOptions): Optimizer {
  checkSettings('sgd', options, sgdOptions);
  const { rate, momentum = 0, nesterov = false } = options;
  if (nesterov && momentum === 0)
    throw new FrondError('FROND-T002', 'sgd: nesterov has no effect without momentum', {
      hint: 'give a momentum, such as 0.9',
    });
  return momentum === 0 ? plainSgd({ rate }) : momentumSgd({ rate, momentum, nesterov: Number(nesterov) });
}

/** Lion: the sign of β₁ m + (1 − β₁) g; m ← β₂ m + (1 − β₂) g (Chen et al. 2023, algorithm 2). */
const signed = defineOptimizer({
  name: 'lion',
  moments: 1,
  settings: { beta1: 0.9, beta2: 0.99 },
  apply(k, { parameter, gradient, moment1, rate, decay, settings: { beta1, beta2 } }) {
    const mean = (beta: typeof beta1) => k.add(k.mul(beta, moment1), k.mul(k.sub(1, beta), gradient));
    const mixed = mean(beta1);
    const sign = k.select(k.lt(0, mixed), 1, k.select(k.lt(mixed, 0), -1, 0));
    return {
      moment1: mean(beta2),
      parameter: k.sub(parameter, k.mul(rate, k.add(sign, k.mul(decay, parameter)))),
    };
  },
});

const lionOptions = {
  /** learning rate */
  rate: scheduleKind,
  /** default 0.9 */
  beta1: is.optional(is.fraction),
  /** default 0.99 */
  beta2: is.optional(is.fraction),
};
export type LionOptions = is.OptionsOf<typeof lionOptions>;

/**
 * Lion (Chen et al. 2023), which keeps one moment and steps by signs: rates are 3 to 10 times smaller than those of AdamW, decays as many
 * times larger. Settings `beta1` (0.9), `beta2` (0.99).
 * @throws FROND-T002, T020 as `adamW`
 */
export function lion(options: LionOptions): Optimizer {
  checkSettings('lion', options, lionOptions);
  return signed(options);
}
