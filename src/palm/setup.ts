import { defined } from '../base/errors.ts';
import { own } from '../base/own.ts';
import type { Attribute, Graph } from '../ir/graph.ts';
import type { Balance } from './balance.ts';
import { lengthsOf, rowsPerExample } from './batches.ts';
import type { Backbone, Part } from './contract.ts';
import { maximumOf } from './contractCheck.ts';
import type { Answering, JointMetrics } from './evaluate.ts';
import type { Task } from './graphs.ts';
import { partOf } from './parts.ts';
import { type PlannedTask, type TrainingPlan, trainingPlan } from './plan.ts';
import type { Programs } from './step.ts';
import type { FitOptions, Lesson, Member, Policy } from './trainerOptions.ts';

// What a run is made of. Tasks learn jointly from the batches of one reader, or each from its own in steps of its own.

/** What a step learns from: a reader, with the tasks that learn from its batches together. */
export interface Source extends Answering {
  /** of its task, or of all of them */
  readonly name: string;
  /** training losses */
  readonly forward: Graph;
  /** forward, backward and update: to look at, and what a checkpoint keeps */
  readonly step: Graph;
  /** factor of the learning rate at its steps */
  readonly rate: number;
}

/** How examples of a reader are predicted: all of its tasks from one encoder pass. */
export interface Inference extends Answering {
  readonly prediction: Graph;
}

/** Everything that a run is made of, fixed before its first step. */
export interface Setup {
  readonly name: string;
  /** one for all tasks, or one for each of them */
  readonly sources: readonly Source[];
  /** one for each reader */
  readonly inferences: readonly Inference[];
  /** which source is learnt from at each step, by its name */
  readonly plan: TrainingPlan;
  /** what steps run: a gradient program for each source, in their order, and the update */
  readonly programs: Programs;
  readonly seed: number;
  readonly jointMetrics: JointMetrics | undefined;
  /** what else the run depends on, by the names that its author knows: a resumed run is compared with it */
  readonly settings: Readonly<Record<string, Attribute>>;
}

export const tasksOf = ({ sources }: Pick<Setup, 'sources'>): readonly Task[] =>
  sources.flatMap(({ tasks }) => tasks);

/** The examples that a source is learnt from. */
export const trainingPart = ({ reader }: Pick<Source, 'reader'>): Part =>
  own(reader.parts, 'train') ?? partOf([], (example) => reader.length(example));

/** What the plan of a run knows of a source. */
export function plannedSource(
  source: Omit<Source, 'forward' | 'step' | 'rate'>,
  settings: Pick<PlannedTask, 'batchSize' | 'tokens' | 'mixRatio' | 'epochs' | 'auxiliary'>,
): PlannedTask {
  const { name, reader, maximumLength } = source;
  const part = trainingPart(source);
  const { tokens } = settings;
  let lengths: Uint32Array | undefined;
  return {
    ...settings,
    // the plan counts examples
    tokens: tokens && Math.floor(tokens / rowsPerExample(reader)),
    name,
    examples: part.size,
    maximum: maximumLength,
    lengths: () => {
      lengths ??= lengthsOf(reader, part, maximumLength);
      return lengths;
    },
    stream: `${reader.name}/train`,
  };
}

/** What graphs are built of. */
export function modelOf(members: readonly Member[]): [Backbone, readonly Task[]] {
  return [defined(members[0], 'task').backbone, members.map(({ task }) => task)];
}

/** What a run is assembled from. */
interface Parts extends Pick<Setup, 'name' | 'programs' | 'jointMetrics'> {
  readonly balance: Balance | undefined;
  readonly policy: Policy;
  readonly lessons: readonly (Lesson & Pick<Source, 'reader' | 'forward' | 'step'>)[];
  /** of these tasks, or of all */
  readonly prediction: (tasks?: readonly Task[]) => Graph;
}

/** The sizes that a batch of a task has, and where tasks alternate how its steps are planned. */
function planOf(policy: Policy, [member, ...others]: readonly Member[], fit: FitOptions) {
  // where several learn jointly, none has settings of its own
  const { options = {}, auxiliary } = others.length > 0 || member === undefined ? {} : member;
  const { batchSize, tokens } = (options.batchSize ?? options.tokens) === undefined ? fit : options;
  const sizes = { batchSize: batchSize ?? (tokens === undefined ? 32 : undefined), tokens };
  const { rate = 1, mixRatio, epochs } = options;
  return { rate, plan: policy === 'alternate' ? { ...sizes, mixRatio, epochs, auxiliary } : sizes };
}

/** Assembles a run. @throws as `trainingPlan`, and FROND-D019 for a reader that gives more words than the backbone takes */
export function setupOf(parts: Parts, fit: FitOptions): Setup {
  const { policy, lessons, prediction, balance, ...rest } = parts;
  // a step takes several batches
  const inStep = (size: number | undefined) => size && size * rest.programs.accumulate;
  const { epochs, seed = 1, batchSize: _, tokens: __, ...sharing } = fit;
  const planned: PlannedTask[] = [];
  const plans: Readonly<Record<string, Attribute>>[] = [];
  const sources = lessons.map(({ members, reader, ...graphs }): Source => {
    const [backbone, tasks] = modelOf(members);
    const maximumLength = maximumOf(reader, `backbone ${backbone.name}`, backbone.maximumLength);
    const { rate, plan } = planOf(policy, members, fit);
    const source = { ...graphs, tasks, reader, maximumLength, rate };
    const { batchSize, tokens } = plan;
    planned.push(plannedSource(source, { ...plan, batchSize: inStep(batchSize), tokens: inStep(tokens) }));
    const named = policy === 'alternate' ? { name: source.name } : {};
    plans.push(plain({ ...named, ...plan, ...(rate === 1 ? {} : { rate }) }));
    return source;
  });
  const readers = [...new Set(sources.map(({ reader }) => reader))];
  const inferences = readers.map((reader): Inference => {
    const served = sources.filter((source) => source.reader === reader);
    const tasks = tasksOf({ sources: served });
    const { maximumLength } = defined(served[0], 'source');
    return { tasks, reader, maximumLength, prediction: prediction(readers.length > 1 ? tasks : undefined) };
  });
  return {
    ...rest,
    sources,
    inferences,
    seed,
    plan: trainingPlan({ tasks: planned, epochs, seed, ...sharing }),
    settings: {
      epochs,
      ...(balance && { balance: { name: balance.name, ...balance.settings } }),
      ...(policy === 'alternate' ? { policy, ...plain(sharing), plan: plans } : plans[0]),
    },
  };
}

/** Without what is undefined. */
const plain = (settings: object): Readonly<Record<string, Attribute>> => JSON.parse(JSON.stringify(settings));
