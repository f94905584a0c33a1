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
import { lengthsOf, packBatch } from './batches.ts';
import type { Metrics } from './contract.ts';
import {
  type Answering,
  evaluateAll,
  type JointMetrics,
  type Predictions,
  type PredictOptions,
  predictAll,
} from './evaluate.ts';
import type { StepResult } from './events.ts';
import type { Task } from './graphs.ts';
import type { Optimizer } from './optimizer.ts';
import type { PlannedTask, TrainingPlan } from './plan.ts';
import { rateAt } from './schedule.ts';
import { HYPER, hyperOf, registryWith } from './step.ts';
import type { Point } from './weights.ts';

export const fitOptions = {
  /** passes over the training part */
  epochs: is.count,
  /** default 32 */
  batchSize: is.optional(is.count),
  /** fixes first weights, shuffles and dropout; default 1 */
  seed: is.optional(is.natural),
};
export type FitOptions = is.OptionsOf<typeof fitOptions>;

/** What a step learns from: a reader, with the tasks that learn from its batches together. */
export interface Source extends Answering {
  /** of its task, or of all of them */
  readonly name: string;
  /** training losses */
  readonly forward: Graph;
  /** forward, backward and update */
  readonly step: Graph;
  readonly prediction: Graph;
}

/** Everything that a run is made of, fixed before its first step. */
export interface Setup {
  readonly name: string;
  /** one for all tasks, or one for each of them */
  readonly sources: readonly Source[];
  /** which source is learnt from at each step, by its name */
  readonly plan: TrainingPlan;
  readonly optimizer: Optimizer;
  readonly clipNorm: number;
  readonly seed: number;
  readonly jointMetrics: JointMetrics | undefined;
  /** what else the run depends on, by the names that its author knows: a resumed run is compared with it */
  readonly settings: Readonly<Record<string, Attribute>>;
}

export const tasksOf = ({ sources }: Setup): readonly Task[] => sources.flatMap(({ tasks }) => tasks);

export const trainingPart = ({ reader }: Source): readonly unknown[] => reader.parts.train ?? [];

/** What the plan of a run knows of a source. */
export const plannedSource = (
  source: Omit<Source, 'forward' | 'step' | 'prediction'>,
  sizes: Pick<PlannedTask, 'batchSize'>,
): PlannedTask => ({
  ...sizes,
  name: source.name,
  examples: (source.reader.parts.train ?? []).length,
  lengths: () => lengthsOf(source.reader, source.reader.parts.train ?? [], source.maximumLength),
  stream: `${source.reader.name}/train`,
  maximum: source.maximumLength,
});

/** A source on a device. */
interface Compiled {
  readonly source: Source;
  readonly stepper: Executable;
  readonly predictor: Executable;
}

/** A model on a device while it learns: weights, optimizer state, and how far it is. Everything else is a function of the setup. */
export class Learner {
  readonly setup: Setup;
  readonly state: ModelState;
  /** steps known to have gone well */
  step = 0;
  /** steps beyond `step` that the device was given */
  #open = 0;
  readonly #compiled: ReadonlyMap<string, Compiled>;

  private constructor(setup: Setup, state: ModelState, compiled: readonly Compiled[]) {
    this.setup = setup;
    this.state = state;
    this.#compiled = new Map(compiled.map((one) => [one.source.name, one]));
  }

  /** Compiles all graphs; the state is that of a point, or the first weights of the seed. */
  static async create(setup: Setup, device: Device, from?: Point): Promise<Learner> {
    const graphs = setup.sources.flatMap(({ step, prediction }) => [step, prediction]);
    const state = new ModelState(device, layoutParameters(graphs));
    await (from === undefined ? state.initialize(setup.seed) : from.restore(state));
    const registry = registryWith(setup.optimizer);
    const compiled: Compiled[] = [];
    for (const source of setup.sources) {
      const { executable: stepper } = await compile(source.step, { state, registry });
      const { executable: predictor } = await compile(source.prediction, { state });
      compiled.push({ source, stepper, predictor });
    }
    const learner = new Learner(setup, state, compiled);
    learner.step = from?.step ?? 0;
    return learner;
  }

  /** training steps as they are compiled, one for each source */
  get steppers(): readonly Executable[] {
    return [...this.#compiled.values()].map(({ stepper }) => stepper);
  }

  get done(): boolean {
    return this.step >= this.setup.plan.steps;
  }

  #sourceAt(step: number): Compiled {
    return this.#of(this.setup.plan.turn(step).task);
  }

  #of(source: string): Compiled {
    return defined(this.#compiled.get(source), `source ${source}`);
  }

  /** What step `step` is fed: a pure function of the setup, so that a resumed run sees the same. */
  feeds(step: number): Feeds {
    const { optimizer, clipNorm, seed, plan } = this.setup;
    const { source } = this.#sourceAt(step);
    const { rows, size, time } = plan.at(step).batch;
    const examples = trainingPart(source);
    const packed = rows.map((row) => examples[row]);
    const batch = packBatch(source.reader, packed, { batch: size, time });
    const hyper = hyperOf(optimizer, rateAt(optimizer.rate, step, plan.steps), step, clipNorm);
    const random = Object.hasOwn(source.step.nodes, RANDOM_KEY);
    return {
      ...feedsFor(source.step, batch),
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
    const { stepper } = this.#sourceAt(this.submitted);
    await stepper.run(this.feeds(this.submitted), { read: [] });
    this.#open++;
  }

  /**
   * Waits for the steps that were submitted, and counts those that went well.
   * @returns the figures of those, in order, and FROND-T010 where one did not go well: the steps behind it have changed nothing
   * @throws FROND-R012 where an id that the graph computes is out of range
   */
  async collect(): Promise<{ readonly results: readonly StepResult[]; readonly failure?: FrondError }> {
    const checks = this.steppers.map((stepper) => stepper.checkIndices());
    const [noted] = await Promise.all([this.#noted(), ...checks]);
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
    const { optimizer, plan } = this.setup;
    const count = this.#open;
    const journal = await this.state.device.read(await this.state.arena('journal'));
    return Array.from({ length: count }, (_, i) => {
      const row = ((journal[next] ?? 0) - count + i + rows) % rows;
      const { tasks } = this.#sourceAt(this.step + i).source;
      const at = first + row * journalColumns(tasks.length);
      const number = (column: number): number => journal[at + column] ?? Number.NaN;
      const result = {
        loss: number(loss),
        losses: Object.fromEntries(tasks.map(({ name }, task) => [name, number(taskAt + task)])),
        rate: rateAt(optimizer.rate, this.step + i, plan.steps),
        gradientNorm: number(norm),
      };
      return { result, broken: number(broken) !== 0 };
    });
  }

  async #diverged(step: number, { loss, gradientNorm }: StepResult): Promise<FrondError> {
    // the search needs far more memory than the step: where it fails, the error is still this one
    const search = findNonFinite(this.#sourceAt(step).source.step, this.feeds(step), this.state);
    const culprit = await search.catch((cause) => {
      if (isDeviceLost(cause)) throw cause;
      return undefined;
    });
    const what = `step ${step + 1}: the loss is ${loss}, the gradient norm ${gradientNorm}`;
    const where =
      culprit === undefined
        ? 'no tensor of the step is at fault by itself'
        : `the first value that is not finite is element ${culprit.element} (${culprit.value}) of ${culprit.op}, in the ${culprit.phase} part`;
    const { clipNorm } = this.setup;
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

  /** Predictions of the tasks of a source. */
  predict(source: Source, examples: readonly unknown[], options?: PredictOptions): Promise<Predictions> {
    return predictAll(this.#of(source.name).predictor, source, examples, options);
  }

  /** Metrics of all tasks that have such a part. @throws FROND-D015 where none has */
  async evaluate(part: string, signal?: AbortSignal): Promise<Metrics> {
    const { sources, jointMetrics } = this.setup;
    const measured: Metrics[] = [];
    for (const source of sources) {
      const examples = own(source.reader.parts, part);
      if (examples === undefined) continue;
      const { predictor } = this.#of(source.name);
      measured.push(await evaluateAll(predictor, source, examples, jointMetrics, { signal }));
    }
    if (measured.length > 0) return Object.assign({}, ...measured);
    const names = new Set(sources.map(({ reader }) => reader.name));
    const parts = new Set(sources.flatMap(({ reader }) => Object.keys(reader.parts)));
    const readers = names.size === 1 ? `the reader ${[...names].join()} has` : 'the readers have';
    throw new FrondError('FROND-D015', `${readers} no part ${part}`, {
      hint: `${names.size === 1 ? 'it has' : 'they have'}: ${[...parts].join(', ')}`,
    });
  }

  free(): void {
    for (const { stepper, predictor } of this.#compiled.values()) {
      stepper.free();
      predictor.free();
    }
    this.state.free();
  }
}
