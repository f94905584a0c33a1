import { journalLayout } from '../../kernels/gradientNorm.ts';
import { defined, FrondError } from '../base/errors.ts';
import { own } from '../base/own.ts';
import { RANDOM_KEY } from '../dsl/index.ts';
import { type Graph, nodeWith, withChanged } from '../ir/graph.ts';
import { compile } from '../runtime/compile.ts';
import { type Device, isDeviceLost } from '../runtime/device.ts';
import { findNonFinite } from '../runtime/diagnose.ts';
import type { Executable } from '../runtime/executable.ts';
import { type Feeds, feedsFor } from '../runtime/feeds.ts';
import { layoutParameters, type ParameterLayout, parametersOf } from '../runtime/parameters.ts';
import { ModelState } from '../runtime/state.ts';
import { balanceFeeds, type LossRecord } from './balance.ts';
import { packBatch, rowsPerExample, slices } from './batches.ts';
import type { Batch, Metrics, Part } from './contract.ts';
import { divergence, resumeUpdates } from './divergence.ts';
import { evaluateAll, type Predictions, type PredictOptions, predictAll, predictPacked } from './evaluate.ts';
import type { SharedGradients, StepResult } from './events.ts';
import { GradientWatch } from './gradients.ts';
import { type Task, weightName } from './graphs.ts';
import { groupsFeed } from './groups.ts';
import { type Mistakes, mistakesIn } from './mistakes.ts';
import { ahead, drawOf, readRows } from './parts.ts';
import { rateAt } from './schedule.ts';
import { type Inference, type Setup, type Source, trainingPart } from './setup.ts';
import { registryWith, sharesFeed } from './step.ts';
import { beginAverage, type Point } from './weights.ts';

/**
 * The part that each batch of a step has in the mean loss of each task, Σ w · loss / Σ w over the step: its own w among all of them.
 */
function sharesOf(
  tasks: readonly Task[],
  packed: readonly { readonly batch: Batch; readonly count: number }[],
): readonly (readonly number[])[] {
  return tasks.map(({ head }) => {
    if (packed.length === 1) return [1];
    const weights = packed.map(({ batch, count }) => {
      if (head.weigh !== undefined) return head.weigh(batch);
      const given = own(head.needs.labels, 'weights') && own(batch, 'weights');
      return given === undefined ? count : Array.from(given.data).reduce((sum, weight) => sum + weight, 0);
    });
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    return weights.map((weight) => (total === 0 ? 0 : weight / total));
  });
}

/** The first weights of the seed. */
export const firstPoint = ({ seed, programs }: Setup): Point => ({
  step: 0,
  async restore(state) {
    await state.initialize(seed);
    if (programs.average !== undefined) await beginAverage(state);
  },
});

/** A graph that reads the moving average of the weights instead of them. */
function onAverage(graph: Graph, { entries }: ParameterLayout): Graph {
  const trained = parametersOf(graph).filter(({ name }) => entries.get(name)?.trained === true);
  const moved = trained.map(({ node }) => {
    return [node.id, nodeWith(node, { attributes: { ...node.attributes, arena: 'average' } })] as const;
  });
  return withChanged(graph, new Map(moved));
}

function* stepsFrom(from: number, to: number): Generator<number> {
  for (let step = from; step < to; step++) yield step;
}

/** A model on a device while it learns: weights, optimizer state, and how far it is. Everything else is a function of the setup. */
export class Learner {
  /** its plan may change; its sources and inferences do not */
  setup: Setup;
  readonly state: ModelState;
  /**
   * What a batch runs, as it is compiled, by source: the gradient program, with the update behind it in the same submission where a
   * batch is all of its step
   */
  readonly steppers: ReadonlyMap<Source, Executable>;
  /** where a step has several batches */
  readonly #update: Executable | undefined;
  readonly #predictors: ReadonlyMap<Inference, Executable>;
  readonly #sources: ReadonlyMap<string, Source>;
  /** what is known of the epochs before the step at hand */
  history: () => readonly LossRecord[] = () => [];
  /** steps known to have gone well */
  step = 0;
  /** steps beyond `step` that the device was given */
  #open = 0;
  #watch: GradientWatch | undefined;
  /** batches of the steps from `next` on, read ahead of the device */
  #reading:
    | { readonly setup: Setup; next: number; readonly feeds: AsyncGenerator<readonly Feeds[]> }
    | undefined;

  private constructor(
    setup: Setup,
    state: ModelState,
    steppers: Learner['steppers'],
    predictors: ReadonlyMap<Inference, Executable>,
    update: Executable | undefined,
  ) {
    this.#update = update;
    this.setup = setup;
    this.state = state;
    this.steppers = steppers;
    this.#predictors = predictors;
    this.#sources = new Map(setup.sources.map((source) => [source.name, source]));
  }

  /** Compiles all graphs; the state is that of a point. */
  static async create(
    setup: Setup,
    device: Device,
    from = firstPoint(setup),
    history: Learner['history'] = () => [],
  ): Promise<Learner> {
    const { sources, inferences, programs } = setup;
    const isWhole = programs.accumulate === 1;
    const graphs = [...sources.map(({ step }) => step), ...inferences.map(({ prediction }) => prediction)];
    const state = new ModelState(device, layoutParameters(graphs));
    await from.restore(state);
    const registry = registryWith(programs.optimizer);
    const steppers = new Map<Source, Executable>();
    for (const [i, source] of sources.entries()) {
      const graph = isWhole ? source.step : defined(programs.gradients[i], `gradients of ${source.name}`);
      steppers.set(source, (await compile(graph, { state, registry })).executable);
    }
    const update = isWhole ? undefined : (await compile(programs.update, { state, registry })).executable;
    const predictors = new Map<Inference, Executable>();
    for (const inference of inferences) {
      const { prediction } = inference;
      const graph = programs.average === undefined ? prediction : onAverage(prediction, state.layout);
      predictors.set(inference, (await compile(graph, { state })).executable);
    }
    const learner = new Learner(setup, state, steppers, predictors, update);
    learner.step = from.step;
    learner.history = history;
    return learner;
  }

  get done(): boolean {
    return this.step >= this.setup.plan.steps;
  }

  /** What step `step` learns from. */
  sourceAt(step: number): Source {
    const { task } = this.setup.plan.turn(step);
    return defined(this.#sources.get(task), `source ${task}`);
  }

  /** The rate of step `step`. */
  #rateAt(step: number): number {
    const { programs, plan } = this.setup;
    return rateAt(programs.optimizer.rate, step, plan.steps) * this.sourceAt(step).rate;
  }

  /** The batches of a step: what the gradient program is fed of each. A pure function of the setup, so that a resumed run sees the same. */
  async feeds(step: number): Promise<readonly Feeds[]> {
    const { seed, plan, programs } = this.setup;
    const source = this.sourceAt(step);
    const { reader } = source;
    const { epoch, batch: planned } = plan.at(step);
    const { rows, time } = planned;
    const examples = await readRows(reader.name, trainingPart(source), rows);
    const size = Math.ceil(planned.size / programs.accumulate);
    const packed = slices([...examples.keys()], size).map((some) => {
      const [given, at] = [some.map((i) => examples[i]), some.map((i) => rows[i] ?? 0)];
      const batch = packBatch(reader, given, { size, time }, drawOf({ seed, name: reader.name, epoch }, at));
      return { batch, count: some.length * rowsPerExample(reader) };
    });
    const shares = sharesOf(source.tasks, packed);
    const random = Object.hasOwn(source.step.nodes, RANDOM_KEY);
    return packed.map(({ batch }, i) => {
      const share = (task: number): number => shares[task]?.[i] ?? 0;
      const weights = source.tasks.map(({ name, weight }, task) => {
        return [weightName(name), { dtype: 'f32', shape: [], data: [weight * share(task)] }] as const;
      });
      const key = Uint32Array.of(seed, step * programs.accumulate + i);
      return {
        ...feedsFor(source.step, batch),
        ...Object.fromEntries(weights),
        ...sharesFeed(i === 0, [...source.tasks.keys()].map(share)),
        ...(random ? { [RANDOM_KEY]: { dtype: 'u32', shape: [2], data: key } } : {}),
      };
    });
  }

  /** The same, read and packed while the device was busy with the step before. */
  async #feedsAhead(step: number): Promise<readonly Feeds[]> {
    const { setup } = this;
    if (this.#reading?.setup !== setup || this.#reading.next !== step) {
      await this.rest();
      const feeds = ahead(stepsFrom(step, setup.plan.steps), (one) => this.feeds(one));
      this.#reading = { setup, next: step, feeds };
    }
    this.#reading.next++;
    return (await this.#reading.feeds.next()).value;
  }

  /** Drops what was read ahead, once it has been read. */
  async rest(): Promise<void> {
    const { feeds } = this.#reading ?? {};
    this.#reading = undefined;
    await feeds?.return(undefined);
  }

  /** What the update program is fed at a step. */
  updateFeeds(step: number): Feeds {
    const { sources, plan, programs } = this.setup;
    const counts = (of: ReadonlyMap<string, number>) => sources.map(({ name }) => of.get(name) ?? 0);
    const source = this.sourceAt(step);
    return groupsFeed(programs, {
      source: sources.indexOf(source),
      done: counts(plan.after(step)),
      totals: counts(plan.planned),
      rate: source.rate,
    });
  }

  /** What a step is fed for its balance. It depends on the epochs before, so that it is not read ahead. */
  #balanceFeeds(step: number): Feeds {
    const { tasks, step: graph } = this.sourceAt(step);
    const { seed, plan } = this.setup;
    const epoch = plan.epochsAfter(step) + 1;
    const names = tasks.map(({ name }) => name);
    return feedsFor(graph, balanceFeeds(names, { seed, step, epoch, history: this.history() }));
  }

  /**
   * The gradients of all tasks on what they share, at the weights of now, over the first batch of the step at hand; where tasks
   * alternate, over that of the next step of each task, or else the one before.
   * @throws FROND-T002 where they share nothing
   */
  async sharedGradients(): Promise<SharedGradients> {
    this.#watch ??= await GradientWatch.create(this.setup, this.state);
    const { plan } = this.setup;
    return this.#watch.look(async ({ name }) => {
      const isOf = (step: number): boolean => plan.turn(step).task === name;
      let step = Math.min(this.step, plan.steps - 1);
      while (step < plan.steps - 1 && !isOf(step)) step++;
      while (step > 0 && !isOf(step)) step--;
      return defined((await this.feeds(step))[0], 'batch');
    });
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
    const stepper = defined(this.steppers.get(this.sourceAt(this.submitted)), 'training step');
    const update = this.updateFeeds(this.submitted);
    const balance = this.#balanceFeeds(this.submitted);
    for (const feeds of await this.#feedsAhead(this.submitted))
      await stepper.run({ ...feeds, ...balance, ...(this.#update ? {} : update) }, { read: [] });
    await this.#update?.run(update, { read: [] });
    this.#open++;
  }

  /**
   * Waits for the steps that were submitted, and counts those that went well.
   * @returns the figures of those, in order, and FROND-T010 where one did not go well: the steps behind it have changed nothing
   * @throws FROND-R012 where an id that the graph computes is out of range
   */
  async collect(): Promise<{ readonly results: readonly StepResult[]; readonly failure?: FrondError }> {
    const checks = [...this.steppers.values()].map((stepper) => stepper.checkIndices());
    const [noted] = await Promise.all([this.#noted(), ...checks]);
    const broken = noted.findIndex((step) => step.broken);
    const results = (broken < 0 ? noted : noted.slice(0, broken)).map(({ result }) => result);
    const failed = noted[broken]?.result;
    const at = this.step + results.length;
    const failure = failed && (await this.#diverged(at, failed));
    if (failed !== undefined) {
      await resumeUpdates(this.state);
    }
    this.step = at;
    this.#open = 0;
    return failure === undefined ? { results } : { results, failure };
  }

  /** What the device noted of the open steps, the oldest first; `broken` by its own test. Waits for the device. */
  async #noted(): Promise<readonly { readonly result: StepResult; readonly broken: boolean }[]> {
    const { columns, next, first, rows, loss, norm, broken, tasks: taskAt } = journalLayout;
    const count = this.#open;
    const journal = await this.state.device.read(await this.state.arena('journal'));
    return Array.from({ length: count }, (_, i) => {
      const row = ((journal[next] ?? 0) - count + i + rows) % rows;
      const { tasks } = this.sourceAt(this.step + i);
      const at = (first + row) * columns;
      const number = (column: number): number => journal[at + column] ?? Number.NaN;
      const result = {
        loss: number(loss),
        losses: Object.fromEntries(tasks.map(({ name }, task) => [name, number(taskAt + task)])),
        rate: this.#rateAt(this.step + i),
        gradientNorm: number(norm),
      };
      return { result, broken: number(broken) !== 0 };
    });
  }

  async #diverged(step: number, { loss, gradientNorm }: StepResult): Promise<FrondError> {
    // the search needs far more memory than the step: where it fails, the error is still this one
    const search = async () => {
      for (const feeds of await this.feeds(step)) {
        const fed = { ...feeds, ...this.#balanceFeeds(step) };
        const found = await findNonFinite(this.sourceAt(step).step, fed, this.state);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    const culprit = await search().catch((cause) => {
      if (isDeviceLost(cause)) throw cause;
      return undefined;
    });
    const { clipNorm } = this.setup.programs;
    return divergence({ step, loss, gradientNorm }, culprit, clipNorm);
  }

  /** Predictions of all tasks of a reader. */
  predict(inference: Inference, part: Part, options?: PredictOptions): Promise<Predictions> {
    return predictAll(this.#predictorOf(inference), inference, part, options);
  }

  /** Predictions of a task for a packed batch, one for each of its rows. @throws as `predictPacked` */
  predictBatch(task: string, batch: Batch): Promise<readonly unknown[]> {
    const inference = this.setup.inferences.find(({ tasks }) => tasks.some(({ name }) => name === task));
    const known = defined(inference, `task ${task}`);
    return predictPacked(this.#predictorOf(known), known, task, batch);
  }

  #predictorOf(inference: Inference): Executable {
    return defined(this.#predictors.get(inference), 'prediction graph');
  }

  /** Metrics of all tasks whose reader has such a part. @throws FROND-D015 where none has */
  async evaluate(part: string, signal?: AbortSignal): Promise<Metrics> {
    const measured: Metrics[] = [];
    for (const { inference, found } of this.#having(part)) {
      const predictor = this.#predictorOf(inference);
      measured.push(await evaluateAll(predictor, inference, found, this.setup.jointMetrics, { signal }));
    }
    return Object.assign({}, ...measured);
  }

  /** Predictions of all tasks whose reader has such a part. @throws FROND-D015 where none has */
  async predictPart(part: string, options?: PredictOptions): Promise<Predictions> {
    const predicted: Predictions[] = [];
    for (const { inference, found } of this.#having(part))
      predicted.push(await this.predict(inference, found, options));
    return Object.assign({}, ...predicted);
  }

  /** What all tasks whose reader has such a part get wrong in it. @throws FROND-D015 where none has the part that is asked for */
  async mistakes(
    part: string | undefined,
    most: number,
    signal?: AbortSignal,
  ): Promise<Readonly<Record<string, Mistakes>>> {
    const wrong: Readonly<Record<string, Mistakes>>[] = [];
    const having = part === undefined ? this.#partsCalled('test') : this.#having(part);
    for (const { inference, found } of having)
      wrong.push(await mistakesIn(this.#predictorOf(inference), inference, found, most, { signal }));
    return Object.assign({}, ...wrong);
  }

  #partsCalled(part: string) {
    return this.setup.inferences.flatMap((inference) => {
      const found = own(inference.reader.parts, part);
      return found === undefined ? [] : [{ inference, found }];
    });
  }

  #having(part: string) {
    const having = this.#partsCalled(part);
    if (having.length > 0) return having;
    const readers = this.setup.inferences.map(({ reader }) => reader);
    const parts = new Set(readers.flatMap((reader) => Object.keys(reader.parts)));
    const who = readers.map(({ name }) => name).join(', ');
    const what = readers.length === 1 ? `the reader ${who} has` : `the readers ${who} have`;
    throw new FrondError('FROND-D015', `${what} no part ${part}`, {
      hint: `${readers.length === 1 ? 'it has' : 'they have'}: ${[...parts].join(', ')}`,
    });
  }

  free(): void {
    this.rest();
    for (const executable of [...this.steppers.values(), ...this.#predictors.values()]) executable.free();
    this.#update?.free();
    this.#watch?.free();
    this.state.free();
  }
}
