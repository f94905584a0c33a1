import { adamWRule } from '../../kernels/adamW.ts';
import { planGradientNorm } from '../../kernels/gradientNorm.ts';
import { planUpdate, type UpdateRule } from '../../kernels/update.ts';
import { finite } from '../base/kinds.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import { ARENA_BLOCKS, ARENA_CHUNK, type OpRecord } from '../ir/record.ts';
import { groups } from './attributes.ts';
import { bytesOf, expectShape, expectType, numberOf, operand } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * Ops of the update phase work on whole arenas. Their last operands are the gradients of attribute `parameters`, in that
 * order: they are not read one by one, they say what must be finished first and what lies in the gradient arena.
 */

/** Operands before the gradients: the loss and the losses of the tasks, or none. */
const lossesOf = (inputs: readonly TensorType[], { parameters }: Attributes): number =>
  inputs.length - (Array.isArray(parameters) ? parameters.length : inputs.length);

/**
 * Operands: the loss and the losses of the tasks, then the gradients. With losses the step is judged and written into the journal.
 */
export const gradientNorm: OpRecord = {
  name: 'gradientNorm',
  doc: '√(Σ g²) over all gradients; judges the step by it and by its loss, where losses are given',
  kind: 'update',
  arity: [0, Number.POSITIVE_INFINITY],
  attributes: groups,
  shape(inputs, attributes) {
    for (const { shape } of inputs.slice(0, lossesOf(inputs, attributes)))
      expectShape('gradientNorm', 'a loss', shape, []);
    return [{ dtype: 'f32', shape: [] }];
  },
  lower: ({ inputs, attributes }) =>
    planGradientNorm({
      out: output(),
      blocks: ARENA_BLOCKS,
      chunk: ARENA_CHUNK,
      losses: Array.from({ length: lossesOf(inputs, attributes) }, (_, i) => input(i)),
    }),
  cost: (context) => ({ flops: 0, bytes: bytesOf(context) }),
};

/**
 * The op of an optimizer. Operands loss, norm of the gradient, hyper f32 [4] (rate, two numbers of the rule, clip norm),
 * gradients; attributes `parameters` and the settings of the rule. The result is a token without meaning, for the graph's list of
 * effects.
 */
export function updateOp(rule: UpdateRule): OpRecord {
  const { name } = rule;
  return {
    name,
    doc: `updates parameters and moments by ${name}, unless loss or gradient norm is not finite`,
    kind: 'update',
    arity: [3, Number.POSITIVE_INFINITY],
    attributes: { ...groups, ...Object.fromEntries(rule.settings.map((setting) => [setting, finite])) },
    shape(inputs, attributes) {
      const [loss, norm, hyper] = [0, 1, 2].map((i) => operand(name, inputs, i));
      if (loss) expectShape(name, 'the loss', loss.shape, []);
      if (norm) expectShape(name, 'the norm', norm.shape, []);
      if (hyper) {
        expectType(name, 'the hyper-parameters', hyper, 'f32');
        expectShape(name, 'the hyper-parameters', hyper.shape, [4]);
      }
      for (const setting of rule.settings) numberOf(name, attributes, setting);
      return [{ dtype: 'f32', shape: [] }];
    },
    lower: ({ attributes }) =>
      planUpdate(rule, {
        loss: input(0),
        gradientNorm: input(1),
        hyper: input(2),
        blocks: ARENA_BLOCKS,
        settings: Object.fromEntries(
          rule.settings.map((setting) => [setting, numberOf(name, attributes, setting)]),
        ),
      }),
    cost: (context) => ({ flops: 0, bytes: bytesOf(context) }),
  };
}

export const adamW: OpRecord = updateOp(adamWRule);
