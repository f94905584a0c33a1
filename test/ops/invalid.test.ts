import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { invalidSamples } from './samples/all.ts';
import type { InvalidSample } from './samples/sample.ts';

function errorOf({ op, inputs, attributes }: InvalidSample): unknown {
  const builder = new GraphBuilder('invalid', ops);
  const refs = inputs.map((type, i) => builder.input(`x${i}`, type));
  try {
    builder.op(op, refs, attributes);
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('invalid operands are refused in the words of the types', () => {
  test.each(invalidSamples.map((sample) => [sample.summary, sample] as const))('%s', (_, sample) => {
    const error = errorOf(sample);
    expect(error).toBeInstanceOf(FrondError);
    const { code, summary, details } = error as FrondError;
    expect({ code, summary }).toEqual({ code: sample.code, summary: sample.summary });
    expect(details.node).toBe(sample.op);
  });

  test('the whole message names node and remedy', () => {
    const error = errorOf({
      op: 'softmax',
      inputs: [{ dtype: 'f32', shape: [2, 8, 30] }],
      attributes: { axis: 3 },
      code: 'FROND-S012',
      summary: '',
    });
    expect((error as FrondError).message).toBe(
      [
        '[FROND-S012] softmax: axis 3 is out of range for shape [2, 8, 30]',
        '  at node softmax',
        '  hint: axes run -3..2',
      ].join('\n'),
    );
  });
});
