import { expect, it } from 'vitest';
import { kernel } from '../../kernels/kernel.ts';
import { tileOf } from '../../kernels/plan.ts';
import { expectClose } from '../support/arrays.ts';
import { input, output, runPlans } from '../support/launch.ts';

/** y = factor x, or factor x + z. */
const scaled = (plus: boolean) =>
  kernel(
    {
      name: 'scaled',
      doc: 'y = factor x',
      variant: [plus && 'plus'],
      tiles: { i: 8 },
      reads: { x: 'f32', z: plus ? 'f32' : undefined },
      writes: { y: 'f32' },
      parameters: { count: 'i32', factor: 'f32' },
    },
    (k, { i, x, y, z, count, factor }) => {
      const I = tileOf(k, i, 0, count);
      const product = k.mul(k.load(x, [[I, 1]]), factor);
      k.store(y, [[I, 1]], z ? k.add(product, k.load(z, [[I, 1]])) : product);
    },
  );

const given = { x: input(0), y: output(0), count: 'n', factor: 2 };

it('gives programs and launches what is declared, by name', () => {
  const plain = scaled(false).over({ i: 'n' }).with(given);
  expect(plain.grid).toEqual([{ size: 'n', per: 8 }]);
  expect(Object.keys(plain.slots)).toEqual(['x', 'y']);
  const plus = scaled(true)
    .over({ i: 'n' })
    .with({ ...given, z: input(1) });
  expect(plus.kernel).not.toBe(plain.kernel);
  expect(
    scaled(true)
      .over()
      .with({ ...given, z: input(1) }).kernel,
  ).toBe(plus.kernel);
  const [x, z, y] = [Float64Array.of(1, 2, 3), Float64Array.of(10, 20, 30), new Float64Array(3)];
  runPlans([plus], { inputs: [x, z], outputs: [y], sizes: { n: 3 } });
  expectClose(y, Float64Array.of(12, 24, 36));
});

it('says which operand a launch lacks', () => {
  const { x: _, ...less } = given;
  // @ts-expect-error: x is missing
  expect(() => scaled(false).over({ i: 'n' }).with(less)).toThrow(
    '[FROND-K030] kernel scaled is launched without x',
  );
  expect(() => scaled(true).over({ i: 'n' }).with(given)).toThrow(
    '[FROND-K030] kernel scaled is launched without z',
  );
});
