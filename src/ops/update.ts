import { planGradientNorm } from '../../kernels/gradientNorm.ts';
import { adamWRule, planUpdate, type UpdateRule } from '../../kernels/update.ts';
import * as is from '../base/kinds.ts';
import { ARENA_BLOCKS, ARENA_CHUNK, type OpRecord } from '../ir/record.ts';
import { defineOp } from './define.ts';
import { expectShape, expectTypes, f32, groups } from './rules.ts';

/*
 * Ops of the update phase work on whole arenas. Their last operands are the gradients of attribute `parameters`, in that
 * order: they are not read one by one, they say what must be finished first and what lies in the gradient arena.
 */

/** The losses among the operands, the loss and those of the tasks, or none. Gradients follow. */
const lossesOf = <T>(operands: readonly T[], { parameters = [] }: is.OptionsOf<typeof groups>) =>
  operands.slice(0, operands.length - parameters.length);

/** With losses the step is judged and written into the journal. */
export const gradientNorm = defineOp({
  name: 'gradientNorm',
  doc: '√(Σ g²) over all gradients; judges the step by it and by its loss, where losses are given',
  kind: 'update',
  operands: ['...lossesAndGradients'],
  attributes: groups,
  shape({ lossesAndGradients }, attributes) {
    for (const { shape } of lossesOf(lossesAndGradients, attributes))
      expectShape('gradientNorm', 'a loss', shape, []);
    return [f32([])];
  },
  lower: (_types, { slots: { lossesAndGradients, out }, attributes }) =>
    planGradientNorm({
      out,
      blocks: ARENA_BLOCKS,
      chunk: ARENA_CHUNK,
      losses: lossesOf(lossesAndGradients, attributes),
    }),
  flops: 0,
});

/**
 * The op of an optimizer. `hyper` f32 [4] holds the rate, two numbers of the rule, and the clip norm. Attributes `parameters` and the
 * settings of the rule. The result is a token without meaning, for the graph's list of effects.
 */
export const updateOp = (rule: UpdateRule): OpRecord =>
  defineOp({
    name: rule.name,
    doc: `updates parameters and moments by ${rule.name}, unless loss or gradient norm is not finite`,
    kind: 'update',
    operands: ['loss', 'gradientNorm', 'hyper', '...gradients'],
    results: ['token'],
    attributes: { ...groups, ...Object.fromEntries(rule.settings.map((name) => [name, is.finite])) },
    shape({ loss, gradientNorm, hyper }) {
      expectShape(rule.name, 'the loss', loss.shape, []);
      expectShape(rule.name, 'the norm', gradientNorm.shape, []);
      expectTypes(rule.name, { 'the hyper-parameters': [hyper, 'f32', [4]] });
      return [f32([])];
    },
    lower(_types, { slots: { loss, gradientNorm, hyper }, attributes }) {
      const { parameters, rates, decays, ...settings } = attributes;
      return planUpdate(rule, { loss, gradientNorm, hyper, blocks: ARENA_BLOCKS, settings });
    },
    flops: 0,
  });

export const adamW: OpRecord = updateOp(adamWRule);
