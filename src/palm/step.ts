import { groupColumns, JOURNAL_TASKS } from '../../kernels/gradientNorm.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Attribute, Graph, Ref } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { ops } from '../ops/index.ts';
import { updateOp } from '../ops/update.ts';
import { differentiate } from '../passes/index.ts';
import type { Feeds } from '../runtime/feeds.ts';
import { parametersOf } from '../runtime/parameters.ts';
import { balancedGradients, type GradientBalance } from './balance.ts';
import {
  GROUPS,
  type GroupSetting,
  groupRecord,
  numbered,
  resolveGroups,
  trainedParameters,
  type UpdateSettings,
} from './groups.ts';
import type { Optimizer } from './optimizer.ts';
import { checkSettings } from './settings.ts';

const optimizerKind = is.having<Optimizer>(
  'an optimizer, such as palm.adam({ rate: 0.001 })',
  'rule',
  'rate',
);
const groupsKind = is.listOf(
  is.either(is.object, is.callable),
  "groups, such as [{ match: '*/bias', rate: 2 }] or [palm.layerwise(0.95)]",
);
export const emaOptions = {
  /** default 0.999 */
  decay: is.optional(is.fraction),
};
const emaKind: is.Kind = { ...is.object, what: 'an object, such as { decay: 0.999 }' };
export const backwardOptions = {
  optimizer: optimizerKind,
  /** decoupled decay of weights; biases, layer-norm scales and other vectors are exempt, and the transitions of a CRF. Default 0 */
  weightDecay: is.optional(is.notNegative),
  /** largest global norm of the gradient, above 0; left out: no clipping */
  clipNorm: is.optional({ ...is.positive, what: `${is.positive.what}, or leave clipNorm out` }),
  groups: is.optional(is.typed<readonly GroupSetting[]>(groupsKind)),
  /** gradients of so many batches make a step, as one batch of all their examples would; default 1 */
  accumulate: is.optional(is.count),
  /**
   * keep an exponential moving average e of the weights, which evaluation, prediction, `best` and what is loaded of a checkpoint use;
   * training goes on from the weights p. After each update e ← d · e + (1 − d) · p, where d = min(decay, (1 + n) / (10 + n)) for the
   * n-th update of a parameter, from 0, and e begins at the first weights. Left out: no average
   */
  ema: is.optional(is.typed<is.OptionsOf<typeof emaOptions>>(emaKind)),
};
export type BackwardOptions = is.OptionsOf<typeof backwardOptions>;

/** A forward graph to be trained: outputs `loss`, which is differentiated, and the losses of its tasks. */
export interface Forward {
  readonly graph: Graph;
  /** names of the outputs that the journal notes beside the loss */
  readonly losses: readonly string[];
  /** where its balance works on gradients */
  readonly balance?: GradientBalance | undefined;
}

/** A training step as programs: one computes gradients, for each forward graph, and one changes the weights by them. */
export interface Programs extends UpdateSettings {
  /** forward and backward of each forward graph; ends with `accumulate` */
  readonly gradients: readonly Graph[];
  readonly update: Graph;
  /** each gradient program with the update behind it in one graph: to look at, and what a checkpoint keeps */
  readonly steps: readonly Graph[];
  readonly optimizer: Optimizer;
  /** of parameters without one of their own; 0: no clipping */
  readonly clipNorm: number;
  /** batches of a step */
  readonly accumulate: number;
  /** settings with which a resumed run has to agree */
  readonly record: Readonly<Record<string, Attribute>>;
}

/**
 * The programs of training steps. The journal on the device notes of each step its loss, its gradient norm and the losses of its tasks.
 *
 * Weights (rank ≥ 2) decay, vectors and scalars do not, as is usual for biases and normalisation; nor do the transitions of a CRF.
 * A parameter declared with `decays` and a group may say otherwise.
 * @throws FROND-P… when a loss has no gradient, FROND-T003 for more tasks than a row of the journal holds, FROND-T002 for settings out of range or without effect
 */
export function buildPrograms(forwards: readonly Forward[], options: BackwardOptions): Programs {
  checkSettings('buildBackward', options, backwardOptions);
  const { optimizer, weightDecay = 0, clipNorm = 0, accumulate = 1, ema } = options;
  if (ema !== undefined) checkSettings('ema', ema, emaOptions);
  const graphs = forwards.map(({ graph }) => graph);
  if (accumulate > 1 && forwards.some(({ balance }) => balance !== undefined)) {
    throw new FrondError(
      'FROND-T002',
      `accumulate is ${accumulate}, but the balance compares gradients of whole steps`,
      {
        hint: 'leave accumulate out, or take a balance of losses, such as palm.balance.uncertainty()',
      },
    );
  }
  const given = resolveGroups(options.groups ?? [], graphs);
  const trained = trainedParameters(graphs, given, optimizer, { weightDecay, clipNorm });
  const registry = registryWith(optimizer);
  const names = trained.map(({ name }) => name);
  const built = forwards.map((forward) => gradientProgram(forward, names, registry, accumulate > 1));
  const reached = trained.flatMap((parameter) => {
    const sources = built.flatMap(({ gradients }, i) => (gradients.includes(parameter.name) ? [i] : []));
    return sources.length === 0 ? [] : [{ ...parameter, sources }];
  });
  const { groups, rows } = numbered(reached);
  const { rule, settings } = optimizer;
  const attributes = {
    parameters: reached.map(({ name }) => name),
    groups: rows,
    ...settings,
    ...(ema && { average: true }),
  };
  /** adds the update; `after`: the end of the gradient program before it */
  const updating = (builder: GraphBuilder, after: readonly Ref[]): Graph => {
    builder.phase = 'update';
    builder.scope = 'update';
    const table = builder.input(GROUPS, { dtype: 'f32', shape: [Math.max(1, groups.length), groupColumns] });
    const norm = builder.one(rule.name, [table, ...after], attributes);
    builder.effect(norm);
    builder.output('gradientNorm', norm);
    return builder.finish();
  };
  return {
    gradients: built.map(({ graph }) => graph),
    update: updating(new GraphBuilder('update', registry), []),
    steps: built.map(({ graph, token }) => updating(new GraphBuilder(graph.name, registry, graph), [token])),
    groups,
    optimizer,
    clipNorm,
    average: ema && (ema.decay ?? 0.999),
    accumulate,
    record: { weightDecay, groups: given.map(groupRecord), accumulate, ...(ema && { ema }) },
  };
}

/** Forward and backward of a graph, and gradients of those of the parameters on which its loss depends. */
function gradientProgram(
  { graph: forward, losses, balance }: Forward,
  trained: readonly string[],
  registry: OpRegistry,
  adds: boolean,
) {
  if (losses.length > JOURNAL_TASKS) {
    throw new FrondError('FROND-T003', `${losses.length} tasks are too many to learn jointly`, {
      hint: `give at most ${JOURNAL_TASKS}`,
    });
  }
  const own = parametersOf(forward).map(({ name }) => name);
  const parameters = trained.filter((name) => own.includes(name));
  const { graph, gradients: found } =
    balance === undefined
      ? differentiate(forward, registry, { loss: 'loss', parameters })
      : balancedGradients(forward, balance, registry, parameters);
  const gradients = parameters.filter((name) => found[name] !== undefined);
  const builder = new GraphBuilder(forward.name, registry, graph);
  builder.phase = 'update';
  builder.scope = 'update';
  const shares = builder.input(SHARES, { dtype: 'f32', shape: [1 + losses.length] });
  const noted = ['loss', ...losses].map((name) => defined(graph.outputs[name], `output ${name}`));
  const arriving = gradients.map((name) => defined(found[name], `gradient of ${name}`));
  const attributes = { gradients, ...(adds ? { adds } : {}) };
  const token = builder.one('accumulate', [shares, ...noted, ...arriving], attributes);
  builder.effect(token);
  return { graph: builder.finish(), token, gradients };
}

/** The training step of one forward graph as one graph. @throws as `buildPrograms` */
export function buildStep(graph: Graph, options: BackwardOptions, losses: readonly string[] = []): Graph {
  return defined(buildPrograms([{ graph, losses }], options).steps[0], 'step');
}

/** The ops of frond, which hold AdamW, with that of the optimizer among them. */
export const registryWith = ({ rule }: Optimizer): OpRegistry =>
  ops.has(rule.name) ? ops : new Map([...ops, [rule.name, updateOp(rule)]]);

/** Name of the fed tensor with the parts that a batch has in its step. */
export const SHARES = 'step.shares';

/** What a batch is fed beside its examples: whether it is the first of its step, and its part in the mean loss of each task. */
export const sharesFeed = (isFirst: boolean, shares: readonly number[]): Feeds => ({
  [SHARES]: { dtype: 'f32', shape: [1 + shares.length], data: Float32Array.of(isFirst ? 0 : 1, ...shares) },
});
