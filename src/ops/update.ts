import { planAdamW } from '../../kernels/adamW.ts';
import { planSquareNorm } from '../../kernels/squareNorm.ts';
import { ARENA_BLOCKS, type OpRecord } from '../ir/record.ts';
import { bytesOf, expectShape, expectType, numberOf, operand } from './rules.ts';
import { input, output } from './slots.ts';

/*
 * Ops of the update phase work on whole arenas. Their last operands are the gradients of attribute `parameters`, in that
 * order: they are not read one by one, they say what must be finished first and what lies in the gradient arena.
 */

export const squareNorm: OpRecord = {
  name: 'squareNorm',
  doc: 'Σ g² over all gradients',
  kind: 'update',
  arity: [0, Number.POSITIVE_INFINITY],
  shape: () => [{ dtype: 'f32', shape: [] }],
  lower: () => planSquareNorm({ out: output(), blocks: ARENA_BLOCKS }),
  cost: (context) => ({ flops: 0, bytes: bytesOf(context) }),
};

/**
 * One step of AdamW (Loshchilov and Hutter 2019) over the parameter arena, in place. Operands loss, square norm of the
 * gradient, hyper f32 [4] (rate, the two bias corrections, clip norm), gradients; attributes `parameters`, `beta1`, `beta2`,
 * `epsilon`. The result is a token without meaning, for the graph's list of effects.
 */
export const adamW: OpRecord = {
  name: 'adamW',
  doc: 'updates parameters and moments by AdamW, unless loss or gradient norm is not finite',
  kind: 'update',
  arity: [3, Number.POSITIVE_INFINITY],
  shape(inputs, attributes) {
    const [loss, norm, hyper] = [0, 1, 2].map((i) => operand('adamW', inputs, i));
    if (loss) expectShape('adamW', 'the loss', loss.shape, []);
    if (norm) expectShape('adamW', 'the norm', norm.shape, []);
    if (hyper) {
      expectType('adamW', 'the hyper-parameters', hyper, 'f32');
      expectShape('adamW', 'the hyper-parameters', hyper.shape, [4]);
    }
    for (const name of ['beta1', 'beta2', 'epsilon']) numberOf('adamW', attributes, name);
    return [{ dtype: 'f32', shape: [] }];
  },
  lower: ({ attributes }) =>
    planAdamW({
      loss: input(0),
      squareNorm: input(1),
      hyper: input(2),
      blocks: ARENA_BLOCKS,
      beta1: numberOf('adamW', attributes, 'beta1'),
      beta2: numberOf('adamW', attributes, 'beta2'),
      epsilon: numberOf('adamW', attributes, 'epsilon'),
    }),
  cost: (context) => ({ flops: 0, bytes: bytesOf(context) }),
};
