import { platform } from '#platform';
import { norms } from '../../kernels/gradientNorm.ts';
import { checkArguments } from '../base/arguments.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { own } from '../base/own.ts';
import { type Declarations, type Outputs, RANDOM_KEY, type Tensor, type TypedGraph } from '../dsl/index.ts';
import { GraphBuilder } from '../ir/builder.ts';
import { type Graph, irKind } from '../ir/graph.ts';
import { ops } from '../ops/index.ts';
import { type CompileOptions, compile, type FeedsOf } from '../runtime/compile.ts';
import { findNonFinite, type NonFinite } from '../runtime/diagnose.ts';
import type { Executable } from '../runtime/executable.ts';
import type { Feeds, ReadTensor, TensorValue } from '../runtime/feeds.ts';
import { layoutParameters } from '../runtime/parameters.ts';
import { type ArenaName, ModelState } from '../runtime/state.ts';
import { storedFile } from '../store/file.ts';
import { openSafetensors, streamSafetensors } from '../store/safetensors.ts';
import { divergence, resumeUpdates } from './divergence.ts';
import { groupsFeed } from './groups.ts';
import { rateAt } from './schedule.ts';
import { checkSettings } from './settings.ts';
import { backwardOptions, buildPrograms, type Programs, registryWith, sharesFeed } from './step.ts';
import {
  beginAverage,
  type LoadOptions,
  type LoadReport,
  loadOptions,
  MOMENT_ARENAS,
  matchArena,
  type Tensors,
  tensorsOn,
  writeTensors,
} from './weights.ts';

const trainStepOptions = {
  ...backwardOptions,
  /** the output that is made smaller, a scalar; default `loss` */
  loss: is.optional(is.text),
  /** outputs that a step gives beside the loss */
  read: is.optional(is.names),
  /** updates of the whole run, which schedules go by; may be left out where the rate is one number */
  steps: is.optional(is.count),
};
type Settings = is.OptionsOf<typeof trainStepOptions>;
export interface TrainStepOptions<O extends string, R extends O> extends Omit<Settings, 'loss' | 'read'> {
  readonly loss?: O;
  readonly read?: readonly R[];
}

/** A training step that is not yet on a device: `compile(step, { device })` makes a run of it. */
export interface TrainStep<I extends Declarations, O extends Outputs, R extends keyof O> {
  /** forward, backward and update in one graph, to print, draw and analyse */
  readonly graph: Graph;
  compileWith(options: CompileOptions): Promise<TrainingRun<I, O, R>>;
}

/** A scalar is a number, anything else a tensor. */
type Read<T extends Tensor> = T['shape'] extends readonly [] ? number : ReadTensor<T['dtype']>;
type StepOf<O extends Outputs, R extends keyof O> = {
  readonly loss: number;
  /** the global norm of the gradient, before it was clipped */
  readonly gradientNorm: number;
  /** the learning rate of the step */
  readonly rate: number;
} & { readonly [N in R]: Read<O[N]> };

/**
 * A training step of any graph with a scalar loss: gradients, clipping, parameter groups, schedules, accumulation, freezing and moving
 * averages as the trainer has them, by the same code.
 *
 *     const step = trainStep(model, { optimizer: adamW({ rate: 3e-4 }), clipNorm: 1, read: ['accuracy'] });
 *     const run = await compile(step, { device });
 *     await run.initialize(1);
 *     for await (const batch of batches) console.log(await run.step(batch)); // { loss, gradientNorm, rate, accuracy }
 *     await run.save('model.safetensors');
 *
 * @throws FROND-T002 for settings out of range and for an output that the model does not have, FROND-P… where the loss has no
 *   gradient
 */
export function trainStep<I extends Declarations, O extends Outputs, R extends keyof O & string = never>(
  model: TypedGraph<I, O>,
  options: TrainStepOptions<keyof O & string, R>,
): TrainStep<I, O, R> {
  checkArguments('trainStep', { model: modelKind, options: is.object }, [model, options], 'FROND-T002');
  checkSettings('trainStep', options as Settings, trainStepOptions);
  const { loss = 'loss', read = [], steps, ...backward } = options as Settings;
  const { ir } = model;
  const scalar = outputOf(ir, loss);
  for (const name of read) outputOf(ir, name);
  const { rate } = backward.optimizer;
  if (steps === undefined && rate.name !== 'constant') {
    throw new FrondError(
      'FROND-T002',
      `trainStep: the rate follows the schedule ${rate.name}, but steps is missing`,
      {
        hint: 'say how many updates the run has: steps: 1000',
      },
    );
  }
  // the loss of each of several batches is its part of the mean
  const part = 1 / (backward.accumulate ?? 1);
  const builder = new GraphBuilder(ir.name, ops, ir);
  const minimised = part === 1 ? scalar : builder.mul(scalar, part);
  const graph = { ...builder.finish(), outputs: { ...ir.outputs, loss: minimised } };
  const programs = buildPrograms([{ graph, losses: [] }], backward);
  const setting = { programs, read, steps: steps ?? Number.POSITIVE_INFINITY };
  return {
    graph: defined(programs.steps[0], 'step'),
    compileWith: (given) => TrainingRun.open<I, O, R>(setting, given),
  };
}

const modelKind = { ...is.having('a typed graph', 'ir', 'inputs'), advise: advice };
function advice(value: unknown): string | undefined {
  return irKind.holds(value) ? 'give what graph() gave, not its field ir' : 'give what graph() gave';
}

function outputOf({ name, outputs }: Graph, output: string): string {
  const ref = own(outputs, output);
  if (ref !== undefined) return ref;
  throw new FrondError('FROND-T002', `trainStep: graph ${name} has no output ${output}`, {
    hint: `its outputs are: ${Object.keys(outputs).join(', ') || 'none'}`,
  });
}

interface Setting {
  readonly programs: Programs;
  readonly read: readonly string[];
  readonly steps: number;
}

/** Key of a file's metadata under which a run keeps where it is. */
const PLACE = 'frond.run';

/** A model on a device while it learns, batch by batch. Other graphs see its weights: `compile(model, { state: run.state })`. */
export class TrainingRun<I extends Declarations, O extends Outputs, R extends keyof O> {
  readonly state: ModelState;
  readonly #setting: Setting;
  readonly #gradients: Executable;
  /** where several batches make a step */
  readonly #update: Executable | undefined;
  #seed = 0;
  #steps = 0;

  private constructor(
    setting: Setting,
    state: ModelState,
    gradients: Executable,
    update: Executable | undefined,
  ) {
    this.#setting = setting;
    this.state = state;
    this.#gradients = gradients;
    this.#update = update;
  }

  /** Steps made so far. */
  get steps(): number {
    return this.#steps;
  }

  static async open<I extends Declarations, O extends Outputs, R extends keyof O>(
    setting: Setting,
    options: CompileOptions,
  ): Promise<TrainingRun<I, O, R>> {
    const { programs } = setting;
    const step = defined(programs.steps[0], 'step');
    const { device, state = device && new ModelState(device, layoutParameters([step])), ...given } = options;
    const registry = registryWith(programs.optimizer);
    const compiled = async (graph: Graph): Promise<Executable> =>
      (await compile(graph, { ...given, ...(state ? { state } : {}), registry })).executable;
    const isWhole = programs.accumulate === 1;
    const gradients = await compiled(isWhole ? step : defined(programs.gradients[0], 'gradients'));
    const update = isWhole ? undefined : await compiled(programs.update);
    return new TrainingRun(setting, gradients.state, gradients, update);
  }

  /** Draws first weights; dropout draws from the same seed. The same seed gives the same bytes. */
  async initialize(seed: number): Promise<void> {
    await this.state.initialize(seed);
    this.#seed = seed;
    this.#steps = 0;
    if (this.#setting.programs.average !== undefined) await beginAverage(this.state);
  }

  /**
   * Learns from a batch, or from as many as `accumulate` says, which then weigh the same; what is read is that of the last one.
   * @throws FROND-T010 where loss or gradient is not finite: the weights are those before, and the error names the node where that began
   * @throws FROND-T002 for another number of batches, FROND-R… as `Executable.run`
   */
  async step(...batches: readonly FeedsOf<I>[]): Promise<StepOf<O, R>> {
    const { programs, read, steps } = this.#setting;
    const { accumulate } = programs;
    if (batches.length !== accumulate) {
      throw new FrondError('FROND-T002', `step: ${batches.length} batches, but accumulate is ${accumulate}`, {
        hint: `give ${accumulate === 1 ? 'one batch' : `${accumulate} batches`} to a step`,
      });
    }
    const at = this.#steps;
    const counts = { source: 0, done: [at], totals: [steps] };
    const rows = groupsFeed(programs, counts);
    let loss = 0;
    let values: Record<string, TensorValue> = {};
    const given = batches.map((batch, i) => this.#feeds(batch, i));
    for (const feeds of given) {
      const fed = { ...feeds, ...(this.#update ? {} : rows) };
      const noted = this.#update ? [] : ['gradientNorm'];
      values = await this.#gradients.run(fed, { read: ['loss', ...noted, ...read] });
      loss += numberOf(values.loss);
    }
    const updated = this.#update ? await this.#update.run(rows, { read: ['gradientNorm'] }) : values;
    const gradientNorm = numberOf(updated.gradientNorm);
    if (!(gradientNorm < Math.fround(norms.stopped))) throw await this.#diverged(given, loss);
    this.#steps++;
    const asked = Object.fromEntries(read.map((name) => [name, readOf(values[name])]));
    const rate = rateAt(programs.optimizer.rate, at, steps);
    // for the compiler: what is read are the model's outputs
    return { ...asked, loss, gradientNorm, rate } as unknown as StepOf<O, R>;
  }

  /** What the gradient program is fed of a batch: it, its part in the step, and the key of random numbers where it draws some. */
  #feeds(batch: FeedsOf<I>, index: number): Feeds {
    const { accumulate } = this.#setting.programs;
    const { nodes } = this.#gradients.graph;
    const key = Uint32Array.of(this.#seed, this.#steps * accumulate + index);
    const random = { [RANDOM_KEY]: { dtype: 'u32', shape: [2], data: key } } as const;
    return {
      ...(Object.hasOwn(nodes, RANDOM_KEY) ? random : {}),
      ...(batch as Feeds),
      ...sharesFeed(index === 0, []),
    };
  }

  async #diverged(batches: readonly Feeds[], loss: number): Promise<FrondError> {
    const { programs } = this.#setting;
    const gradientNorm = await resumeUpdates(this.state);
    const graph = defined(programs.steps[0], 'step');
    let culprit: NonFinite | undefined;
    for (const feeds of batches) culprit ??= await findNonFinite(graph, feeds, this.state);
    return divergence({ step: this.#steps, loss, gradientNorm }, culprit, programs.clipNorm);
  }

  /**
   * Writes a safetensors file: the weights by their names, and behind the names of their arenas (`moment1/…`, `average/…`) what else the
   * run goes on from.
   */
  async save(path: string): Promise<void> {
    checkArguments('save', { path: is.name }, [path], 'FROND-T002');
    const tensors = this.#arenas().flatMap((arena) =>
      [...tensorsOn(this.state, arena)].map(
        ([name, tensor]) => [`${prefixOf(arena)}${name}`, tensor] as const,
      ),
    );
    const place = JSON.stringify({ seed: this.#seed, steps: this.#steps });
    const metadata = new Map([[PLACE, place]]);
    await platform.files.writeDurably(path, streamSafetensors({ tensors: new Map(tensors), metadata }));
  }

  /**
   * Reads what `save` wrote, so that the run goes on where that one was; of any other safetensors file the weights, and the run is at
   * its first step.
   * @throws FROND-W010 … W013 for a file that does not fit, unless `partial` allows it
   */
  async load(path: string, options: LoadOptions = {}): Promise<LoadReport> {
    checkArguments('load', { path: is.name, options: loadOptions }, [path, options], 'FROND-T002');
    const { tensors, metadata } = await openSafetensors(await storedFile(path, platform.files), path);
    const place = placeIn(metadata.get(PLACE));
    const [, ...others] = place === undefined ? ['parameter'] : this.#arenas();
    const match = (arena: ArenaName, found: Tensors) =>
      matchArena(this.state.layout, { file: path, tensors: found }, arena, options);
    const weights = [...tensors].filter(
      ([name]) => !others.some((arena) => name.startsWith(prefixOf(arena))),
    );
    const matched = [
      match('parameter', new Map(weights)),
      ...others.map((arena) => {
        const prefix = prefixOf(arena);
        const own = [...tensors].filter(([name]) => name.startsWith(prefix));
        return match(arena, new Map(own.map(([name, tensor]) => [name.slice(prefix.length), tensor])));
      }),
    ];
    for (const { arena, tensors: found } of matched) await writeTensors(this.state, found, arena);
    if (place === undefined && this.#setting.programs.average !== undefined) await beginAverage(this.state);
    this.#seed = place?.seed ?? 0;
    this.#steps = place?.steps ?? 0;
    return defined(matched[0], 'weights').report;
  }

  /** Gives all memory back; the weights are gone then. */
  async free(): Promise<void> {
    await this.#gradients.free();
    await this.#update?.free();
    this.state.free();
  }

  /** The weights, and what the run keeps beside them. */
  #arenas(): readonly ArenaName[] {
    const { optimizer, average } = this.#setting.programs;
    const moments = MOMENT_ARENAS.slice(0, optimizer.rule.moments);
    return ['parameter', ...moments, ...(average === undefined ? [] : ['average'])];
  }
}

const prefixOf = (arena: ArenaName): string => (arena === 'parameter' ? '' : `${arena}/`);
const numberOf = (value: TensorValue | undefined): number => value?.data[0] ?? Number.NaN;
const readOf = (value: TensorValue | undefined) => (value?.shape.length === 0 ? numberOf(value) : value);

/** Where the run was that wrote a file; undefined where others wrote it. */
function placeIn(text: string | undefined): { readonly seed: number; readonly steps: number } | undefined {
  try {
    const { seed, steps } = Object(JSON.parse(text ?? '{}'));
    return is.integer.holds(seed) && is.natural.holds(steps) ? { seed, steps } : undefined;
  } catch {
    return undefined;
  }
}
