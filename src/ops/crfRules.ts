import type { CrfSizes } from '../../kernels/crfBlock.ts';
import { plus, printShape, product, times } from '../base/dim.ts';
import type { TensorType } from '../ir/graph.ts';
import type { Cost, IndexedInput, LowerContext } from '../ir/record.ts';
import { bytesOf, expectFloat, expectShape, expectType, fail, operand } from './rules.ts';

/*
 * Linear-chain conditional random fields (Lafferty, McCallum and Pereira 2001). The score of labels y of a sequence of length n is
 * start[y₁] + Σ_t emissions[t, y_t] + Σ_t transitions[y_{t−1}, y_t] + stop[y_n].
 * Emissions f32 [batch, time, labels], transitions f32 [labels, labels] (from, to), start and stop f32 [labels],
 * tags i32 [batch, time], lengths i32 [batch].
 */

export function sizesOf(inputs: readonly TensorType[]): CrfSizes {
  const { shape } = operand('crf', inputs, 0);
  const [batch, time, labels] = shape;
  if (shape.length !== 3 || batch === undefined || time === undefined || labels === undefined) {
    return fail('FROND-S013', `crf: emissions needs 3 dimensions, has ${printShape(shape)}`);
  }
  if (typeof labels !== 'number') {
    return fail('FROND-S026', `crf: the number of labels must be known, not ${labels}`);
  }
  return { batch, time, labels };
}

/** Checks the operands that follow the emissions, by name. */
export function checkChain(inputs: readonly TensorType[], names: readonly string[]): CrfSizes {
  const { batch, time, labels } = sizesOf(inputs);
  expectFloat('crf', operand('crf', inputs, 0));
  const shapes: Readonly<Record<string, TensorType>> = {
    tags: { dtype: 'i32', shape: [batch, time] },
    lengths: { dtype: 'i32', shape: [batch] },
    transitions: { dtype: 'f32', shape: [labels, labels] },
    start: { dtype: 'f32', shape: [labels] },
    stop: { dtype: 'f32', shape: [labels] },
  };
  names.forEach((name, i) => {
    const [type, wanted] = [operand('crf', inputs, i + 1), shapes[name]];
    if (wanted === undefined) return;
    expectType('crf', name, type, wanted.dtype);
    expectShape('crf', name, type.shape, wanted.shape);
  });
  return { batch, time, labels };
}

/** One multiply-add per transition and step, and as many again for shifts and exponentials. */
export const costOf =
  (passes: number) =>
  (context: LowerContext): Cost => {
    const { shape } = operand('crf', context.inputs, 0);
    return { flops: times(product([...shape, shape[2] ?? 1]), 2 * passes), bytes: bytesOf(context) };
  };

/** Tags are labels; what stands at and beyond a sequence's length is not read. Lengths are 0 … time. */
export function chainIndices({ labels, time }: CrfSizes, tags: number | undefined, lengths: number) {
  const checkLengths: IndexedInput = { input: lengths, low: 0, below: plus(time, 1) };
  // lengths first: the check of the tags relies on them
  return tags === undefined
    ? [checkLengths]
    : [checkLengths, { input: tags, low: 0, below: labels, lengths }];
}
