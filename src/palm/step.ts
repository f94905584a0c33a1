import { JOURNAL_TASKS } from '../../kernels/gradientNorm.ts';
import { defined, FrondError } from '../base/errors.ts';
import * as is from '../base/kinds.ts';
import { GraphBuilder } from '../ir/builder.ts';
import type { Graph } from '../ir/graph.ts';
import type { OpRegistry } from '../ir/record.ts';
import { ops } from '../ops/index.ts';
import { updateOp } from '../ops/update.ts';
import { differentiate } from '../passes/index.ts';
import { parametersOf } from '../runtime/parameters.ts';
import type { Optimizer } from './optimizer.ts';
import { checkSettings } from './settings.ts';

const parameterGroup = {
  /** matched against the whole parameter name; `*` stands for any run of characters */
  match: is.text,
  /** multiplies the learning rate, default 1; 0 freezes */
  rate: is.optional(is.notNegative),
  /** replaces the weight decay for these parameters */
  weightDecay: is.optional(is.notNegative),
  /** no gradient is computed and nothing is updated */
  freeze: is.optional(is.flag),
};
/** Parameters that share a rate multiplier and a weight decay. The first group whose pattern matches a name counts. */
export type ParameterGroup = is.OptionsOf<typeof parameterGroup>;

const optimizerKind = is.having<Optimizer>(
  'an optimizer, such as palm.adam({ rate: 0.001 })',
  'rule',
  'rate',
);
const groupsKind = is.listOf(is.object, "groups, such as [{ match: '*/bias', rate: 2 }]");
const backwardOptions = {
  optimizer: optimizerKind,
  /** decoupled decay of weights; biases, layer-norm scales and other vectors are exempt, and the transitions of a CRF. Default 0 */
  weightDecay: is.optional(is.notNegative),
  /** largest global norm of the gradient, above 0; left out: no clipping */
  clipNorm: is.optional({ ...is.positive, what: `${is.positive.what}, or leave clipNorm out` }),
  groups: is.optional(is.typed<readonly ParameterGroup[]>(groupsKind)),
};
export type BackwardOptions = is.OptionsOf<typeof backwardOptions>;

/** `*` stands for any letters. Each part is taken where it comes first: no pattern costs more than one pass over the name. */
function matches(pattern: string, name: string): boolean {
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

/** @throws FROND-T002 for a setting out of range, and for a group without any parameter */
function checkBackward(options: BackwardOptions, forward: Graph): void {
  checkSettings('buildBackward', options, backwardOptions);
  const names = parametersOf(forward).map(({ name }) => name);
  for (const group of options.groups ?? []) {
    checkSettings('a parameter group', group, parameterGroup);
    const { match } = group;
    if (names.some((name) => matches(match, name))) continue;
    const some = names.length > 6 ? `${names.slice(0, 6).join(', ')}, … (${names.length})` : names.join(', ');
    throw new FrondError('FROND-T002', `no parameter matches the group ${match}`, {
      hint: `a pattern is held against the whole name, * stands for any part of it; there are ${some}`,
    });
  }
}

/**
 * The training step of a forward graph: its backward part and the update, in one graph. The journal on the device notes of
 * each step its loss, its gradient norm and the outputs `tasks`.
 *
 * Weights (rank ≥ 2) decay, vectors and scalars do not, as is usual for biases and normalisation; nor do the transitions of a CRF.
 * A parameter declared with `decays` and a group may say otherwise.
 * @throws FROND-P… when the loss has no gradient, FROND-T003 for more tasks than a row of the journal holds, FROND-T002 for settings out of range or without effect
 */
export function buildStep(
  forward: Graph,
  loss: string,
  options: BackwardOptions,
  tasks: readonly string[] = [],
): Graph {
  checkBackward(options, forward);
  if (tasks.length > JOURNAL_TASKS) {
    throw new FrondError('FROND-T003', `${tasks.length} tasks are too many to learn jointly`, {
      hint: `give at most ${JOURNAL_TASKS}`,
    });
  }
  const registry = registryWith(options.optimizer);
  const weights = parametersOf(forward)
    .filter(({ node }) => node.attributes.trainable !== false)
    .map(({ name, node }) => {
      const group = options.groups?.find(({ match }) => matches(match, name));
      const { freeze, rate = 1, weightDecay } = group ?? {};
      const { decays = (node.types[0]?.shape.length ?? 0) >= 2 } = node.attributes;
      const decay = weightDecay ?? (decays === true ? (options.weightDecay ?? 0) : 0);
      return { name, frozen: freeze === true || rate === 0, rate, decay };
    })
    .filter(({ frozen }) => !frozen);
  const parameters = weights.map(({ name }) => name);
  const { graph, gradients } = differentiate(forward, registry, { loss, parameters });
  const updated = weights.filter(({ name }) => gradients[name] !== undefined);

  const builder = new GraphBuilder(forward.name, registry, graph);
  builder.phase = 'update';
  builder.scope = 'update';
  const arriving = updated.map(({ name }) => defined(gradients[name], `gradient of ${name}`));
  const attributes = {
    parameters: updated.map(({ name }) => name),
    rates: updated.map(({ rate }) => rate),
    decays: updated.map(({ decay }) => decay),
  };
  const hyper = builder.input(HYPER, { dtype: 'f32', shape: [4] });
  const lossRef = defined(graph.outputs[loss], `output ${loss}`);
  const noted = tasks.map((task) => defined(graph.outputs[task], `output ${task}`));
  const norm = builder.one('gradientNorm', [lossRef, ...noted, ...arriving], attributes);
  const { rule, settings } = options.optimizer;
  const [done] = builder.op(rule.name, [lossRef, norm, hyper, ...arriving], { ...attributes, ...settings });
  builder.effect(defined(done, `output of ${rule.name}`));
  builder.output('gradientNorm', norm);
  return builder.finish();
}

/** The ops of frond, which hold AdamW, with that of the optimizer among them. */
export const registryWith = ({ rule }: Optimizer): OpRegistry =>
  ops.has(rule.name) ? ops : new Map([...ops, [rule.name, updateOp(rule)]]);

/** Name of the fed tensor with the numbers that change from step to step. */
export const HYPER = 'optimizer.hyper';

/** Scalars of step `step` (from 0): rate, the two corrections, and the largest gradient norm (0: no clipping). */
export function hyperOf(optimizer: Optimizer, rate: number, step: number, clipNorm: number): Float32Array {
  return Float32Array.of(rate, ...optimizer.corrections(step), clipNorm);
}
