import { groupColumns, groupLayout } from '../../kernels/gradientNorm.ts';
import { FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import type { Attribute, Graph } from '../ir/graph.ts';
import type { Feeds } from '../runtime/feeds.ts';
import { parametersOf } from '../runtime/parameters.ts';
import type { Optimizer } from './optimizer.ts';
import { rateAt, type Schedule, scheduleKind, scheduleOf } from './schedule.ts';
import { checkSettings } from './settings.ts';

// Groups of parameters: what the update program is fed of each, step by step.

export const parameterGroup = {
  /** matched against the whole parameter name; `*` stands for any run of characters */
  match: is.text,
  /** multiplies the learning rate, default 1; 0 freezes */
  rate: is.optional(is.notNegative),
  /** a learning rate of its own, over the steps that update the group; default: that of the optimizer */
  schedule: is.optional(scheduleKind),
  /** replaces the weight decay for these parameters */
  weightDecay: is.optional(is.notNegative),
  /** replaces the largest norm of the gradient for these parameters; it is held against the norm over all groups. 0: no clipping */
  clipNorm: is.optional(is.notNegative),
  /**
   * true: no gradient is computed and nothing is updated, nor is there memory for gradients and moments. A number: nothing is updated
   * in the first so many steps that have gradients of the group
   */
  freeze: is.optional(is.either(is.flag, is.natural)),
};
/** Parameters that share rate, schedule, weight decay, clipping and freezing. The first group whose pattern matches a name counts. */
export type ParameterGroup = is.OptionsOf<typeof parameterGroup>;

/** Groups, or what makes them from the names of all parameters in the order in which the model computes with them. */
export type GroupSetting = ParameterGroup | ((names: readonly string[]) => readonly ParameterGroup[]);

/** `*` stands for any letters. Each part is taken where it comes first: no pattern costs more than one pass over the name. */
export function matches(pattern: string, name: string): boolean {
  const [first = '', ...parts] = pattern.split('*');
  const last = parts.pop();
  if (last === undefined) return name === pattern;
  let at = name.startsWith(first) ? first.length : Number.POSITIVE_INFINITY;
  for (const part of parts) {
    const found = name.indexOf(part, at);
    at = found < at ? Number.POSITIVE_INFINITY : found + part.length;
  }
  return name.endsWith(last) && name.length - last.length >= at;
}

const namesOf = (forwards: readonly Graph[]): string[] => [
  ...new Set(forwards.flatMap((graph) => parametersOf(graph).map(({ name }) => name))),
];

/**
 * Groups as they stand once the parameters are known.
 * @throws FROND-T002 for a setting out of range, and for a group without any parameter
 */
export function resolveGroups(
  settings: readonly GroupSetting[],
  forwards: readonly Graph[],
): readonly ParameterGroup[] {
  const names = namesOf(forwards);
  return settings
    .flatMap((setting) => (typeof setting === 'function' ? setting(names) : [setting]))
    .map((group) => {
      checkSettings('a parameter group', group, parameterGroup);
      const { match, schedule } = group;
      if (names.some((name) => matches(match, name)))
        return schedule === undefined ? group : { ...group, schedule: scheduleOf(schedule) };
      const some =
        names.length > 6 ? `${names.slice(0, 6).join(', ')}, … (${names.length})` : names.join(', ');
      throw new FrondError('FROND-T002', `no parameter matches the group ${match}`, {
        hint: `a pattern is held against the whole name, * stands for any part of it; there are ${some}`,
      });
    });
}

/** A group as a checkpoint keeps it. */
export const groupRecord = ({ schedule, ...group }: ParameterGroup): Attribute => {
  if (schedule === undefined) return group;
  const { name, parameters } = scheduleOf(schedule);
  return { ...group, schedule: { name, parameters } };
};

/**
 * Layer-wise learning rates for fine-tuning (Sun et al., "How to fine-tune BERT for text classification?", 2019): the last layer and
 * all behind it, such as heads, learn at the full rate, each layer below at `decay` times that of the one above it, and what lies
 * before the first layer, such as embeddings, at that of one layer more. Layers are the scopes `layer.0`, `layer.1`, … of `nn.encoder`.
 *
 *     trainer.buildBackward({ optimizer, groups: [palm.layerwise(0.95)] });
 *
 * @throws FROND-T002 for a decay outside 0 … 1, and where the model has no layers
 */
export function layerwise(decay: number): GroupSetting {
  checkSettings('layerwise', { decay }, { decay: is.positive });
  if (decay > 1)
    throw new FrondError('FROND-T002', `layerwise: decay is ${decay}`, {
      hint: 'give at most 1, such as 0.95',
    });
  /** the scope of a layer and its number */
  const layerOf = (name: string) => {
    const [scope, number] = /^(?:.*\/)?layer\.(\d+)\//.exec(name) ?? [];
    return scope === undefined ? undefined : { match: `${scope}*`, layer: Number(number) };
  };
  return (names) => {
    const first = names.findIndex((name) => layerOf(name) !== undefined);
    if (first < 0) {
      throw new FrondError('FROND-T002', 'layerwise: no parameter lies in a layer', {
        hint: 'a layer is a scope layer.0, layer.1, … as nn.encoder makes them',
      });
    }
    const found = names.flatMap(
      (name, i) => layerOf(name) ?? (i < first ? [{ match: name, layer: -1 }] : []),
    );
    const last = Math.max(...found.map(({ layer }) => layer));
    return [...new Map(found.map(({ match, layer }) => [match, layer]))].map(([match, layer]) => ({
      match,
      rate: decay ** (last - layer),
    }));
  };
}

/** Parameters that are updated alike: a row of the table that the update program is fed. */
export interface Group {
  /** factor of the rate */
  readonly rate: number;
  readonly schedule: Schedule;
  readonly decay: number;
  /** largest norm of the gradient; 0: no clipping */
  readonly clipNorm: number;
  /** steps in which it is not updated, of those that have gradients of it */
  readonly freeze: number;
  /** numbers of the gradient programs that give its gradients */
  readonly sources: readonly number[];
}

/** What the rows of a step depend on, the same at every step. */
export interface UpdateSettings {
  readonly groups: readonly Group[];
  readonly optimizer: Pick<Optimizer, 'corrections'>;
  /** largest decay of the moving average of the parameters; undefined: none is kept */
  readonly average: number | undefined;
}

/** Where a run is when a step is fed. */
export interface StepCounts {
  /** number of the gradient program whose gradients are there */
  readonly source: number;
  /** by gradient program: steps before this one, and steps of the whole run */
  readonly done: readonly number[];
  readonly totals: readonly number[];
  /** factor of all rates, default 1 */
  readonly rate?: number;
}

/** Name of the fed tensor with a row for each group. */
export const GROUPS = 'optimizer.groups';

/**
 * What the update program is fed at a step. Each group counts the steps that had gradients of it: schedule, corrections and average go
 * by them, so that a head which learns in every tenth step only is as far as it has learnt.
 * @throws FROND-T020 when a schedule gives an invalid rate
 */
export function groupsFeed({ groups, optimizer, average }: UpdateSettings, at: StepCounts): Feeds {
  // a model of which nothing is trained has a row, too: no tensor is without elements
  const rows = Math.max(1, groups.length);
  const data = new Float32Array(rows * groupColumns);
  groups.forEach(({ rate, schedule, decay, clipNorm, freeze, sources }, i) => {
    if (!sources.includes(at.source)) return;
    const of = (counts: readonly number[]): number =>
      sources.reduce((sum, source) => sum + (counts[source] ?? 0), 0);
    const step = of(at.done);
    const updates = step - freeze;
    if (updates < 0) return;
    const [correction1, correction2] = optimizer.corrections(updates);
    const row = {
      rate: rate * (at.rate ?? 1) * rateAt(schedule, step, of(at.totals)),
      correction1,
      correction2,
      decay,
      clipNorm,
      active: 1,
      average: average === undefined ? 0 : Math.min(average, (1 + updates) / (10 + updates)),
    };
    for (const [name, value] of Object.entries(row))
      data[i * groupColumns + groupLayout[name as keyof typeof row]] = value;
  });
  return { [GROUPS]: { dtype: 'f32', shape: [rows, groupColumns], data } };
}

/** A parameter with what is said of it by settings and by its declaration. */
interface Grouped extends Group {
  readonly name: string;
}

/** Which settings of a list apply to each parameter of the forward graphs; frozen ones are left out. */
export function trainedParameters(
  forwards: readonly Graph[],
  groups: readonly ParameterGroup[],
  { rate: shared }: Optimizer,
  { weightDecay, clipNorm: most }: { readonly weightDecay: number; readonly clipNorm: number },
): readonly Grouped[] {
  const nodes = new Map(
    forwards.flatMap((graph) => parametersOf(graph).map(({ name, node }) => [name, node] as const)),
  );
  return [...nodes].flatMap(([name, node]): Grouped[] => {
    const group: Partial<ParameterGroup> = groups.find(({ match }) => matches(match, name)) ?? {};
    const { freeze = false, rate = 1, schedule = shared, clipNorm = most } = group;
    if (node.attributes.trainable === false || freeze === true || rate === 0) return [];
    const { decays = (node.types[0]?.shape.length ?? 0) >= 2 } = node.attributes;
    const decay = group.weightDecay ?? (decays === true ? weightDecay : 0);
    const first = freeze === false ? 0 : Number(freeze);
    return [{ name, rate, schedule: scheduleOf(schedule), decay, clipNorm, freeze: first, sources: [] }];
  });
}

/** The distinct groups among parameters, and the number of each parameter's. */
export function numbered(parameters: readonly Grouped[]): {
  readonly groups: Group[];
  readonly rows: number[];
} {
  const groups: Group[] = [];
  const rows = parameters.map(({ name: _, ...group }) => {
    const known = groups.findIndex(
      (other) =>
        other.schedule === group.schedule &&
        other.rate === group.rate &&
        other.decay === group.decay &&
        other.clipNorm === group.clipNorm &&
        other.freeze === group.freeze &&
        other.sources.join() === group.sources.join(),
    );
    return known < 0 ? groups.push(group) - 1 : known;
  });
  return { groups, rows };
}
