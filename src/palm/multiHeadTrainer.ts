import { checkArguments } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import type { Graph } from '../ir/graph.ts';
import { type Device, deviceKind } from '../runtime/device.ts';
import { type Balance, balanceKind } from './balance.ts';
import type { Accumulator, Metrics, Reader } from './contract.ts';
import type { JointMetrics } from './evaluate.ts';
import type { Listener } from './events.ts';
import { checkSettings, readerKind } from './settings.ts';
import type { TrainingSummary } from './train.ts';
import { Trainer } from './trainer.ts';
import type { FitOptions, Member, Policy, TrainerOptions } from './trainerOptions.ts';

export { Trainer } from './trainer.ts';
export type { FitOptions, Policy, SaverOptions, TrainerOptions } from './trainerOptions.ts';

const multiHeadOptions = {
  /**
   * `joint`, the default: every batch carries the labels of every task; one encoder pass, the weighted sum of the losses. `alternate`:
   * every step is of one task, with a reader of its own, in an order that is planned
   */
  policy: is.optional(is.oneOf<Policy>('joint', 'alternate')),
  /** makes what scores the predictions of all tasks together, such as exact match, where they share a reader */
  metrics: is.optional(is.typed<JointMetrics>(is.callable)),
  /** what each task counts for in a step, beside its `weight`; default: as much as the others */
  balance: is.optional(balanceKind),
  device: is.optional(deviceKind),
};
export interface MultiHeadOptions<E = never> extends is.OptionsOf<typeof multiHeadOptions> {
  readonly metrics?: () => Accumulator<Readonly<Record<string, unknown>>, E>;
}

/** Several tasks on one backbone. */
export class MultiHeadTrainer<E = never> extends Trainer {
  readonly #trainers: readonly Trainer[];
  readonly #options: MultiHeadOptions<E>;

  /** @throws FROND-T003 for no tasks, or two of one name; FROND-T002 for an option that it does not have */
  constructor(trainers: readonly Trainer[], options: MultiHeadOptions<E> = {}) {
    const tasks = is.listOf(is.instanceOf('a trainer', Trainer), "trainers, such as palm.trainer('intent')");
    checkArguments('multiHeadTrainer', { trainers: tasks }, [trainers], 'FROND-T003');
    checkSettings('multiHeadTrainer', options, multiHeadOptions);
    const names = trainers.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (trainers.length === 0 || twice !== undefined) {
      const what = twice === undefined ? 'no tasks were given' : `two tasks are called ${twice}`;
      throw new FrondError('FROND-T003', what, {
        hint: 'give the trainers of at least one task, each with a name of its own',
      });
    }
    super(names.join('-'), options.device === undefined ? {} : { device: options.device });
    const { policy, balance } = options;
    if (policy === 'alternate' && balance !== undefined && balance.separate !== true) {
      throw new FrondError(
        'FROND-T002',
        `balance ${balance.name} compares tasks at each step, but the policy is alternate`,
        {
          hint: 'let the tasks learn jointly, or take palm.balance.uncertainty()',
        },
      );
    }
    this.#trainers = trainers;
    this.#options = options;
  }

  protected override get policy(): Policy {
    return this.#options.policy ?? 'joint';
  }

  protected override get jointMetrics(): JointMetrics | undefined {
    return this.#options.metrics;
  }

  protected override get balance(): Balance | undefined {
    return this.#options.balance;
  }

  protected override get members(): readonly Member[] {
    const members = this.#trainers.map((trainer) => trainer.connection);
    const [first] = members;
    const other = members.find(({ backbone }) => backbone !== first?.backbone);
    if (other === undefined) return members;
    const what = `task ${other.task.name} stands on another backbone than ${first?.task.name}`;
    throw new FrondError('FROND-T003', what, {
      hint: 'pass the same backbone object to buildForward of every trainer',
    });
  }

  /**
   * Builds what its trainers have connected.
   * @returns the training graph of all tasks: one encoder, outputs `loss` and `TASK.loss`; where they alternate, that of the first
   */
  override buildForward(): Graph {
    return this.forward();
  }

  /**
   * Says what each task learns from. Under the policy `joint` that is one reader whose batches carry the labels of all tasks.
   * @throws FROND-T003 for a task without a reader, a reader without a task, or two readers of tasks that learn jointly;
   *   otherwise as `fitReader`
   */
  fitReaders(readers: Readonly<Record<string, Reader>>, options: FitOptions): void {
    checkArguments('fitReaders', { readers: is.objectOf(readerKind, 'a reader for each task') }, [readers]);
    const names = this.members.map(({ task }) => task.name);
    const fault = (what: string, hint: string): FrondError => new FrondError('FROND-T003', what, { hint });
    const unknown = Object.keys(readers).find((name) => !names.includes(name));
    if (unknown !== undefined)
      throw fault(`there is no task ${unknown}`, `give readers of ${names.join(', ')}`);
    const given = names.map((name) => ({ name, reader: own(readers, name) }));
    const [first] = given;
    const odd = given.find(
      ({ reader }) => reader === undefined || (this.policy === 'joint' && reader !== first?.reader),
    );
    if (odd !== undefined) {
      const what = odd.reader === undefined ? 'has no reader' : `has another reader than ${first?.name}`;
      throw fault(
        `task ${odd.name} ${what}`,
        this.policy === 'joint'
          ? 'tasks that learn jointly share one reader: its batches carry the labels of all of them; with the policy alternate each has its own'
          : 'give a reader for each task',
      );
    }
    const readerOf = (name: string): Reader => defined(own(readers, name) ?? first?.reader, 'reader');
    this.fit(readerOf, 'fitReaders', options);
  }
}

export const trainer = (name: string, options?: TrainerOptions): Trainer => new Trainer(name, options);
export const multiHeadTrainer = <E = never>(
  trainers: readonly Trainer[],
  options?: MultiHeadOptions<E>,
): MultiHeadTrainer<E> => new MultiHeadTrainer(trainers, options);

/** What `frond train FILE` hands to the function `train` that the file exports. */
export interface RecipeContext {
  /** folder with the data, as given on the command line */
  readonly data: string | undefined;
  /** folder of the run, for checkpoints and reports */
  readonly output: string;
  readonly epochs: number | undefined;
  readonly batchSize: number | undefined;
  readonly seed: number;
  /** go on where the run in `output` stopped */
  readonly resume: boolean;
  readonly device: Device;
  readonly signal: AbortSignal;
  readonly on: Listener;
}

/** What a recipe gives back for the report. */
export interface RecipeResult {
  readonly trainer: Trainer | MultiHeadTrainer<never>;
  readonly summary: TrainingSummary;
  /** metrics of the held-out part; absent when the run was interrupted */
  readonly test?: Metrics;
  /** sentences whose labels are shown at the end */
  readonly examples?: readonly string[];
}

export type Recipe = (context: RecipeContext) => Promise<RecipeResult>;
