import { expect, it } from 'vitest';
import { assembleKernel } from '../../../src/backend/wasm/index.ts';
import type { Kernel } from '../../../src/kernel/ir.ts';
import { interpreterOf } from '../../support/launch.ts';
import { distance, floats, numbers, trace, zeros } from '../interpreter/support.ts';
import { wasmRunner } from './support.ts';

/** Runs a kernel on WebAssembly and on the interpreter and compares what they write. */
function compare(
  kernel: Kernel,
  scalars: Readonly<Record<string, number>>,
  written: readonly string[],
): void {
  const buffers = () =>
    Object.fromEntries(
      kernel.buffers.map(({ name }, i) => [
        name,
        written.includes(name) ? zeros(64, 'f32') : floats(numbers(64, i), 'f32'),
      ]),
    );
  const [expected, got] = [buffers(), buffers()];
  interpreterOf('f32')({ kernel, grid: [1], scalars }, expected);
  wasmRunner()({ kernel, grid: [1], scalars }, got);
  for (const { name } of kernel.buffers) {
    const [x, y] = [got[name] ?? zeros(1, 'f32'), expected[name] ?? zeros(1, 'f32')];
    expect(distance(x, y), name).toBeLessThan(1e-5);
  }
}

const loops = (kernel: Kernel): number => assembleKernel(kernel).text().split('loop {').length;

it('stores of the same elements share what they are computed from', () => {
  const both = (second: boolean): Kernel =>
    trace((k) => {
      const c = k.axis('c', 8);
      const at = [[k.span(c, 0, k.parameter('count')), 1]] as const;
      const root = k.exp(k.load(k.read('x'), at));
      k.store(k.write('y'), at, k.add(root, 1));
      if (second) k.store(k.write('z'), at, k.mul(root, root));
    });
  expect(loops(both(true))).toBe(loops(both(false)));
  for (const count of [0, 1, 5, 8]) compare(both(true), { count }, ['y', 'z']);
});

it('stores keep their place before what is read back or written in a loop', () => {
  const kernel = trace((k) => {
    const c = k.axis('c', 8);
    const at = [[k.span(c, 0, k.parameter('count')), 1]] as const;
    const x = k.load(k.read('x'), at);
    const state = k.buffer('state', 'f32', 'scratch');
    k.store(state, at, k.mul(x, 2));
    const again = k.load(state, at);
    k.store(k.write('y'), at, k.add(again, 1));
    const [sum] = k.loop(0, 3, 1, [x], (i, carried) => {
      const round = [[i, 8], ...at] as const;
      k.store(k.write('kept'), round, carried as typeof x);
      const next = k.add(carried as typeof x, again);
      k.store(k.write('last'), round, next);
      return [next];
    });
    k.store(k.write('sum'), at, sum as typeof x);
  });
  for (const count of [1, 7, 8]) compare(kernel, { count }, ['state', 'y', 'kept', 'last', 'sum']);
});

it('a product of few rows whose left side is made after its right side', () => {
  const kernel = trace((k) => {
    const [d, r, c] = [k.axis('d', 8), k.axis('r', 4), k.axis('c', 8)];
    const [D, R, C] = [k.span(d, 0, 8), k.span(r, 0, 4), k.span(c, 0, 8)];
    const right = k.load(k.read('x'), [[D, 1], [C, 8]]); // biome-ignore format: one line
    const left = k.exp(k.load(k.read('y'), [[D, 4], [R, 1]])); // biome-ignore format: one line
    const at = [[R, 8], [C, 1]] as const; // biome-ignore format: one line
    k.store(k.write('first'), at, k.dot(left, right, undefined, d));
    k.store(k.write('second'), at, k.dot(left, k.mul(right, 2), undefined, d));
  });
  compare(kernel, {}, ['first', 'second']);
});
