import { planAttention } from '../../kernels/attention.ts';
import { planAttentionGradient } from '../../kernels/attentionGradient.ts';
import type { Attributes, TensorType } from '../ir/graph.ts';
import type { OpRecord } from '../ir/record.ts';
import { checkAttention, costOf, dimsOf, settings } from './attentionRules.ts';
import { expectOperands, numberOf, operand, refuse } from './rules.ts';
import { input, output } from './slots.ts';

const levelsOf = ({ shape }: TensorType, attributes: Attributes): TensorType => ({
  dtype: 'f32',
  shape: [shape[0] ?? 1, numberOf('attention', attributes, 'heads'), 2, shape[1] ?? 1],
});

/** Results out as q, and of each row the largest score and the logarithm of its sum, f32 [batch, heads, 2, time], for the gradient. */
export const attention: OpRecord = {
  name: 'attention',
  doc: 'multi-head scaled dot-product attention (Vaswani et al. 2017) without anything of size time × keys in memory',
  kind: 'kernel',
  arity: [3, 5],
  attributes: settings,
  shape(inputs, attributes) {
    checkAttention(inputs, attributes);
    const q = operand('attention', inputs, 0);
    return [{ dtype: 'f32', shape: q.shape }, levelsOf(q, attributes)];
  },
  vjp(b, { inputs, outputs: [out, levels], gradients: [dout, ...saved], attributes }) {
    refuse('attention', 'the row sums', saved);
    if (out === undefined || levels === undefined || dout === undefined) return [];
    const [q, k, v, ...rest] = inputs as [string, string, string];
    return b.op('attentionGradient', [q, k, v, out, levels, dout, ...rest], attributes);
  },
  lower: (context) =>
    planAttention({
      ...dimsOf(context, 3),
      q: input(0),
      k: input(1),
      v: input(2),
      out: output(0),
      levels: output(1),
    }),
  cost: costOf(2),
};

/** Operands q, k, v, out, levels, dout, and the optional ones of attention; results dq, dk, dv. */
export const attentionGradient: OpRecord = {
  name: 'attentionGradient',
  doc: 'gradients of attention with respect to query, key and value; probabilities are computed again',
  kind: 'kernel',
  arity: [6, 8],
  attributes: settings,
  shape(inputs, attributes) {
    const [q, k, v] = [0, 1, 2].map((i) => operand('attentionGradient', inputs, i)) as [
      TensorType,
      TensorType,
      TensorType,
    ];
    checkAttention([q, k, v, ...inputs.slice(6)], attributes);
    const out: TensorType = { dtype: 'f32', shape: q.shape };
    expectOperands('attentionGradient', inputs, 3, { out, levels: levelsOf(q, attributes), dout: out });
    return [q, k, v];
  },
  lower: (context) =>
    planAttentionGradient({
      ...dimsOf(context, 6),
      q: input(0),
      k: input(1),
      v: input(2),
      out: input(3),
      levels: input(4),
      dout: input(5),
      dq: output(0),
      dk: output(1),
      dv: output(2),
    }),
  cost: costOf(5),
};
