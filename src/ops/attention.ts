import { planAttention } from '../../kernels/attention.ts';
import { planAttentionGradient } from '../../kernels/attentionGradient.ts';
import { sameShape } from '../base/dim.ts';
import type { OpRecord } from '../ir/record.ts';
import { checkAttention, costOf, dimsOf } from './attentionRules.ts';
import { fail, numberOf, operand, refuse } from './rules.ts';
import { input, output } from './slots.ts';

/** Results out as q, and the logarithm of each row's sum f32 [batch, heads, time] for the gradient. */
export const attention: OpRecord = {
  name: 'attention',
  doc: 'multi-head scaled dot-product attention (Vaswani et al. 2017) without anything of size time × keys in memory',
  kind: 'kernel',
  arity: [3, 5],
  shape(inputs, attributes) {
    checkAttention(inputs, attributes);
    const { shape } = operand('attention', inputs, 0);
    const heads = numberOf('attention', attributes, 'heads');
    return [
      { dtype: 'f32', shape },
      { dtype: 'f32', shape: [shape[0] ?? 1, heads, shape[1] ?? 1] },
    ];
  },
  vjp(b, { inputs, outputs: [out, lse], gradients: [dout, ...saved], attributes }) {
    refuse('attention', 'the row sums', saved);
    if (out === undefined || lse === undefined || dout === undefined) return [];
    const [q, k, v, ...rest] = inputs as [string, string, string];
    return b.op('attentionGradient', [q, k, v, out, lse, dout, ...rest], attributes);
  },
  lower: (context) =>
    planAttention({
      ...dimsOf(context, 3),
      q: input(0),
      k: input(1),
      v: input(2),
      out: output(0),
      lse: output(1),
    }),
  cost: costOf(2),
};

/** Operands q, k, v, out, lse, dout, and the optional ones of attention; results dq, dk, dv. */
export const attentionGradient: OpRecord = {
  name: 'attentionGradient',
  doc: 'gradients of attention with respect to query, key and value; probabilities are computed again',
  kind: 'kernel',
  arity: [6, 8],
  shape(inputs) {
    const [q, k, v, , , dout] = [0, 1, 2, 3, 4, 5].map((i) => operand('attentionGradient', inputs, i));
    if (!q || !k || !v || !dout || !sameShape(q.shape, dout.shape)) {
      return fail(
        'FROND-S014',
        'attentionGradient: the upstream gradient does not have the shape of the query',
      );
    }
    return [q, k, v];
  },
  lower: (context) =>
    planAttentionGradient({
      ...dimsOf(context, 6),
      q: input(0),
      k: input(1),
      v: input(2),
      out: input(3),
      lse: input(4),
      dout: input(5),
      dq: output(0),
      dk: output(1),
      dv: output(2),
    }),
  cost: costOf(5),
};
