import { show } from '../base/arguments.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { deviceKind } from '../runtime/device.ts';
import type { Backbone } from './contract.ts';
import type { Task } from './graphs.ts';
import { SHARED_BY } from './plan.ts';
import { folderKind } from './settings.ts';

// What trainers and their calls may be given.

/** A trainer whose head was built. */
interface Connected {
  readonly connection: { readonly task: Task };
}

export const trainerOptions = {
  /** where tasks alternate: steps per step of the reference task; default 1 */
  mixRatio: is.optional(is.notNegative),
  /** factor of this task's loss; default 1 */
  weight: is.optional(is.notNegative),
  /** where tasks alternate: factor of the learning rate at steps of this task; default 1 */
  rate: is.optional(is.positive),
  /** examples of a batch of this task; default: what `fitReader` says */
  batchSize: is.optional(is.count),
  /** most words of a batch of this task, padding included; default: what `fitReader` says */
  tokens: is.optional(is.count),
  /** passes over the examples of this task, where `shares` is `epochs`; default: what `fitReader` says */
  epochs: is.optional(is.count),
  /** the task whose head, with its parameters, this one uses too */
  reuseHeadWith: is.optional(
    is.having<Connected>("a trainer, such as palm.trainer('intent')", 'connection', 'setAux'),
  ),
  /**
   * its head takes a learnt mix of all layers of the encoder, not what the last one gives (Peters et al. 2018); of BERT's sentence
   * without the pooler. Default: false; with `reuseHeadWith` as that task
   */
  mixLayers: is.optional(is.flag),
  /** where it runs; default: the fastest device that works here */
  device: is.optional(deviceKind),
};
export interface TrainerOptions extends is.OptionsOf<typeof trainerOptions> {}

const temperatureKind = is.either(
  is.positive,
  is.kind<readonly [number, number]>(
    'a pair of such numbers',
    (value) => Array.isArray(value) && value.length === 2 && value.every(is.positive.holds),
    { type: 'array', items: is.positive.json, minItems: 2, maxItems: 2 },
  ),
);
export const fitOptions = {
  /** passes over the training part */
  epochs: is.count,
  /** examples of a batch; default 32, or as many as `tokens` allows */
  batchSize: is.optional(is.count),
  /** most words of a batch, padding included: short examples come in larger batches */
  tokens: is.optional(is.count),
  /** fixes first weights, shuffles, dropout and the order of tasks; default 1 */
  seed: is.optional(is.natural),
  /**
   * where tasks alternate: what the steps of a task are planned by. `mixRatio`, the default: epochs × its mixRatio × the batches of
   * the reference task. `epochs`: its epochs × its batches. `size`: its part of all batches, ∝ batches^(1/temperature).
   * `annealed`: the same, ∝ batches^α, α from 1 in the first epoch down to 0.2 in the last (Stickland and Murray 2019).
   * `equal`: as many for each task. `roundRobin`: the same, in turn
   */
  shares: is.optional(is.oneOf(...SHARED_BY)),
  /** the task whose epochs are counted, where `shares` is `mixRatio`; default: the first that is no auxiliary */
  reference: is.optional(is.text),
  /**
   * where `shares` is `size`: 1, the default, keeps the proportions of the data, more evens them out; a pair goes from the first to
   * the second from epoch to epoch
   */
  temperature: is.optional(temperatureKind),
};
export type FitOptions = is.OptionsOf<typeof fitOptions>;

/** Outputs are called TASK.RESULT: a point in a task's name would mix up two tasks. @throws FROND-T003 */
export function checkTaskName(name: unknown): void {
  if (typeof name === 'string' && /^[^.\s]+$/.test(name)) return;
  throw new FrondError('FROND-T003', `${show(name)} is no name for a task`, {
    hint: 'give the trainer a name without points and blanks, such as intent',
  });
}

/** `joint`: all tasks learn in every step. `alternate`: each step is of one task. */
export type Policy = 'joint' | 'alternate';

/** A task as its trainer knows it. */
export interface Member {
  readonly backbone: Backbone;
  readonly task: Task;
  readonly options: TrainerOptions;
  readonly auxiliary: boolean;
}

/** Members that learn in the same steps. */
export interface Lesson {
  readonly name: string;
  readonly members: readonly Member[];
}

/** Settings that would do nothing. @throws FROND-T002 naming the first */
export function checkEffects(policy: Policy, members: readonly Member[], options: Partial<FitOptions>): void {
  const { shares = 'mixRatio', reference, temperature } = options;
  const joint = policy === 'joint' ? 'the tasks learn jointly, the policy is not alternate' : undefined;
  const by = (wanted: string): string | undefined =>
    joint ?? (shares === wanted ? undefined : `shares is ${shares}, not ${wanted}`);
  const check = (what: string, given: unknown, why: string | undefined): void => {
    if (why === undefined || given === undefined || given === false) return;
    throw new FrondError('FROND-T002', `${what} has no effect: ${why}`, { hint: 'leave it out' });
  };
  check('shares', options.shares, joint);
  check('reference', reference, by('mixRatio'));
  check('temperature', temperature, by('size'));
  // alone, a task may keep what it has for another policy
  if (members.length === 1) return;
  for (const { task, options: own, auxiliary } of members) {
    check(`mixRatio of task ${task.name}`, own.mixRatio, by('mixRatio'));
    check(`epochs of task ${task.name}`, own.epochs, by('epochs'));
    for (const name of ['rate', 'batchSize', 'tokens'] as const)
      check(`${name} of task ${task.name}`, own[name], joint);
    check(`setAux of task ${task.name}`, auxiliary, joint);
  }
}

export const saverOptions = {
  /** folder of the run; checkpoints go to `checkpoints` in it */
  folder: folderKind,
  /** a checkpoint every so many steps, besides those at the end of each epoch; default: none */
  everySteps: is.optional(is.count),
  /** whole checkpoints to keep; default 2 */
  keep: is.optional(is.count),
};
export type SaverOptions = is.OptionsOf<typeof saverOptions>;
