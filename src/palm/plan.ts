import { defined, FrondError } from '../base/errors.ts';
import { uniforms } from '../base/random.ts';
import { type Batches, batchesPerEpoch, type PlannedBatch, planBatches } from './batches.ts';

/** What a plan knows of a task: numbers about its training part. */
export interface PlannedTask {
  readonly name: string;
  readonly examples: number;
  /** words of each example; asked for when the first batch is planned */
  readonly lengths: () => ArrayLike<number>;
  /** names the shuffles of its examples */
  readonly stream: string;
  /** examples of a batch, or else words of one, padding included */
  readonly batchSize?: number | undefined;
  readonly tokens?: number | undefined;
  /** no batch is longer than this */
  readonly maximum?: number | undefined;
  /** steps per step of the reference task; default 1 */
  readonly mixRatio?: number | undefined;
  /** passes over its examples, where `shares` is `epochs`; default: those of the plan */
  readonly epochs?: number | undefined;
  /** it helps the other tasks: its steps are spread evenly over the plan. Default: a target */
  readonly auxiliary?: boolean | undefined;
}

/** How steps are shared among tasks. */
export const SHARED_BY = ['mixRatio', 'epochs', 'size', 'annealed', 'equal', 'roundRobin'] as const;
export type Shares = (typeof SHARED_BY)[number];

export interface SharingOptions {
  /**
   * what the steps of a task are planned by, default `mixRatio`:
   *
   * - `mixRatio`: epochs × its mixRatio × the batches of the reference task
   * - `epochs`: its epochs × its batches
   * - `size`: its part of all batches of all epochs, ∝ batches^(1/temperature)
   * - `annealed`: the same, ∝ batches^α, with α from 1 in the first epoch down to 0.2 in the last in equal steps
   * - `equal`: as many for each task, of all batches of all epochs
   * - `roundRobin`: the same, in turn
   */
  readonly shares?: Shares | undefined;
  /** the task whose epochs are counted, where `shares` is `mixRatio`; default: the first target */
  readonly reference?: string | undefined;
  /**
   * where `shares` is `size`: 1, the default, keeps the proportions of the data, more evens them out; a pair goes from the first
   * to the second in equal steps from epoch to epoch
   */
  readonly temperature?: number | readonly [number, number] | undefined;
}

/** A number of epochs that was planned with, up to a step, before the run went on with another one. */
export interface Followed {
  readonly epochs: number;
  readonly until: number;
}

export interface PlanOptions extends SharingOptions {
  readonly tasks: readonly PlannedTask[];
  readonly epochs: number;
  readonly seed: number;
  /** plans that the run followed before: what is left of this one is planned behind them. Default: none */
  readonly followed?: readonly Followed[] | undefined;
}

/** Whose turn a step is. */
export interface Turn {
  readonly task: string;
  /** steps that the task had before */
  readonly done: number;
  /** the pass over the task's examples, from 0, and the place in it */
  readonly epoch: number;
  readonly index: number;
}

export interface PlannedStep extends Turn {
  readonly batch: PlannedBatch;
}

/**
 * Which task learns from which examples at every step: a pure function of its options, so that a run that resumes goes on as it
 * would have. Steps count from 0; `step` finished ones are those below it.
 */
export interface TrainingPlan {
  /** in all */
  readonly steps: number;
  readonly epochs: number;
  /** steps of each task */
  readonly planned: ReadonlyMap<string, number>;
  /** batches of one pass over the examples of each task */
  readonly passes: ReadonlyMap<string, number>;
  turn(step: number): Turn;
  at(step: number): PlannedStep;
  /** epochs of the plan that are over after `step` steps: each is as long as the others, but for rounding */
  epochsAfter(step: number): number;
  /** whether the last of `step` steps ended an epoch of the plan */
  endsEpoch(step: number): boolean;
  /** steps that each task had among the first `step` ones */
  after(step: number): ReadonlyMap<string, number>;
  readonly followed: readonly Followed[];
  /** The same plan for a run that followed others before. */
  behind(followed: readonly Followed[]): TrainingPlan;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((x, y) => x + y, 0);

/** Whole numbers in proportion to `weights` that add up to `total`, by largest remainders. */
function apportion(total: number, weights: readonly number[]): number[] {
  const whole = sum(weights);
  const exact = weights.map((weight) => (total * weight) / whole);
  const counts = exact.map(Math.floor);
  const rest = total - sum(counts);
  const order = [...weights.keys()].sort((i, j) => ((exact[j] ?? 0) % 1) - ((exact[i] ?? 0) % 1) || i - j);
  for (const i of order.slice(0, rest)) counts[i] = (counts[i] ?? 0) + 1;
  return counts;
}

/**
 * Steps of each task in each part of the plan. There is one part, unless the proportions change from epoch to epoch.
 * Proportions to the power 1/T: Arivazhagan et al., "Massively multilingual neural machine translation in the wild" (2019);
 * annealed ones, α = 1 − 0.8 (e − 1) / (E − 1) in epoch e of E: Stickland and Murray, "BERT and PALs" (ICML 2019).
 */
function countsOf(options: PlanOptions, passes: readonly number[]): readonly (readonly number[])[] {
  const { tasks, epochs, shares = 'mixRatio', reference, temperature = 1 } = options;
  if (shares === 'mixRatio') {
    const given = tasks.findIndex(({ name }) => name === reference);
    const base = passes[given < 0 ? tasks.findIndex(({ auxiliary }) => auxiliary !== true) : given] ?? 0;
    return [tasks.map(({ mixRatio = 1 }) => Math.round(epochs * mixRatio * base))];
  }
  if (shares === 'epochs') return [tasks.map((task, i) => (task.epochs ?? epochs) * (passes[i] ?? 0))];
  const batches = sum(passes);
  if (shares === 'equal' || shares === 'roundRobin')
    return [
      apportion(
        epochs * batches,
        tasks.map(() => 1),
      ),
    ];
  const at = (power: number) => passes.map((count) => (count / Math.max(...passes)) ** power);
  if (shares === 'size' && typeof temperature === 'number')
    return [apportion(epochs * batches, at(1 / temperature))];
  const [from, to] = typeof temperature === 'number' ? [1, 1] : temperature;
  const powerOf = (done: number): number =>
    shares === 'annealed' ? 1 - 0.8 * done : 1 / (from + (to - from) * done);
  return Array.from({ length: epochs }, (_, epoch) =>
    apportion(batches, at(powerOf(epoch / Math.max(1, epochs - 1)))),
  );
}

/** The tasks of all steps, by their numbers. */
interface Order {
  at(step: number): { readonly task: number; readonly done: number };
  /** steps that each task had before `step` */
  before(step: number): Uint32Array;
}

/** Steps whose tasks are drawn together. */
const CHUNK = 4096;

/**
 * The order of steps, from who draws the task of one step after the other, knowing how many each task has `had`. It keeps these
 * numbers for every 4096th step, and the tasks of the 4096 steps that were asked for last.
 */
function orderOf(tasks: number, steps: number, draw: (step: number, had: Uint32Array) => number): Order {
  if (tasks === 1) return { at: (step) => ({ task: 0, done: step }), before: (step) => Uint32Array.of(step) };
  const starts = [new Uint32Array(tasks)];
  let open: { readonly chunk: number; readonly drawn: Uint16Array; readonly done: Uint32Array } | undefined;
  const startOf = (chunk: number) => defined(starts[chunk], 'start of a chunk').slice();

  function drawChunk(chunk: number) {
    const from = chunk * CHUNK;
    const had = startOf(chunk);
    const length = Math.min(CHUNK, steps - from);
    const [drawn, done] = [new Uint16Array(length), new Uint32Array(length)];
    for (let i = 0; i < length; i++) {
      const task = draw(from + i, had);
      drawn[i] = task;
      done[i] = had[task] ?? 0;
      had[task] = (had[task] ?? 0) + 1;
    }
    starts[chunk + 1] ??= had;
    open = { chunk, drawn, done };
    return open;
  }

  function chunkOf(step: number) {
    const chunk = Math.floor(step / CHUNK);
    while (starts.length <= chunk) drawChunk(starts.length - 1);
    return open?.chunk === chunk ? open : drawChunk(chunk);
  }

  return {
    at(step) {
      const { drawn, done } = chunkOf(step);
      return { task: drawn[step % CHUNK] ?? 0, done: done[step % CHUNK] ?? 0 };
    },
    before(step) {
      const { chunk, drawn } = chunkOf(Math.max(0, step - 1));
      const had = startOf(chunk);
      for (const task of drawn.subarray(0, step - chunk * CHUNK)) had[task] = (had[task] ?? 0) + 1;
      return had;
    },
  };
}

/**
 * Draws tasks so that the order is a permutation of the planned steps, fixed by the seed.
 *
 * - A target is drawn with the probability of its part of the target steps that are left, so that each order of them is as likely.
 * - The C steps of auxiliaries stand one each in C equal parts of the plan, anywhere in its part. Which auxiliary has a step is
 *   decided by the earliest deadline: the k-th of its n steps falls on one of the auxiliary steps from ⌊kC/n⌋ to ⌈(k+1)C/n⌉ − 1
 *   (the windows of Baruah et al., "Proportionate progress", Algorithmica 1996). So two of its steps are less than 2C/n auxiliary
 *   steps, and less than 3S/n steps apart, where the plan has S.
 */
function drawer(tasks: readonly PlannedTask[], parts: readonly (readonly number[])[], seed: number) {
  const planned = tasks.map((_, i) => sum(parts.map((counts) => counts[i] ?? 0)));
  const chosen = (auxiliary: boolean): number[] =>
    [...tasks.keys()].filter((i) => (tasks[i]?.auxiliary === true) === auxiliary && planned[i] !== 0);
  const [auxiliaries, targets] = [chosen(true), chosen(false)];
  const of = (some: readonly number[], counts: ArrayLike<number>): number =>
    sum(some.map((i) => counts[i] ?? 0));
  const [steps, slots] = [sum(planned), of(auxiliaries, planned)];

  // what the tasks have had at the end of each part, and all targets together
  let before = planned.map(() => 0);
  const ends = parts.map((counts) => {
    before = before.map((count, i) => count + (counts[i] ?? 0));
    return { each: before, all: of(targets, before) };
  });

  const stepOf = (slot: number): number => {
    const [from, to] = [Math.floor((slot * steps) / slots), Math.floor(((slot + 1) * steps) / slots)];
    return from + Math.floor(uniforms(seed, 'plan/auxiliaries', slot)[0] * (to - from));
  };

  function auxiliaryAt(slot: number, had: ArrayLike<number>): number {
    const jobs = auxiliaries.flatMap((i) => {
      const [count, all] = [had[i] ?? 0, planned[i] ?? 0];
      if (count === all || Math.floor((count * slots) / all) > slot) return [];
      const tie = uniforms(seed, `plan/${tasks[i]?.name}`, slot)[0];
      return [{ i, due: Math.ceil(((count + 1) * slots) / all) + tie }];
    });
    return jobs.reduce((x, y) => (y.due < x.due ? y : x)).i;
  }

  function targetAt(place: number, had: ArrayLike<number>): number {
    const { each, all } = defined(
      ends.find((end) => place < end.all),
      'part of the plan',
    );
    const [high, low] = uniforms(seed, 'plan/targets', place);
    let rest = (high + low / 0x1000000) * (all - place);
    const drawn = targets.find((i) => {
      rest -= (each[i] ?? 0) - (had[i] ?? 0);
      return rest < 0;
    });
    return defined(drawn, 'target with steps left');
  }

  return (step: number, had: ArrayLike<number>): number => {
    const slot = of(auxiliaries, had);
    return slot < slots && stepOf(slot) === step ? auxiliaryAt(slot, had) : targetAt(step - slot, had);
  };
}

/** What is left of the steps of each part for tasks that have had some already. */
function leftOf(parts: readonly (readonly number[])[], had: Uint32Array): number[][] {
  const rest = had.slice();
  return parts.map((counts) =>
    counts.map((count, i) => {
      const used = Math.min(count, rest[i] ?? 0);
      rest[i] = (rest[i] ?? 0) - used;
      return count - used;
    }),
  );
}

/** The steps of `later` behind the first `until` ones of `former`. */
const joined = (former: Order, until: number, had: Uint32Array, later: Order): Order => ({
  at(step) {
    if (step < until) return former.at(step);
    const { task, done } = later.at(step - until);
    return { task, done: done + (had[task] ?? 0) };
  },
  before: (step) =>
    step <= until ? former.before(step) : later.before(step - until).map((count, i) => count + (had[i] ?? 0)),
});

/** The order of a plan, behind those that were followed before, and how many steps each task has in it. */
function orderWith(options: PlanOptions, passes: readonly number[]): { order: Order; planned: number[] } {
  const { tasks, seed, shares, followed = [] } = options;
  const last = followed.at(-1);
  const former =
    last && orderWith({ ...options, epochs: last.epochs, followed: followed.slice(0, -1) }, passes);
  const until = former === undefined ? 0 : Math.min(last?.until ?? 0, sum(former.planned));
  const had = former?.order.before(until) ?? new Uint32Array(tasks.length);
  const parts = leftOf(countsOf(options, passes), had);
  const left = tasks.map((_, i) => sum(parts.map((counts) => counts[i] ?? 0)));
  const draw =
    shares === 'roundRobin' ? (step: number) => (until + step) % tasks.length : drawer(tasks, parts, seed);
  const later = orderOf(tasks.length, sum(left), draw);
  const planned = left.map((count, i) => count + (had[i] ?? 0));
  return { order: former === undefined ? later : joined(former.order, until, had, later), planned };
}

/** @throws FROND-T002 for a target without a step, T003 without any target and for a reference that is none */
function checkTasks({ tasks, reference }: PlanOptions, planned: readonly number[]): void {
  const targets = tasks.filter(({ auxiliary }) => auxiliary !== true).map(({ name }) => name);
  if (targets.length === 0) {
    throw new FrondError(
      'FROND-T003',
      `all tasks are auxiliary: ${tasks.map(({ name }) => name).join(', ')}`,
      {
        hint: 'leave setAux out for at least one of them: training ends when the others have had their steps',
      },
    );
  }
  if (reference !== undefined && !targets.includes(reference)) {
    throw new FrondError('FROND-T003', `the reference task ${reference} is no target`, {
      hint: `give one of ${targets.join(', ')}`,
    });
  }
  const idle = tasks.find(({ auxiliary }, i) => auxiliary !== true && planned[i] === 0)?.name;
  if (idle === undefined) return;
  throw new FrondError('FROND-T002', `task ${idle} would have no step`, {
    hint: 'give it a larger share, more epochs, or call setAux where it may have none',
  });
}

/** @throws as `checkTasks`, and as `planBatches` where batches hold `tokens` */
export function trainingPlan(options: PlanOptions): TrainingPlan {
  const { tasks, epochs, seed, followed = [] } = options;
  const passes = tasks.map(({ batchSize, tokens, examples, lengths, maximum }) =>
    tokens === undefined
      ? batchesPerEpoch(examples, defined(batchSize, 'batch size'))
      : planBatches({ lengths: lengths(), batchSize, tokens, maximum }).length,
  );
  const { order, planned } = orderWith(options, passes);
  checkTasks(options, planned);
  const steps = sum(planned);
  const byName = <T>(values: ArrayLike<T>): ReadonlyMap<string, T> =>
    new Map(tasks.map(({ name }, i) => [name, values[i] as T]));

  const endOf = (epoch: number): number => Math.round((steps * epoch) / epochs);
  const epochsAfter = (step: number): number => {
    let epoch = Math.floor((step * epochs) / steps);
    while (epoch < epochs && endOf(epoch + 1) <= step) epoch++;
    while (endOf(epoch) > step) epoch--;
    return epoch;
  };

  const drawn = new Map<number, { readonly epoch: number; readonly batches: Batches }>();
  function batchesOf(number: number, epoch: number): Batches {
    const known = drawn.get(number);
    if (known?.epoch === epoch) return known.batches;
    const { lengths, stream, ...sizes } = defined(tasks[number], 'task');
    const batches = planBatches({ ...sizes, lengths: lengths(), shuffle: { seed, name: stream, epoch } });
    drawn.set(number, { epoch, batches });
    return batches;
  }
  const placed = (step: number) => {
    const { task, done } = order.at(step);
    const batches = passes[task] ?? 1;
    return { task, done, epoch: Math.floor(done / batches), index: done % batches };
  };
  const nameOf = (task: number): string => defined(tasks[task], 'task').name;

  return {
    steps,
    epochs,
    planned: byName(planned),
    passes: byName(passes),
    turn: (step) => {
      const { task, ...turn } = placed(step);
      return { task: nameOf(task), ...turn };
    },
    at: (step) => {
      const { task, ...turn } = placed(step);
      return { task: nameOf(task), ...turn, batch: batchesOf(task, turn.epoch).at(turn.index) };
    },
    epochsAfter,
    endsEpoch: (step) => step > 0 && epochsAfter(step) > epochsAfter(step - 1),
    after: (step) => byName(order.before(step)),
    followed,
    behind: (before) => trainingPlan({ ...options, followed: before }),
  };
}
