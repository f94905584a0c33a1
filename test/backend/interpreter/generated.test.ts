import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { planAttention } from '../../../kernels/attention.ts';
import { extentRules } from '../../../src/backend/interpreter/extents.ts';
import { interpretKernel } from '../../../src/backend/interpreter/index.ts';
import { flowOf } from '../../../src/kernel/flow.ts';
import { input, output } from '../../support/launch.ts';
import { recipes } from '../../support/randomKernel.ts';
import { check } from './randomCheck.ts';
import { bothWays, distance, floats, numbers, trace, zeros } from './support.ts';

const length = 50;

describe('chains of element-wise values', () => {
  test('are rounded at every step', () => {
    const kernel = trace((k) => {
      const at = [[k.span(k.axis('c', 64), 0, k.parameter('n')), 1]] as const;
      const x = k.load(k.read('x'), at);
      const gelu = k.mul(k.mul(k.add(k.map('tanh', k.mul(x, Math.SQRT1_2)), 1), 0.5), x);
      k.store(k.write('y'), at, k.sub(k.div(gelu, 3), k.mul(x, 0.1)));
    });
    const x = Float32Array.from(numbers(length));
    const y = new Float32Array(length);
    interpretKernel(kernel, 'f32').run({ grid: [1], scalars: { n: length } }, { x, y });
    const f = Math.fround;
    const gelu = (v: number): number => f(f(f(f(Math.tanh(f(v * f(Math.SQRT1_2)))) + 1) * 0.5) * v);
    expect(y.slice(0, length)).toEqual(x.map((v) => f(gelu(v) / 3) - f(v * f(0.1))));
  });

  test('give all readers of a value the same number', () => {
    const kernel = trace((k) => {
      const c = k.axis('c', 64);
      const at = [[k.span(c, 0, k.parameter('n')), 1]] as const;
      const x = k.mul(k.load(k.read('x'), at, -9), 1.1);
      const isLargest = k.eq(x, k.maximum(x, c));
      k.store(k.write('count'), [[0, 1]], k.sum(k.select(isLargest, 1, 0), c));
    });
    const count = new Float32Array(1);
    for (const seed of [1, 2, 3, 4, 5]) {
      const x = Float32Array.from(numbers(length, seed));
      interpretKernel(kernel, 'f32').run({ grid: [1], scalars: { n: length } }, { x, count });
      expect(count[0]).toBe(1);
    }
  });
});

test.each(['f32', 'f64'] as const)(
  'memory that a program writes is read in the order of statements, in %s',
  (precision) => {
    const kernel = trace((k) => {
      const c = k.axis('c', 8);
      const [memory, state] = [k.buffer('memory', 'f32', 'scratch'), k.buffer('state', 'f32', 'update')];
      const at = [[k.span(c, 0, 6), 1]] as const;
      const reversed = [[k.sub(5, k.min(k.arange(c), 5)), 1], [k.span(c, 0, 6), 0]] as const; // biome-ignore format: one line
      const before = k.load(state, at);
      const turned = k.load(state, reversed);
      k.store(state, at, k.add(before, k.mul(turned, 10)));
      k.store(memory, at, before);
      const once = k.load(memory, reversed);
      k.store(memory, at, k.mul(once, 2));
      const twice = k.load(memory, at);
      k.store(memory, reversed, twice);
      k.store(k.write('y'), at, k.add(k.add(once, twice), k.load(memory, at)));
    });
    const buffers = {
      state: floats([1, 2, 3, 4, 5, 6], precision),
      memory: zeros(6, precision),
      y: zeros(6, precision),
    };
    const { defined, prepared } = bothWays(kernel, { grid: [1], scalars: {} }, buffers, precision);
    expect(prepared).toEqual(defined);
    expect([...(prepared.state ?? [])]).toEqual([61, 52, 43, 34, 25, 16]);
    expect([...(prepared.y ?? [])]).toEqual([20, 19, 18, 17, 16, 15]);
  },
);

describe('extents', () => {
  const rulesOf = (causal: boolean) => {
    const slots = {
      q: input(0),
      k: input(1),
      v: input(2),
      mask: input(3),
      out: output(0),
      levels: output(1),
    };
    const sizes = { batch: 'batch', heads: 4, queryTime: 'time', keyTime: 'time', width: 16, scale: 0.25 };
    return planAttention({ ...slots, ...sizes, causal }).flatMap(({ kernel }) =>
      extentRules(kernel, flowOf(kernel)).map(({ axis, extra }) => `${axis.name}+${extra}`),
    );
  };

  test('attention computes queries up to the last and keys to the first masked one', () => {
    expect(rulesOf(false)).toEqual(['i+0', 'j+1']);
  });

  test('positions keep an axis whole where it is reduced', () => {
    expect(rulesOf(true)).not.toContain('j+1');
  });

  test.each(['f32', 'f64'] as const)(
    'sums over masked columns are those of the definition, in %s',
    (precision) => {
      const kernel = trace((k) => {
        const [r, c] = [k.axis('r', 8), k.axis('c', 16)];
        const [n, m] = [k.parameter('n'), k.parameter('m')];
        const R = k.span(r, 0, n);
        const [row] = k.loop(0, m, 16, [k.fill([r], 0)], (start, sum) => {
          const C = k.span(c, start, m);
          const x = k.load(k.read('x'), [[R, m], [C, 1]], 0.3); // biome-ignore format: one line
          const term = k.mul(k.add(x, 0.7), k.select(k.inside(C), 2, 0.1));
          return [k.add(k.add(sum ?? k.constant(0), k.sum(term, c)), k.maximum(term, c))];
        });
        k.store(k.write('y'), [[R, 1]], row ?? k.constant(0));
      });
      for (const [n, m] of [
        [8, 16],
        [3, 5],
        [1, 33],
        [7, 31],
        [5, 0],
      ] as const) {
        // biome-ignore format: pairs
        const source = numbers(n * m + 1);
        const x = precision === 'f64' ? Float64Array.from(source) : Float32Array.from(source);
        const launch = { grid: [1], scalars: { n, m } };
        const { defined, prepared } = bothWays(kernel, launch, { x, y: zeros(n, precision) }, precision);
        expect(distance(prepared.y ?? [], defined.y ?? []), `${n}x${m}`).toBe(0);
      }
    },
  );
});

describe('where a policy forbids making functions', () => {
  afterEach(() => {
    vi.unstubAllGlobals();
    vi.resetModules();
  });

  test('kernels run by their definition', async () => {
    vi.resetModules();
    const refuse = vi.fn(function refused() {
      throw new EvalError('unsafe-eval is not allowed');
    });
    vi.stubGlobal('Function', refuse);
    const { interpretKernel: interpret } = await import('../../../src/backend/interpreter/index.ts');
    for (const precision of ['f32', 'f64'] as const) {
      fc.assert(
        fc.property(recipes, (recipe) => check(recipe, precision, interpret)),
        { seed: 20261122, numRuns: 5 },
      );
    }
    expect(refuse).toHaveBeenCalledTimes(1);
  });
});
