import { describe, expect, it } from 'vitest';
import { exp, f32, graph, log, mul, ones, sqrt, sum } from '../../src/dsl/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { findNonFinite } from '../../src/runtime/diagnose.ts';
import { updateFeeds } from '../support/step.ts';
import { bytes, f32Value, strictDevice } from './support.ts';
import { classifier, feedsFor, trainedWeights } from './training.ts';

describe('findNonFinite', () => {
  it('finds nothing in a healthy step, changes nothing and keeps no memory', async () => {
    const { device, usage } = strictDevice();
    const { executable, state, step } = await classifier({ device });
    await executable.run(feedsFor(0, 4));
    const [before, words] = [await trainedWeights(state), usage.live];
    expect(await findNonFinite(step, feedsFor(1, 4), state)).toBeUndefined();
    expect(await trainedWeights(state)).toBe(before);
    expect(usage.live).toBeLessThanOrEqual(words);
    await executable.run(feedsFor(0, 4));
    expect(usage.live).toBe(words);
  });

  it('names the node of the forward part that is first at fault', async () => {
    const model = graph('model', (g) => {
      const x = g.input('x', f32, ['batch', 2]);
      const y = g.scope('broken', () => exp(mul(log(mul(x, g.parameter('w', f32, [2], ones()))), 2)));
      return { y: sum(y, [0, 1]) };
    }).ir;
    const { device } = strictDevice();
    const { executable } = await compile(model, { device });
    const { state } = executable;
    await state.initialize(1);
    const look = (...x: readonly number[]) => findNonFinite(model, { x: f32Value([2, 2], x) }, state);
    expect(await look(1, 2, 3, 4)).toBeUndefined();
    const fault = await look(1, 2, 3, -4);
    expect(fault).toMatchObject({ node: 'broken/log', op: 'log', phase: 'forward', element: 3 });
    expect(fault?.value).toBeNaN();
    expect(fault?.place?.file).toContain('diagnose.test.ts');
    // the square overflows f32
    expect(await look(1, 2, 3e38, 4)).toMatchObject({
      op: 'exp',
      element: 2,
      value: Number.POSITIVE_INFINITY,
    });
    expect(await look(1, Number.NaN, 3, 4)).toMatchObject({ node: 'x', op: 'input', element: 1 });
    await state.write('broken/w', [1, Number.NaN]);
    expect(await look(1, 2, 3, 4)).toMatchObject({ node: 'broken/w', op: 'parameter', element: 1 });
  });

  it('names the node of the backward part', async () => {
    const { executable, state, step, programs } = await classifier({
      forward: graph('model', (g) => {
        const w = g.parameter('w', f32, [3], ones());
        return { loss: sum(sqrt(mul(w, g.input('x', f32, [3]))), [0]) };
      }).ir,
    });
    const feeds = (...x: readonly number[]) => ({
      x: f32Value([3], x),
      ...updateFeeds(programs, 0),
    });
    expect(await findNonFinite(step, feeds(1, 2, 3), state)).toBeUndefined();
    const before = bytes(await state.read('w'));
    const { loss, gradientNorm } = await executable.run(feeds(1, 0, 3));
    expect(Number(loss?.data[0])).toBeCloseTo(1 + Math.sqrt(3), 5);
    expect(Number(gradientNorm?.data[0])).not.toBeLessThan(Number.POSITIVE_INFINITY);
    expect(bytes(await state.read('w'))).toBe(before);
    const fault = await findNonFinite(step, feeds(1, 0, 3), state);
    expect(fault).toMatchObject({ phase: 'backward', element: 1, value: Number.POSITIVE_INFINITY });
    expect(fault?.place?.file).toContain('diagnose.test.ts');
    expect(bytes(await state.read('w'))).toBe(before);
  });
});
