import { describe, expect, expectTypeOf, it } from 'vitest';
import * as frond from '../../src/index.ts';
import { messageOf } from '../support/message.ts';

const inputs = { x: frond.declare('f32', ['n', 3]), ids: frond.declare('i32', ['n']) };
const model = frond.graph(
  'cubic',
  (g, { x, ids }) => {
    const w = g.parameter('w', 'f32', [3], frond.ones());
    const idle = g.parameter('idle', 'f32', [2], frond.ones());
    const table = frond.embedding(ids, 4, 3);
    const y = frond.mul(frond.mul(x, x), frond.mul(w, x));
    return { loss: frond.sum(frond.add(y, frond.mul(table, x)), [0, 1]), twice: frond.add(idle, idle) };
  },
  { inputs },
);
const device = frond.interpreterDevice({ precision: 'f64' });
const [x, ids] = [
  { dtype: 'f32', shape: [2, 3], data: [1, -2, 3, 0.5, 0, -1] },
  { dtype: 'i32', shape: [2], data: [1, 1] },
] as const;

describe('gradients', () => {
  it('are outputs beside those of the model, of inputs and of parameters', async () => {
    const more = frond.gradients(model, { of: ['x', 'w', 'idle'] });
    expect(Object.keys(more.outputs)).toEqual(['loss', 'twice', 'gradient/x', 'gradient/w', 'gradient/idle']);
    expectTypeOf(more.outputs['gradient/x'].shape).toEqualTypeOf<['n', 3]>();
    const { executable } = await frond.compile(more.ir, { device });
    await executable.state.initialize(1);
    await executable.state.write('embedding/weight', new Float32Array(12).fill(0.25));
    const results = await executable.run({ x, ids });
    const close = (name: string, expected: readonly number[]) =>
      expected.forEach((value, i) => {
        expect(results[name]?.data[i], `${name}[${i}]`).toBeCloseTo(value, 6);
      });
    close(
      'gradient/x',
      x.data.map((value) => 3 * value ** 2 + 0.25),
    );
    close(
      'gradient/w',
      [0, 1, 2].map((j) => (x.data[j] ?? 0) ** 3 + (x.data[j + 3] ?? 0) ** 3),
    );
    close('gradient/idle', [0, 0]);
  });

  it('are of all trained parameters where nothing is said', () => {
    expect(Object.keys(frond.gradients(model).outputs).slice(2)).toEqual([
      'gradient/w',
      'gradient/idle',
      'gradient/embedding/weight',
    ]);
  });

  it('have gradients again: the product of the Hessian with a vector', async () => {
    const once = frond.gradients(model, { of: ['x'] });
    // Σ v · ∂loss/∂x with v = 1, whose gradient is H v
    const builder = new frond.GraphBuilder('hessian', frond.ops, once.ir);
    const summed = builder.sum(once.ir.outputs['gradient/x'] ?? '', [0, 1]);
    const ir = builder.finish();
    const along = { ...once, ir: { ...ir, outputs: { ...ir.outputs, loss: summed } } };
    const twice = frond.gradients(along, { of: ['x'] });
    const { executable } = await frond.compile(twice.ir, { device });
    await executable.state.initialize(1);
    const results = await executable.run({ x, ids }, { read: ['gradient/x'] });
    expect(Array.from(results['gradient/x']?.data ?? [])).toEqual(x.data.map((value) => 6 * value + 0));
  });

  it('refuse a name that there is not, and an output', async () => {
    expect(await messageOf(() => frond.gradients(model, { of: ['y'] }))).toContain(
      'y is neither an input nor a parameter',
    );
    expect(await messageOf(() => frond.gradients(model, { loss: 'lost' as never }))).toContain(
      'no output lost',
    );
  });
});

describe('a profile by node', () => {
  it('names nodes with time, launches, work and bytes, the slowest first', async () => {
    const { executable } = await frond.compile(model, { device: frond.wasmDevice() });
    await executable.state.initialize(1);
    const profile = (await frond.profileNodes(executable, { x, ids })) ?? [];
    expect(profile.length).toBeGreaterThan(1);
    expect(profile.reduce((sum, { launches }) => sum + launches, 0)).toBe(
      executable.program.nodes.reduce((sum, { launches }) => sum + launches.length, 0),
    );
    const times = profile.map(({ milliseconds }) => milliseconds);
    expect(times).toEqual([...times].sort((a, b) => b - a));
    const gather = profile.find(({ op }) => op === 'gather');
    expect(gather).toMatchObject({ node: 'embedding/gather', launches: 1, bytes: 4 * (12 + 2 + 6) });
    expect(gather?.place?.file).toContain('gradients.test.ts');
    expect(profile.some(({ flops }) => flops > 0)).toBe(true);
    await executable.state.device.close();
  });
});

describe('the NaN finder', () => {
  it('names the node of a plain graph where a value is not finite', async () => {
    const { executable } = await frond.compile(model, { device });
    await executable.state.initialize(1);
    const bad = { ...x, data: [1, Number.NaN, 3, 0.5, 0, -1] };
    const found = await frond.findNonFinite(model.ir, { x: bad, ids }, executable.state);
    expect(found).toMatchObject({ op: 'input', element: 1, value: Number.NaN });
  });
});
