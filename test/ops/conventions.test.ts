import { describe, expect, test } from 'vitest';
import { FrondError } from '../../src/base/errors.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import { ops } from '../../src/ops/index.ts';
import { differentiate } from '../../src/passes/index.ts';
import { build, runner } from './run.ts';
import type { Sample } from './samples/sample.ts';

/** Gradients of Σ op(x…) at the given operands. */
async function gradientsAt(
  op: string,
  operands: readonly (readonly number[])[],
  attributes: Sample['attributes'] = {},
): Promise<number[][]> {
  const inputs = operands.map((data) => ({ dtype: 'f32', shape: [data.length] }) as const);
  const { builder, inputs: refs, outputs } = build({ op, inputs, attributes });
  const y = outputs[0] ?? '';
  const loss = builder.sum(y, [...builder.typeOf(y).shape.keys()]);
  builder.output('loss', loss);
  const { graph, gradients } = differentiate(builder.finish(), ops, { loss: 'loss', wrt: refs });
  const run = await runner({ ...graph, outputs: { ...gradients, loss } });
  const feeds = operands.map((data, i) => [`x${i}`, { dtype: 'f32' as const, shape: [data.length], data }]);
  const results = await run(Object.fromEntries(feeds));
  return refs.map((ref) => Array.from(results[ref]?.data ?? []));
}

describe('gradients at points where there is none', () => {
  test('a maximum shares its gradient among the elements that attain it', async () => {
    expect(await gradientsAt('max', [[3, 1, 3, 2]], { axes: [0] })).toEqual([[0.5, 0, 0.5, 0]]);
  });

  test.each(['maximum', 'minimum'])('a tie of %s goes to the first operand', async (op) => {
    expect(await gradientsAt(op, [[2], [2]])).toEqual([[1], [0]]);
  });

  test('a power of zero or of a negative number', async () => {
    // of y as the exponent of 0: x^y does not change; of a negative number: it is defined at integers only
    expect(await gradientsAt('pow', [[-2], [3]])).toEqual([[12], [Number.NaN]]);
    expect(await gradientsAt('pow', [[-2], [2]])).toEqual([[-4], [Number.NaN]]);
    expect(await gradientsAt('pow', [[0], [0]])).toEqual([[0], [0]]);
    expect(await gradientsAt('pow', [[0], [2]])).toEqual([[0], [0]]);
    expect(await gradientsAt('pow', [[0], [1]])).toEqual([[1], [0]]);
  });

  test.each(['abs', 'relu'])('that of %s at 0 is 0', async (op) => {
    expect(await gradientsAt(op, [[0]])).toEqual([[0]]);
  });
});

describe('results that only a gradient rule may read', () => {
  test('the mean of a layer norm refuses a gradient', () => {
    const b = new GraphBuilder('g', ops);
    const x = b.input('x', { dtype: 'f32', shape: [3, 4] });
    const w = b.input('w', { dtype: 'f32', shape: [4] });
    const [, mean] = b.op('layerNorm', [x, w, w], { epsilon: 1e-5 });
    b.output('loss', b.sum(mean ?? '', [0]));
    expect(() => differentiate(b.finish(), ops, { loss: 'loss', wrt: [x] })).toThrow(FrondError);
  });
});

describe('sizes that only a feed tells', () => {
  const sample = (attributes: Sample['attributes']): Sample => ({
    op: 'slice',
    inputs: [{ dtype: 'f32', shape: [3, 2] }],
    ...(attributes && { attributes }),
  });
  const run = async (attributes: Sample['attributes'], rows: number): Promise<number[]> => {
    const { builder, outputs } = build(sample(attributes), 'all');
    builder.output('y', outputs[0] ?? '');
    const feed = {
      dtype: 'f32' as const,
      shape: [rows, 2],
      data: Array.from({ length: 2 * rows }, (_, i) => i),
    };
    const { y } = await (await runner(builder.finish()))({ x0: feed });
    return Array.from(y?.data ?? []);
  };

  test.each([
    [{ axis: 0, from: 0, to: 4 }],
    [{ axis: 0, from: 2, to: 4 }],
    [{ axis: 0, from: 4 }],
    [{ axis: 0, from: -4 }],
    [{ axis: 0, from: -4, to: -1 }],
  ])('a slice %o of what turns out to be too short is refused', async (attributes) => {
    expect(await run(attributes, 4)).not.toContain(Number.NaN);
    await expect(run(attributes, 3)).rejects.toThrow(/FROND-S002\] dimension .* would be -\d/);
  });

  test.each([0, 'time'])('a chain without a step (%s) has a score of 0', async (time) => {
    const b = new GraphBuilder('g', ops);
    const [emissions, lengths] = [
      b.input('emissions', { dtype: 'f32', shape: ['batch', time, 3] }),
      b.input('lengths', { dtype: 'i32', shape: ['batch'] }),
    ];
    const row = b.constant(0, { dtype: 'f32', shape: [3] });
    const square = b.constant(0, { dtype: 'f32', shape: [3, 3] });
    const [, score = ''] = b.op('crfDecode', [emissions, lengths, square, row, row]);
    b.output('score', score);
    const run = await runner(b.finish());
    const feeds = {
      emissions: { dtype: 'f32' as const, shape: [2, 0, 3], data: [] },
      lengths: { dtype: 'i32' as const, shape: [2], data: [0, 0] },
    };
    expect((await run(feeds)).score?.data).toEqual(Float64Array.of(0, 0));
  });
});
