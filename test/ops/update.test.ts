import { describe, expect, test } from 'vitest';
import { groupColumns } from '../../kernels/gradientNorm.ts';
import { normal } from '../../src/base/random.ts';
import { GraphBuilder } from '../../src/ir/builder.ts';
import type { Graph, Ref } from '../../src/ir/graph.ts';
import { ops } from '../../src/ops/index.ts';
import { compile } from '../../src/runtime/compile.ts';
import { interpreterDevice } from '../../src/runtime/interpreterDevice.ts';
import { layoutParameters } from '../../src/runtime/parameters.ts';
import { ModelState } from '../../src/runtime/state.ts';

const BETA1 = 0.9;
const BETA2 = 0.99;
const EPSILON = 1e-8;
const RATE = 0.05;
const DECAY = 0.125;
const LENGTHS = { a: 300, b: 7 } as const;

/** loss = Σ c (w − 1)², so that the gradient 2 c (w − 1) is plain; `c` may hold NaN. */
function stepGraph(): Graph {
  const b = new GraphBuilder('step', ops);
  const names = ['a', 'b'] as const;
  const gradients: Ref[] = [];
  const losses = names.map((name) => {
    const type = { dtype: 'f32', shape: [LENGTHS[name]] } as const;
    const w = b.parameter(name, type, { initializer: { kind: 'zeros' } });
    const c = b.input(`c.${name}`, type);
    const off = b.sub(w, b.constant(1));
    gradients.push(b.mul(b.mul(off, c), b.constant(2)));
    return b.sum(b.mul(c, b.mul(off, off)), [0]);
  });
  const loss = b.add(losses[0] as Ref, losses[1] as Ref);
  b.phase = 'update';
  const shares = b.input('shares', { dtype: 'f32', shape: [1] });
  const token = b.one('accumulate', [shares, loss, ...gradients], { gradients: [...names] });
  const groups = b.input('groups', { dtype: 'f32', shape: [2, groupColumns] });
  const options = { parameters: [...names], groups: [0, 1], beta1: BETA1, beta2: BETA2, epsilon: EPSILON };
  const norm = b.one('adamW', [groups, token], options);
  b.effect(norm);
  b.output('loss', loss);
  b.output('norm', norm);
  return b.finish();
}

interface Weights {
  readonly w: number[];
  readonly m: number[];
  readonly v: number[];
}

const draws = (name: string): number[] =>
  Array.from({ length: LENGTHS[name as 'a'] }, (_, i) => normal(1, name, i));

/** The same steps in plain JavaScript. */
function reference(steps: number, clipNorm: number, rates: readonly number[]): Record<string, Weights> {
  const all = Object.fromEntries(
    ['a', 'b'].map((name) => {
      const w = draws(name);
      return [name, { w, m: w.map(() => 0), v: w.map(() => 0) }];
    }),
  );
  for (let t = 1; t <= steps; t++) {
    const gradients = Object.entries(all).map(([name, { w }]) => {
      const c = draws(name);
      return w.map((value, i) => 2 * (c[i] as number) ** 2 * (value - 1));
    });
    const live = gradients.flatMap((gradient, i) => (rates[i] ? gradient : []));
    const norm = Math.sqrt(live.reduce((total, value) => total + value * value, 0));
    const scale = clipNorm === 0 ? 1 : Math.min(1, clipNorm / (norm + 1e-6));
    Object.values(all).forEach(({ w, m, v }, k) => {
      const rate = RATE * (rates[k] as number);
      if (rate === 0) return;
      (gradients[k] as number[]).forEach((raw, i) => {
        const g = raw * scale;
        m[i] = BETA1 * (m[i] as number) + (1 - BETA1) * g;
        v[i] = BETA2 * (v[i] as number) + (1 - BETA2) * g * g;
        const root = Math.sqrt((v[i] as number) / (1 - BETA2 ** t)) + EPSILON;
        const decayed = (w[i] as number) * (1 - rate * (k === 0 ? DECAY : 0));
        w[i] = decayed - (rate * (m[i] as number)) / (1 - BETA1 ** t) / root;
      });
    });
  }
  return all;
}

async function train(steps: number, clipNorm: number, rates: readonly number[], poison = false) {
  const graph = stepGraph();
  const state = new ModelState(interpreterDevice({ precision: 'f64' }), layoutParameters([graph]));
  for (const name of ['a', 'b']) await state.write(name, draws(name));
  const { executable } = await compile(graph, { state, check: true });
  for (let t = 1; t <= steps; t++) {
    const corrections = [1 / (1 - BETA1 ** t), 1 / (1 - BETA2 ** t)];
    const groups = rates.flatMap((rate, i) => {
      return [RATE * rate, ...corrections, i === 0 ? DECAY : 0, clipNorm, rate === 0 ? 0 : 1, 0, 0];
    });
    const coefficients = Object.entries(LENGTHS).map(([name, length]) => {
      const data = draws(name).map((value) => value * value);
      if (poison) data[3] = Number.NaN;
      return [`c.${name}`, { dtype: 'f32', shape: [length], data }] as const;
    });
    await executable.run({
      ...Object.fromEntries(coefficients),
      shares: { dtype: 'f32', shape: [1], data: [0] },
      groups: { dtype: 'f32', shape: [2, groupColumns], data: groups },
    });
  }
  return { a: await state.read('a'), b: await state.read('b') };
}

describe('AdamW over the arenas', () => {
  test.each([
    ['without clipping', 0, [1, 1]],
    ['with clipping and a group rate', 0.5, [1, 0.25]],
    ['with a frozen group', 2, [0, 1]],
  ] as const)('agrees with plain arithmetic %s', async (_, clipNorm, rates) => {
    const found = await train(3, clipNorm, rates);
    const wanted = reference(3, clipNorm, rates);
    for (const name of ['a', 'b'] as const) {
      expect(found[name].length).toBe(LENGTHS[name]);
      Array.from(found[name]).forEach((value, i) => {
        expect(Math.abs(value - (wanted[name]?.w[i] as number))).toBeLessThan(1e-12);
      });
    }
  });

  test('leaves the weights alone where the loss is not finite', async () => {
    const found = await train(2, 0, [1, 1], true);
    expect([...found.a]).toEqual(draws('a'));
    expect([...found.b]).toEqual(draws('b'));
  });
});
