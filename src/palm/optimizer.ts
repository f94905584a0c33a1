import type { UpdateRule } from '../../kernels/update.ts';
import { adamWRule } from '../../kernels/update.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { mapValues } from '../base/own.ts';
import { ops } from '../ops/index.ts';
import { TAKEN_SETTINGS } from '../ops/update.ts';
import { type Schedule, scheduleKind, scheduleOf } from './schedule.ts';
import { checkSettings } from './settings.ts';

/** An optimizer: how it changes a weight, its constants, its learning rate. */
export interface Optimizer {
  readonly rule: UpdateRule;
  readonly rate: Schedule;
  readonly settings: Readonly<Record<string, number>>;
  /** the two numbers of a step (from 0) that the rule sees as `correction1` and `correction2` */
  readonly corrections: (step: number) => readonly [number, number];
}

/** A rule with what a user may leave out. */
export interface OptimizerDefinition<S extends string> extends Omit<UpdateRule<S>, 'settings'> {
  /** its constants with their defaults */
  readonly settings: Readonly<Record<S, number>>;
  readonly corrections?: (step: number, settings: Readonly<Record<S, number>>) => readonly [number, number];
}

/**
 * An optimizer of one's own, its maths in the kernel language:
 *
 *     const momentum = defineOptimizer({
 *       name: 'momentum',
 *       moments: 1,
 *       settings: { beta: 0.9 },
 *       apply(k, { parameter, gradient, moment1, rate, settings }) {
 *         const velocity = k.add(k.mul(moment1, settings.beta), gradient);
 *         return { moment1: velocity, parameter: k.sub(parameter, k.mul(rate, velocity)) };
 *       },
 *     });
 *     trainer.buildBackward({ optimizer: momentum({ rate: 0.1 }) });
 *
 * @throws FROND-T031 when an op has its name already, or an attribute of every update the name of a setting
 */
export function defineOptimizer<S extends string>(
  definition: OptimizerDefinition<S>,
): (options: { readonly rate: Schedule | number } & Partial<Record<S, number>>) => Optimizer {
  checkSettings<OptimizerDefinition<S>>('defineOptimizer', definition, {
    name: is.name,
    moments: is.kind('a whole number from 0 to 2', (value) => value === 0 || value === 1 || value === 2),
    settings: is.objectOf(is.finite, 'an object of finite numbers'),
    apply: is.callable,
    corrections: is.optional(is.callable),
  });
  const { moments, settings: defaults, corrections } = definition;
  const names = Object.keys(defaults) as S[];
  checkNames(definition.name, names);
  const rule: UpdateRule<S> = {
    name: definition.name,
    moments,
    settings: names,
    apply: (k, operands) => definition.apply(k, operands),
  };
  return (options) => {
    const kinds = mapValues(defaults, () => is.optional(is.finite));
    checkSettings<object>(definition.name, options, { rate: scheduleKind, ...kinds });
    const settings = mapValues(defaults, (value, name) => options[name] ?? value);
    return {
      rule: rule as unknown as UpdateRule,
      rate: scheduleOf(options.rate),
      settings,
      corrections: (step) => corrections?.(step, settings) ?? [1, 1],
    };
  };
}

/** @throws FROND-T031 */
function checkNames(name: string, settings: readonly string[]): void {
  if (ops.has(name)) {
    throw new FrondError('FROND-T031', `an optimizer cannot be called ${name}: an op of frond is`, {
      hint: 'give it another name',
    });
  }
  const taken = settings.find((setting) => TAKEN_SETTINGS.includes(setting));
  if (taken === undefined) return;
  throw new FrondError('FROND-T031', `a setting of ${name} cannot be called ${taken}`, {
    hint: `give it another name; taken are ${TAKEN_SETTINGS.join(', ')}`,
  });
}

export const adamOptions = {
  /** learning rate over the real number of steps; a number: the same at every step */
  rate: scheduleKind,
  /** decay of the mean gradient, default 0.9 */
  beta1: is.optional(is.fraction),
  /** decay of the mean squared gradient, default 0.999 */
  beta2: is.optional(is.fraction),
  /** added to the root, default 1e-8 */
  epsilon: is.optional(is.positive),
};
export type AdamOptions = is.OptionsOf<typeof adamOptions>;

/**
 * Adam (Kingma and Ba 2015) with decoupled weight decay (Loshchilov and Hutter 2019): the decay that `buildBackward` is
 * given shrinks the weights directly and never enters the moments. Settings `beta1` (0.9), `beta2` (0.999), `epsilon` (1e-8).
 * @throws FROND-T002 for a beta outside [0, 1), an epsilon that is not above 0, an option that it does not have
 * @throws FROND-T020 for a rate that is neither a number nor a schedule
 */
export function adamW(options: AdamOptions): Optimizer {
  checkSettings('adamW', options, adamOptions);
  const { rate, beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  return {
    rule: adamWRule as unknown as UpdateRule,
    rate: scheduleOf(rate),
    settings: { beta1, beta2, epsilon },
    corrections: (step) => [1 / (1 - beta1 ** (step + 1)), 1 / (1 - beta2 ** (step + 1))],
  };
}

/** PALM's name for the same optimizer: without weight decay the two are one. */
export const adam = adamW;
