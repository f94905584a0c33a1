import { planAccumulate } from '../../kernels/accumulate.ts';
import { groupColumns, planGradientNorm } from '../../kernels/gradientNorm.ts';
import { adamWRule, planUpdate, type UpdateRule } from '../../kernels/update.ts';
import * as is from '../base/kinds.ts';
import { ARENA_BLOCKS, ARENA_CHUNK, type OpRecord } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { expectShape, expectTypes, f32, fail } from './rules.ts';

/*
 * Ops of the update phase work on whole arenas. A training step is two programs: one computes the gradients of a batch and ends with
 * `accumulate`, the other changes the weights by them with the op of an optimizer.
 */

/** Of nodes that leave gradients in an arena: the parameters that the last operands are gradients of, in order. */
export const GRADIENTS = 'gradients';

const accumulated = {
  [GRADIENTS]: is.names,
  /** add to what the batches of a step before this one left there */
  adds: is.optional(is.flag),
  /** the arena: `gradient` where it is left out */
  arena: is.optional(is.name),
};

/** The arena in which the gradients of one batch lie while those before it are in `arena`. */
export const batchArena = (arena: string): string => `${arena}.batch`;

/** The losses among the operands, the loss and those of the tasks, or none. Gradients follow. */
function lossesOf<T>(operands: readonly T[], gradients: readonly string[]): readonly T[] {
  const count = operands.length - gradients.length;
  if (count < 0)
    fail('FROND-S019', `accumulate: ${gradients.length} gradients, but ${operands.length} operands`);
  return operands.slice(0, count);
}

export const accumulate = defineOp({
  name: 'accumulate',
  doc: 'ends a batch: its losses go to the journal, its gradients to their arena, added to those of the batches before',
  kind: 'update',
  operands: ['shares', '...lossesAndGradients'],
  results: ['token'],
  attributes: accumulated,
  shape({ shares, lossesAndGradients }, { gradients }) {
    const losses = lossesOf(lossesAndGradients, gradients);
    for (const { shape } of losses) expectShape('accumulate', 'a loss', shape, []);
    expectTypes('accumulate', { 'the shares': [shares, 'f32', [Math.max(1, losses.length)]] });
    return [f32([])];
  },
  lower(_types, { slots: { shares, lossesAndGradients }, attributes }) {
    const { gradients, adds = false, arena = 'gradient' } = attributes;
    return planAccumulate({
      shares,
      losses: lossesOf(lossesAndGradients, gradients),
      arenas: { gradient: arena, batch: adds ? batchArena(arena) : undefined },
      blocks: ARENA_BLOCKS,
    });
  },
  flops: 0,
});

const updated = {
  /** what is updated */
  parameters: is.names,
  /** the row of `groups` of each of them; the first one where it is left out */
  groups: is.optional(is.listOf(is.natural, 'numbers of rows')),
  arena: is.optional(is.name),
  /** keep a moving average of the parameters, in arena `average` */
  average: is.optional(is.flag),
};

/** What settings of a rule cannot be called: attributes of every update, and names in its kernel. */
export const TAKEN_SETTINGS: readonly string[] = [
  ...Object.keys(updated),
  ...['group', 'gradient', 'gradientNorm', 'parameter', 'moment1', 'moment2', 'rate', 'decay', 'blocks'],
];

/**
 * The op of an optimizer. `groups` f32 [groups, 8] has a row for each group of parameters (`groupLayout`); `after` is the token of an
 * `accumulate` in the same graph. The settings of the rule are attributes.
 */
export const updateOp = (rule: UpdateRule): OpRecord =>
  defineOp({
    name: rule.name,
    doc: `√(Σ g²) over the gradients; updates parameters and moments by ${rule.name}, unless it or the loss is not finite`,
    kind: 'update',
    operands: ['groups', 'after?'],
    results: ['gradientNorm'],
    attributes: { ...updated, ...Object.fromEntries(rule.settings.map((name) => [name, is.finite])) },
    shape({ groups, after }, { parameters, groups: rowsOf = [] }) {
      const rows = groups.shape[0] ?? 1;
      expectTypes(rule.name, { 'the table of groups': [groups, 'f32', [rows, groupColumns]] });
      const row = rowsOf.find((each) => typeof rows !== 'number' || each >= rows);
      if (row !== undefined || rowsOf.length > parameters.length) {
        const what =
          row === undefined ? `${rowsOf.length} rows for ${parameters.length} parameters` : `row ${row}`;
        fail('FROND-S019', `${rule.name}: groups says ${what}, the table has ${rows} rows`);
      }
      if (after) expectShape(rule.name, 'the token', after.shape, []);
      return [f32([])];
    },
    lower(_types, { slots: { groups, gradientNorm }, attributes }) {
      const { parameters, groups: _, arena = 'gradient', average = false, ...settings } = attributes;
      const at = { groups, arena, blocks: ARENA_BLOCKS };
      return [
        ...planGradientNorm({ ...at, out: gradientNorm, chunk: ARENA_CHUNK }),
        ...planUpdate(rule, { ...at, gradientNorm, average, settings }),
      ];
    },
    flops: 0,
  });

export const adamW: OpRecord = updateOp(adamWRule);
