import { journalColumns, journalLayout } from '../../kernels/gradientNorm.ts';
import { defined, FrondError, printPlace } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { RANDOM_KEY } from '../dsl/index.ts';
import type { Attribute, Graph } from '../ir/graph.ts';
import { compile } from '../runtime/compile.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';
import { findNonFinite } from '../runtime/diagnose.ts';
import type { Executable } from '../runtime/executable.ts';
import { type Feeds, feedsFor } from '../runtime/feeds.ts';
import { layoutParameters } from '../runtime/parameters.ts';
import { ModelState } from '../runtime/state.ts';
import { batchesPerEpoch, lengthsOf, type PlannedBatch, packBatch, planBatches } from './batches.ts';
import type { Metrics } from './contract.ts';
import {
  type Answering,
  type JointMetrics,
  measure,
  type Predictions,
  type PredictOptions,
  predictAll,
} from './evaluate.ts';
import type { StepResult } from './events.ts';
import type { Optimizer } from './optimizer.ts';
import { rateAt } from './schedule.ts';
import { HYPER, hyperOf, registryWith } from './step.ts';
import { type HostCopy, writeValues } from './weights.ts';

export const fitOptions = {
  /** passes over the training part */
  epochs: is.count,
  /** default 32 */
  batchSize: is.optional(is.count),
  /** fixes first weights, shuffles and dropout; default 1 */
  seed: is.optional(is.natural),
};
export type FitOptions = is.OptionsOf<typeof fitOptions>;

/** Everything that a run is made of, fixed before its first step. */
export interface LearnerPlan extends Required<FitOptions>, Answering {
  readonly name: string;
  /** training losses */
  readonly forward: Graph;
  /** forward, backward and update */
  readonly step: Graph;
  readonly prediction: Graph;
  readonly optimizer: Optimizer;
  readonly clipNorm: number;
  readonly jointMetrics: JointMetrics | undefined;
  /** what else went into the step graph, by the names that its author knows: a resumed run is compared with it */
  readonly settings?: Readonly<Record<string, Attribute>>;
}

/** A model on a device while it learns: weights, optimizer state, and how far it is. Everything else is a function of the plan. */
export class Learner {
  readonly plan: LearnerPlan;
  readonly state: ModelState;
  readonly perEpoch: number;
  readonly totalSteps: number;
  /** steps known to have gone well */
  step = 0;
  /** steps beyond `step` that the device was given */
  #open = 0;
  /** of the training step */
  readonly executable: Executable;
  readonly #predictor: Executable;
  #epochPlan: { readonly epoch: number; readonly batches: readonly PlannedBatch[] } | undefined;

  private constructor(plan: LearnerPlan, state: ModelState, stepper: Executable, predictor: Executable) {
    this.plan = plan;
    this.state = state;
    this.executable = stepper;
    this.#predictor = predictor;
    this.perEpoch = batchesPerEpoch((plan.reader.parts.train ?? []).length, plan.batchSize);
    this.totalSteps = this.perEpoch * plan.epochs;
  }

  /** Compiles both graphs, and takes the weights from `copy`, or draws the first ones from the seed. */
  static async create(plan: LearnerPlan, device: Device, copy?: HostCopy): Promise<Learner> {
    const state = new ModelState(device, layoutParameters([plan.step, plan.prediction]));
    if (copy === undefined) await state.initialize(plan.seed);
    for (const [arena, values] of copy?.arenas ?? []) await writeValues(state, values, arena);
    const stepper = await compile(plan.step, { state, registry: registryWith(plan.optimizer) });
    const predictor = await compile(plan.prediction, { state });
    const learner = new Learner(plan, state, stepper.executable, predictor.executable);
    learner.step = copy?.step ?? 0;
    return learner;
  }

  get epoch(): number {
    return Math.floor(this.step / this.perEpoch);
  }

  get done(): boolean {
    return this.step >= this.totalSteps;
  }

  #batch(step: number): PlannedBatch {
    const epoch = Math.floor(step / this.perEpoch);
    if (this.#epochPlan?.epoch !== epoch) {
      const { reader, batchSize, seed, maximumLength: maximum } = this.plan;
      const lengths = lengthsOf(reader, reader.parts.train ?? [], maximum);
      const shuffle = { seed, name: `${reader.name}/train`, epoch };
      this.#epochPlan = { epoch, batches: planBatches({ lengths, batchSize, shuffle, maximum }) };
    }
    return defined(this.#epochPlan.batches[step % this.perEpoch], `batch of step ${step}`);
  }

  /** What step `step` is fed: a pure function of the plan, so that a resumed run sees the same. */
  feeds(step: number): Feeds {
    const { reader, batchSize, seed, optimizer, clipNorm } = this.plan;
    const { rows, time } = this.#batch(step);
    const examples = reader.parts.train ?? [];
    const packed = rows.map((row) => examples[row]);
    const batch = packBatch(reader, packed, { batch: batchSize, time });
    const hyper = hyperOf(optimizer, rateAt(optimizer.rate, step, this.totalSteps), step, clipNorm);
    const random = Object.hasOwn(this.plan.step.nodes, RANDOM_KEY);
    return {
      ...feedsFor(this.plan.step, batch),
      [HYPER]: { dtype: 'f32', shape: [4], data: hyper },
      ...(random ? { [RANDOM_KEY]: { dtype: 'u32', shape: [2], data: Uint32Array.of(seed, step) } } : {}),
    };
  }

  /** Steps handed to the device, finished or not. */
  get submitted(): number {
    return this.step + this.#open;
  }

  /** Whether `collect` has to come before the next `submit`. */
  get full(): boolean {
    return this.#open >= journalLayout.rows;
  }

  /** Hands forward, backward and update for the next batch to the device, without waiting for their end. */
  async submit(): Promise<void> {
    await this.executable.run(this.feeds(this.submitted), { read: [] });
    this.#open++;
  }

  /**
   * Waits for the steps that were submitted, and counts those that went well.
   * @returns the figures of those, in order, and FROND-T010 where one did not go well: the steps behind it have changed nothing
   * @throws FROND-R012 where an id that the graph computes is out of range
   */
  async collect(): Promise<{ readonly results: readonly StepResult[]; readonly failure?: FrondError }> {
    const [noted] = await Promise.all([this.#noted(), this.executable.checkIndices()]);
    const broken = noted.findIndex((step) => step.broken);
    const results = (broken < 0 ? noted : noted.slice(0, broken)).map(({ result }) => result);
    const failed = noted[broken]?.result;
    const at = this.step + results.length;
    const failure = failed && (await this.#diverged(at, failed));
    if (failed !== undefined) {
      // a step that failed has stopped all updates behind it: let them act again
      const journal = await this.state.arena('journal');
      const stopped = { ...journal, offset: journal.offset + journalLayout.stopped, length: 1 };
      await this.state.device.write(stopped, [0]);
    }
    this.step = at;
    this.#open = 0;
    return failure === undefined ? { results } : { results, failure };
  }

  /** What the device noted of the open steps, the oldest first; `broken` by its own test. Waits for the device. */
  async #noted(): Promise<readonly { readonly result: StepResult; readonly broken: boolean }[]> {
    const { next, first, rows, loss, norm, broken, tasks: taskAt } = journalLayout;
    const { tasks, optimizer } = this.plan;
    const count = this.#open;
    const journal = await this.state.device.read(await this.state.arena('journal'));
    return Array.from({ length: count }, (_, i) => {
      const row = ((journal[next] ?? 0) - count + i + rows) % rows;
      const at = first + row * journalColumns(tasks.length);
      const number = (column: number): number => journal[at + column] ?? Number.NaN;
      const result = {
        loss: number(loss),
        losses: Object.fromEntries(tasks.map(({ name }, task) => [name, number(taskAt + task)])),
        rate: rateAt(optimizer.rate, this.step + i, this.totalSteps),
        gradientNorm: number(norm),
      };
      return { result, broken: number(broken) !== 0 };
    });
  }

  async #diverged(step: number, { loss, gradientNorm }: StepResult): Promise<FrondError> {
    // the search needs far more memory than the step: where it fails, the error is still this one
    const search = findNonFinite(this.plan.step, this.feeds(step), this.state);
    const culprit = await search.catch((cause) => {
      if (isDeviceLost(cause)) throw cause;
      return undefined;
    });
    const what = `step ${step + 1}: the loss is ${loss}, the gradient norm ${gradientNorm}`;
    const where =
      culprit === undefined
        ? 'no tensor of the step is at fault by itself'
        : `the first value that is not finite is element ${culprit.element} (${culprit.value}) of ${culprit.op}, in the ${culprit.phase} part`;
    const { clipNorm } = this.plan;
    const advice =
      clipNorm > 0
        ? `lower the learning rate or clipNorm, which is ${clipNorm}`
        : 'lower the learning rate or clip the gradient with clipNorm';
    return new FrondError('FROND-T010', `${what}; ${where}`, {
      node: culprit?.node,
      place: culprit?.place,
      hint: `the weights are those of step ${step}; ${advice}${culprit?.place ? `, look at ${printPlace(culprit.place)}` : ''}`,
    });
  }

  predict(examples: readonly unknown[], options?: PredictOptions): Promise<Predictions> {
    return predictAll(this.#predictor, this.plan, examples, options);
  }

  /** Metrics over a part of the reader's data. @throws FROND-D015 for a part that it does not have */
  async evaluate(part: string, signal?: AbortSignal): Promise<Metrics> {
    const examples = own(this.plan.reader.parts, part);
    if (examples === undefined) {
      throw new FrondError('FROND-D015', `the reader ${this.plan.reader.name} has no part ${part}`, {
        hint: `it has: ${Object.keys(this.plan.reader.parts).join(', ')}`,
      });
    }
    const predictions = await this.predict(examples, { signal });
    return measure(this.plan.tasks, predictions, examples, this.plan.jointMetrics);
  }

  free(): void {
    this.executable.free();
    this.#predictor.free();
    this.state.free();
  }
}
